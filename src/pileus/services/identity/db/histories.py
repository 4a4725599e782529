"""Hashes of passwords that users had."""

from sqlalchemy import Column, Integer, String, Table, Text, bindparam, delete, func, insert, select

from pileus.kernel.db import Query, Tx, metadata

histories = Table(
    "identity_old_password",
    metadata,
    Column("user_id", String(64), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("hash", Text, nullable=False),
)
_c = histories.c
_LAST = Query(select(func.max(_c.number)).where(_c.user_id == bindparam("user_id")))
_NEWEST = Query(
    select(_c.hash).where(_c.user_id == bindparam("user_id")).order_by(_c.number.desc()).limit(bindparam("count"))
)
_INSERT = Query(insert(histories))
_TRIM = Query(delete(histories).where(_c.user_id == bindparam("user"), _c.number <= bindparam("until")))


def newest(tx: Tx, user_id: str, count: int) -> list[str]:
    return [row[0] for row in tx.rows(_NEWEST, user_id=user_id, count=count)] if count > 0 else []


def add(tx: Tx, user_id: str, hash: str, keep: int) -> None:
    """Note a hash as the newest of the old ones, and forget all but `keep` of them."""
    found = tx.row(_LAST, user_id=user_id)
    number = ((found[0] if found else None) or 0) + 1
    if keep > 0:
        tx.run(_INSERT, user_id=user_id, number=number, hash=hash)
    tx.run(_TRIM, user=user_id, until=number - keep)


def forget(tx: Tx, user_id: str) -> None:
    found = tx.row(_LAST, user_id=user_id)
    if found is not None and found[0] is not None:
        tx.run(_TRIM, user=user_id, until=found[0])
