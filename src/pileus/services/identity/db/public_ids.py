"""Ids that people and groups of directories have here."""

from collections.abc import Iterable
from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import Column, Index, Integer, String, Table, bindparam, delete, insert, select, update

from pileus.kernel.db import Query, Tx, metadata

Kind: TypeAlias = Literal["user", "group"]
public_ids = Table(
    "identity_public_id",
    metadata,
    Column("public_id", String(64), primary_key=True),
    Column("domain_id", String(64), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("local_id", String(255), nullable=False),
    Column("epoch", Integer, nullable=False),
    Index("identity_public_id_local", "domain_id", "kind", "local_id", unique=True),
)


class PublicIdRow(Struct, frozen=True):
    """`epoch`: that of the user when he was last seen to be gone; tokens of before stay worthless if he comes back."""

    public_id: str
    domain_id: str
    kind: Kind
    local_id: str
    epoch: int = 0


_c = public_ids.c
_FIND = Query(select(public_ids).where(_c.public_id == bindparam("public_id")), into=PublicIdRow)
_OF_DOMAIN = Query(
    select(public_ids).where(_c.domain_id == bindparam("domain_id"), _c.kind == bindparam("kind")), into=PublicIdRow
)
_FIND_MANY = Query(select(public_ids).where(_c.public_id.in_(bindparam("ids", expanding=True))), into=PublicIdRow)
_INSERT = Query(insert(public_ids))
_SET_EPOCH = Query(update(public_ids).where(_c.public_id == bindparam("id")).values(epoch=bindparam("new")))
_DELETE_DOMAIN = Query(delete(public_ids).where(_c.domain_id == bindparam("domain")))


def find(tx: Tx, public_id: str) -> PublicIdRow | None:
    return tx.row(_FIND, public_id=public_id)


def find_many(tx: Tx, ids: Iterable[str]) -> dict[str, PublicIdRow]:
    wanted = list(set(ids))
    return {row.public_id: row for row in tx.rows(_FIND_MANY, ids=wanted)} if wanted else {}


def of_domain(tx: Tx, domain_id: str, kind: Kind) -> list[PublicIdRow]:
    return tx.rows(_OF_DOMAIN, domain_id=domain_id, kind=kind)


def add(tx: Tx, row: PublicIdRow) -> None:
    tx.run(_INSERT, **asdict(row))


def set_epoch(tx: Tx, public_id: str, epoch: int) -> None:
    tx.run(_SET_EPOCH, id=public_id, new=epoch)


def remove_domain(tx: Tx, domain_id: str) -> None:
    tx.run(_DELETE_DOMAIN, domain=domain_id)
