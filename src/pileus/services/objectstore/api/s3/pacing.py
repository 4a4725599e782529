"""Bounds on changes and listings a second, as S3's clients meet them: a wait, or `SlowDown`."""

from pileus.kernel.db import Tx
from pileus.kernel.rest import Request
from pileus.kernel.types import Fault
from pileus.services.objectstore.api.s3 import access
from pileus.services.objectstore.api.s3.actions import LIST_BUCKET, PUT_OBJECT
from pileus.services.objectstore.api.s3.address import Address
from pileus.services.objectstore.api.s3.faults import fault
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.core.pacing import Work

_LISTS = ("/bucket", "/bucket?versions", "/bucket?uploads")


def work_of(method: str, path: str) -> Work | None:
    """What an operation costs, by its route."""
    if method == "GET":
        return Work.LISTING if path in _LISTS else None
    if method not in ("PUT", "POST", "DELETE"):
        return None
    if path.startswith("/object") or method == "POST":
        return Work.OBJECT
    return Work.CONTAINER if path == "/bucket" else Work.OTHER


async def keep(near: Neighbours, request: Request, where: Address, work: Work | None) -> None:
    """Wait for the request's turn. Raises `SlowDown`, `AccessDenied`."""
    if not near.pace.needed:
        return
    account, may = access.account_of(near, request), bool(where.bucket)
    if where.bucket and (work is not Work.CONTAINER or request.method == "DELETE"):
        account, may = await near.db.read(_account, near, request, where, work)
    if near.pace.refuses(account):
        raise fault("AccessDenied", "Your account has been blacklisted")
    if may and account and work is not None:
        await near.pace.wait(near.pace.claims(account, where.bucket, work))


def _account(tx: Tx, near: Neighbours, request: Request, where: Address, work: Work | None) -> tuple[str, bool]:
    """Whose bucket it is, empty when there is none; and whether the caller may: if not, that is told elsewhere."""
    try:
        row = access.bucket(tx, near, request, where.bucket)
    except Fault:
        return "", False
    action = LIST_BUCKET if work in (None, Work.LISTING) else PUT_OBJECT
    return row.account, access.allowed(near, request, row, action, where.key)
