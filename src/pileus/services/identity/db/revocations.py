"""Tokens that were revoked one by one (all others die with what they stand on)."""

from msgspec import Struct
from sqlalchemy import Column, Index, Integer, String, Table, bindparam, case, delete, insert, or_, select, union_all

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


announced = Table(
    "identity_revocation_event",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("what", String(64), nullable=False),
    Column("id", String(64), nullable=False),
    Column("at", Time, nullable=False),
    Column("expires_at", Time, nullable=False),
    Index("identity_revocation_event_expiry", "expires_at"),
)
"""What else made tokens worthless: nobody here asks it, services of others may (`OS-REVOKE`)."""


class EventRow(Struct, frozen=True):
    """`what` is the key of an id in the API's words: tokens with that id that were issued before `at` are dead."""

    what: str
    id: str
    at: int


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
_e = announced.c
_EVENTS = Query(
    union_all(
        select(_e.what, _e.id, _e.at).where(_e.at >= bindparam("since")),
        select(
            case((_c.chain.is_(True), "audit_chain_id"), else_="audit_id").label("what"),
            _c.audit_id.label("id"),
            _c.revoked_at.label("at"),
        ).where(_c.revoked_at >= bindparam("since")),
    ).order_by("at", "id"),
    into=EventRow,
)
_ANNOUNCE = Query(insert(announced))
_PURGE_EVENTS = Query(delete(announced).where(_e.expires_at < bindparam("before")))
_INSERT = Query(insert(revocations))
_PURGE = Query(delete(revocations).where(_c.expires_at < bindparam("before")))


def is_revoked(tx: Tx, own: str, root: str) -> bool:
    """Whether the token with this audit id, whose chain began at `root`, is revoked."""
    return tx.row(_HIT, own=own, root=root) is not None


def add(tx: Tx, row: RevocationRow) -> None:
    tx.run(_INSERT, audit_id=row.audit_id, chain=row.chain, revoked_at=row.revoked_at, expires_at=row.expires_at)


def purge(tx: Tx, before: int) -> int:
    return tx.run(_PURGE, before=before) + tx.run(_PURGE_EVENTS, before=before)


def announce(tx: Tx, what: str, id: str, expires_at: int) -> None:
    """`expires_at` is the latest end of a token that this concerns."""
    tx.run(_ANNOUNCE, what=what, id=id, at=tx.now, expires_at=expires_at)


def events(tx: Tx, since: int) -> list[EventRow]:
    """All of that time on, the oldest first."""
    return tx.rows(_EVENTS, since=since)
