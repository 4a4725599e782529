"""Who may do what with buckets and objects: the members of the project whose they are, and those whom grants name."""

from pileus.kernel.rest import Request
from pileus.kernel.types import Fault
from pileus.services.objectstore.api.s3 import grants
from pileus.services.objectstore.api.s3.faults import fault
from pileus.services.objectstore.core import accounts
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.core.objects import Permit
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import ObjectRow

READ, WRITE, READ_ACP, WRITE_ACP = "READ", "WRITE", "READ_ACP", "WRITE_ACP"
OWNER = "OWNER"
"""What no grant gives: settings of a bucket, its removal, its locks."""


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


def permit(near: Neighbours, request: Request, right: str) -> Permit:
    """Judges a bucket for this caller."""

    def judge(row: ContainerRow) -> None:
        if not allowed(near, request, row, right):
            raise denied(near, row, right)

    return judge


def allowed(near: Neighbours, request: Request, row: ContainerRow, right: str) -> bool:
    """Whether the caller has that right on the bucket: on objects themselves it says nothing."""
    return owns(near, request, row, right) or (
        right != OWNER and grants.allows(row.kept.system, right, account_of(near, request), bool(request.ctx.user_id))
    )


def check_object(near: Neighbours, request: Request, row: ContainerRow, made: ObjectRow, right: str) -> None:
    """Whether the caller has that right on an object. Raises `AccessDenied`."""
    if owns(near, request, row, right):
        return
    if grants.allows(made.kept.system, right, account_of(near, request), bool(request.ctx.user_id)):
        return
    if right == READ and ".r:*" in row.kept.read.split(","):
        return  # Swift's owner has opened the container to everybody
    raise denied(near, row, right)


def denied(near: Neighbours, row: ContainerRow, right: str) -> Fault:
    """The refusal, with the rule that would have let the bucket's own people in."""
    found = fault("AccessDenied")
    rule = "reader" if right in (READ, READ_ACP) else "operator"
    found.denial = f"objectstore:{rule}", {"project_id": accounts.project_of(near, row.account)}
    return found


def owns(near: Neighbours, request: Request, row: ContainerRow, right: str) -> bool:
    """Whether the caller acts for the project whose bucket it is: readers of it may only read."""
    target = {"project_id": accounts.project_of(near, row.account)}
    ctx, policy = request.ctx, near.policy
    if ctx.project_id and ctx.project_id == target["project_id"]:
        if policy.allows("objectstore:operator", ctx, target):
            return True
        if right in (READ, READ_ACP) and policy.allows("objectstore:reader", ctx, target):
            return True
    return bool(ctx.user_id) and policy.allows("objectstore:reseller", ctx, target)


def anything(row: ContainerRow) -> None:
    """For what is judged by the object, once it is known."""
