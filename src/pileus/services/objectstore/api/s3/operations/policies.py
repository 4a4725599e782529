"""Policies of buckets."""

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Request
from pileus.services.objectstore.api.s3 import access, actions, answers, bodies
from pileus.services.objectstore.api.s3.actions import Action
from pileus.services.objectstore.api.s3.address import Address
from pileus.services.objectstore.api.s3.faults import fault
from pileus.services.objectstore.api.s3.operations.buckets import find
from pileus.services.objectstore.core import containers, judging, public_access
from pileus.services.objectstore.core.bucket_policy import LARGEST, Malformed, Policy, read
from pileus.services.objectstore.core.containers import Change
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.db.containers import ContainerRow

_CONFIRM = "x-amz-confirm-remove-self-bucket-access"
"""Accepted and of no effect: the bucket's own members cannot lose its policy."""


async def get_policy(near: Neighbours, request: Request, where: Address) -> Answer:
    row = await near.db.read(_own, near, request, where.bucket, actions.GET_POLICY)
    if not row.policy:
        raise fault("NoSuchBucketPolicy", BucketName=row.name)
    return Answer(200, raw=row.policy.encode(), media="application/json")


async def put_policy(near: Neighbours, request: Request, where: Address) -> Answer:
    row = await near.db.read(_own, near, request, where.bucket, actions.PUT_POLICY)
    if request.headers.get(_CONFIRM, "false").lower() not in ("true", "false"):
        raise fault("InvalidArgument", ArgumentName=_CONFIRM, ArgumentValue=request.headers[_CONFIRM])
    raw = await bodies.small(request, LARGEST + 1)
    try:
        text = raw.decode("utf-8")
        policy = read(text, row.name, near.settings.reseller_prefix)
    except UnicodeDecodeError:
        raise fault("MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'") from None
    except Malformed as error:
        raise fault("MalformedPolicy", str(error)) from None
    await near.db.write(_set, near, request, where.bucket, text, policy)
    return Answer(204)


def _set(tx: Tx, near: Neighbours, request: Request, name: str, text: str, policy: Policy) -> None:
    row = _own(tx, near, request, name, actions.PUT_POLICY)
    if policy.public and public_access.blocks(row.kept.system, public_access.BLOCK_POLICY):
        raise fault("AccessDenied", "Public policies are blocked by the bucket's public access block.")
    containers.update(tx, near, request.ctx, row, Change(policy=text))


async def delete_policy(near: Neighbours, request: Request, where: Address) -> Answer:
    await near.db.write(_remove, near, request, where.bucket)
    return Answer(204)


def _remove(tx: Tx, near: Neighbours, request: Request, name: str) -> None:
    row = _own(tx, near, request, name, actions.DELETE_POLICY)
    if row.policy:
        containers.update(tx, near, request.ctx, row, Change(policy=""))


def _own(tx: Tx, near: Neighbours, request: Request, name: str, action: Action) -> ContainerRow:
    """Only the bucket's own project has to do with its policy, whoever else that allows it to. Raises `MethodNotAllowed`."""
    row = find(tx, near, request, name, action)
    if not access.owns(near, request, row.account, actions.LOOK):
        raise fault("MethodNotAllowed")
    return row


async def get_status(near: Neighbours, request: Request, where: Address) -> Answer:
    row = await near.db.read(find, near, request, where.bucket, actions.GET_POLICY_STATUS)
    policy = judging.policy_of(near, row)
    if policy is None:
        raise fault("NoSuchBucketPolicy", BucketName=row.name)
    return answers.document("PolicyStatus", [("IsPublic", policy.public)])


OPERATIONS = {
    ("GET", "/bucket?policy"): (get_policy, "A bucket's policy, as it was put."),
    ("PUT", "/bucket?policy"): (put_policy, "Allow and deny by statements."),
    ("DELETE", "/bucket?policy"): (delete_policy, "Remove a bucket's policy."),
    ("GET", "/bucket?policyStatus"): (get_status, "Whether a bucket's policy lets in everybody."),
}
