"""How long the event loop is kept by one turn, wherever the machine is busy with other things too."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Any

import pytest

ALLOWED = 0.005
"""Seconds, on a machine that does `_speed()`'s work in `_USUAL`."""
_USUAL = 0.0049
ROUNDS = 12


async def require_short_turns(round_: Callable[[int], Awaitable[Any]], patch: pytest.MonkeyPatch) -> None:
    """Play rounds until each place of the code has once had a short turn: what is long in all of them is our own doing."""
    least: dict[Hashable, float] = {}
    long: dict[Hashable, float] = {}
    for number in range(ROUNDS):
        for place, took in (await _turns(lambda n=number: round_(n), patch)).items():  # type: ignore[misc]
            least[place] = min(took, least.get(place, took))
        allowed = ALLOWED * max(1.0, _speed() / _USUAL)
        long = {place: took for place, took in least.items() if took > allowed}
        if number and not long:
            return
    raise AssertionError(f"they keep the loop: {long}")


async def _turns(play: Callable[[], Awaitable[Any]], patch: pytest.MonkeyPatch) -> dict[Hashable, float]:
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
        await play()
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
