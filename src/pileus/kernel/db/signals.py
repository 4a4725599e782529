"""Hints that something may have changed, by name.

A signal carries nothing: the table is the truth, and who is woken looks there. A wake too many is harmless, so one
set of subscribers serves the whole process, whatever databases it has open. Wakes between a commit and the next
`wait` are kept, and several count as one.
"""

import asyncio
from collections.abc import Iterable
from weakref import WeakSet

from pileus.kernel.types import SECOND, Micros


class Signal:
    """One subscriber's view of one name. Keep it: a signal that nobody holds is no longer subscribed."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self._set = False
        self._waiter: asyncio.Future[None] | None = None

    async def wait(self, timeout: Micros | None = None) -> bool:  # noqa: ASYNC109
        """Wait until woken; True then, False when `timeout` microseconds passed first. One waiter at a time."""
        # First this, then the look: a thread may set it between.
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            if not self._set:
                # Not `wait_for`: that one swallows a cancellation which comes together with the wake.
                async with asyncio.timeout(None if timeout is None else timeout / SECOND):
                    await self._waiter
        except TimeoutError:
            pass
        finally:
            self._waiter = None
        woken, self._set = self._set, False
        return woken

    def set(self) -> None:
        """Wake the waiter, or the next `wait`. Safe from any thread."""
        self._set = True
        waiter = self._waiter
        if waiter is None:
            return
        loop = waiter.get_loop()
        if not loop.is_closed():
            loop.call_soon_threadsafe(_release, waiter)


def _release(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class _Subscribers:
    """Who listens to what, by name. Names without anybody left are swept out now and then."""

    def __init__(self) -> None:
        self.by_name: dict[str, WeakSet[Signal]] = {}
        self._sweep_at = 1000

    def add(self, name: str, signal: Signal) -> None:
        if len(self.by_name) >= self._sweep_at:
            self.by_name = {name: found for name, found in self.by_name.items() if found}
            self._sweep_at = max(1000, 2 * len(self.by_name))
        self.by_name.setdefault(name, WeakSet()).add(signal)

    def wake(self, name: str) -> None:
        for signal in list(self.by_name.get(name, ())):
            signal.set()


_subscribers = _Subscribers()


def subscribe(*names: str) -> Signal:
    """A signal that any of `names` wakes."""
    signal = Signal(*names)
    for name in names:
        _subscribers.add(name, signal)
    return signal


def wake_all() -> None:
    """Wake everybody, after hints may have been lost."""
    wake(list(_subscribers.by_name))


def wake(names: Iterable[str]) -> None:
    """Deliver in this process. Decisions say `tx.wake(name)` instead, which waits for their commit."""
    for name in names:
        _subscribers.wake(name)
