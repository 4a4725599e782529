"""What a container's bucket policy says of a caller: the same for every face."""

from functools import lru_cache

from pileus.kernel.types import Ctx
from pileus.services.objectstore.core.bucket_policy import Malformed, Policy, Who, read
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.db.containers import ContainerRow

_CLOSED = '{"Statement": {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}}'


@lru_cache(maxsize=256)
def _read(text: str, bucket: str, prefix: str) -> Policy:
    """A text is read once in this process, and again only after 256 others. What an older release took and this one cannot
    obey denies everything: its owner may put another.
    """
    try:
        return read(text, bucket, prefix)
    except Malformed:
        return read(_CLOSED, bucket, prefix)


def policy_of(near: Neighbours, row: ContainerRow) -> Policy | None:
    """None: the container has none."""
    return _read(row.policy, row.name, near.settings.reseller_prefix) if row.policy else None


def who(ctx: Ctx) -> Who:
    """The caller as policies name him. A name alone tells who it is in the default domain only."""
    if not ctx.user_id:
        return Who()
    name = ctx.user_name if ctx.user_domain_id in ("", "default") else ""
    return Who(ctx.project_id, ctx.user_id, name, ctx.roles)
