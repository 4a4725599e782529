"""Key pairs: the public half, and the private one never."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Index,
    Integer,
    String,
    Table,
    Text,
    bindparam,
    delete,
    func,
    insert,
    select,
)

from pileus.kernel.db import Page, Query, Time, Tx, metadata, page
from pileus.kernel.types import Listing

keypairs = Table(
    "compute_keypairs",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("user_id", String(64), nullable=False),
    Column("name", String(255), nullable=False),
    Column("type", String(8), nullable=False, default="ssh"),
    Column("fingerprint", String(255), nullable=False),
    Column("public_key", Text, nullable=False),
    Column("created_at", Time, nullable=False),
    Index("uq_compute_keypairs_user_name", "user_id", "name", unique=True),
)


class KeypairRow(Struct, frozen=True):
    id: int
    user_id: str
    name: str
    type: str
    fingerprint: str
    public_key: str
    created_at: int


FIELDS: Mapping[str, ColumnElement[Any]] = {c.name: c for c in keypairs.columns}
_FIND = Query(
    select(keypairs).where(keypairs.c.user_id == bindparam("user_id"), keypairs.c.name == bindparam("name")),
    into=KeypairRow,
)
_INSERT = Query(insert(keypairs))
_DELETE = Query(delete(keypairs).where(keypairs.c.id == bindparam("id")))
_COUNT = Query(select(func.count()).where(keypairs.c.user_id == bindparam("user_id")))


def find(tx: Tx, user_id: str, name: str) -> KeypairRow | None:
    return tx.row(_FIND, user_id=user_id, name=name)


def insert_keypair(tx: Tx, values: Mapping[str, Any]) -> None:
    tx.run(_INSERT, **values)


def remove(tx: Tx, keypair_id: int) -> None:
    tx.run(_DELETE, id=keypair_id)


def count(tx: Tx, user_id: str) -> int:
    return int(tx.rows(_COUNT, user_id=user_id)[0][0])


def listing(tx: Tx, asked: Listing) -> Page[KeypairRow]:
    return page(tx, select(keypairs), FIELDS, asked, into=KeypairRow, unique="name", scope=("user_id",))
