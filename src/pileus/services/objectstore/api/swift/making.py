"""What a PUT says of an object, and the way of its bytes in."""

import mimetypes
from collections.abc import AsyncIterator

from pileus.kernel.db import Tx
from pileus.kernel.types import SECOND, Micros, clock
from pileus.services.objectstore.api.swift import listings, metadata
from pileus.services.objectstore.api.swift.answers import bad, told
from pileus.services.objectstore.api.swift.call import Call, look
from pileus.services.objectstore.api.swift.conditions import tags_of
from pileus.services.objectstore.api.swift.manifest_names import check
from pileus.services.objectstore.api.swift.written import Written
from pileus.services.objectstore.core import intake, objects
from pileus.services.objectstore.core.conditions import ANYTHING, Conditions
from pileus.services.objectstore.core.intake import Body
from pileus.services.objectstore.core.objects import Put
from pileus.services.objectstore.db.columns import Details
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import DATA, DLO, ObjectRow

KEPT = (
    "cache-control", "content-disposition", "content-encoding", "content-language", "expires", "x-object-manifest",
    "x-robots-tag",
)  # fmt: skip
"""Headers given back as they came."""


async def take(call: Call, want: Put, chunks: AsyncIterator[bytes]) -> Written:
    """The bytes under the call's name. Raises what speaks against it."""
    near, path = call.near, call.path
    length = call.headers.get("content-length", "")
    size = int(length) if length.isdigit() else None
    row = await _room(call, want, size)

    def decide(tx: Tx, body: Body) -> ObjectRow:
        return objects.put(tx, near, call.ctx, path.account, path.container, path.name, want, body)

    return Written(await intake.store(near, row.place, chunks, decide), row)


async def _room(call: Call, want: Put, size: int | None) -> ContainerRow:
    """Where the bytes are to go. Refuses before they come, but for those that are few: of these `put` asks all of it anyway."""
    near, path, room = call.near, call.path, call.scene.container
    few = size is not None and size <= near.settings.inline_bytes and "expect" not in call.headers
    if few and room is not None and (room.account, room.name) == (path.account, path.container):
        objects.check_want(near, path.name, want)
        return room
    return await near.db.read(_admitted, call, want, size)


def _admitted(tx: Tx, call: Call, want: Put, size: int | None) -> ContainerRow:
    path = call.path
    look(tx, path)
    return objects.admit(tx, call.near, path.account, path.container, path.name, lambda row: None, want, size)


def wanted(call: Call) -> Put:
    """What a PUT says of the object. Raises 400."""
    if "if-none-match" in call.headers and "*" not in tags_of(call.headers["if-none-match"]):
        raise bad("If-None-Match only supports *")
    conditions = Conditions(if_none_match=("*",)) if "if-none-match" in call.headers else ANYTHING
    details = Details(metadata.taken(call.near.settings, "object", call.headers), kept_headers(call))
    return Put(
        content_type=content_type(call),
        details=details,
        etag=call.headers.get("etag", "").strip().strip('"'),
        conditions=conditions,
        delete_at=expiry(call),
        stamp=call.stamp,
        kind=DLO if "x-object-manifest" in details.headers else DATA,
    )


def kept_headers(call: Call) -> dict[str, str]:
    """Raises 400."""
    found = {name: metadata.text(call.headers[name]) for name in KEPT if call.headers.get(name)}
    if "x-object-manifest" in found or (call.method == "PUT" and "x-object-manifest" in call.headers):
        check(found.get("x-object-manifest", ""))
    return found


def content_type(call: Call) -> str:
    """Told, or guessed by the name. Raises 400."""
    given = call.word("content-type")
    if not given or listings.truth(call.headers.get("x-detect-content-type")):
        return mimetypes.guess_type(call.path.name, strict=False)[0] or "application/octet-stream"
    for parameter in given.split(";")[1:]:
        if parameter.strip().startswith("swift_"):
            raise told(400, "Invalid Content-Type, swift_* is not a valid parameter name.")
    return given


def expiry(call: Call) -> Micros:
    """When the object is to go; 0: never. Raises 400."""
    after, at, now = call.headers.get("x-delete-after"), call.headers.get("x-delete-at"), clock() // SECOND
    name, text = ("X-Delete-At", at) if after is None else ("X-Delete-After", after)
    if text is None:
        return 0
    try:
        seconds = int(text) + (0 if after is None else now)
    except ValueError:
        raise bad(f"Non-integer {name}") from None
    if seconds <= now:
        raise bad(f"{name} in past")
    return min(seconds, _LAST) * SECOND


_LAST = 9_999_999_999


def check_length(call: Call) -> None:
    """Raises 400, 411, 413."""
    length = call.headers.get("content-length")
    if length is None:
        if "transfer-encoding" not in call.headers:
            raise told(411, "Missing Content-Length header.")
    elif int(length) > call.near.settings.largest:
        raise told(413, "Your request is too large.")
