"""Many objects removed by one request."""

from xml.etree.ElementTree import Element

from msgspec import Struct

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Request
from pileus.kernel.types import Fault, Micros
from pileus.services.objectstore.api.s3 import access, actions, answers, bodies, xml
from pileus.services.objectstore.api.s3.address import Address
from pileus.services.objectstore.api.s3.conditions import moment_of, size_of
from pileus.services.objectstore.api.s3.faults import fault, translated
from pileus.services.objectstore.core import objects
from pileus.services.objectstore.core.conditions import ANYTHING, Conditions, check_write
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.core.stock import Deleted
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import MARKER

MOST = 1000
_AT_ONCE = 100
"""Removed in one transaction: others write in between."""


class _Asked(Struct, frozen=True):
    key: str
    version: Micros | None
    conditions: Conditions


async def delete_objects(near: Neighbours, request: Request, where: Address) -> Answer:
    if (
        not any(name == "content-md5" or name.startswith("x-amz-checksum-") for name in request.headers)
        and "x-amz-trailer" not in request.headers
    ):
        raise fault("InvalidRequest", "Missing required header for this request: Content-MD5 OR x-amz-checksum-*")
    body = await bodies.document(request, "Delete")
    quiet = xml.text_of(body, "Quiet").lower() == "true"
    wanted = [_read(one) for one in body.findall("Object")]
    if not 0 < len(wanted) <= MOST:
        raise fault("MalformedXML")
    shown: list[xml.Node] = []
    for at in range(0, len(wanted), _AT_ONCE):
        shown += await near.db.write(_delete, near, request, where.bucket, wanted[at : at + _AT_ONCE], quiet)
    return answers.document("DeleteResult", shown)


def _read(one: Element) -> _Asked:
    key = one.findtext("Key")
    if not key:
        raise fault("MalformedXML")
    version, etag = xml.text_of(one, "VersionId"), xml.text_of(one, "ETag").strip('"')
    size, at = size_of(one.findtext("Size")), moment_of(one.findtext("LastModifiedTime"))
    conditions = Conditions(if_match=(etag,) if etag else (), size=size, modified_at=at)
    if conditions == ANYTHING:
        conditions = ANYTHING
    return _Asked(key, answers.version_of(version) if version else None, conditions)


def _delete(
    tx: Tx, near: Neighbours, request: Request, bucket: str, wanted: list[_Asked], quiet: bool
) -> list[xml.Node]:
    row = access.bucket(tx, near, request, bucket)
    if not row.policy:
        access.check(near, request, row, actions.DELETE_OBJECT)
    bypass = request.headers.get("x-amz-bypass-governance-retention", "").lower() == "true"
    shown: list[xml.Node] = []
    for one in wanted:
        try:
            _check(near, request, row, one, bypass)
            if one.version is None:
                gone = objects.delete(tx, near, request.ctx, row, one.key, conditions=one.conditions)
            else:
                check_write(one.conditions, objects.find_version(tx, row, one.key, one.version))
                gone = objects.delete_version(tx, near, request.ctx, row, one.key, one.version, bypass=bypass)
        except Fault as refusal:
            shown.append(("Error", _error(one, translated(refusal))))
        else:
            if not quiet:
                shown.append(("Deleted", _gone(row, one, gone)))
    return shown


def _check(near: Neighbours, request: Request, row: ContainerRow, one: _Asked, bypass: bool) -> None:
    said = {} if one.version is None else {"s3:versionid": (_version(one) or "",)}
    action = actions.DELETE_OBJECT if one.version is None else actions.DELETE_VERSION
    access.check(near, request, row, action, one.key, said=said)
    if bypass:
        access.check(near, request, row, actions.BYPASS, one.key, said=said)


def _version(one: _Asked) -> str | None:
    return None if one.version is None else (f"{one.version:016d}" if one.version else "null")


def _error(one: _Asked, refusal: Fault) -> list[xml.Node]:
    return [("Key", one.key), ("VersionId", _version(one)), ("Code", refusal.type), ("Message", refusal.message)]


def _gone(row: ContainerRow, one: _Asked, gone: Deleted) -> list[xml.Node]:
    body: list[xml.Node] = [("Key", one.key)]
    if one.version is not None:
        body.append(("VersionId", _version(one)))
    marker = gone.marker if gone.marker is not None else gone.removed
    if row.versioning and marker is not None and marker.kind == MARKER:
        body += [("DeleteMarker", True), ("DeleteMarkerVersionId", answers.version_id(marker))]
    return body


OPERATIONS = {("POST", "/bucket?delete"): (delete_objects, "Remove up to 1,000 objects.")}
