"""Objects: put, looked at, read, removed."""

from collections.abc import Mapping

from msgspec.structs import replace

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Request
from pileus.kernel.types import Micros, NotFound, Pieces, Stale
from pileus.services.objectstore.api.s3 import (
    access,
    actions,
    answers,
    bodies,
    checksums,
    expiry,
    grants,
    locking,
    ownership,
    tags,
)
from pileus.services.objectstore.api.s3.actions import Action
from pileus.services.objectstore.api.s3.address import Address
from pileus.services.objectstore.api.s3.caller import Signed
from pileus.services.objectstore.api.s3.conditions import conditions_of, write_conditions
from pileus.services.objectstore.api.s3.facts import NOTHING, Said
from pileus.services.objectstore.api.s3.faults import fault
from pileus.services.objectstore.api.s3.metadata import details_of
from pileus.services.objectstore.api.s3.operations.buckets import find
from pileus.services.objectstore.api.s3.ranges import read_range
from pileus.services.objectstore.core import dynamic, intake, links, multipart, objects, reading, version_listings
from pileus.services.objectstore.core.conditions import ANYTHING, check_read, check_write
from pileus.services.objectstore.core.faults import NotModified
from pileus.services.objectstore.core.intake import Body
from pileus.services.objectstore.core.locks import ENABLED, HOLD, MODE
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.core.objects import Put
from pileus.services.objectstore.core.stock import Deleted
from pileus.services.objectstore.db.columns import Details
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import DLO, MARKER, SYMLINK, ObjectRow, Whole

_OVERRIDES = ("content-type", "content-language", "expires", "cache-control", "content-disposition", "content-encoding")


async def put_object(near: Neighbours, request: Request, where: Address) -> Answer:
    upload = bodies.Upload(request, default=checksums.DEFAULT)
    details = details_of(request.headers)
    content_type = request.headers.get("content-type") or "binary/octet-stream"
    want = Put(content_type=content_type, details=details, conditions=write_conditions(request.headers))
    row = await near.db.read(_admit, near, request, where, want, upload.size)

    def decide(tx: Tx, body: Body) -> ObjectRow:
        found = upload.check(body)
        standing = find(tx, near, request, where.bucket, actions.PUT_OBJECT, where.key)
        must_stand(tx, request.headers, standing, where.key)
        made = _with(want, found, added(tx, near, request, request.headers, standing, where.key))
        return objects.put(tx, near, request.ctx, standing.account, standing.name, where.key, made, body)

    made = await intake.store(near, row.place, upload.chunks(), decide, hashes=upload.hashes)
    headers = {"ETag": f'"{made.etag}"', **written(row, made)}
    checksums.shown(made.kept.system, headers)
    return Answer(200, raw=b"", headers=headers, media=answers.XML)


def _admit(tx: Tx, near: Neighbours, request: Request, where: Address, want: Put, size: int) -> ContainerRow:
    row = find(tx, near, request, where.bucket, actions.PUT_OBJECT, where.key)
    must_stand(tx, request.headers, row, where.key)
    added(tx, near, request, request.headers, row, where.key)
    return objects.admit(tx, near, row.account, row.name, where.key, access.anything, want, size)


def _with(want: Put, found: Mapping[str, str], extra: Mapping[str, str]) -> Put:
    """With the checksums that the bytes turned out to have, and what else is kept of the object."""
    system = {**want.details.system, **extra}
    for algorithm, value in found.items():
        system |= checksums.kept(algorithm, value)
    return replace(want, details=Details(want.details.meta, want.details.headers, system)) if system else want


def must_stand(tx: Tx, headers: Mapping[str, str], row: ContainerRow, key: str) -> None:
    """To overwrite only what has that ETag, something has to be there. Raises `NoSuchKey`."""
    if "if-match" in headers and objects.find_version(tx, row, key, None) is None:
        raise fault("NoSuchKey")


