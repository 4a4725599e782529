"""Buckets: made, listed, looked at, removed; where they are."""

import re

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Request
from pileus.kernel.types import Ctx
from pileus.services.objectstore.api.s3 import access, actions, answers, bodies, grants, ownership, tags, xml
from pileus.services.objectstore.api.s3.actions import Action
from pileus.services.objectstore.api.s3.address import Address
from pileus.services.objectstore.api.s3.faults import fault
from pileus.services.objectstore.core import containers
from pileus.services.objectstore.core.aside import aside
from pileus.services.objectstore.core.containers import Change
from pileus.services.objectstore.core.listings import Subdir, Wanted, of_account
from pileus.services.objectstore.core.locks import ENABLED
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.db.containers import ContainerRow

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+\Z")
_MOST = 10_000


async def list_buckets(near: Neighbours, request: Request, where: Address) -> Answer:
    account = access.own_account(near, request)
    if not near.policy.allows("objectstore:reader", request.ctx, {"project_id": request.ctx.project_id}):
        raise fault("AccessDenied")
    prefix, token = request.query.one("prefix") or "", request.query.one("continuation-token") or ""
    limit = answers.number(request, "max-buckets", _MOST, least=1, most=_MOST)
    wanted = Wanted(prefix=prefix, marker=answers.opened(token), limit=limit)
    found = await near.db.read(of_account, account, wanted)
    here = request.query.one("bucket-region") in (None, near.settings.s3_region)
    rows = [row for row in found.items if not isinstance(row, Subdir)] if here else []
    shown = [("Bucket", [("Name", row.name), ("CreationDate", answers.moment(row.created_at))]) for row in rows]
    body: list[xml.Node] = [("Owner", answers.owner(account)), ("Buckets", shown)]
    if found.more and rows:
        body.append(("ContinuationToken", answers.sealed(rows[-1].name)))
    if prefix:
        body.append(("Prefix", prefix))
    return answers.document("ListAllMyBucketsResult", body)


async def head_service(near: Neighbours, request: Request, where: Address) -> Answer:
    raise fault("MethodNotAllowed")


async def create_bucket(near: Neighbours, request: Request, where: Address) -> Answer:
    account = access.own_account(near, request)
    _check_name(where.bucket)
    place, marked = await aside(_configured, await bodies.small(request), near)
    listed, owning = grants.of_headers(request.headers) or [], request.headers.get(ownership.HEADER, "")
    if owning and owning not in ownership.CHOICES:
        raise fault("InvalidArgument", ArgumentName=ownership.HEADER, ArgumentValue=owning)
    if (owning or near.settings.s3_object_ownership) == ownership.ENFORCED and listed:
        raise fault("InvalidBucketAclWithObjectOwnership")
    system = {grants.KEPT: grants.kept(listed), ownership.KEPT: owning, tags.KEPT: tags.kept(marked)}
    lock = request.headers.get("x-amz-bucket-object-lock-enabled", "").lower() == "true"
    change = Change(system=system | ({ENABLED: "on"} if lock else {}), versioning="enabled" if lock else None)
    await near.db.write(_create, near, request.ctx, account, where.bucket, change, place)
    return Answer(200, raw=b"", headers={"Location": f"/{where.bucket}"}, media="application/xml")


def _create(tx: Tx, near: Neighbours, ctx: Ctx, account: str, name: str, change: Change, place: str) -> ContainerRow:
    if not near.policy.allows("objectstore:operator", ctx, {"project_id": ctx.project_id}):
        raise fault("AccessDenied")
    ownership.check_known(tx, near, grants.read(change.system))
    there = _same(tx, account, name, change, place) if near.settings.s3_region == "us-east-1" else None
    return there or containers.create_bucket(tx, near, ctx, account, name, change, place=place)


def _same(tx: Tx, account: str, name: str, change: Change, place: str) -> ContainerRow | None:
    """The caller's own bucket of that name, when it is as he asks for: in the first of S3's regions, making it again is no error."""
    row = containers.find(tx, account, name)
    if row is None or not containers.is_bucket(tx, row):
        return None
    have, want = row.kept.system, change.system
    same = have.get(grants.KEPT, "") == want.get(grants.KEPT, "") and (ENABLED in have) == (ENABLED in want)
    told = all(want.get(name) in ("", have.get(name)) for name in (ownership.KEPT, tags.KEPT))
    return row if same and told and place in ("", row.place) else None


