"""The log itself: append, read, prune.

Order: `seq` alone is not the order of commits on PostgreSQL, where a transaction may take a number and commit after
others took higher ones. Followers therefore go by (`turn`, `seq`), `turn` being the writing transaction's id, and stop
before the oldest transaction that is still open: nothing can appear behind them any more. On SQLite, where writes are
serial, `turn` is 0.
"""

from collections.abc import Collection, Mapping
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
    bindparam,
    delete,
    func,
    insert,
    select,
    tuple_,
    update,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from pileus.kernel.db import Json, Page, Query, Time, Tx, metadata, page
from pileus.kernel.events.redaction import clean
from pileus.kernel.types import Ctx, Listing, Micros, Sort

SIGNAL = "events"
"""Woken by every commit that recorded something."""
LAST = 2**63 - 1

kernel_events = Table(
    "kernel_events",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("turn", BigInteger, nullable=False),
    Column("at", Time, nullable=False),
    Column("kind", String(255), nullable=False),
    Column("resource", String(64), nullable=False),
    Column("resource_id", String(255), nullable=False),
    Column("project_id", String(64), nullable=False),
    Column("user_id", String(64), nullable=False),
    Column("request_id", String(64), nullable=False),
    Column("before", Json),
    Column("after", Json),
    Column("data", Json),
    Column("address", String(64), nullable=False, server_default=""),
    Column("agent", String(255), nullable=False, server_default=""),
    Index(None, "turn", "seq"),
    Index(None, "resource_id", "seq"),
    Index(None, "at"),
    sqlite_autoincrement=True,
)
kernel_followers = Table(
    "kernel_followers",
    metadata,
    Column("name", String(255), primary_key=True),
    Column("turn", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
)


class _Turn(FunctionElement[int]):
    """A transaction's number, as the database counts them."""

    type = BigInteger()
    inherit_cache = True


class this_turn(_Turn):  # noqa: N801
    """Of the transaction that asks."""

    inherit_cache = True


class open_turn(_Turn):  # noqa: N801
    """Of the oldest transaction that may still write."""

    inherit_cache = True


class next_turn(_Turn):  # noqa: N801
    """Of no transaction so far."""

    inherit_cache = True


for _kind, _sqlite, _postgresql in (
    (this_turn, "0", "pg_current_xact_id()"),
    (open_turn, "1", "pg_snapshot_xmin(pg_current_snapshot())"),
    (next_turn, "1", "pg_snapshot_xmax(pg_current_snapshot())"),
):
    compiles(_kind, "sqlite")(lambda *_, sql=_sqlite, **__: sql)
    compiles(_kind, "postgresql")(lambda *_, sql=f"CAST(CAST({_postgresql} AS TEXT) AS BIGINT)", **__: sql)


class Event(Struct, frozen=True):
    """One change. `before` and `after` are the resource's fields, less its secrets; None where there is no such side."""

    seq: int
    at: Micros
    kind: str
    resource: str
    id: str
    project_id: str
    user_id: str
    """Who did it."""
    request_id: str
    before: Any
    after: Any
    data: Any
    turn: int
    address: str = ""
    """Where the caller asked from, empty for the cloud's own work; `agent` is what his client calls itself."""
    agent: str = ""


class Position(Struct, frozen=True):
    """How far a follower has come: all up to and with (`turn`, `seq`)."""

    name: str
    turn: int
    seq: int


_e = kernel_events.c
EVENT = (
    _e.seq,
    _e.at,
    _e.kind,
    _e.resource,
    _e.resource_id,
    _e.project_id,
    _e.user_id,
    _e.request_id,
    _e.before,
    _e.after,
    _e.data,
    _e.turn,
    _e.address,
    _e.agent,
)
_INSERT = Query(
    insert(kernel_events)
    .values({"turn": this_turn(), **{c.name: bindparam(c.name) for c in EVENT if c.name not in {"seq", "turn"}}})
    .returning(_e.seq),
    into=int,
)
FIELDS: Mapping[str, ColumnElement[Any]] = {
    "seq": _e.seq,
    "at": _e.at,
    "kind": _e.kind,
    "resource": _e.resource,
    "id": _e.resource_id,
    "project_id": _e.project_id,
    "user_id": _e.user_id,
    "request_id": _e.request_id,
}
_LIST = select(*EVENT)


def record(
    tx: Tx,
    ctx: Ctx,
    kind: str,
    resource: str,
    id: str,
    *,
    project_id: str = "",
    before: object = None,
    after: object = None,
    data: object = None,
) -> int:
    """Append to the log what this transaction does; the event's `seq`.

    `kind` is `<noun>.<verb>.<phase>`; `project_id` is the project of the resource, by default the caller's.
    `before`, `after` and `data` are Structs or mappings; fields that hold secrets are left out, at any depth.
    """
    tx.wake(SIGNAL)
    seq = tx.row(
        _INSERT,
        at=tx.now,
        kind=kind,
        resource=resource,
        resource_id=id,
        project_id=project_id or ctx.project_id,
        user_id=ctx.user_id,
        request_id=ctx.request_id,
        before=clean(before),
        after=clean(after),
        data=clean(data),
        address=ctx.address[:64],
        agent=ctx.agent,
    )
    return seq or 0


def page_events(tx: Tx, listing: Listing) -> Page[Event]:
    """Read the log, oldest first unless `listing` says otherwise. The marker is a `seq`. Raises as `page` does."""
    if not listing.sort:
        listing = Listing(
            filters=listing.filters,
            sort=(Sort("seq"),),
            marker=listing.marker,
            limit=listing.limit,
            reverse=listing.reverse,
        )
    return page(tx, _LIST, FIELDS, listing, Event, unique="seq")


_MINE = Query(select(kernel_followers), into=Position)
_OLD = (
    select(_e.seq)
    .where(_e.at < bindparam("before"), tuple_(_e.turn, _e.seq) <= tuple_(bindparam("turn"), bindparam("seq")))
    .order_by(_e.at)
    .limit(bindparam("most"))
)
_PRUNE = Query(delete(kernel_events).where(_e.seq.in_(_OLD)))
_FORGET = Query(delete(kernel_followers).where(kernel_followers.c.name == bindparam("name")))
_AHEAD = Query(select(func.max(_e.turn)).having(func.max(_e.turn) >= next_turn()), into=int)
_SHIFT = [Query(update(t).values(turn=t.c.turn - bindparam("by"))) for t in (kernel_events, kernel_followers)]


def prune(tx: Tx, before: Micros, followers: Collection[str], most: int = 1000) -> int:
    """Delete up to `most` events from before `before` that all `followers` have passed; how many.

    Followers of other names are forgotten: code that is gone must not keep the log for ever.
    """
    positions = tx.rows(_MINE)
    for gone in (position for position in positions if position.name not in followers):
        tx.run(_FORGET, name=gone.name)
    places = [(position.turn, position.seq) for position in positions if position.name in followers]
    if len(places) < len(set(followers)):
        return 0
    turn, seq = min(places, default=(LAST, LAST))
    return tx.run(_PRUNE, before=before, turn=turn, seq=seq, most=most)


def rebase(tx: Tx) -> None:
    """After a restore into another PostgreSQL cluster, whose transactions count from lower: keep the log's order."""
    highest = tx.row(_AHEAD)
    if highest is not None:
        for shift in _SHIFT:
            tx.run(shift, by=highest + 1)
