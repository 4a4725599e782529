"""The answer to an object that came to be."""

from collections.abc import Mapping

from msgspec import Struct

from pileus.kernel.rest import Answer
from pileus.services.objectstore.api.swift import times
from pileus.services.objectstore.api.swift.answers import told
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import SLO, SYMLINK, ObjectRow

EMPTY = "d41d8cd98f00b204e9800998ecf8427e"
"""MD5 of no bytes."""


class Written(Struct, frozen=True):
    row: ObjectRow
    container: ContainerRow


def made(written: Written, more: Mapping[str, str] | None = None) -> Answer:
    """201."""
    row = written.row
    headers = {"Etag": quoted(row), "Last-Modified": times.http(row.stamp)}
    if row.versioned:
        headers["X-Object-Version-Id"] = times.stamp(row.stamp)
    return told(201, "", headers | dict(more or {}))


def quoted(row: ObjectRow) -> str:
    """An object's ETag as Swift writes it: manifests have quotes, others have none."""
    if row.kind == SYMLINK:
        return EMPTY
    return f'"{row.etag}"' if row.kind == SLO else row.etag