def added(
    tx: Tx, near: Neighbours, request: Request, headers: Mapping[str, str], row: ContainerRow, key: str
) -> dict[str, str]:
    """Whose a new object is, and the grants, tags and locks that its headers ask for: tags and locks are the bucket's owner's to
    give, and theirs whom its policy allows that.
    """
    found = {ownership.WRITER: ownership.writer(near, row, access.account_of(near, request), headers)}
    wanted = ownership.wanted(near, row, found[ownership.WRITER] or row.account, headers)
    if wanted:
        access.check_opening(near, request, row, key, wanted)
        ownership.check_known(tx, near, wanted)
        found[grants.KEPT] = grants.kept(wanted)
    if headers.get(tags.HEADER):
        found[tags.KEPT] = tags.kept(tags.of_header(headers[tags.HEADER]))
    lock = locking.of_headers(headers, tx.now)
    for action, asked in (
        (actions.PUT_TAGS, tags.KEPT in found),
        (actions.PUT_RETENTION, MODE in lock),
        (actions.PUT_HOLD, HOLD in lock),
    ):
        if asked:
            access.check(near, request, row, action, key)
    if lock and ENABLED not in row.kept.system:
        raise fault("InvalidRequest", "Bucket is missing Object Lock Configuration")
    return {name: value for name, value in {**found, **lock}.items() if value}


async def get_object(near: Neighbours, request: Request, where: Address) -> Answer:
    row, whole, headers = await look(near, request, where)
    first, end, status = await _span(near, request, row, whole, headers)
    permit = access.contents(near, request)
    if whole.data is not None and not whole.object.kind:
        return Answer(status, raw=whole.data[first:end], headers=headers, media=headers["Content-Type"])
    stream = await _begun(reading.content(near, row.account, whole, permit, first, end))
    return Answer(status, stream=stream, headers=headers, media=headers["Content-Type"])


async def head_object(near: Neighbours, request: Request, where: Address) -> Answer:
    row, whole, headers = await look(near, request, where)
    _, _, status = await _span(near, request, row, whole, headers)
    return Answer(status, raw=b"", headers=headers, media=headers["Content-Type"])


async def _span(
    near: Neighbours, request: Request, row: ContainerRow, whole: Whole, headers: dict[str, str]
) -> tuple[int, int, int]:
    """First byte, the one behind the last, and the status; what the answer says of them goes into `headers`."""
    size = whole.object.size
    if whole.object.kind == DLO:
        judge = access.contents(near, request)
        size, _ = await near.db.read_aside(dynamic.measured, near, row.account, whole, judge)
    span, sums = read_range(request.headers, size), dict[str, str]()
    if request.query.one("partNumber") is not None:
        if span is not None:
            raise fault("InvalidRequest", "Cannot specify both Range header and partNumber query parameter")
        span, count, sums = await near.db.read(_part, request, whole)
        if count:
            headers["x-amz-mp-parts-count"] = str(count)
    first, end, status = (0, size, 200) if span is None else (*span, 206)
    headers["Content-Length"] = str(end - first)
    if span is not None:
        checksums.narrow(headers, sums)
        headers["Content-Range"] = f"bytes {first}-{end - 1}/{size}"
    return first, end, status


def _part(tx: Tx, request: Request, whole: Whole) -> tuple[tuple[int, int] | None, int, dict[str, str]]:
    """The bytes of one part, how many there are, and its checksums; an object in one piece is its own only part."""
    text = request.query.one("partNumber") or ""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    if number not in multipart.NUMBERS:
        raise fault(
            "InvalidArgument",
            f"Part number must be an integer between 1 and {len(multipart.NUMBERS)}, inclusive",
            ArgumentName="partNumber",
            ArgumentValue=text,
        )
    made, parts = whole.object, multipart.pieces(tx, whole.object)
    if number > max(len(parts), 1):
        raise fault("InvalidPartNumber")
    if not parts:
        sums: dict[str, str] = {}
        checksums.shown(made.kept.system, sums)
        return ((0, made.size) if made.size > 0 else None), 0, sums
    part = parts[number - 1]
    sums = {checksums.HEADER + name: value for name, value in (part.checks or {}).items()}
    return (part.start, part.start + part.size), len(parts), sums


