"""What the log says of a request that was refused: which rule, what was missing, and what would grant it.

The log is the only place where it is kept: it is bounded, so that nobody fills a disk by asking for what he may not.
"""

import logging
from collections.abc import Mapping
from typing import TypeAlias

from pileus.kernel.policy import Policy, Remedy, explain, place_of, remedy
from pileus.kernel.rest.request import Request
from pileus.kernel.types import Ctx

Denial: TypeAlias = tuple[str, Mapping[str, object]]
"""The rule that said no, and the target it was asked about."""
log = logging.getLogger("pileus.denied")
_MOST = 12
"""Missing parts that are told."""


def tell(
    service: str, policy: Policy, request: Request, path: str, status: int, reason: str, denial: Denial | None
) -> None:
    """One line, with everything `pileus explain denied` shows. Nothing of the target is in it but what the rule asked for."""
    if not log.isEnabledFor(logging.INFO):
        return
    ctx = request.ctx
    here = place_of(ctx)
    extra: dict[str, object] = {
        "request_id": ctx.request_id, "service": service, "method": request.method, "path": path,
        "status": status, "user_id": ctx.user_id, "user_name": ctx.user_name, "address": ctx.address,
        "scope": f"{here.kind} {here.id}" if here else "none", "roles": sorted(ctx.roles), "reason": reason,
    }  # fmt: skip
    if denial is None:
        log.info("%s refused %s to %s: %s", service, request.method, _who(ctx), reason, extra=extra)
        return
    rule, target = denial
    told = explain(policy, rule, ctx, target)
    found = remedy(policy, rule, ctx, target) if ctx.user_id else None
    extra |= {"rule": rule, "missing": told.missing[:_MOST], "overridden": told.overridden}
    if found is not None:
        extra |= {"needs_role": found.role, "needs_scope": f"{found.place.kind} {found.place.id}"}
        extra |= {"grant": command(ctx, found), "same_scope": found.place == here}
    extra["delegated"] = "trust" if ctx.trust_id else "application credential" if ctx.app_credential_id else ""
    advice = f"needs role {found.role} on {found.place.kind} {found.place.id}" if found else "no single role would do"
    log.info("%s denied %s to %s: %s", service, rule, _who(ctx), advice, extra=extra)


def command(ctx: Ctx, found: Remedy) -> str:
    """Ids, no names: they mean one thing, whatever domain the client is in."""
    return f"openstack role add --user {ctx.user_id} --{found.place.kind} {found.place.id} {found.role}"


def _who(ctx: Ctx) -> str:
    return f"user {ctx.user_name or ctx.user_id}" if ctx.user_id else "nobody known"
