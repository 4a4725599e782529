"""Hints: kept until looked at, several count as one, gone with who held them."""

import asyncio
import gc
import threading

from pileus.kernel.db import signals
from pileus.kernel.types import MINUTE, SECOND


async def test_a_hint_is_kept_until_somebody_waits() -> None:
    signal = signals.subscribe("a", "b")
    signals.wake(["a", "b", "nobody"])
    assert await signal.wait(SECOND)
    assert not await signal.wait(1000)


async def test_a_waiter_is_woken_from_any_thread() -> None:
    signal = signals.subscribe("a")
    threading.Timer(0.05, signal.set).start()
    assert await signal.wait(MINUTE)


async def test_every_subscriber_is_woken() -> None:
    all_of_them = [signals.subscribe("a") for _ in range(3)]
    waiting = [asyncio.create_task(signal.wait(MINUTE)) for signal in all_of_them]
    await asyncio.sleep(0)
    signals.wake(["a"])
    assert await asyncio.gather(*waiting) == [True] * 3


async def test_a_cancelled_wait_keeps_the_hint() -> None:
    signal = signals.subscribe("a")
    waiting = asyncio.create_task(signal.wait())
    await asyncio.sleep(0)
    signals.wake(["a"])
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert waiting.cancelled()
    assert await signal.wait(1000)


def test_names_that_nobody_holds_are_swept_out() -> None:
    held = signals.subscribe("held")
    for n in range(5000):
        signals.subscribe(f"once-{n}")
    gc.collect()
    assert len(signals._subscribers.by_name) < 3000
    signals.wake_all()
    assert held._set
