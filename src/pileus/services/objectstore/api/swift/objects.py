"""Objects: bytes in, bytes out, and their metadata."""

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer
from pileus.kernel.types import Conflict, Micros
from pileus.services.objectstore.api.swift import (
    copying,
    links,
    listings,
    making,
    metadata,
    reading,
    showing,
    static,
    times,
    versions,
)
from pileus.services.objectstore.api.swift.answers import bad, told
from pileus.services.objectstore.api.swift.call import Call, look
from pileus.services.objectstore.api.swift.expiry import check_expiry
from pileus.services.objectstore.api.swift.finding import find, version_of
from pileus.services.objectstore.api.swift.paths import check_name
from pileus.services.objectstore.api.swift.written import made
from pileus.services.objectstore.core import objects
from pileus.services.objectstore.core.stock import Deleted
from pileus.services.objectstore.db.columns import Details
from pileus.services.objectstore.db.objects import DATA, DLO, SYMLINK


async def serve(call: Call) -> Answer:
    match call.method:
        case "GET" | "HEAD":
            return await _get(call)
        case "PUT":
            return await _put(call)
        case "POST":
            return await _post(call)
        case "COPY":
            return await copying.copy_away(call)
        case _:
            return await _delete(call)


# --- out ------------------------------------------------------------------------------------------------------------------


async def _get(call: Call) -> Answer:
    found = await find(call)
    try:
        answer = await reading.answer(call, await showing.shown(call, found))
    except Answer as refusal:
        answer = refusal
    return versions.marked(call, found, answer)


# --- in -------------------------------------------------------------------------------------------------------------------


async def _put(call: Call) -> Answer:
    await call.see()
    call.authorize()
    if call.scene.container is None:
        raise told(404)
    check_name(call.path.name)
    if call.headers.get("x-copy-from"):
        return await copying.copy_here(call)
    if call.query.one("version-id") and call.allowed is None:
        return await versions.restore(call)
    want = making.wanted(call)
    if call.query.one("multipart-manifest") == "put":
        return await static.put(call, want)
    making.check_length(call)
    if call.stamp and listings.truth(call.headers.get("x-static-large-object")):
        return await static.take(call, want)
    static.check_reserved(call)
    if "x-symlink-target" in call.headers:
        return made(await links.put(call, want))
    return made(await making.take(call, want, call.stream()))


# --- metadata, and away ---------------------------------------------------------------------------------------------------


async def _post(call: Call) -> Answer:
    await call.see()
    call.authorize()
    if call.scene.container is None:
        raise told(404)
    if call.query.one("version-id"):
        raise told(400, "POST to a specific version is not allowed")
    if "x-symlink-target" in call.headers:
        raise bad("A PUT request is required to set a symlink target")
    static.check_reserved(call)
    details = Details(metadata.taken(call.near.settings, "object", call.headers), making.kept_headers(call))
    given = making.content_type(call) if call.word("content-type") else ""
    redirect = await call.near.db.write(_update, call, details, given, making.expiry(call))
    return redirect or told(202)


def _update(tx: Tx, call: Call, details: Details, given: str, delete_at: Micros) -> Answer | None:
    row = look(tx, call.path).container
    if row is None:
        raise told(404)
    made = objects.update(
        tx, call.near, call.ctx, row, call.path.name, details, content_type=given, delete_at=delete_at
    )
    if made.kind in (DATA, DLO):
        kind = DLO if "x-object-manifest" in details.headers else DATA
        if kind != made.kind:
            objects.save(tx, made, kind=kind)
    if made.kind == SYMLINK:
        return links.elsewhere(call.path, made)
    return None


async def _delete(call: Call) -> Answer:
    if call.query.one("multipart-manifest") == "delete":
        return await static.delete(call)
    await call.see()
    call.authorize()
    if call.scene.container is None:
        raise told(404)
    static.check_reserved(call)
    version = version_of(call, call.scene.container)
    if version is not None:
        return await versions.delete(call, version)
    try:
        gone = await call.near.db.write(_remove, call)
    except Conflict as fault:
        raise told(409) if fault.type == "Older" else fault from None
    marked = gone.marker is not None and gone.marker.versioned
    headers = {"X-Object-Version-Id": times.stamp(gone.marker.stamp)} if gone.marker is not None and marked else {}
    if not gone.found:
        raise told(404, None, headers)
    return told(204, "", headers)


def _remove(tx: Tx, call: Call) -> Deleted:
    row = look(tx, call.path).container
    if row is None:
        raise told(404)
    check_expiry(tx, call, row)
    return objects.delete(tx, call.near, call.ctx, row, call.path.name, stamp=call.stamp, marks=False)
