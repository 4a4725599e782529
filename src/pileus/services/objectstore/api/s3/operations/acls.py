"""Access control lists of buckets and objects."""

from collections.abc import Mapping

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Request
from pileus.services.objectstore.api.s3 import actions, answers, bodies, grants, ownership, xml
from pileus.services.objectstore.api.s3.address import Address
from pileus.services.objectstore.api.s3.faults import fault
from pileus.services.objectstore.api.s3.grants import Grant
from pileus.services.objectstore.api.s3.operations.buckets import find
from pileus.services.objectstore.api.s3.operations.objects import keep, one
from pileus.services.objectstore.core import containers
from pileus.services.objectstore.core.aside import aside
from pileus.services.objectstore.core.containers import Change
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.db.containers import ContainerRow


async def get_bucket_acl(near: Neighbours, request: Request, where: Address) -> Answer:
    row = await near.db.read(find, near, request, where.bucket, actions.GET_BUCKET_ACL)
    return answers.document("AccessControlPolicy", grants.shown(row.account, _kept(near, row, row.kept.system)))


async def put_bucket_acl(near: Neighbours, request: Request, where: Address) -> Answer:
    await near.db.write(_set_of_bucket, near, request, where.bucket, await _document(request))
    return Answer(200, raw=b"", media=answers.XML)


def _set_of_bucket(tx: Tx, near: Neighbours, request: Request, name: str, listed: list[Grant] | None) -> None:
    row = find(tx, near, request, name, actions.PUT_BUCKET_ACL)
    wanted = _wanted(near, request, row, row.account, listed)
    ownership.check_known(tx, near, wanted)
    text = grants.kept(wanted)
    containers.update(tx, near, request.ctx, row, Change(system={grants.KEPT: text}))


async def get_object_acl(near: Neighbours, request: Request, where: Address) -> Answer:
    row, made = await near.db.read(one, near, request, where, actions.GET_ACL)
    owner = ownership.owner_of(near, row, made)
    return answers.document("AccessControlPolicy", grants.shown(owner, _kept(near, row, made.kept.system)))


async def put_object_acl(near: Neighbours, request: Request, where: Address) -> Answer:
    await near.db.write(_set_of_object, near, request, where, await _document(request))
    return Answer(200, raw=b"", media=answers.XML)


def _set_of_object(tx: Tx, near: Neighbours, request: Request, where: Address, listed: list[Grant] | None) -> None:
    row, made = one(tx, near, request, where, actions.PUT_ACL)
    wanted = _wanted(near, request, row, ownership.owner_of(near, row, made), listed)
    ownership.check_known(tx, near, wanted)
    keep(tx, made, {grants.KEPT: grants.kept(wanted)})


def _kept(near: Neighbours, row: ContainerRow, system: Mapping[str, str]) -> list[Grant]:
    """Where there are no lists, those that were there before are not shown."""
    return [] if ownership.enforced(near, row) else grants.read(system)


async def _document(request: Request) -> list[Grant] | None:
    """Grants of the body; None: headers say them. Raises when both do, or none."""
    said, raw = grants.of_headers(request.headers), await bodies.small(request)
    if raw and said is not None:
        raise fault("UnexpectedContent")
    if not raw and said is None:
        raise fault(
            "MissingSecurityHeader", "Your request was missing a required header", MissingHeaderName="x-amz-acl"
        )
    return grants.of_document(await aside(xml.parsed, raw, "AccessControlPolicy")) if said is None else None


def _wanted(
    near: Neighbours, request: Request, row: ContainerRow, owner: str, listed: list[Grant] | None
) -> list[Grant]:
    """What is to be kept. Raises `AccessControlListNotSupported`, and `AccessDenied` where public grants are blocked."""
    ownership.check_lists(near, row)
    if listed is None:
        return ownership.wanted(near, row, owner, request.headers) or []
    ownership.check_public(row, listed)
    return grants.without_owner(listed, owner)


OPERATIONS = {
    ("GET", "/bucket?acl"): (get_bucket_acl, "Who may do what with a bucket."),
    ("PUT", "/bucket?acl"): (put_bucket_acl, "Let others list a bucket, or write in it."),
    ("GET", "/object?acl"): (get_object_acl, "Who may do what with an object."),
    ("PUT", "/object?acl"): (put_object_acl, "Let others read an object."),
}
