"""Access control lists of buckets and objects."""

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Request
from pileus.services.objectstore.api.s3 import answers, bodies, grants
from pileus.services.objectstore.api.s3.access import READ_ACP, WRITE_ACP
from pileus.services.objectstore.api.s3.address import Address
from pileus.services.objectstore.api.s3.faults import fault
from pileus.services.objectstore.api.s3.operations.buckets import find
from pileus.services.objectstore.api.s3.operations.objects import keep, one
from pileus.services.objectstore.core import containers
from pileus.services.objectstore.core.containers import Change
from pileus.services.objectstore.core.neighbours import Neighbours


async def get_bucket_acl(near: Neighbours, request: Request, where: Address) -> Answer:
    row = await near.db.read(find, near, request, where.bucket, READ_ACP)
    return answers.document("AccessControlPolicy", grants.shown(row.account, grants.read(row.kept.system)))


async def put_bucket_acl(near: Neighbours, request: Request, where: Address) -> Answer:
    wanted = await _wanted(request)
    await near.db.write(_set_of_bucket, near, request, where.bucket, wanted)
    return Answer(200, raw=b"", media=answers.XML)


def _set_of_bucket(tx: Tx, near: Neighbours, request: Request, name: str, wanted: list[grants.Grant]) -> None:
    row = find(tx, near, request, name, WRITE_ACP)
    text = grants.kept(grants.without_owner(wanted, row.account))
    containers.update(tx, near, request.ctx, row, Change(system={grants.KEPT: text}))


async def get_object_acl(near: Neighbours, request: Request, where: Address) -> Answer:
    row, made = await near.db.read(one, near, request, where, READ_ACP)
    return answers.document("AccessControlPolicy", grants.shown(row.account, grants.read(made.kept.system)))


async def put_object_acl(near: Neighbours, request: Request, where: Address) -> Answer:
    wanted = await _wanted(request)
    await near.db.write(_set_of_object, near, request, where, wanted)
    return Answer(200, raw=b"", media=answers.XML)


def _set_of_object(tx: Tx, near: Neighbours, request: Request, where: Address, wanted: list[grants.Grant]) -> None:
    row, made = one(tx, near, request, where, WRITE_ACP)
    keep(tx, made, {grants.KEPT: grants.kept(grants.without_owner(wanted, row.account))})


async def _wanted(request: Request) -> list[grants.Grant]:
    """By headers, or by the body; not both."""
    said, raw = grants.of_headers(request.headers), await bodies.small(request)
    if raw and said is not None:
        raise fault("UnexpectedContent")
    if not raw and said is None:
        raise fault(
            "MissingSecurityHeader", "Your request was missing a required header", MissingHeaderName="x-amz-acl"
        )
    return grants.of_document(raw) if said is None else said


OPERATIONS = {
    ("GET", "/bucket?acl"): (get_bucket_acl, "Who may do what with a bucket."),
    ("PUT", "/bucket?acl"): (put_bucket_acl, "Let others list a bucket, or write in it."),
    ("GET", "/object?acl"): (get_object_acl, "Who may do what with an object."),
    ("PUT", "/object?acl"): (put_object_acl, "Let others read an object."),
}
