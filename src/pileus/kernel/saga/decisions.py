"""What decisions and operators say about sagas: everything here commits with the caller's transaction."""

import msgspec
from sqlalchemy import bindparam, func, insert, or_, select, text, update

from pileus.kernel.db import Query, Tx
from pileus.kernel.saga.steps import Params
from pileus.kernel.saga.tables import FAILED, RUNNING, STUCK, WAITING, SagaRow, StepRow, journal, sagas
from pileus.kernel.types import Conflict, Ctx, Micros, NotFound, new_id

STARTED = "sagas"
"""Signal: there may be a saga to run."""
CANCELLED = "sagas.cancelled"
"""Signal: a running saga was asked to stop."""


def key_signal(key: str) -> str:
    """Signal that wakes the sagas of a key from `Wait` steps and back-off."""
    return f"saga:{key}"


_ROW = [sagas.c[name] for name in SagaRow.__struct_fields__]
_OPEN = text("state in ('waiting', 'running')")
_START = Query(insert(sagas))
_FIND = Query(select(*_ROW).where(sagas.c.id == bindparam("id")), into=SagaRow)
_OF_KEY = Query(select(*_ROW).where(sagas.c.key == bindparam("key"), _OPEN).order_by(sagas.c.seq), into=SagaRow)
_CANCEL = Query(
    update(sagas)
    .where(sagas.c.key == bindparam("of"), _OPEN, sagas.c.state == RUNNING, ~sagas.c.undoing, ~sagas.c.cancelled)
    .values(cancelled=True)
)
_CANCEL_WAITING = Query(
    update(sagas)
    .where(sagas.c.key == bindparam("of"), _OPEN, sagas.c.state == WAITING, ~sagas.c.undoing)
    .values(cancelled=True, undoing=True, reason="cancelled", due_at=bindparam("now"))
)
_FREE = Query(update(sagas).where(sagas.c.id == bindparam("of"), text("state = 'stuck'")))
_STEPS = Query(
    select(journal.c.step, journal.c.done_at, journal.c.undone_at, journal.c.output)
    .where(journal.c.saga == bindparam("saga"))
    .order_by(journal.c.done_at, journal.c.undone_at),
    into=StepRow,
)
_STUCK = Query(
    select(*_ROW).where(text("state = 'stuck'")).order_by(sagas.c.seq).limit(bindparam("limit")), into=SagaRow
)
_LATE = Query(
    select(*_ROW)
    .where(_OPEN, sagas.c.deadline_at > 0, sagas.c.deadline_at < bindparam("now"))
    .order_by(sagas.c.seq)
    .limit(bindparam("limit")),
    into=SagaRow,
)
_LISTED = Query(
    select(*_ROW)
    .where(
        or_(bindparam("name") == "", sagas.c.name == bindparam("name")),
        or_(bindparam("state") == "", sagas.c.state == bindparam("state")),
    )
    .order_by(sagas.c.seq.desc())
    .limit(bindparam("limit")),
    into=SagaRow,
)
_CENSUS = Query(select(sagas.c.state, func.count()).where(or_(_OPEN, text("state = 'stuck'"))).group_by(sagas.c.state))


def start(tx: Tx, params: Params, key: str, ctx: Ctx, delay: Micros = 0) -> str:
    """Record a saga that the runner takes up after the commit, `delay` microseconds later. Returns its id.

    `key` names what it is about: sagas of one key run one after the other, in order of start (a delayed one joins
    the line when its time has come). The caller's token is not kept.
    """
    if not params.saga_name:
        raise TypeError(f"{type(params).__name__} names no saga")
    if ctx.token:
        ctx = msgspec.structs.replace(ctx, token="")
    saga_id = new_id()
    tx.run(
        _START,
        id=saga_id,
        name=params.saga_name,
        key=key or saga_id,
        params=msgspec.json.encode(params).decode(),
        ctx=msgspec.json.encode(ctx).decode(),
        due_at=tx.now + delay,
        created_at=tx.now,
    )
    tx.wake(STARTED)
    return saga_id


def cancel(tx: Tx, key: str) -> int:
    """Ask the sagas of a key to stop: a step in flight is interrupted, what was begun is undone, then `failed`.

    One that has not begun undoes nothing, only its `failed` function is still told (reason `cancelled`). Returns how
    many are asked now; those asked before or being undone already are not counted.
    """
    waiting = tx.run(_CANCEL_WAITING, of=key, now=tx.now)
    running = tx.run(_CANCEL, of=key)
    if waiting:
        tx.wake(STARTED)
    if running:
        tx.wake(CANCELLED)
    return waiting + running


def running(tx: Tx, key: str) -> list[SagaRow]:
    """Sagas of a key that wait or run, in order of start."""
    return tx.rows(_OF_KEY, key=key)


def find(tx: Tx, saga_id: str) -> SagaRow:
    """One saga. Raises `NotFound`."""
    row = tx.row(_FIND, id=saga_id)
    if row is None:
        raise NotFound(f"Saga {saga_id} could not be found.")
    return row


def listed(tx: Tx, *, name: str = "", state: str = "", limit: int = 100) -> list[SagaRow]:
    """For operators: sagas of a name or state, or all that are remembered; the latest first."""
    return tx.rows(_LISTED, name=name, state=state, limit=limit)


def history(tx: Tx, saga_id: str) -> list[StepRow]:
    """The journal of one saga, in the order of things done."""
    return tx.rows(_STEPS, saga=find(tx, saga_id).seq)


def alarms(tx: Tx, limit: int = 1000) -> list[SagaRow]:
    """What an operator should look at: stuck sagas, then those past their deadline."""
    return tx.rows(_STUCK, limit=limit) + tx.rows(_LATE, now=tx.now, limit=limit)


def census(tx: Tx) -> dict[str, int]:
    """How many sagas are `waiting`, `running` and `stuck`."""
    return {WAITING: 0, RUNNING: 0, STUCK: 0, **dict(tx.rows(_CENSUS))}


def retry(tx: Tx, saga_id: str) -> None:
    """An operator: go on where it is stuck. One that only backs off tries again at once.

    Raises `NotFound`, and `Conflict` for a saga that has ended.
    """
    row = find(tx, saga_id)
    if row.state == STUCK:
        tx.run(_FREE, of=saga_id, state=WAITING, attempt=0, due_at=tx.now)
        tx.wake(STARTED)
    elif row.finished_at:
        raise Conflict(f"Saga {saga_id} has ended ({row.state}).")
    else:
        tx.wake(key_signal(row.key))


def abandon(tx: Tx, saga_id: str) -> None:
    """An operator: what it is stuck at will not be undone any more.

    What is left of its undo is skipped and its `failed` function frees what the decision reserved; when it is that
    which is stuck, or nobody has its code, the saga just ends `failed`. Raises `NotFound`, and `Conflict` when not stuck.
    """
    row = find(tx, saga_id)
    if row.state != STUCK:
        raise Conflict(f"Saga {saga_id} is not stuck but {row.state}.")
    reason = f"{row.reason or row.error} (abandoned)"
    if row.undoing and row.step:
        tx.run(_FREE, of=saga_id, state=WAITING, step="", attempt=0, due_at=tx.now, reason=reason)
        tx.wake(STARTED)
    else:
        tx.run(_FREE, of=saga_id, state=FAILED, reason=reason, finished_at=tx.now)
