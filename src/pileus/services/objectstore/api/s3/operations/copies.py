"""Copies: on the server, without a byte moved."""

from urllib.parse import unquote_to_bytes

from msgspec import Struct
from msgspec.structs import replace

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Request
from pileus.kernel.types import Micros
from pileus.services.objectstore.api.s3 import access, answers, checksums, tags
from pileus.services.objectstore.api.s3.access import WRITE
from pileus.services.objectstore.api.s3.address import Address
from pileus.services.objectstore.api.s3.conditions import source_conditions, write_conditions
from pileus.services.objectstore.api.s3.faults import fault
from pileus.services.objectstore.api.s3.metadata import details_of
from pileus.services.objectstore.api.s3.operations.buckets import find
from pileus.services.objectstore.api.s3.operations.objects import added, fetch, put_object, version_header
from pileus.services.objectstore.core import containers, objects
from pileus.services.objectstore.core.conditions import check_read
from pileus.services.objectstore.core.faults import NotModified
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.core.objects import Put
from pileus.services.objectstore.db.columns import Details
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import MARKER, ObjectRow, Whole

SOURCE = "x-amz-copy-source"


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
    row, made, whole = await near.db.write(_copy, near, request, where, source, fresh)
    body = [("LastModified", answers.moment(made.modified_at)), ("ETag", f'"{made.etag}"')]
    answer = answers.document("CopyObjectResult", body)
    answer.headers.update(version_header(row, made))
    if whole.object.versioned:
        answer.headers["x-amz-copy-source-version-id"] = answers.version_id(whole.object)
    return answer


def _copy(
    tx: Tx, near: Neighbours, request: Request, where: Address, source: Source, fresh: Details | None
) -> tuple[ContainerRow, ObjectRow, Whole]:
    whole = read(tx, near, request, source)
    row = find(tx, near, request, where.bucket, WRITE)
    old = whole.object.kept
    sums = {name: value for name, value in old.system.items() if name.startswith(checksums.KEPT)}
    sums |= _tags(request, old) | added(tx, request.headers, row)
    if fresh is None:
        want = Put(content_type=whole.object.content_type, details=Details(old.meta, old.headers, sums))
    else:
        media = request.headers.get("content-type") or "binary/octet-stream"
        want = Put(content_type=media, details=Details(fresh.meta, fresh.headers, sums))
    want = replace(want, conditions=write_conditions(request.headers))
    return row, objects.copy(tx, near, request.ctx, whole.object, row.account, row.name, where.key, want), whole


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


def read(tx: Tx, near: Neighbours, request: Request, source: Source) -> Whole:
    """The source, if the caller may read it and his conditions on it hold."""
    row = containers.bucket(tx, access.account_of(near, request), source.bucket)
    whole = fetch(tx, near, request, row, source.key, source.version)
    if whole.object.kind == MARKER:
        raise fault(
            "InvalidRequest",
            "The source of a copy request may not specifically refer to a delete marker by version id.",
        )
    try:
        check_read(source_conditions(request.headers), whole.object)
    except NotModified:
        raise fault("PreconditionFailed") from None
    return whole


def read_source(request: Request) -> Source:
    """`/bucket/key?versionId=…`, percent-encoded. Raises `InvalidArgument`."""
    path, _, query = request.headers[SOURCE].partition("?versionId=")
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
    return Source(bucket, key, answers.version_of(query) if query else None)


OPERATIONS = {("PUT", "/object"): (put, "Store an object, or copy one.")}