async def look(near: Neighbours, request: Request, where: Address) -> tuple[ContainerRow, Whole, dict[str, str]]:
    """The object that is meant, if the caller may read it and his conditions hold, and what is said of it in headers."""
    row, whole = await near.db.read(_look, near, request, where)
    made = whole.object
    headers = shown(row, made)
    if not request.query.has("versionId"):  # rules end what is current
        headers |= expiry.header(row, made)
    if request.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED":
        checksums.shown(made.kept.system, headers)
    for name in _OVERRIDES:
        value = request.query.one("response-" + name)
        if value is not None:
            if Signed not in request.memo:
                raise fault(
                    "InvalidRequest", "Request specific response headers cannot be used for anonymous GET requests."
                )
            headers[name.title()] = value
    return row, whole, headers


def _look(tx: Tx, near: Neighbours, request: Request, where: Address) -> tuple[ContainerRow, Whole]:
    row = access.bucket(tx, near, request, where.bucket)
    whole = fetch(tx, near, request, row, where.key, answers.read_version(request))
    if whole.object.kind == MARKER:
        refusal = fault("MethodNotAllowed", Method=request.method, ResourceType="DeleteMarker")
        refusal.headers.update({"Allow": "DELETE", "x-amz-delete-marker": "true", **version_header(row, whole.object)})
        raise refusal
    if whole.object.kind == SYMLINK:  # Swift's: S3 reads what they lead to
        row, whole = links.follow(tx, near, row.account, row, whole, access.contents(near, request))
    _check(request, row, whole.object)
    return row, whole


def _check(request: Request, row: ContainerRow, made: ObjectRow) -> None:
    """A reader's conditions. Raises `PreconditionFailed`; and `NotModified`, with what such an answer says."""
    headers = request.headers
    try:
        check_read(conditions_of(headers), made)
    except NotModified as refusal:
        told = ("ETag", "Last-Modified", "Cache-Control", "Expires", "x-amz-version-id")
        refusal.headers.update({name: value for name, value in shown(row, made).items() if name in told})
        raise
    except Stale:
        raise fault(
            "PreconditionFailed", Condition="If-Match" if "if-match" in headers else "If-Unmodified-Since"
        ) from None


def fetch(tx: Tx, near: Neighbours, request: Request, row: ContainerRow, key: str, version: Micros | None) -> Whole:
    """An object that the caller may read. Whether one is there is told only to those who may list the bucket."""
    said = {"s3:versionid": (f"{version:016d}" if version else "null",)} if version is not None else NOTHING
    try:
        whole = objects.fetch_in(tx, row, key, version)
    except NotFound as refusal:
        _check_listing(near, request, row, key)
        marker = version_listings.marker(tx, row, key) if version is None and row.versioning else None
        if marker is not None:
            refusal.headers.update({"x-amz-delete-marker": "true", "x-amz-version-id": answers.version_id(marker)})
        raise
    access.check(near, request, row, actions.GET_OBJECT.on(version is not None), key, whole.object, said)
    return whole


def _check_listing(near: Neighbours, request: Request, row: ContainerRow, key: str) -> None:
    """Whoever may list names that begin so may know that there is none."""
    access.check(near, request, row, actions.LIST_BUCKET, said={"s3:prefix": (key,)})


