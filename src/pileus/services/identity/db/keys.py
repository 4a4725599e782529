"""The keys that tokens are sealed with, shared by every control-plane process."""

from msgspec import Struct
from sqlalchemy import Column, Integer, String, Table, bindparam, delete, insert, select

from pileus.kernel.db import Query, Time, Tx, metadata

keys = Table(
    "identity_key",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("secret", String(64), nullable=False),
    Column("created_at", Time, nullable=False),
)


class KeyRow(Struct, frozen=True):
    """A Fernet key; the newest seals, all of them open."""

    id: int
    secret: str
    created_at: int


_ALL = Query(select(keys).order_by(keys.c.id.desc()), into=KeyRow)
_INSERT = Query(insert(keys))
_DELETE = Query(delete(keys).where(keys.c.id == bindparam("key")))


def everything(tx: Tx) -> list[KeyRow]:
    """All keys, the newest first."""
    return tx.rows(_ALL)


def add(tx: Tx, row: KeyRow) -> None:
    tx.run(_INSERT, id=row.id, secret=row.secret, created_at=row.created_at)


def remove(tx: Tx, id: int) -> None:
    tx.run(_DELETE, key=id)
