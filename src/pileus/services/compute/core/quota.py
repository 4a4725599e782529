"""Quotas of compute: what they count, for projects and for single users in them."""

from collections.abc import Mapping

from msgspec import Struct

from pileus.kernel.db import Tx
from pileus.kernel.events import record
from pileus.kernel.quota import Quota, Quotas
from pileus.kernel.types import Ctx, Invalid, OverQuota
from pileus.services.compute.core.neighbours import ComputeSettings, Neighbours
from pileus.services.compute.db import groups, servers

_UNSET = -2
"""Limit of a user for whom nobody set one: the project's holds."""
NETWORK_LIMITS = ("fixed_ips", "floating_ips", "security_group_rules", "security_groups")
"""Kept for old clients; the network service has its own and judges by those."""
INJECTED_LIMITS = ("injected_file_content_bytes", "injected_file_path_bytes", "injected_files")
GROUP_LIMITS = ("server_group_members", "server_groups")
_COUNTED = ("instances", "cores", "ram")


class Standing(Struct, frozen=True):
    limit: int
    used: int


def _instances(tx: Tx, project_id: str) -> int:
    return servers.usage(tx, project_id).instances


def _cores(tx: Tx, project_id: str) -> int:
    return servers.usage(tx, project_id).cores


def _ram(tx: Tx, project_id: str) -> int:
    return servers.usage(tx, project_id).ram


def _none(tx: Tx, project_id: str) -> int:
    """Quotas of things that are counted elsewhere (per request, per user) have no usage of a project."""
    return 0


def quotas(settings: ComputeSettings) -> Quotas:
    """The quotas of the API, with the operator's defaults."""
    return Quotas(
        "compute",
        [
            Quota("instances", default=settings.instances, usage=_instances),
            Quota("cores", default=settings.cores, usage=_cores),
            Quota("ram", default=settings.ram, usage=_ram),
            Quota("metadata_items", default=settings.metadata_items, usage=_none),
            Quota("key_pairs", default=settings.key_pairs, usage=_none),
            Quota("server_groups", default=settings.server_groups, usage=groups.count),
            Quota("server_group_members", default=settings.server_group_members, usage=_none),
            Quota("injected_files", default=settings.injected_files, usage=_none),
            Quota("injected_file_content_bytes", default=settings.injected_file_content_bytes, usage=_none),
            Quota("injected_file_path_bytes", default=settings.injected_file_path_bytes, usage=_none),
            *(Quota(name, default=-1, usage=_none) for name in NETWORK_LIMITS),
        ],
    )


def _of_users(near: Neighbours) -> Quotas:
    return Quotas("compute_users", [Quota(name, default=_UNSET, usage=_none) for name in near.quotas.quotas])


def _place(project_id: str, user_id: str) -> str:
    return f"{project_id}:{user_id}"


# --- reading ------------------------------------------------------------------------------------------------------


def limits(tx: Tx, near: Neighbours, project_id: str, user_id: str = "") -> dict[str, int]:
    """The limits of a project, or of one user in it: his own, and where he has none the project's."""
    found = near.quotas.limits(tx, project_id)
    if user_id:
        own = _of_users(near).limits(tx, _place(project_id, user_id))
        found |= {name: limit for name, limit in own.items() if limit != _UNSET}
    return found


def standing(tx: Tx, near: Neighbours, project_id: str, user_id: str = "") -> dict[str, Standing]:
    """Limits with what is used of them."""
    used = _used_by(tx, project_id, user_id) if user_id else near.quotas.usages(tx, project_id)
    return {name: Standing(limit, used.get(name, 0)) for name, limit in limits(tx, near, project_id, user_id).items()}


def _used_by(tx: Tx, project_id: str, user_id: str) -> dict[str, int]:
    usage = servers.usage_of_user(tx, project_id, user_id)
    return {"instances": usage.instances, "cores": usage.cores, "ram": usage.ram}


def check(tx: Tx, near: Neighbours, ctx: Ctx, asked: Mapping[str, int]) -> None:
    """Raises `OverQuota` when the project, or the caller within it, would have too much."""
    near.quotas.check(tx, ctx.project_id, asked)
    own = _of_users(near).limits(tx, _place(ctx.project_id, ctx.user_id))
    bounds = {name: own[name] for name in asked if own[name] >= 0}
    if not bounds:
        return
    used = _used_by(tx, ctx.project_id, ctx.user_id)
    over = sorted(name for name, limit in bounds.items() if used.get(name, 0) + asked[name] > limit)
    if over:
        details = {"resources": over, "limits": bounds, "usages": used, "asked": dict(asked)}
        raise OverQuota(f"Quota exceeded for {', '.join(over)}.", details=details)


# --- setting ------------------------------------------------------------------------------------------------------


def update(
    tx: Tx, near: Neighbours, ctx: Ctx, project_id: str, user_id: str, wanted: Mapping[str, int], force: bool
) -> None:
    """Set limits. Raises `Invalid` for one below what is used (unless forced), or of a user above his project's."""
    if not force:
        _judge(tx, near, project_id, user_id, wanted)
    for name, limit in wanted.items():
        if user_id:
            _of_users(near).set(tx, _place(project_id, user_id), name, limit)
        else:
            near.quotas.set(tx, project_id, name, limit)
    record(
        tx,
        ctx,
        "quota.update",
        "quota",
        project_id,
        project_id=project_id,
        after=dict(wanted),
        data={"user_id": user_id},
    )


def _judge(tx: Tx, near: Neighbours, project_id: str, user_id: str, wanted: Mapping[str, int]) -> None:
    there = standing(tx, near, project_id, user_id)
    highest = limits(tx, near, project_id) if user_id else {}
    for name, limit in wanted.items():
        used = there[name].used
        if -1 < limit < used:
            raise Invalid(
                f"Quota limit {limit} for {name} must be greater than or equal to already used and reserved {used}."
            )
        most = highest.get(name, -1)
        if most != -1 and (limit == -1 or limit > most):
            raise Invalid(f"Quota limit {limit} for {name} must be less than or equal to {most}.")


def reset(tx: Tx, near: Neighbours, ctx: Ctx, project_id: str, user_id: str = "") -> None:
    """Forget the limits of a project, or of one user in it."""
    if user_id:
        _of_users(near).reset(tx, _place(project_id, user_id))
    else:
        near.quotas.reset(tx, project_id)
    record(tx, ctx, "quota.delete", "quota", project_id, project_id=project_id, data={"user_id": user_id})


# --- classes ------------------------------------------------------------------------------------------------------


def class_limits(tx: Tx, near: Neighbours, name: str) -> dict[str, int]:
    """Limits of a quota class. `default` is what projects without limits of their own have; no other has a meaning."""
    return near.quotas.defaults(tx) if name == "default" else near.quotas.limits(tx, f"class:{name}")


def set_class(tx: Tx, near: Neighbours, ctx: Ctx, name: str, wanted: Mapping[str, int]) -> None:
    for limit_name, limit in wanted.items():
        if name == "default":
            near.quotas.set_default(tx, limit_name, limit)
        else:
            near.quotas.set(tx, f"class:{name}", limit_name, limit)
    record(tx, ctx, "quota_class.update", "quota_class", name, after=dict(wanted))
