"""Reconcilers: timer, signals, errors, status."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from pileus.kernel.db import signals
from pileus.kernel.reconcile import Reconciler, Reconcilers, Status
from pileus.kernel.reconcile import reconciler as module
from pileus.kernel.types import HOUR, MINUTE, clock


class Work:
    def __init__(self) -> None:
        self.runs = self.ended = 0
        self.at_once = self.most_at_once = 0
        self.errors: list[BaseException] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.gate.wait()
            await asyncio.sleep(0)
            self.runs += 1
            if self.errors:
                raise self.errors.pop(0)
        finally:
            self.at_once -= 1
            self.ended += 1


@pytest.fixture
async def collection() -> AsyncIterator[Reconcilers]:
    made = Reconcilers()
    yield made
    await made.stop()


async def until(condition: Callable[[], bool]) -> None:
    end = clock() + MINUTE
    while not condition():
        assert clock() < end, "did not happen"
        await asyncio.sleep(0.002)


async def test_runs_at_the_start_and_by_timer(collection: Reconcilers) -> None:
    work = Work()
    collection.add(Reconciler("r", work, every=20_000))
    await asyncio.sleep(0.03)
    assert work.runs == 0
    began = clock()
    collection.start()
    await until(lambda: work.runs >= 3)
    await collection.stop()
    ended = work.ended  # the last one perhaps by being interrupted
    await asyncio.sleep(0.05)
    assert work.ended == ended
    (status,) = collection.status()
    assert (status.name, status.runs, status.errors, status.last_error) == ("r", ended, 0, "")
    assert began <= status.last_run <= clock()
    assert collection.counters()["reconciler_runs_total"] == {"r": ended}


async def test_any_of_its_signals_wakes_it(collection: Reconcilers) -> None:
    work = Work()
    collection.start()
    collection.add(Reconciler("r", work, every=HOUR, wake=("one", "two")))
    await until(lambda: work.runs == 1)
    signals.wake(["one"])
    await until(lambda: work.runs == 2)
    signals.wake(["two"])
    await until(lambda: work.runs == 3)
    signals.wake(["three"])
    await asyncio.sleep(0.03)
    assert work.runs == 3


async def test_signals_during_a_run_make_one_more_never_two_at_once(collection: Reconcilers) -> None:
    work = Work()
    work.gate.clear()
    collection.add(Reconciler("r", work, every=HOUR, wake=("one",)))
    collection.start()
    await until(lambda: work.at_once == 1)
    assert collection.status()[0].began_at > 0
    for _ in range(5):
        signals.wake(["one"])
        await asyncio.sleep(0)
    work.gate.set()
    await until(lambda: work.runs == 2)
    await asyncio.sleep(0.03)
    assert (work.runs, work.most_at_once) == (2, 1)
    assert collection.status()[0].began_at == 0


async def test_errors_are_counted_and_retried_with_growing_pauses(
    collection: Reconcilers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE", 20_000)
    work = Work()
    work.errors = [ValueError("boom"), asyncio.CancelledError("inner"), ValueError("last")]
    seen: list[Status] = []

    class Watched(Reconciler):
        def _pause(self) -> int:
            seen.append(self.status())
            signals.wake(["one"])
            return super()._pause()

    collection.add(Watched("r", work, every=HOUR, wake=("one",)))
    began = clock()
    collection.start()
    # Three failures, the run that is well, and one more for the signals that came meanwhile.
    await until(lambda: work.runs == 5)
    assert clock() - began >= (20 + 40 + 80) * 1000
    assert [(status.failing, status.last_error) for status in seen] == [
        (1, "ValueError: boom"), (2, "CancelledError: inner"), (3, "ValueError: last"),
    ]  # fmt: skip
    status = collection.status()[0]
    assert (status.errors, status.failing, status.last_error) == (3, 0, "ValueError: last")
    assert status.last_error_at >= began


async def test_names_are_unique_and_one_may_be_removed(collection: Reconcilers) -> None:
    work = Work()
    work.gate.clear()
    collection.add(Reconciler("r", work))
    with pytest.raises(ValueError, match="two reconcilers"):
        collection.add(Reconciler("r", work))
    collection.start()
    await until(lambda: work.at_once == 1)
    await collection.remove("r")
    assert work.at_once == 0
    assert collection.status() == []
    await collection.remove("r")


async def test_a_cancellation_that_comes_with_a_wake_is_not_swallowed() -> None:
    signal = signals.subscribe("both")
    waiting = asyncio.create_task(signal.wait(HOUR))
    await asyncio.sleep(0)
    signals.wake(["both"])
    # The waiter's release is scheduled; the cancellation arrives between it and the waiter's turn.
    asyncio.get_running_loop().call_soon(waiting.cancel)
    with pytest.raises(asyncio.CancelledError):
        await waiting
