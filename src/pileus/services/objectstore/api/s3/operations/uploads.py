"""Uploads in parts."""

from collections.abc import Sequence
from urllib.parse import quote

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Request
from pileus.services.objectstore.api.s3 import access, answers, bodies, checksums, xml
from pileus.services.objectstore.api.s3.access import READ, WRITE
from pileus.services.objectstore.api.s3.address import Address
from pileus.services.objectstore.api.s3.conditions import write_conditions
from pileus.services.objectstore.api.s3.faults import fault
from pileus.services.objectstore.api.s3.metadata import details_of
from pileus.services.objectstore.api.s3.operations import copies
from pileus.services.objectstore.api.s3.operations.buckets import find
from pileus.services.objectstore.api.s3.operations.listings import PAGE
from pileus.services.objectstore.api.s3.operations.objects import added, version_header
from pileus.services.objectstore.api.s3.ranges import read_range
from pileus.services.objectstore.core import containers, intake, multipart, reading
from pileus.services.objectstore.core.intake import Body
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.db.columns import Details
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import ObjectRow, Whole
from pileus.services.objectstore.db.uploads import PartRow, UploadRow

_ALGORITHM, _KIND = "upload-checksum", "upload-checksum-type"
"""In an upload's `details.system`: what its parts are summed by, and how the whole's sum is made of them."""


async def begin(near: Neighbours, request: Request, where: Address) -> Answer:
    details = details_of(request.headers)
    algorithm = request.headers.get("x-amz-checksum-algorithm", "").lower()
    kind = request.headers.get("x-amz-checksum-type", "COMPOSITE" if algorithm != "crc64nvme" else "FULL_OBJECT")
    if algorithm:
        if algorithm not in checksums.ALGORITHMS:
            raise fault("InvalidRequest", "Checksum algorithm provided is unsupported.")
        if (kind == "FULL_OBJECT" and algorithm in ("sha1", "sha256")) or (
            kind == "COMPOSITE" and algorithm == "crc64nvme"
        ):
            raise fault(
                "InvalidRequest", f"The {kind} checksum type cannot be used with the {algorithm} checksum algorithm."
            )
        details = Details(details.meta, details.headers, {_ALGORITHM: algorithm, _KIND: kind})
    media = request.headers.get("content-type") or "binary/octet-stream"
    row, upload = await near.db.write(_begin, near, request, where, media, details)
    body: list[xml.Node] = [("Bucket", row.name), ("Key", where.key), ("UploadId", upload.id)]
    answer = answers.document("InitiateMultipartUploadResult", body)
    if algorithm:
        answer.headers |= {"x-amz-checksum-algorithm": algorithm.upper(), "x-amz-checksum-type": kind}
    return answer


def _begin(
    tx: Tx, near: Neighbours, request: Request, where: Address, media: str, details: Details
) -> tuple[ContainerRow, UploadRow]:
    row = find(tx, near, request, where.bucket, WRITE)
    system = {**details.system, **added(tx, request.headers, row)}
    kept = Details(details.meta, details.headers, system)
    return row, multipart.begin(tx, near, request.ctx, row, where.key, media, kept)


async def put_part(near: Neighbours, request: Request, where: Address) -> Answer:
    number = _number(request)
    if copies.SOURCE in request.headers:
        return await _copy_part(near, request, where, number)
    upload = bodies.Upload(request)
    row, _ = await near.db.read(_find, near, request, where, WRITE)

    def decide(tx: Tx, body: Body) -> PartRow:
        found = upload.check(body)
        return multipart.put_part(
            tx, near, _find(tx, near, request, where, WRITE)[0], where.key, _id(request), number, body, found
        )

    made = await intake.store(near, row.place, upload.chunks(), decide, hashes=upload.hashes)
    headers = {"ETag": f'"{made.etag}"', **{checksums.HEADER + k: v for k, v in (made.checks or {}).items()}}
    return Answer(200, raw=b"", headers=headers, media=answers.XML)