def _check_name(name: str) -> None:
    """S3's rules; containers that Swift made may have any name, and are reached all the same."""
    if not _NAME.match(name) or ".." in name or ".-" in name or "-." in name or _ADDRESS.match(name):
        raise fault("InvalidBucketName")


def _configured(raw: bytes, near: Neighbours) -> tuple[str, dict[str, str]]:
    """The storage policy of a `LocationConstraint` `region:policy` or `:policy`, as Ceph's gateway has it, or empty; and tags."""
    if not raw:
        return "", {}
    document = xml.parsed(raw, "CreateBucketConfiguration")
    if any(one.tag not in ("LocationConstraint", "Tags") for one in document):
        raise fault("NotImplemented", "A new bucket has a location constraint and tags, and no other setting.")
    asked = xml.text_of(document, "LocationConstraint")
    _, colon, place = asked.partition(":")
    if colon and place not in near.stores:
        raise fault("InvalidLocationConstraint")
    return place, tags.of_elements(document.findall("Tags/Tag"), tags.ON_BUCKET)


async def head_bucket(near: Neighbours, request: Request, where: Address) -> Answer:
    await near.db.read(find, near, request, where.bucket, actions.LIST_BUCKET)
    return Answer(200, raw=b"", headers={"x-amz-bucket-region": near.settings.s3_region}, media="application/xml")


async def delete_bucket(near: Neighbours, request: Request, where: Address) -> Answer:
    await near.db.write(_delete, near, request, where.bucket)
    return Answer(204)


def _delete(tx: Tx, near: Neighbours, request: Request, name: str) -> None:
    containers.delete(tx, near, request.ctx, find(tx, near, request, name, actions.DELETE_BUCKET))


async def get_location(near: Neighbours, request: Request, where: Address) -> Answer:
    await near.db.read(find, near, request, where.bucket, actions.GET_LOCATION)
    region = near.settings.s3_region
    return Answer(
        200, raw=xml.document("LocationConstraint", "" if region == "us-east-1" else region), media=answers.XML
    )


async def get_versioning(near: Neighbours, request: Request, where: Address) -> Answer:
    row = await near.db.read(find, near, request, where.bucket, actions.GET_VERSIONING)
    state = row.versioning.capitalize() or None
    return answers.document("VersioningConfiguration", [("Status", state)])


async def put_versioning(near: Neighbours, request: Request, where: Address) -> Answer:
    asked = await bodies.document(request, "VersioningConfiguration")
    state = xml.text_of(asked, "Status")
    if state not in ("Enabled", "Suspended"):
        raise fault("MalformedXML")
    if xml.text_of(asked, "MfaDelete") == "Enabled":
        raise fault("NotImplemented", "MFA delete is not implemented.")
    await near.db.write(_set_versioning, near, request, where.bucket, state.lower())
    return Answer(200, raw=b"", media=answers.XML)


def _set_versioning(tx: Tx, near: Neighbours, request: Request, name: str, state: str) -> None:
    row = find(tx, near, request, name, actions.PUT_VERSIONING)
    if row.kept.system.get(ENABLED) and state != "enabled":
        raise fault(
            "InvalidBucketState",
            "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.",
        )
    containers.update(tx, near, request.ctx, row, Change(versioning=state))


def find(tx: Tx, near: Neighbours, request: Request, name: str, action: Action, key: str = "") -> ContainerRow:
    """The bucket that the caller means, if he may do that with it, or with its `key`. Raises `NoSuchBucket`, `AccessDenied`."""
    row = access.bucket(tx, near, request, name)
    access.check(near, request, row, action, key)
    return row


OPERATIONS = {
    ("GET", "/service"): (list_buckets, "Buckets of the caller's project."),
    ("HEAD", "/service"): (head_service, "Refused, as Amazon does."),
    ("PUT", "/bucket"): (create_bucket, "Make a bucket."),
    ("HEAD", "/bucket"): (head_bucket, "Whether a bucket is there, and in which region."),
    ("DELETE", "/bucket"): (delete_bucket, "Remove an empty bucket."),
    ("GET", "/bucket?location"): (get_location, "The region of a bucket."),
    ("GET", "/bucket?versioning"): (get_versioning, "Whether a bucket keeps versions."),
    ("PUT", "/bucket?versioning"): (put_versioning, "Keep versions, or no longer."),
}
