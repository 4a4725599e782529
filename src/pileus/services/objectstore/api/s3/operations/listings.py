"""Listings of a bucket's objects, in both versions of the call."""

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Request
from pileus.services.objectstore.api.s3 import actions, answers, xml
from pileus.services.objectstore.api.s3.address import Address
from pileus.services.objectstore.api.s3.faults import fault
from pileus.services.objectstore.api.s3.operations.buckets import find
from pileus.services.objectstore.core import listings
from pileus.services.objectstore.core.listings import Listed, Subdir, Wanted
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import ItemRow

PAGE = 1000


async def list_objects(near: Neighbours, request: Request, where: Address) -> Answer:
    kind = request.query.one("list-type")
    if kind is None:
        return await _first(near, request, where)
    if kind != "2":
        raise fault("InvalidArgument", "Invalid list type", ArgumentName="list-type", ArgumentValue=kind)
    return await _second(near, request, where)


async def _first(near: Neighbours, request: Request, where: Address) -> Answer:
    query, name = request.query, answers.writer_of_names(request)
    limit = answers.number(request, "max-keys", PAGE, most=PAGE)
    prefix, delimiter, marker = (query.one(key) or "" for key in ("prefix", "delimiter", "marker"))
    row, found = await near.db.read_aside(
        _list, near, request, where.bucket, Wanted(prefix=prefix, delimiter=delimiter, marker=marker, limit=limit)
    )
    body: list[xml.Node] = [("Name", row.name), ("Prefix", name(prefix)), ("Marker", name(marker))]
    if found.more and found.items and delimiter:
        body.append(("NextMarker", name(found.items[-1].name)))
    body += [
        ("MaxKeys", limit),
        ("Delimiter", name(delimiter) or None),
        ("EncodingType", name.kind),
        ("IsTruncated", found.more),
    ]
    return answers.document("ListBucketResult", body + items(found, name, row.account))


async def _second(near: Neighbours, request: Request, where: Address) -> Answer:
    query, name = request.query, answers.writer_of_names(request)
    limit = answers.number(request, "max-keys", PAGE, most=PAGE)
    prefix, delimiter, start = (query.one(key) or "" for key in ("prefix", "delimiter", "start-after"))
    token = query.one("continuation-token")
    if token == "":
        raise fault(
            "InvalidArgument", "The continuation token provided is incorrect", ArgumentName="continuation-token"
        )
    marker = start if token is None else answers.opened(token)
    row, found = await near.db.read_aside(
        _list, near, request, where.bucket, Wanted(prefix=prefix, delimiter=delimiter, marker=marker, limit=limit)
    )
    body: list[xml.Node] = [
        ("Name", row.name),
        ("Prefix", name(prefix)),
        ("StartAfter", name(start) or None),
        ("ContinuationToken", token),
        ("NextContinuationToken", answers.sealed(found.items[-1].name) if found.more and found.items else None),
        ("KeyCount", len(found.items)),
        ("MaxKeys", limit),
        ("Delimiter", name(delimiter) or None),
        ("EncodingType", name.kind),
        ("IsTruncated", found.more),
    ]
    owner = row.account if query.one("fetch-owner") == "true" else ""
    return answers.document("ListBucketResult", body + items(found, name, owner))


def _list(
    tx: Tx, near: Neighbours, request: Request, bucket: str, wanted: Wanted
) -> tuple[ContainerRow, Listed[ItemRow]]:
    row = find(tx, near, request, bucket, actions.LIST_BUCKET)
    if not wanted.limit:
        return row, Listed([], False)
    return row, listings.of_container(tx, row, wanted)


def items(found: Listed[ItemRow], name: answers.Names, owner: str) -> list[xml.Node]:
    """Objects, then what was cut at the delimiter."""
    shown: list[xml.Node] = []
    for one in found.items:
        if isinstance(one, Subdir):
            continue
        body: list[xml.Node] = [
            ("Key", name(one.name)),
            ("LastModified", answers.modified(one.modified_at)),
            ("ETag", f'"{one.etag}"'),
            ("Size", max(one.size, 0)),
        ]
        if owner:
            body.append(("Owner", answers.owner(owner)))
        body.append(("StorageClass", "STANDARD"))
        shown.append(("Contents", body))
    shown += [("CommonPrefixes", [("Prefix", name(one.name))]) for one in found.items if isinstance(one, Subdir)]
    return shown


OPERATIONS = {("GET", "/bucket"): (list_objects, "Objects of a bucket.")}
