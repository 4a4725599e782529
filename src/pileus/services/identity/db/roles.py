"""Roles, and which role implies which."""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct
from sqlalchemy import Column, Index, String, Table, Text, bindparam, delete, insert, or_, select, update

from pileus.kernel.db import Json, Page, Query, Tx, metadata, page
from pileus.kernel.types import Listing
from pileus.services.identity.db.filters import by_name

roles = Table(
    "identity_role",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("domain_id", String(64), nullable=False),
    Column("name", String(255), nullable=False),
    Column("description", Text),
    Column("options", Json, nullable=False),
    Column("extra", Json, nullable=False),
    Index("identity_role_name", "domain_id", "name", unique=True),
)
implications = Table(
    "identity_implied_role",
    metadata,
    Column("prior_id", String(64), primary_key=True),
    Column("implied_id", String(64), primary_key=True),
)
TABLES = frozenset({roles.name, implications.name})
"""What a graph of roles is read from."""


class RoleRow(Struct, frozen=True):
    """A role; `domain_id` is empty for a global one."""

    id: str
    domain_id: str
    name: str
    description: str | None
    options: dict[str, Any]
    extra: dict[str, Any]

    @property
    def immutable(self) -> bool:
        return bool(self.options.get("immutable"))


_c, _i = roles.c, implications.c
FIELDS = by_name(roles, "id", "domain_id", "name", "description")
_FIND = Query(select(roles).where(_c.id == bindparam("id")), into=RoleRow)
_FIND_NAMED = Query(
    select(roles).where(_c.domain_id == bindparam("domain_id"), _c.name == bindparam("name")), into=RoleRow
)
_ALL = Query(select(roles), into=RoleRow)
_OF_DOMAIN = Query(select(_c.id).where(_c.domain_id == bindparam("domain_id")))
_FIND_MANY = Query(select(roles).where(_c.id.in_(bindparam("ids", expanding=True))), into=RoleRow)
_INSERT = Query(insert(roles))
_DELETE = Query(delete(roles).where(_c.id == bindparam("id")))
_IMPLICATIONS = Query(select(_i.prior_id, _i.implied_id).order_by(_i.prior_id, _i.implied_id))
_IMPLY = Query(insert(implications))
_UNIMPLY = Query(delete(implications).where(_i.prior_id == bindparam("prior"), _i.implied_id == bindparam("implied")))
_FORGET = Query(delete(implications).where(or_(_i.prior_id == bindparam("id"), _i.implied_id == bindparam("id"))))


def find(tx: Tx, id: str) -> RoleRow | None:
    return tx.row(_FIND, id=id)


def find_named(tx: Tx, name: str, domain_id: str = "") -> RoleRow | None:
    return tx.row(_FIND_NAMED, name=name, domain_id=domain_id)


def find_many(tx: Tx, ids: Iterable[str]) -> dict[str, RoleRow]:
    wanted = list(set(ids))
    if not wanted:
        return {}
    return {row.id: row for row in tx.rows(_FIND_MANY, ids=wanted)}


def ids_of_domain(tx: Tx, domain_id: str) -> list[str]:
    return [row[0] for row in tx.rows(_OF_DOMAIN, domain_id=domain_id)]


def everything(tx: Tx) -> list[RoleRow]:
    return tx.rows(_ALL)


def list_page(tx: Tx, listing: Listing) -> Page[RoleRow]:
    return page(tx, select(roles), FIELDS, listing, into=RoleRow, unique="id")


def add(tx: Tx, row: RoleRow) -> None:
    tx.run(_INSERT, **{name: getattr(row, name) for name in row.__struct_fields__})


def change(tx: Tx, id: str, values: Mapping[str, object]) -> None:
    tx.execute(update(roles).where(_c.id == id).values(**values))


def remove(tx: Tx, id: str) -> None:
    tx.run(_FORGET, id=id)
    tx.run(_DELETE, id=id)


def implied_pairs(tx: Tx) -> list[tuple[str, str]]:
    """All (prior, implied) pairs."""
    return [(row[0], row[1]) for row in tx.rows(_IMPLICATIONS)]


def imply(tx: Tx, prior_id: str, implied_id: str) -> None:
    tx.run(_IMPLY, prior_id=prior_id, implied_id=implied_id)


def unimply(tx: Tx, prior_id: str, implied_id: str) -> bool:
    return tx.run(_UNIMPLY, prior=prior_id, implied=implied_id) > 0
