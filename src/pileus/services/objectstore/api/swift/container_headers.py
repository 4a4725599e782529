"""What a container tells of itself."""

from pileus.services.objectstore.api.swift import metadata, times
from pileus.services.objectstore.core.containers import Usage
from pileus.services.objectstore.db.containers import ContainerRow

OWNERS = ("temp-url-key", "temp-url-key-2")
"""Metadata of accounts and containers that owners alone see and set."""
SYNC = ("sync-to", "sync-key")
"""System metadata: where a container is copied to, and the key that its copies share."""

RFC_ETAGS = "rfc-etags"
"""System metadata of accounts and containers: `True` where ETags are to have quotes, `False` where not."""
ARCHIVE_TOLD = "archive-told"
"""System metadata: the name of the container for old versions, percent-encoded as the client wrote it, or not."""


def shown(row: ContainerRow, usage: Usage, owner: bool) -> dict[str, str]:
    """The headers of a container."""
    kept = row.kept
    found = {
        "X-Container-Object-Count": str(usage.objects),
        "X-Container-Bytes-Used": str(usage.bytes),
        "X-Timestamp": times.stamp(row.created_at),
        "Last-Modified": times.http(row.created_at),
        "Accept-Ranges": "bytes",
        "X-Storage-Policy": row.place,
    }
    private = {
        "X-Container-Read": kept.read, "X-Container-Write": kept.write,
        **{f"X-Container-{metadata.title(name)}": kept.system.get(name, "") for name in SYNC},
    }  # fmt: skip
    if owner:
        found |= {name: value for name, value in private.items() if value}
    if kept.archive:
        found["X-History-Location" if kept.history else "X-Versions-Location"] = (
            kept.system.get(ARCHIVE_TOLD) or kept.archive
        )
    if row.versioning:
        found["X-Versions-Enabled"] = str(row.versioning == "enabled")
    if RFC_ETAGS in kept.system:
        found["X-Container-Rfc-Compliant-Etags"] = kept.system[RFC_ETAGS]
    return found | metadata.shown("container", kept.meta, () if owner else OWNERS)
