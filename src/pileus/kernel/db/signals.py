"""Hints that something may have changed, by name.

A signal carries nothing: the table is the truth, and who is woken looks there. A wake too many is harmless, so one
set of subscribers serves the whole process, whatever databases it has open. Wakes between a commit and the next
`wait` are kept, and several count as one.
"""

import asyncio
from collections.abc import Iterable
from weakref import WeakSet, finalize

from pileus.kernel.types import SECOND, Micros


class Signal:
    """One subscriber's view of one name. Keep it: a signal that nobody holds is no longer subscribed."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self._set = False
        self._waiter: asyncio.Future[None] | None = None

    async def wait(self, timeout: Micros | None = None) -> bool:  # noqa: ASYNC109
        """Wait until woken; True then, False when `timeout` microseconds passed first. One waiter at a time."""
        if not self._set:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await asyncio.wait_for(self._waiter, None if timeout is None else timeout / SECOND)
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


_subscribers: dict[str, "WeakSet[Signal]"] = {}


def subscribe(*names: str) -> Signal:
    """A signal that any of `names` wakes."""
    signal = Signal(*names)
    finalize(
        signal, _forget, names
    ).atexit = False  # before the WeakSets' own callbacks are made: it is called after them
    for name in names:
        _subscribers.setdefault(name, WeakSet()).add(signal)
    return signal


def _forget(names: tuple[str, ...]) -> None:
    """Names with nobody left, such as those of single sagas, must not pile up."""
    for name in names:
        if not _subscribers.get(name):
            _subscribers.pop(name, None)


def wake_all() -> None:
    """Wake everybody, after hints may have been lost."""
    wake(list(_subscribers))


def wake(names: Iterable[str]) -> None:
    """Deliver in this process. Decisions say `tx.wake(name)` instead, which waits for their commit."""
    for name in names:
        found = _subscribers.get(name)
        if not found:
            _subscribers.pop(name, None)
            continue
        for signal in list(found):
            signal.set()
