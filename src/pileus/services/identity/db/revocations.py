"""Tokens that were revoked one by one (all others die with what they stand on)."""

from msgspec import Struct
from sqlalchemy import Column, Index, Integer, String, Table, bindparam, delete, insert, or_, select

from pileus.kernel.db import Flag, Query, Time, Tx, metadata

revocations = Table(
    "identity_revocation",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("audit_id", String(32), nullable=False),
    Column("chain", Flag, nullable=False),
    Column("revoked_at", Time, nullable=False),
    Column("expires_at", Time, nullable=False),
    Index("identity_revocation_audit", "audit_id"),
    Index("identity_revocation_expiry", "expires_at"),
)


class RevocationRow(Struct, frozen=True):
    """`chain` revokes every token that goes back to `audit_id`; the row is of no use after `expires_at`."""

    audit_id: str
    chain: bool
    revoked_at: int
    expires_at: int


_c = revocations.c
_HIT = Query(
    select(_c.id).where(or_(_c.audit_id == bindparam("own"), (_c.audit_id == bindparam("root")) & _c.chain.is_(True)))
)
_INSERT = Query(insert(revocations))
_PURGE = Query(delete(revocations).where(_c.expires_at < bindparam("before")))


def is_revoked(tx: Tx, own: str, root: str) -> bool:
    """Whether the token with this audit id, whose chain began at `root`, is revoked."""
    return tx.row(_HIT, own=own, root=root) is not None


def add(tx: Tx, row: RevocationRow) -> None:
    tx.run(_INSERT, audit_id=row.audit_id, chain=row.chain, revoked_at=row.revoked_at, expires_at=row.expires_at)


def purge(tx: Tx, before: int) -> int:
    return tx.run(_PURGE, before=before)
