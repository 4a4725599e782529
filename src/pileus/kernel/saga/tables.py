"""Two tables: the sagas, and the journal of their steps."""

from msgspec import Struct
from sqlalchemy import BigInteger, Column, Index, Integer, PrimaryKeyConstraint, Table, Text, text

from pileus.kernel.db import Flag, Time, metadata

WAITING, RUNNING, DONE, FAILED, STUCK = "waiting", "running", "done", "failed", "stuck"
"""In line; holding its key; ended well; ended undone; given up until an operator speaks."""

sagas = Table(
    "kernel_sagas",
    metadata,
    # Order of start. The id is for people and other services.
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("params", Text, nullable=False),
    Column("ctx", Text, nullable=False),
    Column("state", Text, nullable=False, default=WAITING),
    # Direction: False forwards, True backwards.
    Column("undoing", Flag, nullable=False, default=False),
    Column("cancelled", Flag, nullable=False, default=False),
    # Name of the step that is begun (or being undone); empty before the first and when only `failed` is left to do.
    Column("step", Text, nullable=False, default=""),
    Column("step_at", Time, nullable=False, default=0),
    Column("attempt", Integer, nullable=False, default=0),
    Column("owner", Text, nullable=False, default=""),
    # Fencing number: one more with each owner.
    Column("generation", Integer, nullable=False, default=0),
    # When anybody may take it: the end of a delay, or of the owner's lease.
    Column("due_at", Time, nullable=False),
    Column("deadline_at", Time, nullable=False, default=0),
    Column("reason", Text, nullable=False, default=""),
    Column("error", Text, nullable=False, default=""),
    Column("created_at", Time, nullable=False),
    Column("finished_at", Time, nullable=False, default=0),
)

_OPEN = text("state in ('waiting', 'running')")
Index("ix_kernel_sagas_due", sagas.c.due_at, sagas.c.seq, sqlite_where=_OPEN, postgresql_where=_OPEN)
Index("ix_kernel_sagas_key", sagas.c.key, sqlite_where=_OPEN, postgresql_where=_OPEN)
# One saga of a key holds it, whatever runners believe.
_HELD = text("state = 'running'")
Index("uq_kernel_sagas_held", sagas.c.key, unique=True, sqlite_where=_HELD, postgresql_where=_HELD)
_ENDED = text("finished_at > 0")
Index("ix_kernel_sagas_finished", sagas.c.finished_at, sqlite_where=_ENDED, postgresql_where=_ENDED)
_STUCK = text("state = 'stuck'")
Index("ix_kernel_sagas_stuck", sagas.c.seq, sqlite_where=_STUCK, postgresql_where=_STUCK)

journal = Table(
    "kernel_saga_steps",
    metadata,
    Column("saga", BigInteger, nullable=False),
    Column("step", Text, nullable=False),
    # 0: begun and undone without ever having been done.
    Column("done_at", Time, nullable=False, default=0),
    Column("undone_at", Time, nullable=False, default=0),
    # JSON; empty for none.
    Column("output", Text, nullable=False, default=""),
    PrimaryKeyConstraint("saga", "step"),
    sqlite_with_rowid=False,
)


class SagaRow(Struct, frozen=True):
    """A saga as operators and decisions see it. Times are microseconds, 0 for none."""

    seq: int
    id: str
    name: str
    key: str
    params: str
    ctx: str
    state: str
    """`waiting`, `running`, `done`, `failed` or `stuck`."""
    undoing: bool
    cancelled: bool
    step: str
    step_at: int
    attempt: int
    owner: str
    generation: int
    due_at: int
    deadline_at: int
    reason: str
    """Why it was undone or is stuck."""
    error: str
    """What went wrong last in the present step."""
    created_at: int
    finished_at: int


class StepRow(Struct, frozen=True):
    """A line of the journal."""

    step: str
    done_at: int
    undone_at: int
    output: str
    """JSON; empty for none."""
