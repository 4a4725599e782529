"""Users and their passwords."""

from typing import Any

from msgspec import Struct
from sqlalchemy import Column, Index, Integer, String, Table, Text, bindparam, select, update

from pileus.kernel.db import Flag, Json, Page, Query, Time, Tx, metadata
from pileus.kernel.types import Listing
from pileus.services.identity.db.filters import by_name
from pileus.services.identity.db.groups import memberships
from pileus.services.identity.db.keyed import InDomain

users = Table(
    "identity_user",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("domain_id", String(64), nullable=False),
    Column("name", String(255), nullable=False),
    Column("enabled", Flag, nullable=False),
    Column("default_project_id", String(64)),
    Column("password_hash", Text),
    Column("password_created_at", Time),
    Column("password_expires_at", Time),
    Column("epoch", Integer, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("options", Json, nullable=False),
    Column("extra", Json, nullable=False),
    Column("last_active_at", Time),
    Column("password_self_service", Flag, nullable=False),
    Index("identity_user_name", "domain_id", "name", unique=True),
)


class UserRow(Struct, frozen=True):
    """A user.

    `epoch`  counts what makes older tokens worthless (a new password, being disabled): a token remembers the epoch it was
             issued in, and one of another epoch is dead. A number has no clock to be wrong about.
    `last_active_at`         of the first login of the last day with one.
    `password_self_service`  the user chose the password, not somebody else for him.
    """

    id: str
    domain_id: str
    name: str
    enabled: bool
    default_project_id: str | None
    password_hash: str | None
    password_created_at: int | None
    password_expires_at: int | None
    epoch: int
    created_at: int
    options: dict[str, Any]
    extra: dict[str, Any]
    last_active_at: int | None = None
    password_self_service: bool = False


_c = users.c
FIELDS = by_name(users, "id", "domain_id", "name", "enabled", "default_project_id", "password_expires_at")
_keyed = InDomain(users, UserRow, FIELDS)
find, find_many, find_named, ids_of_domain = _keyed.find, _keyed.find_many, _keyed.find_named, _keyed.ids_of_domain
list_page, add, change, remove = _keyed.page, _keyed.add, _keyed.change, _keyed.remove
_FORGET_DEFAULT = Query(
    update(users).where(_c.default_project_id == bindparam("project")).values(default_project_id=None)
)
_REHASH = Query(
    update(users)
    .where(_c.id == bindparam("user"), _c.password_hash == bindparam("old"))
    .values(password_hash=bindparam("new"))
)


def list_members(tx: Tx, listing: Listing, group_id: str) -> Page[UserRow]:
    """A page of those who are in a group for good: lists of members tell no others, says Keystone."""
    m = memberships.c
    members = select(m.user_id).where(m.group_id == group_id, m.expires_at.is_(None))
    return _keyed.page(tx, listing, _c.id.in_(members))


def rehash(tx: Tx, id: str, old: str, new: str) -> None:
    """Put a better hash of the same password in the old one's place, unless the password changed meanwhile."""
    tx.run(_REHASH, user=id, old=old, new=new)


def forget_default_project(tx: Tx, project_id: str) -> None:
    """Users whose default project is going away have none from now on."""
    tx.run(_FORGET_DEFAULT, project=project_id)
