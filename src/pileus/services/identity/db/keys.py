"""The keys that tokens and credentials are sealed with, shared by every control-plane process."""

from typing import Literal

from msgspec import Struct
from sqlalchemy import Column, Integer, String, Table, bindparam, delete, insert, select

from pileus.kernel.db import Query, Time, Tx, metadata

Purpose = Literal["token", "credential"]

keys = Table(
    "identity_key",
    metadata,
    Column("purpose", String(16), primary_key=True),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("secret", String(64), nullable=False),
    Column("created_at", Time, nullable=False),
)


class KeyRow(Struct, frozen=True):
    """A Fernet key; the newest seals, all of its purpose open. Ids count up within a purpose and are never used again."""

    purpose: Purpose
    id: int
    secret: str
    created_at: int


_c = keys.c
_ALL = Query(select(keys).where(_c.purpose == bindparam("purpose")).order_by(_c.id.desc()), into=KeyRow)
_FIND = Query(select(keys).where(_c.purpose == bindparam("purpose"), _c.id == bindparam("key")), into=KeyRow)
_NEWEST = Query(select(keys).where(_c.purpose == bindparam("purpose")).order_by(_c.id.desc()).limit(1), into=KeyRow)
_INSERT = Query(insert(keys))
_DELETE = Query(delete(keys).where(_c.purpose == bindparam("purpose"), _c.id == bindparam("key")))


def everything(tx: Tx, purpose: Purpose) -> list[KeyRow]:
    """All keys of a purpose, the newest first."""
    return tx.rows(_ALL, purpose=purpose)


def find(tx: Tx, purpose: Purpose, id: int) -> KeyRow | None:
    return tx.row(_FIND, purpose=purpose, key=id)


def newest(tx: Tx, purpose: Purpose) -> KeyRow | None:
    return tx.row(_NEWEST, purpose=purpose)


def add(tx: Tx, row: KeyRow) -> None:
    tx.run(_INSERT, purpose=row.purpose, id=row.id, secret=row.secret, created_at=row.created_at)


def remove(tx: Tx, row: KeyRow) -> None:
    tx.run(_DELETE, purpose=row.purpose, key=row.id)
