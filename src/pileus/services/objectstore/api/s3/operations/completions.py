"""An upload in parts becomes an object."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Request
from pileus.services.objectstore.api.s3 import answers, bodies, checksums, facts, xml
from pileus.services.objectstore.api.s3.address import Address
from pileus.services.objectstore.api.s3.conditions import write_conditions
from pileus.services.objectstore.api.s3.faults import fault
from pileus.services.objectstore.api.s3.operations.objects import must_stand, written
from pileus.services.objectstore.api.s3.operations.uploads import ALGORITHM, KIND, id_of, sought
from pileus.services.objectstore.core import multipart
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.db.columns import Details
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import ObjectRow
from pileus.services.objectstore.db.uploads import PartRow, UploadRow


async def complete(near: Neighbours, request: Request, where: Address) -> Answer:
    # Checksums in its headers are the object's, not the document's.
    asked = await bodies.document(request, "CompleteMultipartUpload", sums=False)
    chosen, sums = [], []
    for part in asked.findall("Part"):
        number, etag = xml.text_of(part, "PartNumber"), xml.text_of(part, "ETag").strip('"')
        if not (number.isascii() and number.isdigit() and len(number) < 6) or part.find("ETag") is None:
            raise fault("MalformedXML")
        chosen.append((int(number), etag))
        sums.append(
            {name: said for name in checksums.ALGORITHMS if (said := xml.text_of(part, "Checksum" + name.upper()))}
        )
    if not chosen or len(chosen) > len(multipart.NUMBERS):
        raise fault("MalformedXML")
    row, made = await near.db.write(_complete, near, request, where, chosen, sums)
    body: list[xml.Node] = [
        ("Location", f"{request.base}/{quote(row.name)}/{quote(where.key)}"),
        ("Bucket", row.name),
        ("Key", where.key),
        ("ETag", f'"{made.etag}"'),
    ]
    body += checksums.elements(made.kept.system)
    answer = answers.document("CompleteMultipartUploadResult", body)
    answer.headers.update(written(row, made))
    return answer


def _complete(
    tx: Tx,
    near: Neighbours,
    request: Request,
    where: Address,
    chosen: Sequence[tuple[int, str]],
    sums: Sequence[Mapping[str, str]],
) -> tuple[ContainerRow, ObjectRow]:
    row, _ = sought(tx, near, request, where)
    must_stand(tx, request.headers, row, where.key)

    def finish(upload: UploadRow, used: Sequence[PartRow], details: Details) -> Details:
        _check_parts(upload, used, sums)
        return _check_whole(request.headers, used, _sum(upload, used, details))

    conditions = write_conditions(request.headers)
    made = multipart.complete(
        tx, near, request.ctx, row, where.key, id_of(request), chosen, conditions=conditions, finish=finish
    )
    return row, made


def _check_parts(upload: UploadRow, used: Sequence[PartRow], sums: Sequence[Mapping[str, str]]) -> None:
    """What is said of the parts is what they have. Raises `InvalidPart`, `InvalidRequest`."""
    system = (upload.details or Details()).system
    algorithm, kind = system.get(ALGORITHM, ""), system.get(KIND, "")
    for part, said in zip(used, sums, strict=True):
        if any((part.checks or {}).get(name) != value for name, value in said.items()):
            raise fault("InvalidPart")
        if kind == "COMPOSITE" and algorithm not in said:
            raise fault(
                "InvalidRequest",
                f"The upload was created using a {algorithm} checksum. The complete request must include the checksum for "
                f"each part. It was missing for part {part.number} in the request.",
            )


def _check_whole(headers: Mapping[str, str], used: Sequence[PartRow], details: Details) -> Details:
    """What headers say of the object to be. Raises `InvalidRequest`, `BadDigest`."""
    size = sum(part.size for part in used)
    if headers.get("x-amz-mp-object-size", str(size)) != str(size):
        raise fault(
            "InvalidRequest", "The provided 'x-amz-mp-object-size' header value does not match what was computed."
        )
    asked, system = checksums.wanted(headers, of_parts=True), details.system
    kind = headers.get("x-amz-checksum-type")
    if kind is not None and kind != system.get("checksum-type"):
        raise fault("InvalidRequest", "The upload was begun with another checksum type.")
    if asked is not None:
        made = system.get(checksums.KEPT + asked.algorithm)
        if made is None:
            raise fault("InvalidRequest", f"The upload was not begun with a {asked.algorithm} checksum.")
        if asked.value and asked.value != made.partition("-")[0]:
            raise fault("BadDigest", f"The {asked.algorithm} you specified did not match the calculated checksum.")
    return details


def _sum(upload: UploadRow, used: Sequence[PartRow], details: Details) -> Details:
    """The whole's checksum from its parts': that which the upload was begun with, else the one that all have."""
    system = dict(details.system)
    algorithm, kind = system.pop(ALGORITHM, ""), system.pop(KIND, "")
    system.pop(facts.ASKED, "")
    if not algorithm:
        algorithm = next(iter(used[0].checks or {}), "")
        kind = checksums.FULL if algorithm in checksums.CYCLIC else checksums.COMPOSITE
    sums = [(part.checks or {}).get(algorithm, "") for part in used]
    if all(sums):
        if kind == checksums.COMPOSITE:
            value = checksums.composite(algorithm, sums)
        else:
            value = checksums.whole(algorithm, [(s, p.size) for s, p in zip(sums, used, strict=True)])
        system |= checksums.kept(algorithm, value, kind)
    return Details(details.meta, details.headers, system)


OPERATIONS = {("POST", "/object?uploadId"): (complete, "Make one object of the parts.")}
