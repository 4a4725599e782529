"""What the crash suite does to a saga: copies of it whose steps fail, hang or end their process at a named place."""

import asyncio
import os
import signal
import types
from collections.abc import Awaitable, Callable, Generator
from typing import Any

from msgspec import Struct

from pileus.kernel.db import Database
from pileus.kernel.saga import Abort, Run, Saga, Tx, Wait, World, cancel

TURN = "engine-turns-back"
POINTS = ("before", "inside", "after")
Step = World[Any, Any] | Tx[Any, Any] | Wait[Any, Any]


class Fault(Struct, frozen=True):
    """`kind` strikes at `step`:

    `none`        nothing; the saga is to be done.
    `abort`       raised in place of the step; undone.
    `abort-late`  raised when the step has done its work; undone.
    `error`       once, when the step has done its work; done all the same.
    `cancel`      asked for when the (World) step has done its work and hangs; undone.
    `undo-twice`  turned back after all steps that can be undone; this undo is done twice, with an error between; undone.
    `kill`        SIGKILL at `point`: `before`, `inside` (done, not committed), `after` the commit, or `await1`, `await3`: where the
                  step waits for the first or third time. Forwards; done after the restart.
    `kill-undo`   the same while the step is undone; undone after the restart.
    """

    kind: str
    step: str = ""
    point: str = ""

    def __str__(self) -> str:
        return "-".join(part for part in (self.step, self.kind, self.point) if part)

    @property
    def undoes(self) -> bool:
        return self.kind in {"abort", "abort-late", "cancel", "undo-twice", "kill-undo"}

    @property
    def kills(self) -> bool:
        return self.kind in {"kill", "kill-undo"}


def faults_of(saga: Saga[Any, Any]) -> list[Fault]:
    """Every step with everything that can happen to it."""
    found = [Fault("none")]
    for step in saga.steps:
        world = isinstance(step, World)
        points = (*POINTS, "await1", "await3") if world else POINTS
        found += [Fault(kind, step.name) for kind in ("abort", "abort-late", "error")]
        found += [Fault("kill", step.name, point) for point in points]
        if world:
            found.append(Fault("cancel", step.name))
        if _undo(step) is not None:
            found.append(Fault("undo-twice", step.name))
            found += [Fault("kill-undo", step.name, point) for point in points]
    return found


def with_fault(saga: Saga[Any, Any], fault: Fault, db: Database) -> Saga[Any, Any]:
    """A copy of the saga in which `fault` strikes."""
    steps = [_quick(step) if step.name != fault.step else _struck(_quick(step), fault, db) for step in saga.steps]
    if fault.kind in {"undo-twice", "kill-undo"}:
        last = max(n for n, step in enumerate(saga.steps) if _undo(step) is not None)
        steps.insert(last + 1, World(TURN, _turn))
    return Saga(saga.name, saga.params, steps, failed=saga.failed, deadline=saga.deadline)


def killer(fault: Fault) -> Callable[[str, str, str, bool], None] | None:
    """A runner's probe that ends the process at the fault's point."""
    if not fault.kills:
        return None

    def probe(point: str, saga: str, step: str, undoing: bool) -> None:
        if (point, step, undoing) == (fault.point, fault.step, fault.kind == "kill-undo"):
            kill()

    return probe


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    # The signal reaches a thread of this process before it goes on; this is for the case that it does not.
    signal.pause()


def _undo(step: Step) -> Callable[..., Any] | None:
    return None if isinstance(step, Wait) else step.undo


def _quick(step: Step) -> Step:
    return Wait(step.name, step.ready, every=5_000, timeout=step.timeout) if isinstance(step, Wait) else step


async def _turn(world: Any, run: Run, p: Any) -> None:
    raise Abort("the crash suite turns back here")


def _struck(step: Step, fault: Fault, db: Database) -> Step:
    if fault.kind == "kill" and fault.point.startswith("await") and isinstance(step, World):
        return World(step.name, _killed(step.do, int(fault.point[5:])), step.undo)
    if fault.kind == "kill-undo" and fault.point.startswith("await") and isinstance(step, World):
        assert step.undo is not None
        return World(step.name, step.do, _killed(step.undo, int(fault.point[5:])))
    if fault.kind == "undo-twice":
        return _undone_twice(step)
    if fault.kind in {"abort", "abort-late", "error", "cancel"}:
        return _failing(step, fault.kind, db)
    return step


def _failing(step: Step, kind: str, db: Database) -> Step:
    struck: list[str] = []

    def early() -> None:
        if kind == "abort":
            raise Abort("the crash suite says no")

    def late() -> None:
        if kind == "abort-late":
            raise Abort("the crash suite says no, late")
        if kind == "error" and not struck:
            struck.append(step.name)
            raise ConnectionError("the crash suite's unknown error")

    if isinstance(step, World):
        do = step.do

        async def world_step(world: Any, run: Run, p: Any) -> object:
            early()
            output = await do(world, run, p)
            late()
            if kind == "cancel":
                await db.write(cancel, run.key)
                await asyncio.Event().wait()
            return output

        return World(step.name, world_step, step.undo)
    call = step.ready if isinstance(step, Wait) else step.do

    def tx_step(tx: Any, world: Any, run: Run, p: Any) -> Any:
        early()
        output = call(tx, world, run, p)
        late()
        return output

    return (
        Wait(step.name, tx_step, step.every, step.timeout)
        if isinstance(step, Wait)
        else Tx(step.name, tx_step, step.undo)
    )


def _undone_twice(step: Step) -> Step:
    assert not isinstance(step, Wait)
    if isinstance(step, Tx):
        tx_undo = step.undo
        assert tx_undo is not None

        def twice(tx: Any, world: Any, run: Run, p: Any) -> None:
            tx_undo(tx, world, run, p)
            if run.attempt == 0:
                raise ConnectionError("the crash suite has this undone twice")

        return Tx(step.name, step.do, twice)
    world_undo = step.undo
    assert world_undo is not None

    async def again(world: Any, run: Run, p: Any) -> None:
        await world_undo(world, run, p)
        if run.attempt == 0:
            raise ConnectionError("the crash suite has this undone twice")

    return World(step.name, step.do, again)


def _killed(call: Callable[..., Awaitable[object]], at: int) -> Callable[..., Awaitable[object]]:
    async def killed(world: Any, run: Run, p: Any) -> object:
        return await _counting(call(world, run, p), at)

    return killed


@types.coroutine
def _counting(awaitable: Awaitable[object], at: int) -> Generator[Any, Any, object]:
    """Await something, and end the process when it waits for the `at`-th time."""
    inner = awaitable.__await__()
    waits = 0
    try:
        waited = next(inner)
        while True:
            waits += 1
            if waits == at:
                kill()
            try:
                sent = yield waited
            except BaseException as error:
                waited = inner.throw(error)
            else:
                waited = inner.send(sent)
    except StopIteration as end:
        return end.value
