"""`X-Object-Manifest`: where the segments of a dynamic large object lie."""

from urllib.parse import unquote

from pileus.services.objectstore.api.swift.answers import told


def check(manifest: str) -> None:
    """Raises 400 for what does not name a container and a prefix. The header is kept, and shown, as it came."""
    container, slash, prefix = unquote(manifest).partition("/")
    if not (container and slash and prefix) or prefix.startswith("/") or "?" in manifest or "&" in manifest:
        raise told(400, "X-Object-Manifest must be in the format container/prefix")
