"""Copies: on the server, without a byte moved."""

from collections.abc import AsyncIterator, Mapping
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Request
from pileus.kernel.types import Micros, as_bytes
from pileus.services.objectstore.api.s3 import access, actions, answers, checksums, tags, xml
from pileus.services.objectstore.api.s3.address import Address
from pileus.services.objectstore.api.s3.conditions import source_conditions, write_conditions
from pileus.services.objectstore.api.s3.faults import fault
from pileus.services.objectstore.api.s3.metadata import details_of
from pileus.services.objectstore.api.s3.operations.buckets import find
from pileus.services.objectstore.api.s3.operations.objects import added, fetch, must_stand, put_object, written
from pileus.services.objectstore.core import dynamic, intake, limits, links, objects, reading
from pileus.services.objectstore.core.conditions import check_read
from pileus.services.objectstore.core.faults import NotModified
from pileus.services.objectstore.core.intake import Body
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.core.objects import Put
from pileus.services.objectstore.db.columns import Details
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import DLO, MARKER, SLO, ObjectRow, Whole

SOURCE = "x-amz-copy-source"
EXPECTED = "x-amz-source-expected-bucket-owner"


class Source(Struct, frozen=True):
    bucket: str
    key: str
    version: Micros | None


async def put(near: Neighbours, request: Request, where: Address) -> Answer:
    if SOURCE not in request.headers:
        return await put_object(near, request, where)
    source = read_source(request)
    directive = request.headers.get("x-amz-metadata-directive", "COPY")
    if directive not in ("COPY", "REPLACE"):
        raise fault(
            "InvalidArgument",
            "Unknown metadata directive.",
            ArgumentName="x-amz-metadata-directive",
            ArgumentValue=directive,
        )
    fresh = details_of(request.headers) if directive == "REPLACE" else None
    same = (source.bucket, source.key, source.version) == (where.bucket, where.key, None)
    if same and fresh is None:
        raise fault(
            "InvalidRequest",
            "This copy request is illegal because it is trying to copy an object to itself without changing the object's "
            "metadata, storage class, website redirect location or encryption attributes.",
        )
    algorithm = checksums.algorithm(request.headers.get("x-amz-checksum-algorithm"))
    container, whole = await near.db.read(read, near, request, source)
    row, made = await _make(near, request, where, source, fresh, container, whole, algorithm)
    body: list[xml.Node] = [("LastModified", answers.modified(made.modified_at)), ("ETag", f'"{made.etag}"')]
    body += checksums.elements(made.kept.system)
    answer = answers.document("CopyObjectResult", body)
    answer.headers.update(written(row, made))
    if whole.object.versioned:
        answer.headers["x-amz-copy-source-version-id"] = answers.version_id(whole.object)
    return answer


async def _make(
    near: Neighbours,
    request: Request,
    where: Address,
    source: Source,
    fresh: Details | None,
    container: ContainerRow,
    whole: Whole,
    algorithm: str,
) -> tuple[ContainerRow, ObjectRow]:
    """Bytes are shared, but for manifests, which would be another account's, and for a checksum that nobody has yet."""
    kept = whole.object.kept.system
    new_sum = bool(algorithm) and (
        checksums.KEPT + algorithm not in kept or kept.get("checksum-type") == checksums.COMPOSITE
    )
    if whole.object.kind not in (SLO, DLO) and not new_sum:
        return await near.db.write(_share, near, request, where, source, fresh)
    target = await near.db.read(find, near, request, where.bucket, actions.PUT_OBJECT, where.key)
    algorithm = algorithm or checksums.DEFAULT
    stream = await content_of(near, request, container, whole)

    def decide(tx: Tx, body: Body) -> tuple[ContainerRow, ObjectRow]:
        row = find(tx, near, request, where.bucket, actions.PUT_OBJECT, where.key)
        sums = checksums.kept(algorithm, checksums.of_hex(body.hashes[algorithm]))
        want = _want(tx, near, request, row, where.key, whole.object, fresh, sums)
        return row, objects.put(tx, near, request.ctx, row.account, row.name, where.key, want, body)

    return await intake.store(near, target.place, stream, decide, hashes=(algorithm,))


async def content_of(
    near: Neighbours, request: Request, container: ContainerRow, whole: Whole, first: int = 0, end: int | None = None
) -> AsyncIterator[bytes]:
    """The bytes of a source, those of segments too where the caller may read them."""
    permit = access.contents(near, request)
    if end is None:
        end = await length(near, request, container, whole)
    return as_bytes(reading.content(near, container.account, whole, permit, first, end))


