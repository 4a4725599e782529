"""Groups and who is in them."""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct
from sqlalchemy import Column, Index, String, Table, Text, bindparam, delete, func, insert, or_, select

from pileus.kernel.db import Json, Page, Query, Time, Tx, metadata
from pileus.kernel.types import Listing
from pileus.services.identity.db.filters import by_name
from pileus.services.identity.db.keyed import InDomain

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
_keyed = InDomain(groups, GroupRow, FIELDS)
find, find_many, find_named, ids_of_domain = _keyed.find, _keyed.find_many, _keyed.find_named, _keyed.ids_of_domain
add, change = _keyed.add, _keyed.change
LIVE = or_(_m.expires_at.is_(None), _m.expires_at > bindparam("now"))
"""Of memberships that count at `now`."""
_JOIN = Query(insert(memberships))
_LEAVE = Query(delete(memberships).where(_m.user_id == bindparam("user_id"), _m.group_id == bindparam("group_id")))
_IS_IN = Query(select(_m.user_id).where(_m.user_id == bindparam("user_id"), _m.group_id == bindparam("group_id"), LIVE))
_GROUPS_OF = Query(select(_m.group_id, _m.expires_at).where(_m.user_id == bindparam("user_id"), LIVE))
_NEXT_END = Query(
    select(func.min(_m.expires_at)).where(_m.user_id == bindparam("user_id"), _m.expires_at > bindparam("now"))
)
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


def list_page(tx: Tx, listing: Listing, among: Iterable[str] | None = None) -> Page[GroupRow]:
    """A page of groups; `among` bounds it to these ids."""
    return _keyed.page(tx, listing, *([] if among is None else [_c.id.in_(list(among))]))


def remove(tx: Tx, id: str) -> None:
    tx.run(_EMPTY, group_id=id)
    _keyed.remove(tx, id)


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


def members_of_many(tx: Tx, group_ids: Iterable[str]) -> dict[str, list[str]]:
    wanted = list(set(group_ids))
    found: dict[str, list[str]] = {id: [] for id in wanted}
    if wanted:
        for group_id, user_id in tx.rows(_MEMBERS_OF_MANY, ids=wanted, now=tx.now):
            found[group_id].append(user_id)
    return found
