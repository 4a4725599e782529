"""What is known of an object, in one document."""

from collections.abc import Sequence

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Request
from pileus.services.objectstore.api.s3 import access, actions, answers, checksums, xml
from pileus.services.objectstore.api.s3.address import Address
from pileus.services.objectstore.api.s3.faults import fault
from pileus.services.objectstore.api.s3.operations.objects import one, version_header
from pileus.services.objectstore.core import multipart
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.db.bodies import PieceRow
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import ObjectRow

_NAMES = frozenset({"ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"})
_PARTS_MOST = 1000


async def get_attributes(near: Neighbours, request: Request, where: Address) -> Answer:
    asked = {name.strip() for name in request.headers.get("x-amz-object-attributes", "").split(",") if name.strip()}
    if not asked or asked - _NAMES:
        raise fault("InvalidArgument", "Invalid attribute name specified.", ArgumentName="x-amz-object-attributes")
    limit = answers.checked_number(request.headers.get("x-amz-max-parts"), "max-parts", _PARTS_MOST, most=_PARTS_MOST)
    marker = answers.checked_number(
        request.headers.get("x-amz-part-number-marker"), "part-number-marker", 0, most=multipart.NUMBERS[-1]
    )
    row, made, parts = await near.db.read(_look, near, request, where)
    body: list[xml.Node] = []
    if "ETag" in asked:
        body.append(("ETag", made.etag))
    sums = checksums.elements(made.kept.system)
    if "Checksum" in asked and sums:
        body.append(("Checksum", sums))
    if "ObjectParts" in asked and parts:
        body.append(("ObjectParts", _parts(parts, marker, limit)))
    if "StorageClass" in asked:
        body.append(("StorageClass", "STANDARD"))
    if "ObjectSize" in asked:
        body.append(("ObjectSize", max(made.size, 0)))
    answer = answers.document("GetObjectAttributesResponse", body)
    answer.headers |= {"Last-Modified": answers.http_date(made.modified_at), **version_header(row, made)}
    return answer


def _parts(parts: Sequence[PieceRow], marker: int, limit: int) -> list[xml.Node]:
    """A page of them, by the numbers that `partNumber` of a GET means."""
    page = list(enumerate(parts, 1))[marker : marker + limit]
    shown: list[xml.Node] = [
        ("Part", [("PartNumber", number), ("Size", part.size), *checksums.of_part(part.checks)])
        for number, part in page
    ]
    more = bool(page) and page[-1][0] < len(parts)
    return [
        ("PartsCount", len(parts)),
        ("PartNumberMarker", marker),
        ("NextPartNumberMarker", page[-1][0] if more else 0),
        ("MaxParts", limit),
        ("IsTruncated", more),
        *shown,
    ]


def _look(tx: Tx, near: Neighbours, request: Request, where: Address) -> tuple[ContainerRow, ObjectRow, list[PieceRow]]:
    row, made = one(tx, near, request, where, actions.GET_OBJECT)
    of_version = request.query.has("versionId")
    access.check(near, request, row, actions.GET_ATTRIBUTES.on(of_version), where.key, made)
    return row, made, multipart.pieces(tx, made)


OPERATIONS = {("GET", "/object?attributes"): (get_attributes, "What is known of an object, in one document.")}
