"""What is known of an object, in one document."""

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Request
from pileus.services.objectstore.api.s3 import access, actions, answers, checksums, xml
from pileus.services.objectstore.api.s3.address import Address
from pileus.services.objectstore.api.s3.faults import fault
from pileus.services.objectstore.api.s3.operations.objects import one, version_header
from pileus.services.objectstore.core import multipart
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import ObjectRow

_NAMES = frozenset({"ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"})


async def get_attributes(near: Neighbours, request: Request, where: Address) -> Answer:
    asked = {name.strip() for name in request.headers.get("x-amz-object-attributes", "").split(",") if name.strip()}
    if not asked or asked - _NAMES:
        raise fault("InvalidArgument", "Invalid attribute name specified.", ArgumentName="x-amz-object-attributes")
    row, made, parts = await near.db.read(_look, near, request, where)
    body: list[xml.Node] = []
    if "ETag" in asked:
        body.append(("ETag", made.etag))
    sums = {name: made.kept.system.get(checksums.KEPT + name) for name in checksums.ALGORITHMS}
    if "Checksum" in asked and any(sums.values()):
        shown: list[xml.Node] = [("Checksum" + name.upper(), value) for name, value in sums.items()]
        body.append(("Checksum", [*shown, ("ChecksumType", made.kept.system.get("checksum-type"))]))
    if "ObjectParts" in asked and parts:
        body.append(("ObjectParts", [("PartsCount", parts)]))
    if "StorageClass" in asked:
        body.append(("StorageClass", "STANDARD"))
    if "ObjectSize" in asked:
        body.append(("ObjectSize", max(made.size, 0)))
    answer = answers.document("GetObjectAttributesResponse", body)
    answer.headers |= {"Last-Modified": answers.http_date(made.modified_at), **version_header(row, made)}
    return answer


def _look(tx: Tx, near: Neighbours, request: Request, where: Address) -> tuple[ContainerRow, ObjectRow, int]:
    row, made = one(tx, near, request, where, actions.GET_OBJECT)
    of_version = request.query.has("versionId")
    access.check(near, request, row, actions.GET_ATTRIBUTES.on(of_version), where.key, made)
    return row, made, len(multipart.spans(tx, made))


OPERATIONS = {("GET", "/object?attributes"): (get_attributes, "What is known of an object, in one document.")}
