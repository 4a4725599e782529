"""One saga on its way through its steps, forwards or backwards."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

import msgspec

from pileus.kernel.db import Signal, Tx, signals
from pileus.kernel.saga import journal
from pileus.kernel.saga.decisions import key_signal
from pileus.kernel.saga.ground import Ground
from pileus.kernel.saga.plan import Act, NotReady, Plan, encode
from pileus.kernel.saga.settings import micros
from pileus.kernel.saga.steps import Abort, Run, Wait
from pileus.kernel.saga.tables import DONE, FAILED, STUCK
from pileus.kernel.types import SECOND, Micros, clock

log = logging.getLogger(__name__)
T = TypeVar("T")


class _TurnBack(Exception):
    """To the undo, for this reason."""


class _Closing(Exception):
    """The process ends: leave the saga where it is."""


class _Parked(Exception):
    """The saga is stuck."""


class Course:
    """Runs one claimed saga until it has ended, is lost or parked, or the process closes. Holds one place at first."""

    def __init__(self, ground: Ground, taken: journal.Taken, world: object) -> None:
        self.row = taken.row
        self.saga = taken.saga
        self.deadline_at = taken.row.deadline_at
        self.lease_until = clock() + ground.lease
        self.late = False
        self.task: asyncio.Task[None] | None = None
        self._ground = ground
        self._world = world
        self._params = taken.params
        row = taken.row
        self._run = Run(row.id, row.key, taken.ctx, row.generation, row.attempt, row.cancelled)
        self._done = {line.step for line in taken.lines if line.done_at and not line.undone_at}
        for line in taken.lines:
            self._run.keep(line.step, line.output)
        self._undoing = row.undoing
        self._reason = row.reason
        self._asked = row.cancelled
        self._closing = False
        self._breakable = False
        self._placed = True
        # Acts done in the world whose line is not written yet.
        self._pending: list[tuple[str, str]] = []
        self._at = row.step

    # --- from the runner ---

    def ask(self) -> None:
        """The saga was cancelled."""
        self._asked = self._run.cancelled = True
        if self._breakable and not self._undoing and self.task is not None:
            self.task.cancel()

    def close(self) -> None:
        """Stop at the next point where stopping is safe."""
        self._closing = True
        if self._breakable and self.task is not None:
            self.task.cancel()

    async def run(self) -> None:
        try:
            await self._there_and_back()
        except journal.Lost:
            self._ground.counters.lost += 1
            log.warning("saga %s %s: lost to another process", self.saga.name, self.row.id)
            await self._let_go()
        except _Closing:
            await self._let_go()
        except _Parked:
            pass
        except Exception:
            log.exception("saga %s %s: the runner failed; it is taken up again", self.saga.name, self.row.id)
            await self._let_go(self._pause(5))
        finally:
            if self._placed:
                self._ground.places.give()

    async def _let_go(self, after: Micros = 0) -> None:
        held = [(self.row.seq, self.row.generation)]
        try:
            await self._ground.db.write(journal.release, held, after)
        except Exception:
            log.exception("saga %s %s: its lease runs out by itself", self.saga.name, self.row.id)

    # --- the way ---

    async def _there_and_back(self) -> None:
        while True:
            try:
                self._check()
                await self._enter()
                await self._travel(self._acts())
                return
            except _TurnBack as why:
                reason = str(why)
            except journal.Asked:
                self._asked = self._run.cancelled = True
                reason = "cancelled"
            await self._turn(reason)

    def _check(self) -> None:
        if self._closing:
            raise _Closing
        if self._asked and not self._undoing:
            raise _TurnBack("cancelled")

    def _acts(self) -> list[Act]:
        plan = Plan(self.saga, self._world, self._run, self._params)
        return plan.back(self.row.step, self._done, self._reason) if self._undoing else plan.forth(self.row.step)

    async def _travel(self, acts: list[Act]) -> None:
        position = 0
        while position < len(acts):
            act = acts[position]
            self._at = act.name
            if act.world is not None:
                await self._begin(act)
                await self._trying(act, lambda act=act: self._do(act))  # type: ignore[misc]
                position += 1
                continue
            end = position + 1
            while end < len(acts) and acts[end].tx is not None and acts[end].wait is None:
                end += 1
            after = acts[end].name if end < len(acts) else ""
            if act.wait is not None:
                await self._begin(act)
            await self._trying(act, partial(self._together, acts[position:end], after))
            position = end

    async def _begin(self, act: Act) -> None:
        if self.row.step != act.name or self._pending:
            await self._writing(lambda tx: self._record(tx, step=act.name, step_at=tx.now, attempt=0, error=""))
            self._believe(step=act.name, step_at=clock())

    async def _do(self, act: Act) -> None:
        assert act.world is not None
        self._probe("before", act.name)
        output = encode(await self._break(act.world()))
        self._probe("inside", act.name)
        if not self._undoing:
            self._run.keep(act.name, output)
        self._pending.append((act.name, output))

    async def _together(self, acts: list[Act], after: str) -> None:
        """Neighbouring transaction steps, and the end of the saga if it is next, in one transaction."""
        if acts[0].wait is not None:
            await self._waiting(acts[0].wait)
        ending = acts[-1].name == ""
        state = FAILED if self._undoing else DONE

        def write(tx: Tx) -> None:
            if ending:
                self._record(tx, state=state, step="", owner="", error="", finished_at=tx.now)
            else:
                self._record(tx, step=after, step_at=tx.now, attempt=0, error="")
            for act in acts:
                assert act.tx is not None
                self._at = act.name
                if act.name:
                    self._probe("before", act.name)
                output = encode(act.tx(tx))
                if act.name:
                    self._probe("inside", act.name)
                    self._line(tx, act.name, output)
            if ending:
                journal.ended(tx, self.row)

        await self._ground.db.write(write)
        self._written([act.name for act in acts if act.name])
        self._believe(step=after, step_at=clock())
        if ending:
            self._count(state)

    def _line(self, tx: Tx, name: str, output: str) -> None:
        if self._undoing:
            journal.write_undone(tx, self.row, name)
        else:
            self._run.keep(name, output)
            journal.write_done(tx, self.row, name, output)

    def _record(self, tx: Tx, **columns: object) -> None:
        """The fence, the saga's new columns and the lines of what is done since the last write."""
        journal.move(tx, self.row, due_at=tx.now + self._ground.lease, **columns)
        for name, output in self._pending:
            if self._undoing:
                journal.write_undone(tx, self.row, name)
            else:
                journal.write_done(tx, self.row, name, output)

    def _written(self, more: list[str]) -> None:
        names = [name for name, _ in self._pending] + more
        self._pending = []
        self.lease_until = clock() + self._ground.lease
        if self._undoing:
            self._ground.counters.undos += len(names)
        else:
            self._done.update(names)
            self._ground.counters.steps += len(names)
        if self._ground.probe is not None:
            for name in names:
                self._probe("after", name)

    async def _turn(self, reason: str) -> None:
        pending = self._pending

        def write(tx: Tx) -> None:
            journal.turn(tx, self.row, reason=reason, attempt=0, due_at=tx.now + self._ground.lease)
            for name, output in pending:
                journal.write_done(tx, self.row, name, output)

        await self._writing(write)
        self._undoing, self._reason, self._run.attempt = True, reason, 0

    # --- waiting and failing ---

    async def _waiting(self, step: Wait[Any, Any]) -> None:
        """Return when `ready` says so. Raises `_TurnBack` past the time-out."""
        until = self.row.step_at + step.timeout
        signal = signals.subscribe(key_signal(self.row.key))
        self._leave()
        while not await self._ground.db.read(step.ready, self._world, self._run, self._params):
            left = until - clock()
            if left <= 0:
                raise _TurnBack(f"{step.name}: not within {step.timeout / SECOND:g} s")
            await self._sleep(signal, min(step.every, left))
        await self._enter()

    async def _trying(self, act: Act, call: Callable[[], Awaitable[None]]) -> None:
        """Do it until it is done. Forwards without end; backwards `undo_attempts` times, then the saga is parked."""
        while True:
            try:
                self._check()
                await call()
            except (journal.Lost, journal.Asked, _TurnBack, _Closing):
                raise
            except NotReady:
                continue
            except Abort as error:
                if not self._undoing:
                    raise _TurnBack(f"{self._at}: {error}") from error
                await self._setback(act, error)
            except Exception as error:
                await self._setback(act, error)
            else:
                self._run.attempt = 0
                return

    async def _setback(self, act: Act, error: Exception) -> None:
        self._run.attempt += 1
        self._ground.counters.errors += 1
        text = f"{self._at or 'failed'}: {type(error).__name__}: {error}"
        log.warning("saga %s %s: %s (attempt %d)", self.saga.name, self.row.id, text, self._run.attempt, exc_info=error)
        signal = signals.subscribe(key_signal(self.row.key))
        stuck = self._undoing and self._run.attempt >= self._ground.settings.undo_attempts

        def write(tx: Tx) -> None:
            columns: dict[str, Any] = {"attempt": self._run.attempt, "error": text, "step": act.name}
            if stuck:
                self._record(tx, state=STUCK, owner="", **columns)
                journal.ended(tx, self.row)
            else:
                self._record(tx, **columns)

        await self._writing(write)
        self._believe(step=act.name)
        if stuck:
            self._count(STUCK)
            log.error("saga %s %s is stuck: %s", self.saga.name, self.row.id, text)
            raise _Parked
        self._leave()
        await self._sleep(signal, self._pause(self._run.attempt))
        await self._enter()

    async def _writing(self, write: Callable[[Tx], None]) -> None:
        """A write of the engine's own: when the database cannot, nothing can be done but to try again."""
        attempt = 0
        while True:
            try:
                await self._ground.db.write(write)
            except (journal.Lost, journal.Asked):
                raise
            except Exception as error:
                if self._closing:
                    raise _Closing from error
                attempt += 1
                log.exception("saga %s %s: its journal cannot be written", self.saga.name, self.row.id)
                await asyncio.sleep(self._pause(attempt) / SECOND)
            else:
                self._written([])
                return

    def _pause(self, attempt: int) -> Micros:
        settings = self._ground.settings
        longest = min(settings.backoff_max, settings.backoff * 2.0 ** min(attempt - 1, 20))
        return micros(longest * random.uniform(0.5, 1.0))  # noqa: S311

    async def _sleep(self, signal: Signal, span: Micros) -> None:
        await self._break(signal.wait(max(span, 1000)))

    async def _break(self, awaitable: Awaitable[T]) -> T:
        """Wait for something that a cancellation or the end of the process may interrupt."""
        task = asyncio.current_task()
        assert task is not None
        self._breakable = True
        try:
            result = await awaitable
        except asyncio.CancelledError:
            if task.cancelling() and not (self._closing or self._asked):
                raise
            self._interrupted(task)
            raise RuntimeError("cancelled from inside") from None
        except Exception:
            self._interrupted(task)
            raise
        finally:
            self._breakable = False
        self._interrupted(task)
        return result

    def _interrupted(self, task: asyncio.Task[None]) -> None:
        """If `ask` or `close` broke the wait, however it then ended, obey."""
        if task.cancelling():
            while task.uncancel():
                pass
            self._check()

    def _leave(self) -> None:
        if self._placed:
            self._placed = False
            self._ground.places.give()

    async def _enter(self) -> None:
        if not self._placed:
            await self._break(self._ground.places.take())
            self._placed = True

    # --- small things ---

    def _believe(self, **columns: Any) -> None:
        self.row = msgspec.structs.replace(self.row, **columns)

    def _probe(self, point: str, step: str) -> None:
        if self._ground.probe is not None:
            self._ground.probe(point, self.saga.name, step, self._undoing)

    def _count(self, state: str) -> None:
        setattr(self._ground.counters, state, getattr(self._ground.counters, state) + 1)
