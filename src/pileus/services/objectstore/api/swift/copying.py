"""COPY, and PUT with X-Copy-From: another object with the same bytes, not one of which moves where none need be joined."""

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any
from urllib.parse import quote, unquote

import msgspec

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, ClientGone
from pileus.kernel.types import NotFound, Unavailable, as_bytes
from pileus.services.objectstore.api.swift import (
    links,
    listings,
    making,
    metadata,
    reading,
    showing,
    static,
    times,
)
from pileus.services.objectstore.api.swift.answers import bad, told, unmet
from pileus.services.objectstore.api.swift.call import Call, look
from pileus.services.objectstore.api.swift.finding import Found, find, permit
from pileus.services.objectstore.api.swift.paths import Path, check_name
from pileus.services.objectstore.api.swift.reading import Shown
from pileus.services.objectstore.api.swift.written import Written, made
from pileus.services.objectstore.core import objects as decisions
from pileus.services.objectstore.core import ranges
from pileus.services.objectstore.core.inheritance import inherited
from pileus.services.objectstore.core.manifests import segments_of
from pileus.services.objectstore.core.objects import Put
from pileus.services.objectstore.db.columns import Details
from pileus.services.objectstore.db.objects import DLO, SLO, SYMLINK, ObjectRow

LOOKS = 10


async def copy_away(call: Call) -> Answer:
    """COPY. Raises 412."""
    if not call.headers.get("destination"):
        raise unmet("Destination header required")
    target = _named(call, "Destination", call.headers.get("destination-account"))
    return await _copied(call, call.path, target)


async def copy_here(call: Call) -> Answer:
    """PUT with X-Copy-From. Raises 400, 412."""
    if call.headers.get("content-length", "0") != "0":
        raise bad("Copy requests require a zero byte body")
    source = _named(call, "X-Copy-From", call.headers.get("x-copy-from-account") or None)
    return await _copied(call, source, call.path)


def _named(call: Call, header: str, account: str | None) -> Path:
    text = unquote(call.word(header.lower())).removeprefix("/")
    container, _, name = text.partition("/")
    if not container or not name:
        raise unmet(f"{header} header must be of the form <container name>/<object name>")
    if account == "":
        raise unmet("Account name cannot be empty")
    owner = call.path.account if account is None else unquote(metadata.text(account))
    if "/" in owner:
        raise unmet("Account name cannot contain slashes")
    return Path(owner, container, name)


async def _copied(call: Call, source: Path, target: Path) -> Answer:
    """A source that is overwritten between the look at it and the copy is looked at again: it is there at all times."""
    static.check_reserved(call)
    for _ in range(LOOKS):
        try:
            return await _copied_once(call, source, target)
        except NotFound as fault:
            if fault.type != "SourceGone":
                raise
    raise Unavailable("The source changes faster than it can be copied.")


async def _copied_once(call: Call, source: Path, target: Path) -> Answer:
    found = await find(call, source)
    shown = await showing.shown(call, found)
    early = await reading.answer(_asking(call), shown)
    if early.status in (304, 412, 416):
        raise early
    if early.stream is not None:
        await reading.closed(early.stream)
    scene = await call.near.db.read(look, target)
    call.authorize("PUT", target, scene)
    if scene.container is None:
        raise told(404)
    check_name(target.name)
    other = call.caused("PUT", target, call.headers, None)
    want = _wanted(call, other, found)
    other.scene = scene
    row = found.whole.object
    written = await _written(call, other, found, shown, want)
    more = {
        "X-Copied-From-Account": quote(source.account),
        "X-Copied-From": quote(f"{source.container}/{source.name}"),
        "X-Copied-From-Last-Modified": times.http(row.modified_at),
        **metadata.shown("object", want.details.meta),
    }
    if row.versioned:
        more["X-Copied-From-Version-Id"] = times.stamp(row.stamp)
    if want.delete_at:
        more["X-Delete-At"] = str(want.delete_at // 1_000_000)
    return made(written, more)


async def _written(call: Call, other: Call, found: Found, shown: Shown, want: Put) -> Written:
    """What comes to be at `other`'s path: a link, a manifest, the same bytes, or a part of them, or those that a manifest joins."""
    row = found.whole.object
    if row.kind == SYMLINK:
        other.headers = {
            **_lower(links.headers(row, found.path.account)),
            "content-type": want.content_type,
            **call.headers,
        }
        return await links.put(other, want)
    if "x-symlink-target" in call.headers:
        if shown.size:
            raise bad("Symlink requests require a zero byte body")
        other.headers = {**call.headers, "content-type": want.content_type}
        return await links.put(other, want)
    manifest = call.query.one("multipart-manifest") == "get"
    if "range" in call.headers or shown.part is not None or (row.kind in (SLO, DLO) and not manifest):
        return await _joined(other, shown, want)
    if row.kind == SLO:
        text = b"".join([chunk async for chunk in found.open(call, permit(call)).text(0, row.weight)])
        return await static.put_again(other, want, segments_of(text))
    return await _shared(other, row, want)


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _asking(call: Call) -> Call:
    """The source is asked for as by a GET with the same conditions."""
    other = call.caused("GET", call.path, call.headers, None)
    other.scene = call.scene
    return other


def _wanted(call: Call, other: Call, found: Found) -> Put:
    """The source's metadata under those of the request, or these alone."""
    row, asked = found.whole.object, making.wanted(_without(other, "if-none-match", "etag"))
    kept = row.kept
    system = inherited(kept.system)
    fresh = listings.truth(call.headers.get("x-fresh-metadata"))
    before = Details(system=system) if fresh else kept
    headers = {**before.headers, **asked.details.headers}
    if call.query.one("multipart-manifest") != "get":
        headers.pop("x-object-manifest", None)
    return msgspec.structs.replace(
        asked,
        content_type=asked.content_type if call.word("content-type") else row.content_type,
        details=Details({**before.meta, **asked.details.meta}, headers, system),
        delete_at=asked.delete_at or (0 if fresh else row.delete_at),
    )


def _without(call: Call, *names: str) -> Call:
    headers: Mapping[str, str] = {k: v for k, v in call.headers.items() if k not in names}
    other = call.caused(call.method, call.path, headers, None)
    other.scene = call.scene
    return other


async def _shared(call: Call, source: ObjectRow, want: Put) -> Written:
    def decide(tx: Tx) -> Written:
        row = look(tx, call.path).container
        if row is None:
            raise told(404)
        return Written(decisions.copy(tx, call.near, call.ctx, source, *call.path, want), row)

    return await call.near.db.write(decide)


async def _joined(call: Call, shown: Shown, want: Put) -> Written:
    asked = ranges.parsed(call.headers.get("range", ""))
    spans = ranges.planned(asked, shown.size) if asked is not None else None
    first, end = shown.part or (spans[0] if spans else (0, shown.size))
    plain = msgspec.structs.replace(want, kind="", etag="")
    return await _watched(call, making.take(call, plain, as_bytes(shown.open(first, end))))


async def _watched(call: Call, work: Coroutine[Any, Any, Written]) -> Written:
    """Stops when nobody waits for it any more: to join many small segments can take days."""
    task, gone = asyncio.create_task(work), asyncio.create_task(call.request.left())
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientGone("The client went away before the copy was complete.")
        return task.result()
    finally:
        gone.cancel()
        task.cancel()
