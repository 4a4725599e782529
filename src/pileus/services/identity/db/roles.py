"""Roles, and which role implies which."""

from typing import Any

from msgspec import Struct
from sqlalchemy import Column, Index, String, Table, Text, bindparam, delete, insert, or_, select

from pileus.kernel.db import Json, Query, Tx, metadata
from pileus.services.identity.db.filters import by_name
from pileus.services.identity.db.keyed import InDomain

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
_keyed = InDomain(roles, RoleRow, FIELDS)
find, find_many, ids_of_domain = _keyed.find, _keyed.find_many, _keyed.ids_of_domain
list_page, add, change = _keyed.page, _keyed.add, _keyed.change
_ALL = Query(select(roles), into=RoleRow)
_IMPLICATIONS = Query(select(_i.prior_id, _i.implied_id).order_by(_i.prior_id, _i.implied_id))
_IMPLY = Query(insert(implications))
_UNIMPLY = Query(delete(implications).where(_i.prior_id == bindparam("prior"), _i.implied_id == bindparam("implied")))
_FORGET = Query(delete(implications).where(or_(_i.prior_id == bindparam("id"), _i.implied_id == bindparam("id"))))


def find_named(tx: Tx, name: str, domain_id: str = "") -> RoleRow | None:
    return _keyed.find_named(tx, name, domain_id)


def everything(tx: Tx) -> list[RoleRow]:
    return tx.rows(_ALL)


def remove(tx: Tx, id: str) -> None:
    tx.run(_FORGET, id=id)
    _keyed.remove(tx, id)


def implied_pairs(tx: Tx) -> list[tuple[str, str]]:
    """All (prior, implied) pairs."""
    return [(row[0], row[1]) for row in tx.rows(_IMPLICATIONS)]


def imply(tx: Tx, prior_id: str, implied_id: str) -> None:
    tx.run(_IMPLY, prior_id=prior_id, implied_id=implied_id)


def unimply(tx: Tx, prior_id: str, implied_id: str) -> bool:
    return tx.run(_UNIMPLY, prior=prior_id, implied=implied_id) > 0