async def length(near: Neighbours, request: Request, container: ContainerRow, whole: Whole) -> int:
    """Of a dynamic manifest only its segments know."""
    if whole.object.kind != DLO:
        return whole.object.size
    permit = access.contents(near, request)
    return (await near.db.read_aside(dynamic.measured, near, container.account, whole, permit))[0]


def _share(
    tx: Tx, near: Neighbours, request: Request, where: Address, source: Source, fresh: Details | None
) -> tuple[ContainerRow, ObjectRow]:
    _, whole = read(tx, near, request, source)
    row = find(tx, near, request, where.bucket, actions.PUT_OBJECT, where.key)
    kept = whole.object.kept.system
    sums = {name: value for name, value in kept.items() if name.startswith(checksums.KEPT) or name == "checksum-type"}
    want = _want(tx, near, request, row, where.key, whole.object, fresh, sums)
    return row, objects.copy(tx, near, request.ctx, whole.object, row.account, row.name, where.key, want)


def _want(
    tx: Tx,
    near: Neighbours,
    request: Request,
    row: ContainerRow,
    key: str,
    source: ObjectRow,
    fresh: Details | None,
    sums: Mapping[str, str],
) -> Put:
    limits.check_object_name(near, key)
    must_stand(tx, request.headers, row, key)
    old = source.kept
    system = {**sums, **_tags(request, old), **added(tx, near, request, request.headers, row, key)}
    conditions = write_conditions(request.headers)
    if fresh is None:
        headers = {name: value for name, value in old.headers.items() if name != "x-object-manifest"}
        return Put(content_type=source.content_type, details=Details(old.meta, headers, system), conditions=conditions)
    media = request.headers.get("content-type") or "binary/octet-stream"
    return Put(content_type=media, details=Details(fresh.meta, fresh.headers, system), conditions=conditions)


def _tags(request: Request, old: Details) -> dict[str, str]:
    """The source's, unless the request brings others."""
    directive = request.headers.get("x-amz-tagging-directive", "COPY")
    if directive not in ("COPY", "REPLACE"):
        raise fault(
            "InvalidArgument",
            "Unknown tagging directive.",
            ArgumentName="x-amz-tagging-directive",
            ArgumentValue=directive,
        )
    return {tags.KEPT: old.system[tags.KEPT]} if directive == "COPY" and tags.KEPT in old.system else {}


def read(tx: Tx, near: Neighbours, request: Request, source: Source) -> tuple[ContainerRow, Whole]:
    """The source, links followed, if the caller may read it and his conditions on it hold."""
    row = access.bucket(tx, near, request, source.bucket, EXPECTED)
    whole = fetch(tx, near, request, row, source.key, source.version)
    if whole.object.kind == MARKER:
        raise fault(
            "InvalidRequest",
            "The source of a copy request may not specifically refer to a delete marker by version id.",
        )
    if tags.KEPT in whole.object.kept.system and request.headers.get("x-amz-tagging-directive", "COPY") == "COPY":
        access.check(near, request, row, actions.GET_TAGS.on(source.version is not None), source.key, whole.object)
    row, whole = links.follow(tx, near, row.account, row, whole, access.contents(near, request))
    try:
        check_read(source_conditions(request.headers), whole.object)
    except NotModified:
        raise fault("PreconditionFailed") from None
    return row, whole


def read_source(request: Request) -> Source:
    """`/bucket/key?versionId=…`, percent-encoded. Raises `InvalidArgument`."""
    path, mark, query = request.headers[SOURCE].partition("?versionId=")
    if "?" in path or "&" in query:
        raise fault(
            "InvalidArgument",
            "Unsupported copy source parameter.",
            ArgumentName=SOURCE,
            ArgumentValue=request.headers[SOURCE],
        )
    try:
        bucket, _, key = unquote_to_bytes(path).decode("utf-8").lstrip("/").partition("/")
    except UnicodeDecodeError:
        bucket, key = "", ""
    if not bucket or not key:
        raise fault(
            "InvalidArgument",
            f"Copy Source must mention the source bucket and key: {SOURCE}: sourcebucket/sourcekey",
            ArgumentName=SOURCE,
        )
    return Source(bucket, key, answers.version_of(query) if mark else None)


OPERATIONS = {("PUT", "/object"): (put, "Store an object, or copy one.")}
