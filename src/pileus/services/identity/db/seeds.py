"""What the cloud made by itself once: it does not make it again when an operator did away with it."""

from sqlalchemy import Column, String, Table, insert, select

from pileus.kernel.db import Query, Time, Tx, metadata

seeds = Table(
    "identity_seed",
    metadata,
    Column("name", String(255), primary_key=True),
    Column("made_at", Time, nullable=False),
)
_ALL = Query(select(seeds.c.name))
_INSERT = Query(insert(seeds))


def everything(tx: Tx) -> set[str]:
    return {row[0] for row in tx.rows(_ALL)}


def note(tx: Tx, name: str) -> None:
    tx.run(_INSERT, name=name, made_at=tx.now)
