"""Server groups: servers that want to be together, or apart."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from pileus.kernel.db import Tx
from pileus.kernel.events import record
from pileus.kernel.types import Ctx, Forbidden, Invalid, NotFound, new_id
from pileus.services.compute.core.neighbours import Neighbours
from pileus.services.compute.core.servers import sees_all
from pileus.services.compute.db import groups
from pileus.services.compute.db.groups import GroupRow


class Group(Struct, frozen=True):
    row: GroupRow
    members: Sequence[str]


def missing(group_id: str) -> NotFound:
    return NotFound(f"Instance group {group_id} could not be found.", type="InstanceGroupNotFound")


def get(tx: Tx, ctx: Ctx, group_id: str) -> Group:
    """Raises `NotFound` also for groups of other projects."""
    row = groups.find(tx, group_id)
    if row is None or not (row.project_id == ctx.project_id or sees_all(ctx)):
        raise missing(group_id)
    return Group(row, groups.members_of(tx, [row.id])[row.id])


def every(tx: Tx, project_id: str | None) -> list[Group]:
    """The groups of a project, or of all; two queries."""
    rows = groups.of_project(tx, project_id)
    members = groups.members_of(tx, [row.id for row in rows])
    return [Group(row, members[row.id]) for row in rows]


def create(tx: Tx, near: Neighbours, ctx: Ctx, name: str, policy: str, rules: Mapping[str, Any]) -> Group:
    """Raises `Forbidden` past the quota, `Invalid` for rules that the policy does not know."""
    if rules and policy != "anti-affinity":
        raise Invalid("Only anti-affinity policy supports rules.")
    limit = near.quotas.limits(tx, ctx.project_id)["server_groups"]
    if 0 <= limit <= groups.count(tx, ctx.project_id):
        raise Forbidden("Quota exceeded, too many server groups.")
    group_id = new_id()
    values = {"id": group_id, "name": name, "policy": policy, "rules": dict(rules), "project_id": ctx.project_id}
    groups.insert_group(tx, {**values, "user_id": ctx.user_id, "created_at": tx.now})
    made = get(tx, ctx, group_id)
    record(tx, ctx, "server_group.create", "server_group", group_id, project_id=ctx.project_id, after=made.row)
    return made


def delete(tx: Tx, ctx: Ctx, group: Group) -> None:
    """Its servers stay where they are."""
    groups.remove(tx, group.row.id)
    record(
        tx, ctx, "server_group.delete", "server_group", group.row.id, project_id=group.row.project_id, before=group.row
    )


def for_boot(tx: Tx, near: Neighbours, ctx: Ctx, group_id: str, number: int) -> GroupRow:
    """The group that so many new servers are to join. Raises `Invalid` for an unknown one, `Forbidden` past the quota."""
    row = groups.find(tx, group_id)
    if row is None or row.project_id != ctx.project_id:
        raise Invalid(missing(group_id).message)
    limit = near.quotas.limits(tx, ctx.project_id)["server_group_members"]
    if 0 <= limit < len(groups.members_of(tx, [row.id])[row.id]) + number:
        raise Forbidden("Quota exceeded, too many servers in group")
    return row
