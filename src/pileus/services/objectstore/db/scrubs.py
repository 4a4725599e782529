"""How far the scrubber has come through the bodies that lie in the database, and those it has put aside."""

from typing import Any

from msgspec import Struct
from sqlalchemy import BigInteger, Column, LargeBinary, Table, Text, bindparam, delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert_postgresql
from sqlalchemy.dialects.sqlite import insert as upsert_sqlite

from pileus.kernel.db import Query, Time, Tx, metadata
from pileus.kernel.types import Micros
from pileus.services.objectstore.db.bodies import bodies

rounds = Table(
    "objectstore_rounds",
    metadata,
    Column("what", Text, primary_key=True),
    Column("after", BigInteger, nullable=False),
    Column("begun_at", Time, nullable=False),
)
quarantine = Table(
    "objectstore_quarantine",
    metadata,
    Column("body_id", BigInteger, primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),
    Column("since", Time, nullable=False),
)
INLINE = "inline"


class Round(Struct, frozen=True):
    """Bodies up to that id have been read since then; a round at its end has a negative id."""

    after: int = 0
    begun_at: Micros = 0


class InlineRow(Struct, frozen=True):
    id: int
    size: int
    md5: str
    data: bytes | None
    """None: its bytes are elsewhere."""


_GET = Query(select(rounds.c.after, rounds.c.begun_at).where(rounds.c.what == bindparam("what")), into=Round)


def _upsert(of: Any) -> Query[Any]:
    statement = of(rounds)
    binds = {column.name: bindparam(f"b_{column.name}", type_=column.type) for column in rounds.columns}
    fresh = {name: statement.excluded[name] for name in ("after", "begun_at")}
    return Query(statement.values(binds).on_conflict_do_update(index_elements=["what"], set_=fresh))


_PUT = {"sqlite": _upsert(upsert_sqlite), "postgresql": _upsert(upsert_postgresql)}
_SLICE = Query(
    select(bodies.c.id, bodies.c.size, bodies.c.md5, bodies.c.data)
    .where(bodies.c.id > bindparam("after"))
    .order_by(bodies.c.id)
    .limit(bindparam("b_limit")),
    into=InlineRow,
)
_EMPTY = Query(update(bodies).where(bodies.c.id == bindparam("b_id")).values(data=None))
_PUT_ASIDE = Query(insert(quarantine))
_TAKE_BACK = Query(delete(quarantine).where(quarantine.c.body_id == bindparam("body_id")))
_FORGET_GONE = Query(delete(quarantine).where(quarantine.c.body_id.not_in(select(bodies.c.id))))


def standing(tx: Tx) -> Round:
    return tx.row(_GET, what=INLINE) or Round()


def note(tx: Tx, found: Round) -> None:
    tx.run(_PUT[tx.dialect], b_what=INLINE, b_after=found.after, b_begun_at=found.begun_at)


def some(tx: Tx, after: int, limit: int) -> list[InlineRow]:
    """Bodies behind that id, wherever their bytes are: a slice is so many rows, never a search."""
    return tx.rows(_SLICE, after=after, b_limit=limit)


def put_aside(tx: Tx, row: InlineRow) -> None:
    """Its bytes go where no reader gets them."""
    tx.run(_TAKE_BACK, body_id=row.id)
    tx.run(_PUT_ASIDE, body_id=row.id, data=row.data, since=tx.now)
    tx.run(_EMPTY, b_id=row.id)


def forget_gone(tx: Tx) -> None:
    """Those whose body is no more."""
    tx.run(_FORGET_GONE)
