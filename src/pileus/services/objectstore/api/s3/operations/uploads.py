"""Uploads in parts."""

import re
from collections.abc import Mapping

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Request
from pileus.kernel.types import NotFound
from pileus.services.objectstore.api.s3 import access, actions, answers, bodies, checksums, expiry, facts, xml
from pileus.services.objectstore.api.s3.actions import Action
from pileus.services.objectstore.api.s3.address import Address
from pileus.services.objectstore.api.s3.faults import fault
from pileus.services.objectstore.api.s3.metadata import details_of
from pileus.services.objectstore.api.s3.operations import copies
from pileus.services.objectstore.api.s3.operations.buckets import find
from pileus.services.objectstore.api.s3.operations.objects import added
from pileus.services.objectstore.core import intake, multipart
from pileus.services.objectstore.core.bucket_policy import Effect
from pileus.services.objectstore.core.intake import Body
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.db.columns import Details
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.uploads import PartRow, UploadRow

_RANGE = re.compile(r"bytes=(\d{1,18})-(\d{1,18})\Z")
ALGORITHM, KIND = "upload-checksum", "upload-checksum-type"
"""In an upload's `details.system`: what its parts are summed by, and how the whole's sum is made of them."""


async def begin(near: Neighbours, request: Request, where: Address) -> Answer:
    details = details_of(request.headers)
    algorithm, kind = _summed(request.headers)
    if algorithm:
        details = Details(details.meta, details.headers, {ALGORITHM: algorithm, KIND: kind})
    media = request.headers.get("content-type") or "binary/octet-stream"
    row, upload = await near.db.write(_begin, near, request, where, media, details)
    body: list[xml.Node] = [("Bucket", row.name), ("Key", where.key), ("UploadId", upload.id)]
    answer = answers.document("InitiateMultipartUploadResult", body)
    answer.headers |= expiry.of_upload(row, upload)
    if algorithm:
        answer.headers |= {"x-amz-checksum-algorithm": algorithm.upper(), "x-amz-checksum-type": kind}
    return answer


def _summed(headers: Mapping[str, str]) -> tuple[str, str]:
    """By what parts are summed, and how the whole is; both empty when nothing is said. Raises `InvalidRequest`."""
    algorithm, kind = checksums.algorithm(headers.get("x-amz-checksum-algorithm")), headers.get("x-amz-checksum-type")
    if not algorithm:
        if kind is not None:
            raise fault(
                "InvalidRequest",
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.",
            )
        return "", ""
    if kind is None:
        return algorithm, checksums.FULL if algorithm == checksums.DEFAULT else checksums.COMPOSITE
    if kind not in (checksums.FULL, checksums.COMPOSITE):
        raise fault("InvalidRequest", "Value for x-amz-checksum-type header is invalid.")
    if (kind == checksums.FULL and algorithm not in checksums.CYCLIC) or (
        kind == checksums.COMPOSITE and algorithm == checksums.DEFAULT
    ):
        raise fault(
            "InvalidRequest", f"The {kind} checksum type cannot be used with the {algorithm} checksum algorithm."
        )
    return algorithm, kind


def _begin(
    tx: Tx, near: Neighbours, request: Request, where: Address, media: str, details: Details
) -> tuple[ContainerRow, UploadRow]:
    row = find(tx, near, request, where.bucket, actions.PUT_OBJECT, where.key)
    if not request.ctx.user_id:
        raise fault("AccessDenied", "Anonymous users cannot initiate multipart uploads.  Please authenticate.")
    system = details.system | added(tx, near, request, request.headers, row, where.key) | facts.asked(request.headers)
    kept = Details(details.meta, details.headers, system)
    return row, multipart.begin(tx, near, request.ctx, row, where.key, media, kept)


async def put_part(near: Neighbours, request: Request, where: Address) -> Answer:
    number = _number(request)
    if copies.SOURCE in request.headers:
        return await _copy_part(near, request, where, number)
    row, begun = await near.db.read(find_upload, near, request, where)
    algorithm = algorithm_of(begun)
    upload = bodies.Upload(request, default=algorithm or checksums.DEFAULT)
    if upload.asked is not None and algorithm and upload.asked.algorithm != algorithm:
        raise fault(
            "InvalidRequest",
            f"Checksum Type mismatch occurred, expected checksum Type: {algorithm}, "
            f"actual checksum Type: {upload.asked.algorithm}",
        )

    def decide(tx: Tx, body: Body) -> PartRow:
        return _decided(tx, near, request, where, number, body, upload.check(body))

    made = await intake.store(near, row.place, upload.chunks(), decide, hashes=upload.hashes)
    headers = {"ETag": f'"{made.etag}"', **{checksums.HEADER + k: v for k, v in (made.checks or {}).items()}}
    return Answer(200, raw=b"", headers=headers, media=answers.XML)


def _decided(
    tx: Tx, near: Neighbours, request: Request, where: Address, number: int, body: Body, sums: Mapping[str, str]
) -> PartRow:
    row, _ = find_upload(tx, near, request, where)
    return multipart.put_part(tx, near, row, where.key, id_of(request), number, body, sums)


