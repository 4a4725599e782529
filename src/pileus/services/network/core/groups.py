"""Security groups: named sets of rules that ports carry."""

from collections.abc import Sequence
from typing import Any

from msgspec import structs

from pileus.kernel.db import Page, Tx
from pileus.kernel.events import record
from pileus.kernel.types import Ctx, Listing, new_id
from pileus.services.network.core import tags
from pileus.services.network.core.access import is_admin, scope, sees
from pileus.services.network.core.changes import gone, touched
from pileus.services.network.core.neighbours import Near
from pileus.services.network.core.networks import columns
from pileus.services.network.core.refusals import conflict, missing
from pileus.services.network.db import groups, ports
from pileus.services.network.db.groups import GroupRow, RuleRow
from pileus.services.network.db.tags import tags_of

_NO_COLUMNS = ("rules", "tags")
NO_RULE_COLUMNS = ("group_project_id", "belongs_to_default")
ETHERTYPES = ("IPv4", "IPv6")


def find(tx: Tx, near: Near, ctx: Ctx, id: str) -> GroupRow:
    """The bare row. Raises `NotFound` when it is not there or not the caller's to see."""
    row = tx.row(groups.GET, id=id)
    if row is None or not sees(near, ctx, row.project_id):
        raise missing("SecurityGroup", id)
    return row


def get(tx: Tx, near: Near, ctx: Ctx, id: str) -> GroupRow:
    return whole(tx, [find(tx, near, ctx, id)])[0]


def page(tx: Tx, near: Near, ctx: Ctx, listing: Listing) -> Page[GroupRow]:
    """Groups that the caller may see."""
    found = groups.list_groups(tx, listing, scope(near, ctx))
    return Page(whole(tx, found.rows), found.more)


def has_default(tx: Tx, project_id: str) -> bool:
    return tx.row(groups.DEFAULT_ID, project_id=project_id) is not None


def whole(tx: Tx, rows: Sequence[GroupRow]) -> list[GroupRow]:
    """Rows with their rules and tags: two queries for any number."""
    if not rows:
        return []
    ids = [r.id for r in rows]
    of: dict[str, list[RuleRow]] = {}
    for rule in tx.rows(groups.RULES_OF, ids=ids):
        of.setdefault(rule.group_id, []).append(rule)
    tagged = tags_of(tx, "security_groups", ids)
    return [structs.replace(r, rules=tuple(of.get(r.id, ())), tags=tagged.get(r.id, ())) for r in rows]


def default(tx: Tx, near: Near, ctx: Ctx, project_id: str) -> str:
    """The id of the project's default group, which is made when it is not there. No quota counts it."""
    found = tx.row(groups.DEFAULT_ID, project_id=project_id)
    if found is not None:
        return str(found[0])
    return _make(tx, ctx, project_id, "default", "Default security group", True, True).id


def create(tx: Tx, near: Near, ctx: Ctx, want: dict[str, Any]) -> GroupRow:
    """Make a group that lets everything out and nothing in."""
    project_id = want.get("project_id", ctx.project_id)
    default(tx, near, ctx, project_id)
    if want["name"] == "default":
        raise _default_exists()
    near.quotas.check(tx, project_id, {"security_group": 1, "security_group_rule": len(ETHERTYPES)})
    return _make(tx, ctx, project_id, want["name"], want["description"], want["stateful"], False)


def _make(tx: Tx, ctx: Ctx, project_id: str, name: str, description: str, stateful: bool, is_default: bool) -> GroupRow:
    row = GroupRow(
        id=new_id(),
        project_id=project_id,
        name=name,
        description=description,
        stateful=stateful,
        default_of=project_id if is_default else None,
        generation=1,
        revision_number=1,
        created_at=tx.now,
        updated_at=tx.now,
    )
    tx.run(groups.INSERT, **columns(row, *_NO_COLUMNS))
    rules = [_first_rule(tx, row, "egress", e, None) for e in ETHERTYPES]
    if is_default:
        rules += [_first_rule(tx, row, "ingress", e, row.id) for e in ETHERTYPES]
    tx.run_many(groups.INSERT_RULE, [columns(r, *NO_RULE_COLUMNS) for r in rules])
    row = structs.replace(row, rules=tuple(rules))
    record(tx, ctx, "security_group.create.end", "security_group", row.id, project_id=project_id, after=row)
    return row


def _first_rule(tx: Tx, group: GroupRow, direction: str, ethertype: str, remote: str | None) -> RuleRow:
    return RuleRow(
        id=new_id(),
        group_id=group.id,
        project_id=group.project_id,
        direction=direction,
        ethertype=ethertype,
        protocol=None,
        port_range_min=None,
        port_range_max=None,
        remote_ip_prefix=None,
        remote_group_id=remote,
        description="",
        revision_number=0,
        created_at=tx.now,
        updated_at=tx.now,
        group_project_id=group.project_id,
        belongs_to_default=group.default_of is not None,
    )


def update(tx: Tx, near: Near, ctx: Ctx, row: GroupRow, want: dict[str, Any]) -> GroupRow:
    """Rename or describe. A group that ports carry keeps its statefulness."""
    if "name" in want and want["name"] != row.name:
        if row.default_of is not None:
            raise conflict("SecurityGroupCannotUpdateDefault", "Updating default security group not allowed.")
        if want["name"] == "default":
            raise _default_exists()
    changed = {k: want[k] for k in ("name", "description", "stateful") if k in want and want[k] != getattr(row, k)}
    if "stateful" in changed:
        if tx.row(ports.GROUP_USED, group_id=row.id) is not None:
            raise in_use(row.id)
        touched(tx, "group", row.id)
    if not changed:
        return row
    new = structs.replace(row, **changed, revision_number=row.revision_number + 1, updated_at=tx.now)
    tx.run(groups.UPDATE, the_id=row.id, revision_number=new.revision_number, updated_at=tx.now, **changed)
    record(
        tx, ctx, "security_group.update.end", "security_group", row.id, project_id=row.project_id, before=row, after=new
    )
    return new


def delete(tx: Tx, near: Near, ctx: Ctx, row: GroupRow) -> None:
    """Take a group away. Raises `Conflict` while ports carry it, and for tenants' default groups."""
    if row.default_of is not None and not is_admin(near, ctx):
        raise conflict("SecurityGroupCannotRemoveDefault", "Insufficient rights for removing default security group.")
    if tx.row(ports.GROUP_USED, group_id=row.id) is not None:
        raise in_use(row.id)
    for (other,) in tx.rows(groups.GROUPS_ABOUT, group_id=row.id):
        if other != row.id:
            touched(tx, "group", other)
    tx.run(groups.DELETE_RULES_ABOUT, group_id=row.id)
    tx.run(groups.DELETE_RULES_OF, group_id=row.id)
    tags.drop_all(tx, "security_groups", row.id)
    tx.run(groups.DELETE, id=row.id)
    gone(tx, "group", row.id)
    record(tx, ctx, "security_group.delete.end", "security_group", row.id, project_id=row.project_id, before=row)


def in_use(id: str) -> Exception:
    return conflict("SecurityGroupInUse", f"Security Group {id} in use.")


def _default_exists() -> Exception:
    return conflict("SecurityGroupDefaultAlreadyExists", "Default security group already exists.")
