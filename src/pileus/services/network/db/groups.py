"""Security groups and their rules."""

from functools import partial
from typing import Any

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    Table,
    Text,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from pileus.kernel.db import Flag, Page, Query, Time, Tx, metadata, page
from pileus.kernel.types import Listing
from pileus.services.network.db.tags import tag_conditions

groups = Table(
    "network_groups",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("stateful", Flag, nullable=False),
    Column("default_of", Text),
    Column("generation", BigInteger, nullable=False),
    Column("revision_number", Integer, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("updated_at", Time, nullable=False),
    Index("ix_network_groups_project", "project_id"),
    Index("uq_network_groups_default", "default_of", unique=True),
)
rules = Table(
    "network_rules",
    metadata,
    Column("id", Text, primary_key=True),
    Column("group_id", Text, nullable=False),
    Column("project_id", Text, nullable=False),
    Column("direction", Text, nullable=False),
    Column("ethertype", Text, nullable=False),
    Column("protocol", Text),
    Column("port_range_min", Integer),
    Column("port_range_max", Integer),
    Column("remote_ip_prefix", Text),
    Column("remote_group_id", Text),
    Column("description", Text, nullable=False),
    Column("revision_number", Integer, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("updated_at", Time, nullable=False),
    Index("ix_network_rules_group", "group_id"),
    Index("ix_network_rules_remote", "remote_group_id"),
    Index("ix_network_rules_project", "project_id"),
)


class RuleRow(Struct, frozen=True):
    """A rule. `belongs_to_default` and the group's owner come from its group."""

    id: str
    group_id: str
    project_id: str
    direction: str
    ethertype: str
    protocol: str | None
    port_range_min: int | None
    port_range_max: int | None
    remote_ip_prefix: str | None
    remote_group_id: str | None
    description: str
    revision_number: int
    created_at: int
    updated_at: int
    group_project_id: str = ""
    belongs_to_default: bool = False


class GroupRow(Struct, frozen=True):
    """A group. `default_of` is the project whose default group it is; `rules` and `tags` are put in by `core`."""

    id: str
    project_id: str
    name: str
    description: str
    stateful: bool
    default_of: str | None
    generation: int
    revision_number: int
    created_at: int
    updated_at: int
    rules: tuple[RuleRow, ...] = ()
    tags: tuple[str, ...] = ()


made, made_rule = partial(GroupRow), partial(RuleRow)
_ALL = select(groups)
_RULES = select(
    rules, groups.c.project_id.label("group_project_id"), groups.c.default_of.is_not(None).label("belongs_to_default")
).join(groups, groups.c.id == rules.c.group_id)
FIELDS: dict[str, Any] = {c.name: c for c in groups.c}
RULE_FIELDS: dict[str, Any] = {
    **{c.name: c for c in rules.c},
    "group_project_id": groups.c.project_id,
    "belongs_to_default": groups.c.default_of.is_not(None),
}

GET = Query(_ALL.where(groups.c.id == bindparam("id")), into=made)
SOME = Query(_ALL.where(groups.c.id.in_(bindparam("ids", expanding=True))), into=made)
DEFAULT = Query(_ALL.where(groups.c.default_of == bindparam("project_id")), into=made)
DEFAULT_ID = Query(select(groups.c.id).where(groups.c.default_of == bindparam("project_id")))
NAMED = Query(_ALL.where(groups.c.project_id == bindparam("project_id"), groups.c.name == bindparam("name")), into=made)
INSERT = Query(insert(groups))
UPDATE = Query(update(groups).where(groups.c.id == bindparam("the_id")))
TOUCH = Query(update(groups).where(groups.c.id == bindparam("the_id")).values(generation=groups.c.generation + 1))
DELETE = Query(delete(groups).where(groups.c.id == bindparam("id")))
COUNT = Query(select(func.count()).select_from(groups).where(groups.c.project_id == bindparam("project_id")))

GET_RULE = Query(_RULES.where(rules.c.id == bindparam("id")), into=made_rule)
RULES_OF = Query(
    _RULES.where(rules.c.group_id.in_(bindparam("ids", expanding=True))).order_by(rules.c.created_at, rules.c.id),
    into=made_rule,
)
INSERT_RULE = Query(insert(rules))
DELETE_RULE = Query(delete(rules).where(rules.c.id == bindparam("id")))
DELETE_RULES_OF = Query(delete(rules).where(rules.c.group_id == bindparam("group_id")))
DELETE_RULES_ABOUT = Query(delete(rules).where(rules.c.remote_group_id == bindparam("group_id")))
GROUPS_ABOUT = Query(select(rules.c.group_id).where(rules.c.remote_group_id == bindparam("group_id")).distinct())
COUNT_RULES = Query(select(func.count()).select_from(rules).where(rules.c.project_id == bindparam("project_id")))


def list_groups(tx: Tx, listing: Listing, project_id: str | None) -> Page[GroupRow]:
    """Groups that match; `project_id` narrows to its own."""
    wanted: Any = _ALL if project_id is None else _ALL.where(groups.c.project_id == project_id)
    rest, conditions = tag_conditions(listing, "security_groups", groups.c.id)
    return page(tx, wanted.where(*conditions), FIELDS, rest, into=made, scope=("project_id",))


def list_rules(tx: Tx, listing: Listing, project_id: str | None) -> Page[RuleRow]:
    """Rules that match; `project_id` narrows to its own and those of its groups."""
    wanted: Any = _RULES
    if project_id is not None:
        wanted = wanted.where(or_(rules.c.project_id == project_id, groups.c.project_id == project_id))
    return page(tx, wanted, RULE_FIELDS, listing, into=made_rule, scope=("project_id",))
