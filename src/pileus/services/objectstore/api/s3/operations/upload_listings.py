"""What is under way: uploads of a bucket, parts of an upload."""

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Request
from pileus.services.objectstore.api.s3 import actions, answers, checksums, expiry, ownership, xml
from pileus.services.objectstore.api.s3.address import Address
from pileus.services.objectstore.api.s3.operations.buckets import find
from pileus.services.objectstore.api.s3.operations.listings import PAGE
from pileus.services.objectstore.api.s3.operations.uploads import KIND, algorithm_of, find_upload
from pileus.services.objectstore.core import multipart
from pileus.services.objectstore.core.listings import Listed, Subdir, Wanted
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.db.columns import Details
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.uploads import PartRow, UploadRow


async def list_parts(near: Neighbours, request: Request, where: Address) -> Answer:
    marker = answers.number(request, "part-number-marker", 0, most=10_000)
    limit = answers.number(request, "max-parts", PAGE, most=PAGE)
    row, upload, parts, more = await near.db.read(_parts, near, request, where, marker, limit)
    body: list[xml.Node] = [
        ("Bucket", row.name),
        ("Key", answers.writer_of_names(request)(where.key)),
        ("UploadId", upload.id),
        ("Initiator", answers.owner(upload.owner)),
        ("Owner", answers.owner(_owner(near, row, upload))),
        ("StorageClass", "STANDARD"),
        ("PartNumberMarker", marker),
        ("NextPartNumberMarker", parts[-1].number if parts else 0),
        ("MaxParts", limit),
        ("IsTruncated", more),
        ("ChecksumAlgorithm", algorithm_of(upload).upper() or None),
        ("ChecksumType", (upload.details or Details()).system.get(KIND)),
    ]
    answer = answers.document("ListPartsResult", body + [("Part", _part(part)) for part in parts])
    answer.headers |= expiry.of_upload(row, upload)
    return answer


def _owner(near: Neighbours, row: ContainerRow, upload: UploadRow) -> str:
    return ownership.owner_by(near, row, (upload.details or Details()).system)


def _part(part: PartRow) -> list[xml.Node]:
    return [
        ("PartNumber", part.number),
        ("LastModified", answers.modified(part.modified_at)),
        ("ETag", f'"{part.etag}"'),
        ("Size", part.size),
        *checksums.of_part(part.checks),
    ]


def _parts(
    tx: Tx, near: Neighbours, request: Request, where: Address, marker: int, limit: int
) -> tuple[ContainerRow, UploadRow, list[PartRow], bool]:
    row, upload = find_upload(tx, near, request, where, actions.LIST_PARTS)
    parts, more = multipart.parts(tx, upload, marker, limit)
    return row, upload, parts, more


async def list_uploads(near: Neighbours, request: Request, where: Address) -> Answer:
    query, name = request.query, answers.writer_of_names(request)
    prefix, delimiter, marker = (query.one(key) or "" for key in ("prefix", "delimiter", "key-marker"))
    id_marker = (query.one("upload-id-marker") or "") if marker else ""
    limit = answers.number(request, "max-uploads", PAGE, least=1, most=PAGE)
    wanted = Wanted(prefix=prefix, delimiter=delimiter, marker=marker, limit=limit)
    row, page = await near.db.read_aside(_uploads, near, request, where.bucket, wanted, id_marker)
    found, last = page.items, page.items[-1] if page.more else None
    body: list[xml.Node] = [
        ("Bucket", row.name),
        ("KeyMarker", name(marker)),
        ("UploadIdMarker", id_marker),
        ("NextKeyMarker", name(last.name) if last is not None else None),
        ("NextUploadIdMarker", last.id if isinstance(last, UploadRow) else None),
        ("Prefix", name(prefix)),
        ("Delimiter", name(delimiter) or None),
        ("MaxUploads", limit),
        ("EncodingType", name.kind),
        ("IsTruncated", page.more),
    ]
    body += [_upload(one, name, _owner(near, row, one)) for one in found if isinstance(one, UploadRow)]
    body += [("CommonPrefixes", [("Prefix", name(one.name))]) for one in found if isinstance(one, Subdir)]
    return answers.document("ListMultipartUploadsResult", body)


def _upload(one: UploadRow, name: answers.Names, owner: str) -> xml.Node:
    shown: list[xml.Node] = [
        ("Key", name(one.name)),
        ("UploadId", one.id),
        ("Initiator", answers.owner(one.owner)),
        ("Owner", answers.owner(owner)),
        ("StorageClass", "STANDARD"),
        ("Initiated", answers.moment(one.created_at)),
        ("ChecksumAlgorithm", algorithm_of(one).upper() or None),
        ("ChecksumType", (one.details or Details()).system.get(KIND)),
    ]
    return "Upload", shown


def _uploads(
    tx: Tx, near: Neighbours, request: Request, bucket: str, wanted: Wanted, upload_id: str
) -> tuple[ContainerRow, Listed[UploadRow]]:
    row = find(tx, near, request, bucket, actions.LIST_UPLOADS)
    return row, multipart.listed(tx, row, wanted, upload_id)


OPERATIONS = {
    ("GET", "/object?uploadId"): (list_parts, "Parts that are there."),
    ("GET", "/bucket?uploads"): (list_uploads, "Uploads under way in a bucket."),
}