async def _copy_part(near: Neighbours, request: Request, where: Address, number: int) -> Answer:
    """A part is bytes of its own: those of the source are read and written."""
    source = copies.read_source(request)
    row, whole, account = await near.db.read(_source, near, request, where, source)
    span = _source_range(request, whole)
    permit = access.permit(near, request, READ)
    stream = reading.content(near, account, whole, permit, *span)

    def decide(tx: Tx, body: Body) -> PartRow:
        return multipart.put_part(
            tx, near, _find(tx, near, request, where, WRITE)[0], where.key, _id(request), number, body
        )

    made = await intake.store(near, row.place, stream, decide)
    return answers.document(
        "CopyPartResult", [("LastModified", answers.moment(made.modified_at)), ("ETag", f'"{made.etag}"')]
    )


def _source(
    tx: Tx, near: Neighbours, request: Request, where: Address, source: copies.Source
) -> tuple[ContainerRow, Whole, str]:
    row, _ = _find(tx, near, request, where, WRITE)
    account = containers.bucket(tx, access.account_of(near, request), source.bucket).account
    return row, copies.read(tx, near, request, source), account


def _source_range(request: Request, whole: Whole) -> tuple[int, int]:
    text = request.headers.get("x-amz-copy-source-range")
    if text is None:
        return 0, whole.object.size
    found = read_range({"range": text}, whole.object.size)
    if found is None:
        raise fault(
            "InvalidArgument",
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy",
            ArgumentName="x-amz-copy-source-range",
            ArgumentValue=text,
        )
    return found


async def complete(near: Neighbours, request: Request, where: Address) -> Answer:
    asked = xml.parsed(await bodies.small(request), "CompleteMultipartUpload")
    chosen = []
    for part in asked.findall("Part"):
        number, etag = xml.text_of(part, "PartNumber"), xml.text_of(part, "ETag").strip('"')
        if not (number.isascii() and number.isdigit() and len(number) < 6) or not etag:
            raise fault("MalformedXML")
        chosen.append((int(number), etag))
    if not chosen or len(chosen) > 10_000:
        raise fault("MalformedXML")
    row, made = await near.db.write(_complete, near, request, where, chosen)
    body: list[xml.Node] = [
        ("Location", f"{request.base}/{quote(row.name)}/{quote(where.key)}"),
        ("Bucket", row.name),
        ("Key", where.key),
        ("ETag", f'"{made.etag}"'),
    ]
    for name in checksums.ALGORITHMS:
        body.append(("Checksum" + name.upper(), made.kept.system.get(checksums.KEPT + name)))
    answer = answers.document("CompleteMultipartUploadResult", body)
    answer.headers.update(version_header(row, made))
    return answer


def _complete(
    tx: Tx, near: Neighbours, request: Request, where: Address, chosen: Sequence[tuple[int, str]]
) -> tuple[ContainerRow, ObjectRow]:
    row = find(tx, near, request, where.bucket, WRITE)
    conditions = write_conditions(request.headers)
    made = multipart.complete(
        tx, near, request.ctx, row, where.key, _id(request), chosen, conditions=conditions, finish=_sum
    )
    return row, made


def _sum(upload: UploadRow, used: Sequence[PartRow], details: Details) -> Details:
    """The whole's checksum from its parts', where the upload was begun with one."""
    system = dict(details.system)
    algorithm, kind = system.pop(_ALGORITHM, ""), system.pop(_KIND, "")
    sums = [(part.checks or {}).get(algorithm, "") for part in used]
    if algorithm and all(sums):
        if kind == "COMPOSITE":
            system |= checksums.kept(algorithm, checksums.composite(algorithm, sums), kind)
        else:
            system |= checksums.kept(
                algorithm, checksums.joined(algorithm, [(s, p.size) for s, p in zip(sums, used, strict=True)])
            )
    return Details(details.meta, details.headers, system)


async def abort(near: Neighbours, request: Request, where: Address) -> Answer:
    await near.db.write(_abort, near, request, where)
    return Answer(204)


def _abort(tx: Tx, near: Neighbours, request: Request, where: Address) -> None:
    row, upload = _find(tx, near, request, where, WRITE)
    multipart.drop(tx, row, upload)


