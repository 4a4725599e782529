"""How long the event loop is kept by one turn, wherever the machine is busy with other things too."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Hashable
from typing import Any

import pytest

ALLOWED = 0.005
"""Seconds, on a machine that does `_speed()`'s work in `_USUAL`."""
_USUAL = 0.0049
ROUNDS = 12


async def require_short_turns(round_: Callable[[int], Coroutine[Any, Any, None]], patch: pytest.MonkeyPatch) -> None:
    """Play rounds until each place of the code has once had a short turn: what is long whenever it comes is our own doing."""
    await round_(0)  # what is done once is done
    seen: dict[Hashable, list[float]] = {}
    long: dict[Hashable, float] = {}
    for number in range(1, ROUNDS):
        for place, took in (await _turns(round_(number), patch)).items():
            seen.setdefault(place, []).append(took)
        allowed = ALLOWED * max(1.0, _speed() / _USUAL)
        long = {place: min(took) for place, took in seen.items() if min(took) > allowed}
        if not long:
            return
    often = {place: took for place, took in long.items() if len(seen[place]) > 2}
    assert not often, f"they keep the loop: {often}"


async def _turns(play: Coroutine[Any, Any, None], patch: pytest.MonkeyPatch) -> dict[Hashable, float]:
    """The longest turn that began at each place."""
    found: dict[Hashable, float] = {}
    run = asyncio.Handle._run

    def timed(handle: asyncio.Handle) -> None:
        place = _place(handle)
        begun = time.perf_counter()
        run(handle)
        found[place] = max(found.get(place, 0.0), time.perf_counter() - begun)

    with patch.context() as patched:
        patched.setattr(asyncio.Handle, "_run", timed)
        await asyncio.create_task(play)
    return found


def _place(handle: asyncio.Handle) -> Hashable:
    """Where a task goes on, or what is called."""
    called: Any = getattr(handle, "_callback", None)
    task = getattr(called, "__self__", None)
    if not isinstance(task, asyncio.Task):
        return getattr(called, "__qualname__", repr(called))
    coroutine: Any = task.get_coro()
    while getattr(coroutine, "cr_await", None) is not None and hasattr(coroutine.cr_await, "cr_frame"):
        coroutine = coroutine.cr_await
    frame = getattr(coroutine, "cr_frame", None)
    return (coroutine.__qualname__, frame.f_lineno if frame else 0)


def _speed() -> float:
    """Seconds for a fixed piece of work."""
    took = []
    for _ in range(5):
        begun, total = time.perf_counter(), 0
        for number in range(100_000):
            total += number * number % 7
        took.append(time.perf_counter() - begun)
    return min(took)
