"""Assertions that were used: each opens one session only."""

import hashlib

from sqlalchemy import Column, Index, String, Table, bindparam, delete, insert, select

from pileus.kernel.db import Query, Time, Tx, metadata

used = Table(
    "identity_used_assertion",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("until", Time, nullable=False),
    Index("identity_used_assertion_until", "until"),
)
_FIND = Query(select(used.c.id).where(used.c.id == bindparam("id")))
_INSERT = Query(insert(used))
_PURGE = Query(delete(used).where(used.c.until < bindparam("before")))


def use(tx: Tx, issuer: str, id: str, until: int) -> bool:
    """False for one that was used before. Those that are no good any more are forgotten."""
    tx.run(_PURGE, before=tx.now)
    key = hashlib.sha256(f"{issuer}\0{id}".encode()).hexdigest()
    if tx.row(_FIND, id=key) is not None:
        return False
    tx.run(_INSERT, id=key, until=until)
    return True
