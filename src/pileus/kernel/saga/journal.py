"""The runner's side of the tables. Every write names the fencing number and the step it believes in, in one UPDATE."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import and_, bindparam, delete, func, insert, or_, select, text, update

from pileus.kernel.db import Query, Tx
from pileus.kernel.saga.decisions import STARTED
from pileus.kernel.saga.steps import Params, Saga
from pileus.kernel.saga.tables import RUNNING, STUCK, WAITING, SagaRow, StepRow, journal, sagas
from pileus.kernel.types import Ctx, Micros

NO_CODE = "this release has no saga of that name"


class Lost(Exception):
    """Somebody else has the saga, or it is not where we believed it to be: stop, touch nothing."""


class Asked(Exception):
    """The saga was cancelled meanwhile: turn back."""


class Taken(Struct, frozen=True):
    """A saga claimed for this process, with what was done of it before."""

    row: SagaRow
    saga: Saga[Any, Any]
    params: Params
    ctx: Ctx
    lines: list[StepRow]


class Claim(Struct, frozen=True):
    taken: list[Taken]
    full: bool
    """There may be more to take now."""
    next_due: Micros
    """When to look again if nobody wakes us; 0 for never."""


_OPEN = text("state in ('waiting', 'running')")
_ROW = [sagas.c[name] for name in SagaRow.__struct_fields__]
_other = sagas.alias("other")
_BEFORE = (
    select(_other.c.seq)
    .where(
        _other.c.key == sagas.c.key,
        _other.c.seq != sagas.c.seq,
        text("other.state in ('waiting', 'running')"),
        or_(
            _other.c.state == RUNNING,
            and_(_other.c.due_at <= bindparam("now"), _other.c.seq < sagas.c.seq),
        ),
    )
    .exists()
)
_DUE = Query(
    select(*_ROW)
    .where(
        _OPEN,
        sagas.c.due_at <= bindparam("now"),
        sagas.c.owner != bindparam("me"),
        or_(sagas.c.state == RUNNING, ~_BEFORE),
    )
    .order_by(sagas.c.due_at, sagas.c.seq)
    .limit(bindparam("limit")),
    into=SagaRow,
)
_NEXT_DUE = Query(
    select(func.min(sagas.c.due_at)).where(_OPEN, sagas.c.due_at > bindparam("now"), sagas.c.owner != bindparam("me"))
)
_TAKE = Query(
    update(sagas)
    .where(sagas.c.seq == bindparam("at"))
    .values(
        state=RUNNING,
        owner=bindparam("me"),
        generation=sagas.c.generation + 1,
        step=bindparam("begun"),
        step_at=bindparam("since"),
        due_at=bindparam("until"),
        deadline_at=bindparam("late"),
    )
)
_PARK = Query(
    update(sagas)
    .where(sagas.c.seq == bindparam("at"))
    .values(state=STUCK, owner="", reason=bindparam("why"), generation=sagas.c.generation + 1)
)
_UNPARK = Query(
    update(sagas)
    .where(text("state = 'stuck'"), sagas.c.reason == NO_CODE, sagas.c.name == bindparam("of"))
    .values(state=WAITING, reason="", due_at=bindparam("now"))
)
_LINES = Query(
    select(journal.c.step, journal.c.done_at, journal.c.undone_at, journal.c.output).where(
        journal.c.saga == bindparam("saga")
    ),
    into=StepRow,
)
_MOVE = Query(
    update(sagas).where(
        sagas.c.seq == bindparam("at"),
        sagas.c.generation == bindparam("fence"),
        sagas.c.step == bindparam("believed"),
        sagas.c.state == RUNNING,
        or_(~sagas.c.cancelled, sagas.c.undoing),
    )
)
_TURN = Query(
    update(sagas).where(
        sagas.c.seq == bindparam("at"),
        sagas.c.generation == bindparam("fence"),
        sagas.c.step == bindparam("believed"),
        sagas.c.state == RUNNING,
    )
)
_RELEASE = Query(
    update(sagas)
    .where(sagas.c.seq == bindparam("at"), sagas.c.generation == bindparam("fence"), sagas.c.state == RUNNING)
    .values(owner="", due_at=bindparam("when"))
)
_PROLONG = Query(
    update(sagas)
    .where(sagas.c.seq == bindparam("at"), sagas.c.generation == bindparam("fence"), sagas.c.state == RUNNING)
    .values(due_at=bindparam("until"))
)
_AT = Query(
    select(sagas.c.generation, sagas.c.state, sagas.c.step, sagas.c.cancelled, sagas.c.undoing).where(
        sagas.c.seq == bindparam("at")
    )
)
_ASKED = Query(
    select(sagas.c.seq).where(_OPEN, sagas.c.state == RUNNING, sagas.c.owner == bindparam("me"), sagas.c.cancelled)
)
_ORPHANS = Query(update(sagas).where(text("state = 'running'")).values(owner="", due_at=bindparam("now")))
_DONE = Query(insert(journal))
_UNDONE = Query(
    update(journal)
    .where(journal.c.saga == bindparam("of"), journal.c.step == bindparam("at"))
    .values(undone_at=bindparam("now"))
)
_NEXT_OF_KEY = Query(
    select(sagas.c.seq).where(_OPEN, sagas.c.key == bindparam("key"), sagas.c.state == WAITING).limit(1)
)
_OLD = Query(
    select(sagas.c.seq)
    .where(text("finished_at > 0"), sagas.c.finished_at < bindparam("before"))
    .order_by(sagas.c.finished_at)
    .limit(1000)
)
_DROP = Query(delete(sagas).where(sagas.c.seq == bindparam("at")))
_DROP_LINES = Query(delete(journal).where(journal.c.saga == bindparam("at")))


def claim(tx: Tx, me: str, lease: Micros, limit: int, known: Mapping[str, Saga[Any, Any]]) -> Claim:
    """Take up to `limit` sagas whose time has come and whose key is free; the first step counts as begun with it."""
    rows = tx.rows(_DUE, now=tx.now, me=me, limit=limit)
    taken: list[Taken] = []
    for row in rows:
        found = _take(tx, row, known)
        if isinstance(found, str):
            tx.run(_PARK, at=row.seq, why=found)
            _wake_next(tx, row.key)
            continue
        taken.append(found)
    marks = [
        {
            "at": one.row.seq,
            "me": me,
            "begun": one.row.step,
            "since": one.row.step_at,
            "until": tx.now + lease,
            "late": one.row.deadline_at,
        }
        for one in taken
    ]
    if marks:
        tx.run_many(_TAKE, marks)
    full = len(rows) == limit
    next_due = 0 if full else tx.rows(_NEXT_DUE, now=tx.now, me=me)[0][0] or 0
    return Claim(taken, full, next_due)


def _take(tx: Tx, row: SagaRow, known: Mapping[str, Saga[Any, Any]]) -> Taken | str:
    """The claimed saga as this process will know it, or why it cannot run here."""
    saga = known.get(row.name)
    if saga is None:
        return NO_CODE
    try:
        params, ctx = saga.decode(row.params), msgspec.json.decode(row.ctx, type=Ctx)
    except (msgspec.MsgspecError, ValueError, TypeError) as error:
        return f"its params cannot be read: {error}"
    lines = tx.rows(_LINES, saga=row.seq) if row.generation else []
    foreign = {line.step for line in lines} | ({row.step} if row.step else set())
    if foreign - saga.order.keys():
        return f"its journal has steps that this release does not know: {sorted(foreign - saga.order.keys())}"
    begun = row.step or ("" if row.undoing else saga.steps[0].name)
    row = msgspec.structs.replace(
        row,
        generation=row.generation + 1,
        step=begun,
        step_at=row.step_at or tx.now,
        deadline_at=row.deadline_at or row.due_at + saga.deadline,
    )
    return Taken(row, saga, params, ctx, lines)


def move(tx: Tx, row: SagaRow, **columns: object) -> None:
    """Write to a saga that we hold. Raises `Lost` or `Asked`, and then nothing must be committed."""
    if tx.run(_MOVE, at=row.seq, fence=row.generation, believed=row.step, **columns):
        return
    for generation, state, step, cancelled, undoing in tx.rows(_AT, at=row.seq):
        if (generation, state, step) == (row.generation, RUNNING, row.step) and cancelled and not undoing:
            raise Asked
    raise Lost


def turn(tx: Tx, row: SagaRow, **columns: object) -> None:
    """From forwards to backwards; cancelled or not. Raises `Lost`."""
    if not tx.run(_TURN, at=row.seq, fence=row.generation, believed=row.step, undoing=True, **columns):
        raise Lost


def write_done(tx: Tx, row: SagaRow, step: str, output: str) -> None:
    tx.run(_DONE, saga=row.seq, step=step, done_at=tx.now, output=output)


def write_undone(tx: Tx, row: SagaRow, step: str) -> None:
    if not tx.run(_UNDONE, of=row.seq, at=step, now=tx.now):
        tx.run(_DONE, saga=row.seq, step=step, undone_at=tx.now)


def _wake_next(tx: Tx, key: str) -> None:
    if tx.row(_NEXT_OF_KEY, key=key) is not None:
        tx.wake(STARTED)


def ended(tx: Tx, row: SagaRow) -> None:
    """A saga let go of its key: wake the runner if another waits for it."""
    _wake_next(tx, row.key)


def release(tx: Tx, held: Sequence[tuple[int, int]], after: Micros = 0) -> None:
    """Let go of sagas, (seq, generation) each, so that any process may take them."""
    tx.run_many(_RELEASE, [{"at": seq, "fence": fence, "when": tx.now + after} for seq, fence in held])
    tx.wake(STARTED)


def prolong(tx: Tx, held: Sequence[tuple[int, int]], lease: Micros) -> None:
    """Heartbeat."""
    tx.run_many(_PROLONG, [{"at": seq, "fence": fence, "until": tx.now + lease} for seq, fence in held])


def asked(tx: Tx, me: str) -> list[int]:
    """Sagas of this process that were cancelled."""
    return [seq for (seq,) in tx.rows(_ASKED, me=me)]


def adopt(tx: Tx, names: Sequence[str], alone: bool) -> None:
    """At start: what waits for code that is here now goes on; if no other process can be alive, all that one held."""
    for name in names:
        tx.run(_UNPARK, of=name, now=tx.now)
    if alone:
        tx.run(_ORPHANS, now=tx.now)


def prune(tx: Tx, retention: Micros) -> int:
    """Forget up to 1,000 sagas that ended longer ago than `retention`. Returns how many."""
    old = [{"at": seq} for (seq,) in tx.rows(_OLD, before=tx.now - retention)]
    if old:
        tx.run_many(_DROP_LINES, old)
        tx.run_many(_DROP, old)
    return len(old)