async def list_parts(near: Neighbours, request: Request, where: Address) -> Answer:
    marker = answers.number(request, "part-number-marker", 0, most=10_000)
    limit = answers.number(request, "max-parts", PAGE, most=PAGE)
    row, upload, parts, more = await near.db.read(_parts, near, request, where, marker, limit)
    body: list[xml.Node] = [
        ("Bucket", row.name),
        ("Key", answers.writer_of_names(request)(where.key)),
        ("UploadId", upload.id),
        ("Initiator", answers.owner(upload.owner)),
        ("Owner", answers.owner(row.account)),
        ("StorageClass", "STANDARD"),
        ("PartNumberMarker", marker),
        ("NextPartNumberMarker", parts[-1].number if parts else 0),
        ("MaxParts", limit),
        ("IsTruncated", more),
    ]
    return answers.document("ListPartsResult", body + [("Part", _part(part)) for part in parts])


def _part(part: PartRow) -> list[xml.Node]:
    sums: list[xml.Node] = [("Checksum" + name.upper(), value) for name, value in (part.checks or {}).items()]
    return [
        ("PartNumber", part.number),
        ("LastModified", answers.moment(part.modified_at)),
        ("ETag", f'"{part.etag}"'),
        ("Size", part.size),
        *sums,
    ]


def _parts(
    tx: Tx, near: Neighbours, request: Request, where: Address, marker: int, limit: int
) -> tuple[ContainerRow, UploadRow, list[PartRow], bool]:
    row, upload = _find(tx, near, request, where, READ)
    parts, more = multipart.parts(tx, upload, marker, limit)
    return row, upload, parts, more


async def list_uploads(near: Neighbours, request: Request, where: Address) -> Answer:
    query, name = request.query, answers.writer_of_names(request)
    if query.one("delimiter"):
        raise fault("NotImplemented", "Uploads are listed without a delimiter only.")
    prefix, marker = query.one("prefix") or "", query.one("key-marker") or ""
    id_marker = (query.one("upload-id-marker") or "") if marker else ""
    limit = answers.number(request, "max-uploads", PAGE, least=1, most=PAGE)
    row, found, more = await near.db.read(_uploads, near, request, where.bucket, prefix, marker, id_marker, limit)
    body: list[xml.Node] = [
        ("Bucket", row.name),
        ("KeyMarker", name(marker)),
        ("UploadIdMarker", id_marker),
        ("NextKeyMarker", name(found[-1].name) if more else None),
        ("NextUploadIdMarker", found[-1].id if more else None),
        ("Prefix", name(prefix)),
        ("MaxUploads", limit),
        ("EncodingType", name.kind),
        ("IsTruncated", more),
    ]
    for one in found:
        shown: list[xml.Node] = [
            ("Key", name(one.name)),
            ("UploadId", one.id),
            ("Initiator", answers.owner(one.owner)),
            ("Owner", answers.owner(row.account)),
            ("StorageClass", "STANDARD"),
            ("Initiated", answers.moment(one.created_at)),
        ]
        body.append(("Upload", shown))
    return answers.document("ListMultipartUploadsResult", body)


def _uploads(
    tx: Tx, near: Neighbours, request: Request, bucket: str, prefix: str, marker: str, id_marker: str, limit: int
) -> tuple[ContainerRow, list[UploadRow], bool]:
    row = find(tx, near, request, bucket, READ)
    found, more = multipart.under_way(tx, row, prefix, marker, id_marker, limit)
    return row, found, more


def _find(tx: Tx, near: Neighbours, request: Request, where: Address, right: str) -> tuple[ContainerRow, UploadRow]:
    row = find(tx, near, request, where.bucket, right)
    return row, multipart.find(tx, row, where.key, _id(request))


def _id(request: Request) -> str:
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
    ("POST", "/object?uploadId"): (complete, "Make one object of the parts."),
    ("DELETE", "/object?uploadId"): (abort, "Give an upload up."),
    ("GET", "/object?uploadId"): (list_parts, "Parts that are there."),
    ("GET", "/bucket?uploads"): (list_uploads, "Uploads under way in a bucket."),
}
