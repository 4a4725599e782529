"""Objects as listings show them."""

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from pileus.kernel.db import Tx
from pileus.services.objectstore.api.swift import times
from pileus.services.objectstore.core import links
from pileus.services.objectstore.core.listings import Subdir
from pileus.services.objectstore.db import objects
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import SLO, SYMLINK, ItemRow, ObjectRow

EMPTY = "d41d8cd98f00b204e9800998ecf8427e"
"""MD5 of no bytes."""


def items(tx: Tx, container: ContainerRow, found: Iterable[ItemRow | Subdir]) -> list[dict[str, Any]]:
    """Rows of a page, in Swift's fields and their order."""
    rows = list(found)
    names = [row.name for row in rows if isinstance(row, ItemRow) and row.kind == SYMLINK]
    linked = objects.some(tx, container.id, names) if names else {}
    return [_item(container, row, linked) if isinstance(row, ItemRow) else {"subdir": row.name} for row in rows]


def fields(row: ItemRow | ObjectRow) -> dict[str, Any]:
    """What every object shows."""
    return {
        "bytes": row.size, "hash": row.inner_etag or row.etag or EMPTY, "name": row.name,
        "content_type": _listed(row.content_type), "last_modified": times.listed(row.modified_at),
    }  # fmt: skip


def _listed(media: str) -> str:
    """A media type without the blanks in it, and without what is no parameter, as listings have it."""
    if ";" not in media:
        return media
    kind, _, rest = media.partition(";")
    return kind + "".join(f";{name}={value}" for name, value in _PARAMETER.findall(f";{rest}"))


_WORD = r'[^()<>@,;:"/\[\]?={}\x00-\x20\x7f]+'
_PARAMETER = re.compile(rf';\s*({_WORD})\s*(?:=\s*({_WORD}|"(?:[^"\\]|\\.)*"))?')


def _item(container: ContainerRow, row: ItemRow, linked: dict[str, ObjectRow]) -> dict[str, Any]:
    found = fields(row)
    if not row.kind and not row.versioned:
        return found
    found |= slo_fields(row)
    if row.versioned:
        found["symlink_path"] = (
            f"/v1/{container.account}/{container.name}/{row.name}?version-id={times.stamp(row.stamp)}"
        )
        found["version_symlink"] = True
    if row.name in linked:
        found |= link_fields(container.account, linked[row.name])
    return found


def slo_fields(row: ItemRow | ObjectRow) -> dict[str, str]:
    """What a static manifest has beside."""
    return {"slo_etag": f'"{row.etag}"'} if row.kind == SLO else {}


def link_fields(account: str, row: ObjectRow) -> dict[str, Any]:
    """Where a link leads, and what it was promised to find there."""
    system = row.kept.system
    found: dict[str, Any] = {}
    if "link-etag" in system:
        found = {"symlink_etag": system[links.ETAG], "symlink_bytes": int(system.get(links.SIZE, "0"))}
    if links.SLO_ETAG in system:
        found["slo_etag"] = f'"{system[links.SLO_ETAG]}"'
    target = f"/v1/{system.get(links.ACCOUNT) or account}/{quote(system.get(links.TARGET, ''))}"
    return found | {"symlink_path": target}
