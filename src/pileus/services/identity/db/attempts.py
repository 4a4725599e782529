"""Logins by password that failed, and those under way: what locks an account."""

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import Column, Integer, String, Table, bindparam, delete, insert, select, update

from pileus.kernel.db import Query, Time, Tx, metadata

attempts = Table(
    "identity_login_attempt",
    metadata,
    Column("user_id", String(64), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("failed_at", Time),
    Column("pending", Integer, nullable=False),
    Column("pending_since", Time),
)


class AttemptRow(Struct, frozen=True):
    """Of one account.

    `failures`  in a row, up to `failed_at`.
    `pending`   logins whose secret is being looked at now; the last one began at `pending_since`.
    """

    user_id: str
    failures: int
    failed_at: int | None
    pending: int
    pending_since: int | None


_c = attempts.c
_FIND = Query(select(attempts).where(_c.user_id == bindparam("user_id")), into=AttemptRow)
_INSERT = Query(insert(attempts))
_DELETE = Query(delete(attempts).where(_c.user_id == bindparam("user")))


def find(tx: Tx, user_id: str) -> AttemptRow:
    return tx.row(_FIND, user_id=user_id) or AttemptRow(user_id, 0, None, 0, None)


def store(tx: Tx, row: AttemptRow) -> None:
    values: Mapping[str, object] = asdict(row)
    if not tx.run(_UPDATE, user=row.user_id, **{k: v for k, v in values.items() if k != "user_id"}):
        tx.run(_INSERT, **values)


_UPDATE = Query(update(attempts).where(_c.user_id == bindparam("user")))


def clear(tx: Tx, user_id: str) -> None:
    tx.run(_DELETE, user=user_id)
