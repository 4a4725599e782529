"""Versions of objects: `?versions` listings, `?version-id=`, and what readers are told of them."""

from typing import Any

import msgspec

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer
from pileus.kernel.types import Micros, NotFound
from pileus.services.objectstore.api.swift import items, listings, times
from pileus.services.objectstore.api.swift.answers import PLAIN, bad, told
from pileus.services.objectstore.api.swift.call import Call, look
from pileus.services.objectstore.api.swift.container_headers import shown
from pileus.services.objectstore.api.swift.expiry import check_expiry
from pileus.services.objectstore.api.swift.finding import DELETED, Found, check_versioned, parsed_version, version_of
from pileus.services.objectstore.api.swift.listings import JSON, Asked
from pileus.services.objectstore.api.swift.written import Written, made
from pileus.services.objectstore.core import containers, objects, succession, syncing, version_listings
from pileus.services.objectstore.core.listings import Subdir
from pileus.services.objectstore.core.stock import NULL, Deleted, now
from pileus.services.objectstore.core.version_listings import LAST, Version
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import MARKER, SYMLINK, ItemRow

_EMPTY = "d41d8cd98f00b204e9800998ecf8427e"


def marked(call: Call, found: Found, answer: Answer) -> Answer:
    """An answer to a reader, with the version that it is."""
    row = found.whole.object
    if row.versioned:
        answer.headers["X-Object-Version-Id"] = times.stamp(row.stamp)
        if not call.query.one("version-id"):
            answer.headers["Content-Location"] = f"{found.path}?version-id={times.stamp(row.stamp)}"
    elif found.container.versioning or (call.query.one("version-id") and call.allowed is None):
        answer.headers["X-Object-Version-Id"] = "null"
    return answer


async def restore(call: Call) -> Answer:
    """PUT ?version-id: an older version becomes the current one."""
    container = call.scene.container
    assert container is not None
    version = version_of(call, container)
    if not version:
        raise told(400, "Invalid version parameter")
    if call.headers.get("content-length", "0") != "0":
        raise bad("PUT version-id requests require a zero byte body")

    def decide(tx: Tx) -> Written:
        row = look(tx, call.path).container
        if row is None:
            raise told(404)
        try:
            return Written(objects.restore(tx, call.near, call.ctx, row, call.path.name, version or 0), row)
        except NotFound:
            raise told(404, "The specified version does not exist", media=PLAIN) from None

    return made(await call.near.db.write(decide))


async def delete(call: Call, version: Micros) -> Answer:
    def decide(tx: Tx) -> tuple[Deleted, str]:
        row = look(tx, call.path).container
        if row is None:
            raise told(404)
        check_versioned(row, bool(version))
        check_expiry(tx, call, row, version)
        if version == NULL and not row.versioning:
            return objects.delete(tx, call.near, call.ctx, row, call.path.name), ""
        gone = _without(tx, call, row, version)
        current = objects.find_version(tx, row, call.path.name, None)
        left = times.stamp(current.stamp) if current is not None and current.versioned else "null"
        return gone, left if row.versioning else ""

    gone, left = await call.near.db.write(decide)
    headers = (
        {"X-Object-Version-Id": call.query.one("version-id") or "", "X-Object-Current-Version-Id": left}
        if version and left
        else {}
    )
    if not gone.found:
        raise told(404, None, headers)
    return told(204, "", headers)


def _without(tx: Tx, call: Call, row: ContainerRow, version: Micros) -> Deleted:
    """That version goes. Where there is no null version, `null` takes the current one out of sight, and keeps it."""
    name = call.path.name
    current = objects.find_version(tx, row, name, None)
    if version == NULL and current is not None and objects.find_version(tx, row, name, NULL) is None:
        syncing.note(tx, row, name, max(now(tx), current.stamp))
        return succession.hide(tx, row, current)
    return objects.delete_version(tx, call.near, call.ctx, row, name, version, promote=False)


async def listing(call: Call, row: ContainerRow) -> Answer:
    """`?versions`: JSON alone. Raises 400, 406."""
    form = call.query.one("format")
    if form not in (None, "", "json") or listings.best(call.headers.get("accept", ""), (JSON,)) is None:
        raise told(406)
    asked = listings.asked(call.query, {}, call.near.settings.listing, folders=True)
    marker = call.query.one("version_marker")
    if marker is not None and not asked.wanted.marker:
        raise told(400, "version_marker param requires marker")
    at = None
    if marker is not None:
        at = parsed_version(marker)
        if at is None:
            raise told(400, "invalid version_marker param")
    usage, rows = await call.near.db.read_aside(_read, row, asked, at)
    raw = listings.rendered(JSON, "container", row.name, rows)
    headers = shown(row, usage, call.owner) | {"Content-Length": str(len(raw))}
    return Answer(200, raw=raw, headers=headers, media=f"{JSON}; charset=utf-8")


def _read(
    tx: Tx, row: ContainerRow, asked: Asked, marker: Micros | None
) -> tuple[containers.Usage, list[dict[str, Any]]]:
    if marker == NULL:
        null = objects.find_version(tx, row, asked.wanted.marker, NULL)
        marker = null.stamp if null is not None else LAST
    found = version_listings.of_container(tx, row, asked.wanted, version_marker=marker).items
    begun = asked.wanted.marker if marker is not None and not asked.wanted.reverse else ""
    return containers.usage(tx, row), [_item(tx, row, one, begun) for one in found]


def _item(tx: Tx, container: ContainerRow, one: Version | Subdir, begun: str) -> dict[str, Any]:
    """`begun`: the name within whose versions the page begins. Swift calls none of these the latest."""
    if isinstance(one, Subdir):
        return {"subdir": one.name}
    row = one.row
    if row.kind == MARKER:
        row = msgspec.structs.replace(row, content_type=DELETED, etag=_EMPTY)
    mark = {
        "version_id": times.stamp(row.stamp) if row.versioned else "null",
        "is_latest": one.latest and row.name != begun,
    }
    order = ("is_latest", "version_id") if row.versioned else ("version_id", "is_latest")
    marks = {name: mark[name] for name in order}
    return items.fields(row) | _linked(tx, container, row) | marks | items.slo_fields(row)


def _linked(tx: Tx, container: ContainerRow, row: ItemRow) -> dict[str, Any]:
    """Where a link leads. Only links are asked for: they are few."""
    if row.kind != SYMLINK:
        return {}
    found = objects.find_version(tx, container, row.name, row.stamp if row.versioned else NULL)
    return items.link_fields(container.account, found) if found is not None else {}
