"""Who may do what with buckets: their project's members, and those whom grants name."""

from pileus.kernel.rest import Request
from pileus.services.objectstore.api.s3.faults import fault
from pileus.services.objectstore.core import accounts
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.core.objects import Permit
from pileus.services.objectstore.db.containers import ContainerRow

READ, WRITE = "read", "write"


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
            raise fault("AccessDenied")

    return judge


def allowed(near: Neighbours, request: Request, row: ContainerRow, right: str) -> bool:
    """Whether the caller may read, or write, in this bucket."""
    target = {"project_id": accounts.project_of(near, row.account)}
    if request.ctx.project_id and request.ctx.project_id == target["project_id"]:
        if near.policy.allows("objectstore:operator", request.ctx, target):
            return True
        if right == READ and near.policy.allows("objectstore:reader", request.ctx, target):
            return True
    return bool(request.ctx.user_id) and near.policy.allows("objectstore:reseller", request.ctx, target)
