"""`X-Object-Manifest`: where the segments of a dynamic large object lie."""

from urllib.parse import unquote

from pileus.services.objectstore.api.swift.answers import told


def checked(manifest: str) -> str:
    """`container/prefix` of a header, not percent-encoded any more. Raises 400."""
    container, slash, prefix = unquote(manifest).partition("/")
    if not (container and slash and prefix) or prefix.startswith("/") or "?" in manifest or "&" in manifest:
        raise told(400, "X-Object-Manifest must be in the format container/prefix")
    return f"{container}/{prefix}"
