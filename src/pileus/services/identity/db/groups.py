"""Groups and who is in them."""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct
from sqlalchemy import Column, Index, String, Table, Text, bindparam, delete, func, insert, or_, select, update

from pileus.kernel.db import Json, Page, Query, Time, Tx, metadata, page
from pileus.kernel.types import Listing
from pileus.services.identity.db.filters import by_name

groups = Table(
    "identity_group",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("domain_id", String(64), nullable=False),
    Column("name", String(255), nullable=False),
    Column("description", Text),
    Column("extra", Json, nullable=False),
    Index("identity_group_name", "domain_id", "name", unique=True),
)
memberships = Table(
    "identity_membership",
    metadata,
    Column("user_id", String(64), primary_key=True),
    Column("group_id", String(64), primary_key=True),
    Column("expires_at", Time),
    Index("identity_membership_group", "group_id"),
)
"""`expires_at` is of memberships by an identity provider's word; all others have none and stay."""


class GroupRow(Struct, frozen=True):
    id: str
    domain_id: str
    name: str
    description: str | None
    extra: dict[str, Any]


_c, _m = groups.c, memberships.c
FIELDS = by_name(groups, "id", "domain_id", "name", "description")
_FIND = Query(select(groups).where(_c.id == bindparam("id")), into=GroupRow)
_FIND_NAMED = Query(
    select(groups).where(_c.domain_id == bindparam("domain_id"), _c.name == bindparam("name")), into=GroupRow
)
_OF_DOMAIN = Query(select(_c.id).where(_c.domain_id == bindparam("domain_id")))
_FIND_MANY = Query(select(groups).where(_c.id.in_(bindparam("ids", expanding=True))), into=GroupRow)
_INSERT = Query(insert(groups))
_DELETE = Query(delete(groups).where(_c.id == bindparam("id")))
LIVE = or_(_m.expires_at.is_(None), _m.expires_at > bindparam("now"))
"""Of memberships that count at `now`."""
_JOIN = Query(insert(memberships))
_LEAVE = Query(delete(memberships).where(_m.user_id == bindparam("user_id"), _m.group_id == bindparam("group_id")))
_IS_IN = Query(select(_m.user_id).where(_m.user_id == bindparam("user_id"), _m.group_id == bindparam("group_id"), LIVE))
_GROUPS_OF = Query(select(_m.group_id, _m.expires_at).where(_m.user_id == bindparam("user_id"), LIVE))
_NEXT_END = Query(
    select(func.min(_m.expires_at)).where(_m.user_id == bindparam("user_id"), _m.expires_at > bindparam("now"))
)
_MEMBERS = Query(select(_m.user_id).where(_m.group_id == bindparam("group_id"), _m.expires_at.is_(None)))
_STALE = Query(
    delete(memberships).where(
        _m.user_id == bindparam("user_id"),
        _m.expires_at.is_not(None),
        or_(_m.expires_at <= bindparam("now"), _m.group_id.in_(bindparam("ids", expanding=True))),
    )
)
_MEMBERS_OF_MANY = Query(
    select(_m.group_id, _m.user_id).where(_m.group_id.in_(bindparam("ids", expanding=True)), LIVE).order_by(_m.user_id)
)
_EMPTY = Query(delete(memberships).where(_m.group_id == bindparam("group_id")))
_LEAVE_ALL = Query(delete(memberships).where(_m.user_id == bindparam("user_id")))


def find(tx: Tx, id: str) -> GroupRow | None:
    return tx.row(_FIND, id=id)


def find_named(tx: Tx, name: str, domain_id: str) -> GroupRow | None:
    return tx.row(_FIND_NAMED, name=name, domain_id=domain_id)


def find_many(tx: Tx, ids: Iterable[str]) -> dict[str, GroupRow]:
    wanted = list(set(ids))
    if not wanted:
        return {}
    return {row.id: row for row in tx.rows(_FIND_MANY, ids=wanted)}


def ids_of_domain(tx: Tx, domain_id: str) -> list[str]:
    return [row[0] for row in tx.rows(_OF_DOMAIN, domain_id=domain_id)]


def list_page(tx: Tx, listing: Listing, among: Iterable[str] | None = None) -> Page[GroupRow]:
    query = select(groups) if among is None else select(groups).where(_c.id.in_(list(among)))
    return page(tx, query, FIELDS, listing, into=GroupRow, unique="id")


def add(tx: Tx, row: GroupRow) -> None:
    tx.run(_INSERT, **{name: getattr(row, name) for name in row.__struct_fields__})


def change(tx: Tx, id: str, values: Mapping[str, object]) -> None:
    tx.execute(update(groups).where(_c.id == id).values(**values))


def remove(tx: Tx, id: str) -> None:
    tx.run(_EMPTY, group_id=id)
    tx.run(_DELETE, id=id)


def join(tx: Tx, user_id: str, group_id: str) -> None:
    """For good, also for who was in it for a while."""
    tx.run(_LEAVE, user_id=user_id, group_id=group_id)
    tx.run(_JOIN, user_id=user_id, group_id=group_id, expires_at=None)


def renew(tx: Tx, user_id: str, group_ids: Iterable[str], expires_at: int) -> None:
    """A user is in these groups until then. Memberships for good stay as they are."""
    wanted = list(dict.fromkeys(group_ids))
    tx.run(_STALE, user_id=user_id, ids=wanted, now=tx.now)
    standing = ends_of(tx, user_id)
    rows = [{"user_id": user_id, "group_id": id, "expires_at": expires_at} for id in wanted if id not in standing]
    if rows:
        tx.run_many(_JOIN, rows)


def leave(tx: Tx, user_id: str, group_id: str) -> bool:
    return tx.run(_LEAVE, user_id=user_id, group_id=group_id) > 0


def leave_all(tx: Tx, user_id: str) -> None:
    tx.run(_LEAVE_ALL, user_id=user_id)


def is_member(tx: Tx, user_id: str, group_id: str) -> bool:
    return tx.row(_IS_IN, user_id=user_id, group_id=group_id, now=tx.now) is not None


def groups_of(tx: Tx, user_id: str) -> list[str]:
    return list(ends_of(tx, user_id))


def ends_of(tx: Tx, user_id: str) -> dict[str, int | None]:
    """The groups that a user is in, and until when; None is for good."""
    return {row[0]: row[1] for row in tx.rows(_GROUPS_OF, user_id=user_id, now=tx.now)}


def next_end(tx: Tx, user_id: str) -> int | None:
    """When the next membership of a user ends by itself; None when all are for good."""
    found = tx.row(_NEXT_END, user_id=user_id, now=tx.now)
    return found[0] if found is not None else None


def members_of(tx: Tx, group_id: str) -> list[str]:
    """Those who are in it for good: lists of members tell no others, says Keystone."""
    return [row[0] for row in tx.rows(_MEMBERS, group_id=group_id)]


def members_of_many(tx: Tx, group_ids: Iterable[str]) -> dict[str, list[str]]:
    wanted = list(set(group_ids))
    found: dict[str, list[str]] = {id: [] for id in wanted}
    if wanted:
        for group_id, user_id in tx.rows(_MEMBERS_OF_MANY, ids=wanted, now=tx.now):
            found[group_id].append(user_id)
    return found
