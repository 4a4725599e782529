"""Listings of all versions of a bucket's objects."""

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Request
from pileus.kernel.types import Micros
from pileus.services.objectstore.api.s3 import actions, answers, xml
from pileus.services.objectstore.api.s3.address import Address
from pileus.services.objectstore.api.s3.faults import fault
from pileus.services.objectstore.api.s3.operations.buckets import find
from pileus.services.objectstore.api.s3.operations.listings import PAGE
from pileus.services.objectstore.core import objects, version_listings
from pileus.services.objectstore.core.listings import Listed, Subdir, Wanted
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.core.stock import NULL
from pileus.services.objectstore.core.version_listings import Version
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import MARKER


async def list_versions(near: Neighbours, request: Request, where: Address) -> Answer:
    query, name = request.query, answers.writer_of_names(request)
    limit = answers.number(request, "max-keys", PAGE, most=PAGE)
    prefix, delimiter, marker = (query.one(key) or "" for key in ("prefix", "delimiter", "key-marker"))
    said = query.one("version-id-marker") or ""
    at = answers.version_of(said) if said and query.has("key-marker") else None
    if said and not marker:
        raise fault("InvalidArgument", "A version-id marker cannot be specified without a key marker.")
    wanted = Wanted(prefix=prefix, delimiter=delimiter, marker=marker, limit=limit)
    row, found = await near.db.read(_list, near, request, where.bucket, wanted, at)
    body: list[xml.Node] = [
        ("Name", row.name),
        ("Prefix", name(prefix)),
        ("KeyMarker", name(marker)),
        ("VersionIdMarker", said),
        ("MaxKeys", limit),
        ("Delimiter", name(delimiter) or None),
        ("EncodingType", name.kind),
        ("IsTruncated", found.more),
    ]
    if found.more and found.items:
        last = found.items[-1]
        body.append(("NextKeyMarker", name(last.name)))
        if isinstance(last, Version):
            body.append(("NextVersionIdMarker", answers.version_id(last.row)))
    shown = [_shown(one, name, row.account) for one in found.items if isinstance(one, Version)]
    folders: list[xml.Node] = [
        ("CommonPrefixes", [("Prefix", name(one.name))]) for one in found.items if isinstance(one, Subdir)
    ]
    return answers.document("ListVersionsResult", [*body, *shown, *folders])


def _list(
    tx: Tx, near: Neighbours, request: Request, bucket: str, wanted: Wanted, marker: Micros | None
) -> tuple[ContainerRow, Listed[Version]]:
    row = find(tx, near, request, bucket, actions.LIST_VERSIONS)
    if not wanted.limit:
        return row, Listed([], False)
    if marker == NULL:
        null = objects.find_version(tx, row, wanted.marker, NULL)
        marker = null.stamp if null is not None else None
    return row, version_listings.of_container(tx, row, wanted, version_marker=marker)


def _shown(one: Version, name: answers.Names, owner: str) -> xml.Node:
    row, marker = one.row, one.row.kind == MARKER
    body: list[xml.Node] = [
        ("Key", name(row.name)),
        ("VersionId", answers.version_id(row)),
        ("IsLatest", one.latest),
        ("LastModified", answers.modified(row.modified_at)),
    ]
    if not marker:
        body += [("ETag", f'"{row.etag}"'), ("Size", max(row.size, 0)), ("StorageClass", "STANDARD")]
    return "DeleteMarker" if marker else "Version", [*body, ("Owner", answers.owner(owner))]


OPERATIONS = {("GET", "/bucket?versions"): (list_versions, "Every version of every object.")}