def one(
    tx: Tx, near: Neighbours, request: Request, where: Address, action: Action, said: Said = NOTHING
) -> tuple[ContainerRow, ObjectRow]:
    """The object, or the version of it, that a request about its tags, grants or locks means."""
    row = access.bucket(tx, near, request, where.bucket)
    version = answers.read_version(request)
    made = objects.find_version(tx, row, where.key, version)
    if made is None or 0 < made.delete_at <= tx.now:
        _check_listing(near, request, row, where.key)
        raise fault("NoSuchKey" if version is None else "NoSuchVersion")
    access.check(near, request, row, action.on(version is not None), where.key, made, said)
    if made.kind == MARKER:
        raise fault("MethodNotAllowed", Method=request.method, ResourceType="DeleteMarker")
    return row, made


def keep(tx: Tx, made: ObjectRow, values: Mapping[str, str]) -> ObjectRow:
    """Set what a face keeps of an object; an empty value removes."""
    kept = made.kept
    system = {name: value for name, value in {**kept.system, **values}.items() if value}
    return objects.save(tx, made, details=Details(kept.meta, kept.headers, system) or None)


def shown(row: ContainerRow, made: ObjectRow) -> dict[str, str]:
    """What GET and HEAD say of an object."""
    kept = made.kept
    headers = {
        "Last-Modified": answers.http_date(made.modified_at),
        "ETag": f'"{made.etag}"',
        "Accept-Ranges": "bytes",
        "Content-Type": made.content_type,
        **{name.title(): value for name, value in kept.headers.items() if not name.startswith("x-")},
        **{f"x-amz-meta-{name}": value for name, value in kept.meta.items()},
        **version_header(row, made),
    }
    headers |= locking.shown(kept.system)
    if tags.KEPT in kept.system:
        headers["x-amz-tagging-count"] = str(len(tags.read(kept.system)))
    return headers


def written(row: ContainerRow, made: ObjectRow) -> dict[str, str]:
    """What a writer is told: the null version has no id for him; and when a rule will end it."""
    version = {"x-amz-version-id": answers.version_id(made)} if made.versioned else {}
    return {**version, **expiry.header(row, made)}


def version_header(row: ContainerRow, made: ObjectRow) -> dict[str, str]:
    return {"x-amz-version-id": answers.version_id(made)} if row.versioning else {}


async def delete_object(near: Neighbours, request: Request, where: Address) -> Answer:
    row, gone = await near.db.write(_delete, near, request, where)
    headers = {}
    if gone.marker is not None:
        headers = {"x-amz-delete-marker": "true", **version_header(row, gone.marker)}
    elif gone.removed is not None and row.versioning:
        headers = version_header(row, gone.removed)
        if gone.removed.kind == MARKER:
            headers["x-amz-delete-marker"] = "true"
    return Answer(204, headers=headers)


def _delete(tx: Tx, near: Neighbours, request: Request, where: Address) -> tuple[ContainerRow, Deleted]:
    version = answers.read_version(request)
    # a grant to write lets nobody destroy what was kept
    action = actions.DELETE_OBJECT if version is None else actions.DELETE_VERSION
    row = find(tx, near, request, where.bucket, action, where.key)
    bypass = request.headers.get("x-amz-bypass-governance-retention", "").lower() == "true"
    if bypass:
        access.check(near, request, row, actions.BYPASS, where.key)
    if version is None:
        return row, objects.delete(tx, near, request.ctx, row, where.key, conditions=write_conditions(request.headers))
    if (wanted := write_conditions(request.headers)) is not ANYTHING:
        check_write(wanted, objects.find_version(tx, row, where.key, version))
    return row, objects.delete_version(tx, near, request.ctx, row, where.key, version, bypass=bypass)


async def _begun(stream: Pieces) -> Pieces:
    """The same stream, its first bytes already there: what cannot be read at all gets a status of its own."""
    first = await anext(stream, b"")

    async def go_on() -> Pieces:
        if first:
            yield first
        async for chunk in stream:
            yield chunk

    return go_on()


OPERATIONS = {
    ("GET", "/object"): (get_object, "Read an object, or a range of it."),
    ("HEAD", "/object"): (head_object, "What is known of an object."),
    ("DELETE", "/object"): (delete_object, "Remove an object, or a version of one."),
}
