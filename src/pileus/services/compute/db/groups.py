"""Server groups and their members."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import Column, Index, String, Table, bindparam, delete, func, insert, select

from pileus.kernel.db import Json, Query, Time, Tx, metadata
from pileus.kernel.types import Micros

groups = Table(
    "compute_server_groups",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", String(255), nullable=False),
    Column("policy", String(32), nullable=False),
    Column("rules", Json(dict[str, Any]), nullable=False),
    Column("project_id", String(64), nullable=False),
    Column("user_id", String(64), nullable=False),
    Column("created_at", Time, nullable=False),
    Index("ix_compute_server_groups_project", "project_id"),
)
members = Table(
    "compute_server_group_members",
    metadata,
    Column("server_id", String(36), primary_key=True),
    Column("group_id", String(36), nullable=False),
    Column("joined_at", Time, nullable=False),
    Index("ix_compute_server_group_members_group", "group_id"),
)


class GroupRow(Struct, frozen=True):
    """`policy`: affinity, anti-affinity, soft-affinity or soft-anti-affinity; `rules` may hold `max_server_per_host`."""

    id: str
    name: str
    policy: str
    rules: dict[str, Any]
    project_id: str
    user_id: str
    created_at: int


class MemberRow(Struct, frozen=True):
    server_id: str
    group_id: str


_FIND = Query(select(groups).where(groups.c.id == bindparam("id")), into=GroupRow)
_OF_PROJECT = Query(
    select(groups).where(groups.c.project_id == bindparam("project_id")).order_by(groups.c.created_at, groups.c.id),
    into=GroupRow,
)
_ALL = Query(select(groups).order_by(groups.c.created_at, groups.c.id), into=GroupRow)
_COUNT = Query(select(func.count()).where(groups.c.project_id == bindparam("project_id")))
_INSERT = Query(insert(groups))
_DELETE = Query(delete(groups).where(groups.c.id == bindparam("id")))
_MEMBERS = Query(
    select(members.c.server_id, members.c.group_id)
    .where(members.c.group_id.in_(bindparam("ids", expanding=True)))
    .order_by(members.c.joined_at, members.c.server_id),
    into=MemberRow,
)
_GROUPS_OF = Query(
    select(members.c.server_id, members.c.group_id).where(members.c.server_id.in_(bindparam("ids", expanding=True))),
    into=MemberRow,
)
_JOIN = Query(insert(members))
_LEAVE = Query(delete(members).where(members.c.server_id == bindparam("server_id")))
_EMPTY = Query(delete(members).where(members.c.group_id == bindparam("group_id")))


def find(tx: Tx, group_id: str) -> GroupRow | None:
    return tx.row(_FIND, id=group_id)


def of_project(tx: Tx, project_id: str | None) -> list[GroupRow]:
    """Groups of one project, or all of them; the oldest first."""
    return tx.rows(_ALL) if project_id is None else tx.rows(_OF_PROJECT, project_id=project_id)


def count(tx: Tx, project_id: str) -> int:
    return int(tx.rows(_COUNT, project_id=project_id)[0][0])


def insert_group(tx: Tx, values: Mapping[str, Any]) -> None:
    tx.run(_INSERT, **values)


def remove(tx: Tx, group_id: str) -> None:
    tx.run(_EMPTY, group_id=group_id)
    tx.run(_DELETE, id=group_id)


def members_of(tx: Tx, group_ids: Sequence[str]) -> dict[str, list[str]]:
    """Servers by group, in order of joining."""
    found: dict[str, list[str]] = {i: [] for i in group_ids}
    for row in tx.rows(_MEMBERS, ids=list(group_ids)) if group_ids else ():
        found[row.group_id].append(row.server_id)
    return found


def groups_of(tx: Tx, server_ids: Sequence[str]) -> dict[str, str]:
    """Group by server, for those that are in one."""
    return {row.server_id: row.group_id for row in tx.rows(_GROUPS_OF, ids=list(server_ids))} if server_ids else {}


def join(tx: Tx, group_id: str, server_id: str, at: Micros) -> None:
    tx.run(_JOIN, group_id=group_id, server_id=server_id, joined_at=at)


def leave(tx: Tx, server_id: str) -> None:
    tx.run(_LEAVE, server_id=server_id)
