"""Who sees whose rows."""

from pileus.kernel.types import Ctx
from pileus.services.network.core.neighbours import Near


def is_admin(near: Near, ctx: Ctx) -> bool:
    """Administrators, and the cloud's own services, see everybody's rows."""
    return near.policy.allows("context_is_admin", ctx, {}) or near.policy.allows("service_api", ctx, {})


def scope(near: Near, ctx: Ctx) -> str | None:
    """The project to which this caller's lists are narrowed; None: all."""
    return None if is_admin(near, ctx) else ctx.project_id


def sees(near: Near, ctx: Ctx, *owners: str) -> bool:
    """Whether the caller's project is one of the owners, or the caller sees everything."""
    return (bool(ctx.project_id) and ctx.project_id in owners) or is_admin(near, ctx)
