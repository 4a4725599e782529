"""Who may do what with buckets and objects: what the bucket's policy says goes first, then whose they are, then grants.

A denial of the policy goes before everything; what it allows is allowed; where it says nothing, the members of the
project whose the bucket is, and those whom grants name.
"""

from collections.abc import Iterable

from pileus.kernel.db import Tx
from pileus.kernel.rest import Request
from pileus.kernel.types import Fault
from pileus.services.objectstore.api.s3 import actions, grants, ownership
from pileus.services.objectstore.api.s3.actions import GRANTED, OWNER, READ, READING, WRITE, Action
from pileus.services.objectstore.api.s3.facts import NOTHING, S3Facts, Said
from pileus.services.objectstore.api.s3.faults import fault
from pileus.services.objectstore.core import accounts, containers, judging, public_access
from pileus.services.objectstore.core.bucket_policy import Effect, Question
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.core.objects import Permit
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import ObjectRow

EXPECTED = "x-amz-expected-bucket-owner"


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


def check(
    near: Neighbours,
    request: Request,
    row: ContainerRow,
    action: Action,
    key: str = "",
    made: ObjectRow | None = None,
    said: Said = NOTHING,
) -> None:
    """Whether the caller may do that with the bucket, or with its object `key`, which is there as `made`. Raises `AccessDenied`."""
    effect = by_policy(near, request, row, action, key, made, said)
    if effect is Effect.DENY and not (action.stays and owns(near, request, row.account, OWNER)):
        raise denied_by_policy(near, request, row)
    if effect is None and not _without_policy(near, request, row, action.right, made):
        raise denied(near, row, action.right)


def allowed(near: Neighbours, request: Request, row: ContainerRow, action: Action, key: str = "") -> bool:
    """The same as an answer, where nothing is known of an object but its key."""
    try:
        check(near, request, row, action, key)
    except Fault:
        return False
    return True


def by_policy(
    near: Neighbours,
    request: Request,
    row: ContainerRow,
    action: Action,
    key: str = "",
    made: ObjectRow | None = None,
    said: Said = NOTHING,
) -> Effect | None:
    """What the bucket's policy says; None: nothing, or there is none."""
    policy = judging.policy_of(near, row)
    if policy is None:
        return None
    facts = S3Facts(near, request, row, made, said)
    resource = f"{row.name}/{key}" if key else row.name
    effect = policy.judge(Question(judging.who(request.ctx), action.name, resource, facts))
    return _restricted(near, request, row, effect) if policy.public else effect


def _restricted(near: Neighbours, request: Request, row: ContainerRow, effect: Effect | None) -> Effect | None:
    """A public policy lets in nobody from outside where that is blocked."""
    outside = account_of(near, request) != row.account
    blocked = outside and public_access.blocks(row.kept.system, public_access.RESTRICT)
    return None if blocked and effect is Effect.ALLOW else effect


def _without_policy(near: Neighbours, request: Request, row: ContainerRow, right: str, made: ObjectRow | None) -> bool:
    """To read an object, and its list, is its own list's and its owner's to give; to write or delete it the bucket's."""
    of_object = made is not None and right in GRANTED and right != WRITE
    owner = ownership.owner_of(near, row, made) if of_object and made is not None else row.account
    if owns(near, request, owner, right):
        return True
    if of_object and made is not None:
        return granted(near, request, row, made.kept.system, right) or (right == READ and opened(row))
    return granted(near, request, row, row.kept.system, right)


def granted(near: Neighbours, request: Request, row: ContainerRow, system: grants.System, right: str) -> bool:
    """Whether a list of grants in that bucket gives the right to the caller."""
    if right not in GRANTED or not system.get(grants.KEPT) or ownership.enforced(near, row):
        return False
    public = not public_access.blocks(row.kept.system, public_access.IGNORE_ACLS)
    return grants.allows(system, right, account_of(near, request), bool(request.ctx.user_id), public=public)


def permit(near: Neighbours, request: Request, action: Action, key: str = "") -> Permit:
    """Judges a bucket for this caller."""

    def judge(row: ContainerRow) -> None:
        check(near, request, row, action, key)

    return judge


def denied(near: Neighbours, row: ContainerRow, right: str) -> Fault:
    """The refusal, with the rule that would have let the bucket's own people in."""
    found = fault("AccessDenied")
    rule = "reader" if right in READING else "operator"
    found.denial = f"objectstore:{rule}", {"project_id": accounts.project_of(near, row.account)}
    return found


def denied_by_policy(near: Neighbours, request: Request, row: ContainerRow) -> Fault:
    """The bucket's own people are told why: no role would let them in."""
    own = owns(near, request, row.account, actions.LOOK)
    return fault("AccessDenied", "Access Denied: the bucket's policy denies it." if own else "")


def opened(row: ContainerRow) -> bool:
    """Whether Swift's owner lets everybody read all that the container holds."""
    if not row.kept.read or public_access.blocks(row.kept.system, public_access.IGNORE_ACLS):
        return False
    return ".r:*" in row.kept.read.split(",")


def contents(near: Neighbours, request: Request) -> Permit:
    """Judges a container for all it holds: what links and manifests lead to. A grant to list it does not let anybody read."""

    def judge(row: ContainerRow) -> None:
        policy = judging.policy_of(near, row)
        if policy is not None:
            facts = S3Facts(near, request, row, None, NOTHING)
            question = Question(judging.who(request.ctx), actions.GET_OBJECT.name, row.name, facts)
            effect = policy.judge_whole(question)
            effect = _restricted(near, request, row, effect) if policy.public else effect
            if effect is Effect.ALLOW:
                return
            if effect is Effect.DENY:
                raise denied_by_policy(near, request, row)
        if not owns(near, request, row.account, READ) and not opened(row):
            raise denied(near, row, READ)

    return judge


def owns(near: Neighbours, request: Request, account: str, right: str) -> bool:
    """Whether the caller acts for the project whose account it is: readers of it may only read."""
    target = {"project_id": accounts.project_of(near, account)}
    ctx, policy = request.ctx, near.policy
    if ctx.project_id and ctx.project_id == target["project_id"]:
        if policy.allows("objectstore:operator", ctx, target):
            return True
        if right in READING and policy.allows("objectstore:reader", ctx, target):
            return True
    return bool(ctx.user_id) and policy.allows("objectstore:reseller", ctx, target)


def check_opening(
    near: Neighbours, request: Request, row: ContainerRow, key: str, wanted: Iterable[grants.Grant]
) -> None:
    """A new object with grants to others: who may write by the policy alone needs that allowed too. Raises `AccessDenied`."""
    if all(grant.who == f"id:{row.account}" for grant in wanted):
        return
    effect = by_policy(near, request, row, actions.PUT_ACL, key)
    own = owns(near, request, row.account, WRITE) or granted(near, request, row, row.kept.system, WRITE)
    if effect is Effect.DENY or (effect is None and not own):
        raise denied(near, row, WRITE)


def anything(row: ContainerRow) -> None:
    """For what is judged by the object, once it is known."""