def algorithm_of(upload: UploadRow) -> str:
    """What its parts are summed by; empty: by nothing."""
    return (upload.details or Details()).system.get(ALGORITHM, "")


async def _copy_part(near: Neighbours, request: Request, where: Address, number: int) -> Answer:
    """A part is bytes of its own: those of the source are read and written."""
    source = copies.read_source(request)
    row, begun = await near.db.read(find_upload, near, request, where)
    container, whole = await near.db.read(copies.read, near, request, source)
    size = await copies.length(near, request, container, whole)
    span = _source_range(request, size)
    stream = await copies.content_of(near, request, container, whole, *span)
    algorithm = algorithm_of(begun) or checksums.DEFAULT

    def decide(tx: Tx, body: Body) -> PartRow:
        sums = {algorithm: checksums.of_hex(body.hashes[algorithm])}
        return _decided(tx, near, request, where, number, body, sums)

    made = await intake.store(near, row.place, stream, decide, hashes=(algorithm,))
    body: list[xml.Node] = [("LastModified", answers.modified(made.modified_at)), ("ETag", f'"{made.etag}"')]
    body += checksums.of_part(made.checks)
    answer = answers.document("CopyPartResult", body)
    if whole.object.versioned:
        answer.headers["x-amz-copy-source-version-id"] = answers.version_id(whole.object)
    return answer


def _source_range(request: Request, size: int) -> tuple[int, int]:
    """Both ends have to be said, and to lie within. Raises `InvalidArgument`, `InvalidRange`."""
    text = request.headers.get("x-amz-copy-source-range")
    if text is None:
        return 0, size
    found = _RANGE.match(text)
    if found is None or int(found[2]) < int(found[1]):
        raise fault(
            "InvalidArgument",
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the "
            "zero-based offsets of the first and last bytes to copy",
            ArgumentName="x-amz-copy-source-range",
            ArgumentValue=text,
        )
    if int(found[2]) >= size:
        raise fault(
            "InvalidArgument",
            f"Range specified is not valid for source object of size: {size}",
            ArgumentName="x-amz-copy-source-range",
            ArgumentValue=text,
        )
    return int(found[1]), int(found[2]) + 1


async def abort(near: Neighbours, request: Request, where: Address) -> Answer:
    await near.db.write(_abort, near, request, where)
    return Answer(204)


def _abort(tx: Tx, near: Neighbours, request: Request, where: Address) -> None:
    row, upload = find_upload(tx, near, request, where, actions.ABORT_UPLOAD)
    multipart.drop(tx, row, upload)


def find_upload(
    tx: Tx, near: Neighbours, request: Request, where: Address, action: Action = actions.PUT_OBJECT
) -> tuple[ContainerRow, UploadRow]:
    """The upload that is meant. Raises `NoSuchUpload`, and what `sought` raises."""
    row, upload = sought(tx, near, request, where, action)
    if upload is None:
        raise fault("NoSuchUpload")
    return row, upload


def sought(
    tx: Tx, near: Neighbours, request: Request, where: Address, action: Action = actions.PUT_OBJECT
) -> tuple[ContainerRow, UploadRow | None]:
    """The same, None where there is none (any more): the bucket's owner's to go on with, and that one's who began it while he
    may write. A policy may let others look at it and give it up, but not go on with it. Raises `AccessDenied`.
    """
    row = access.bucket(tx, near, request, where.bucket)
    try:
        upload = multipart.find(tx, row, where.key, id_of(request))
    except NotFound:  # told only to those who may ask
        upload = None
    said = facts.of_upload((upload.details or Details()).system) if upload is not None else facts.NOTHING
    effect = access.by_policy(near, request, row, action, where.key, said=said)
    if effect is Effect.DENY:
        raise access.denied_by_policy(near, request, row)
    mine = access.owns(near, request, row.account, action.right)
    if not mine and (effect is None or action == actions.PUT_OBJECT):
        access.check(near, request, row, actions.PUT_OBJECT, where.key, said=said)
        if upload is not None and (not request.ctx.user_id or upload.owner != request.ctx.user_id):
            raise fault("AccessDenied")
    return row, upload


def id_of(request: Request) -> str:
    return request.query.one("uploadId") or ""


def _number(request: Request) -> int:
    text = request.query.one("partNumber") or ""
    if not (text.isascii() and text.isdigit() and 1 <= len(text) <= 5 and int(text) in multipart.NUMBERS):
        raise fault(
            "InvalidArgument",
            "Part number must be an integer between 1 and 10000, inclusive",
            ArgumentName="partNumber",
            ArgumentValue=text,
        )
    return int(text)


OPERATIONS = {
    ("POST", "/object?uploads"): (begin, "Begin an upload in parts."),
    ("PUT", "/object?uploadId"): (put_part, "One part, from the body or from another object."),
    ("DELETE", "/object?uploadId"): (abort, "Give an upload up."),
}
