"""The runner against a model, under random starts, cancellations, crashes and restarts."""

import asyncio
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import Column, Integer, Table, Text, bindparam, delete, insert, select

from pileus.kernel.db import Database, Query, metadata
from pileus.kernel.db import Tx as DbTx
from pileus.kernel.saga import (
    Abort,
    Params,
    Run,
    Runner,
    Saga,
    SagaSettings,
    Tx,
    Wait,
    World,
    cancel,
    census,
    find,
    running,
    start,
)
from pileus.kernel.types import MINUTE, clock, cloud

marks = Table(
    "model_marks", metadata, Column("saga", Text), Column("step", Text), Column("nth", Integer, primary_key=True)
)
INSERT, DELETE = Query(insert(marks)), Query(delete(marks).where(marks.c.saga == bindparam("of")))
MARKS = Query(select(marks.c.step).where(marks.c.saga == bindparam("of")).order_by(marks.c.nth))
QUICK = SagaSettings(concurrency=3, backoff=0.001, backoff_max=0.002, undo_attempts=5)
STEPS = ("w1", "t1", "w2", "v1", "t2", "t3")
"""w: World, t: Tx, v: Wait."""


class Walk(Params, saga="model.walk", frozen=True):
    number: int
    abort_at: str = ""
    errors: dict[str, int] = {}
    slow: bool = False


class Truth:
    """What the steps did to the world; it outlives every runner."""

    def __init__(self) -> None:
        self.effects: dict[int, set[str]] = {}
        self.errors: dict[tuple[int, str], int] = {}
        self.at_work: dict[str, int] = {}
        self.order: dict[str, list[int]] = {}
        self.failed: list[int] = []

    def enter(self, run: Run, p: Walk, step: str) -> None:
        """Raises when two sagas of a key are at work."""
        holder = self.at_work.setdefault(run.key, p.number)
        assert holder == p.number, f"{p.number} works on {run.key} while {holder} does"
        order = self.order.setdefault(run.key, [])
        if p.number not in order:
            order.append(p.number)
        if p.abort_at == step:
            raise Abort("as planned")
        left = self.errors.setdefault((p.number, step), p.errors.get(step, 0))
        if left:
            self.errors[p.number, step] -= 1
            raise ValueError("as planned")

    def leave(self, run: Run) -> None:
        self.at_work.pop(run.key, None)


def build() -> Saga[Truth, Walk]:
    def world(name: str) -> World[Truth, Walk]:
        async def do(truth: Truth, run: Run, p: Walk) -> str:
            truth.enter(run, p, name)
            await asyncio.sleep(0.002 if p.slow else 0)
            truth.effects.setdefault(p.number, set()).add(name)
            await asyncio.sleep(0)
            return name

        async def undo(truth: Truth, run: Run, p: Walk) -> None:
            await asyncio.sleep(0)
            truth.effects.setdefault(p.number, set()).discard(name)

        return World(name, do, undo)

    def within(name: str) -> Tx[Truth, Walk]:
        def do(tx: DbTx, truth: Truth, run: Run, p: Walk) -> None:
            truth.enter(run, p, name)
            tx.run(INSERT, saga=run.id, step=name)
            if name == STEPS[-1]:
                assert run.output("w2") == "w2"
                tx.after_commit(lambda: truth.leave(run))

        def undo(tx: DbTx, truth: Truth, run: Run, p: Walk) -> None:
            tx.run(INSERT, saga=run.id, step=f"un{name}")

        return Tx(name, do, undo)

    def ready(tx: DbTx, truth: Truth, run: Run, p: Walk) -> bool:
        truth.enter(run, p, "v1")
        return True

    def failed(tx: DbTx, truth: Truth, run: Run, p: Walk, reason: str) -> None:
        tx.after_commit(lambda: (truth.failed.append(p.number), truth.leave(run)))  # type: ignore[arg-type,return-value]

    kinds = {"w": world, "t": within, "v": lambda name: Wait(name, ready, every=1000)}
    return Saga("model.walk", Walk, [kinds[name[0]](name) for name in STEPS], failed=failed)


class RunnerMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.place = tempfile.TemporaryDirectory(prefix="ksaga-model-")
        self.truth = Truth()
        self.plans: dict[int, tuple[str, str, Walk]] = {}
        self.cancelled: set[int] = set()
        self.runner: Runner | None = None
        self.db = Database(f"sqlite:///{Path(self.place.name)}/pileus.db", synchronous="OFF")
        self.wait(self.db.start())
        self.begin()

    def wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run(work)

    def begin(self) -> None:
        self.runner = Runner(self.db, QUICK)
        self.runner.add(build(), self.truth)
        self.wait(self.runner.start())

    # --- what may happen ---

    @rule(
        key=st.sampled_from("abc"),
        abort_at=st.sampled_from(["", "", "", *STEPS]),
        errors=st.dictionaries(st.sampled_from(STEPS), st.integers(1, 3), max_size=2),
        slow=st.booleans(),
    )
    def start(self, key: str, abort_at: str, errors: dict[str, int], slow: bool) -> None:
        params = Walk(number=len(self.plans), abort_at=abort_at, errors=errors, slow=slow)
        self.plans[params.number] = (self.wait(self.db.write(start, params, key, cloud())), key, params)

    @rule(key=st.sampled_from("abc"))
    def cancel(self, key: str) -> None:
        def ask(tx: DbTx) -> tuple[int, list[str]]:
            stopping = [row.id for row in running(tx, key) if not row.undoing and not row.cancelled]
            return cancel(tx, key), stopping

        asked, stopping = self.wait(self.db.write(ask))
        assert asked == len(stopping)
        self.cancelled |= {n for n, (saga_id, _, _) in self.plans.items() if saga_id in stopping}

    @rule(milliseconds=st.integers(0, 8))
    def time_passes(self, milliseconds: int) -> None:
        self.wait(asyncio.sleep(milliseconds / 1000))

    @precondition(lambda self: self.runner is not None)
    @rule(gracefully=st.booleans())
    def stop(self, gracefully: bool) -> None:
        assert self.runner is not None
        self.wait(self.runner.close() if gracefully else self.crash(self.runner))
        self.runner = None

    @precondition(lambda self: self.runner is None)
    @rule()
    def go_on(self) -> None:
        self.begin()

    async def crash(self, runner: Runner) -> None:
        """All tasks vanish where they stand; what they had sent to the database may still be committed."""
        tasks = [course.task for course in runner._courses.values() if course.task] + runner._loops
        for task in tasks:
            task.cancel()
        runner._loops = []
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.db.write(lambda tx: None)

    # --- what must be ---

    def state(self, number: int) -> str:
        return self.db.read_now(find, self.plans[number][0]).state

    @invariant()
    def nothing_is_stuck(self) -> None:
        assert self.db.read_now(census)["stuck"] == 0

    def teardown(self) -> None:
        try:
            if self.runner is None:
                self.begin()
            self.wait(self.drain())
            for number, (saga_id, _, params) in self.plans.items():
                self.check(number, saga_id, params)
            for order in self.truth.order.values():
                assert order == sorted(order), "not in order of start"
        finally:
            if self.runner is not None:
                self.wait(self.runner.close())
            self.wait(self.db.close())
            self.loop.close()
            self.place.cleanup()

    async def drain(self) -> None:
        end = clock() + MINUTE
        while any((await self.db.read(census)).values()):
            assert clock() < end, f"no end: {[self.state(n) for n in self.plans]}"
            await asyncio.sleep(0.002)

    def check(self, number: int, saga_id: str, params: Walk) -> None:
        state = self.state(number)
        effects = self.truth.effects.get(number, set())
        told = self.db.read_now(lambda tx: [step for (step,) in tx.rows(MARKS, of=saga_id)])
        if state == "done":
            assert not params.abort_at
            assert effects == {"w1", "w2"}
            assert told == ["t1", "t2", "t3"]
        else:
            assert state == "failed"
            assert params.abort_at or number in self.cancelled
            assert effects == set()
            assert told in ([], ["t1", "unt1"])
        # A crash may lose the message of `failed`, never its transaction.
        assert self.truth.failed.count(number) <= (state == "failed")
        if number in self.cancelled and state == "done":
            raise AssertionError("a cancelled saga was done")


RunnerMachine.TestCase.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestRunnerAgainstModel = RunnerMachine.TestCase
