"""Who may do what with buckets and objects: the members of the project whose they are, and those whom grants name."""

from pileus.kernel.db import Tx
from pileus.kernel.rest import Request
from pileus.kernel.types import Fault
from pileus.services.objectstore.api.s3 import grants
from pileus.services.objectstore.api.s3.faults import fault
from pileus.services.objectstore.core import accounts, containers
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.core.objects import Permit
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import ObjectRow

EXPECTED = "x-amz-expected-bucket-owner"
READ, WRITE, READ_ACP, WRITE_ACP = "READ", "WRITE", "READ_ACP", "WRITE_ACP"
OWNER, LOOK = "OWNER", "LOOK"
"""What no grant gives: settings of a bucket, its removal, tags, locks, versions to destroy; and to read such settings."""
_READING = (READ, READ_ACP, LOOK)
_GRANTED = frozenset({READ, WRITE, READ_ACP, WRITE_ACP})


def account_of(near: Neighbours, request: Request) -> str:
    """The caller's account; empty for one who has no project."""
    project = request.ctx.project_id
    return accounts.name_of(near, project) if project else ""


def own_account(near: Neighbours, request: Request) -> str:
    """The same, for what only a known caller may do. Raises `AccessDenied`."""
    account = account_of(near, request)
    if not account:
        raise fault("AccessDenied")
    return account


def bucket(tx: Tx, near: Neighbours, request: Request, name: str, expected: str = EXPECTED) -> ContainerRow:
    """The bucket that the caller means, not yet judged. Raises `NoSuchBucket`, and `AccessDenied` when it is another's than he
    expects (`expected`: the header that says whose).
    """
    row = containers.bucket(tx, near, account_of(near, request), name)
    if request.headers.get(expected, row.account) != row.account:
        raise fault("AccessDenied")
    return row


def permit(near: Neighbours, request: Request, right: str) -> Permit:
    """Judges a bucket for this caller."""

    def judge(row: ContainerRow) -> None:
        if not allowed(near, request, row, right):
            raise denied(near, row, right)

    return judge


def allowed(near: Neighbours, request: Request, row: ContainerRow, right: str) -> bool:
    """Whether the caller has that right on the bucket: on objects themselves it says nothing."""
    return owns(near, request, row, right) or (
        right in _GRANTED
        and grants.allows(row.kept.system, right, account_of(near, request), bool(request.ctx.user_id))
    )


def check_object(near: Neighbours, request: Request, row: ContainerRow, made: ObjectRow, right: str) -> None:
    """Whether the caller has that right on an object. Raises `AccessDenied`."""
    if owns(near, request, row, right):
        return
    if right in _GRANTED and grants.allows(
        made.kept.system, right, account_of(near, request), bool(request.ctx.user_id)
    ):
        return
    if right == READ and opened(row):
        return
    raise denied(near, row, right)


def denied(near: Neighbours, row: ContainerRow, right: str) -> Fault:
    """The refusal, with the rule that would have let the bucket's own people in."""
    found = fault("AccessDenied")
    rule = "reader" if right in _READING else "operator"
    found.denial = f"objectstore:{rule}", {"project_id": accounts.project_of(near, row.account)}
    return found


def opened(row: ContainerRow) -> bool:
    """Whether Swift's owner lets everybody read all that the container holds."""
    return ".r:*" in row.kept.read.split(",")


def contents(near: Neighbours, request: Request) -> Permit:
    """Judges a container for all it holds: what links and manifests lead to. A grant to list it does not let anybody read."""

    def judge(row: ContainerRow) -> None:
        if not owns(near, request, row, READ) and not opened(row):
            raise denied(near, row, READ)

    return judge


def owns(near: Neighbours, request: Request, row: ContainerRow, right: str) -> bool:
    """Whether the caller acts for the project whose bucket it is: readers of it may only read."""
    target = {"project_id": accounts.project_of(near, row.account)}
    ctx, policy = request.ctx, near.policy
    if ctx.project_id and ctx.project_id == target["project_id"]:
        if policy.allows("objectstore:operator", ctx, target):
            return True
        if right in _READING and policy.allows("objectstore:reader", ctx, target):
            return True
    return bool(ctx.user_id) and policy.allows("objectstore:reseller", ctx, target)


def anything(row: ContainerRow) -> None:
    """For what is judged by the object, once it is known."""
