"""Accounts: one per project that keeps objects, made by its first container."""

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import Column, Index, Table, bindparam, delete, func, insert, select, update

from pileus.kernel.db import Json, Query, Time, Tx, metadata
from pileus.kernel.types import Micros
from pileus.services.objectstore.db.columns import Name, Settings

accounts = Table(
    "objectstore_accounts",
    metadata,
    Column("name", Name, primary_key=True),
    Column("created_at", Time, nullable=False),
    Column("modified_at", Time, nullable=False),
    Column("deleted_at", Time, nullable=False, default=0),
    Column("settings", Json(Settings)),
    Index(None, "deleted_at"),
)


class AccountRow(Struct, frozen=True):
    name: str
    """`AUTH_` and the project's id."""
    created_at: Micros
    modified_at: Micros
    deleted_at: Micros = 0
    """When it was deleted; its containers are being taken away since. 0: it stands."""
    settings: Settings | None = None


_FIND = Query(select(accounts).where(accounts.c.name == bindparam("name")), into=AccountRow)
_INSERT = Query(insert(accounts))
_UPDATE = Query(update(accounts).where(accounts.c.name == bindparam("b_name")))
_DELETE = Query(delete(accounts).where(accounts.c.name == bindparam("name")))
_DELETED = Query(
    select(accounts).where(accounts.c.deleted_at > 0).order_by(accounts.c.deleted_at).limit(bindparam("b_limit")),
    into=AccountRow,
)
_OLDEST = Query(select(func.min(accounts.c.created_at)), into=lambda moment: moment)


def find(tx: Tx, name: str) -> AccountRow | None:
    return tx.row(_FIND, name=name)


def add(tx: Tx, row: AccountRow) -> None:
    tx.run(_INSERT, **asdict(row))


def change(tx: Tx, name: str, /, **values: object) -> None:
    tx.run(_UPDATE, b_name=name, **values)


def remove(tx: Tx, name: str) -> None:
    tx.run(_DELETE, name=name)


def deleted(tx: Tx, limit: int) -> list[AccountRow]:
    """Those deleted, the longest ago first."""
    return tx.rows(_DELETED, b_limit=limit)


def oldest(tx: Tx) -> Micros | None:
    """When the first of those that are here was made; None: there are none."""
    return tx.row(_OLDEST)
