"""Against guessing: who failed too often, by account and by address, waits before the next secret is looked at.

Only failures count, so that busy clients with the right password never notice. It is a matter of one process: what must hold
across processes and restarts is the lockout (`core/lockout.py`), which an operator switches on.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from pileus.kernel.types import SECOND, Micros, TooMany, Unauthorized, clock
from pileus.services.identity.core.failures import Failures
from pileus.services.identity.core.settings import IdentitySettings

_MOST = 50_000
"""Buckets, and pairs of account and address, that are remembered."""
_ELSEWHERE = 8
"""Looks at a time that are not ours to make: another server's."""


class Buckets:
    """Leaking buckets by key: each failure fills one, `size` of them leak out in a window."""

    def __init__(self, size: int, window: Micros) -> None:
        self._size, self._window = size, window
        self._levels: OrderedDict[str, tuple[float, Micros]] = OrderedDict()

    def wait(self, key: str, now: Micros) -> Micros:
        """Microseconds until another failure has room; 0: it has."""
        if not self._size:
            return 0
        over = self._level(key, now) - (self._size - 1)
        return round(over * self._window / self._size) if over > 0 else 0

    def fill(self, key: str, now: Micros) -> None:
        self._levels[key] = (self._level(key, now) + 1, now)
        self._levels.move_to_end(key)
        if len(self._levels) > _MOST:
            self._levels.popitem(last=False)

    def _level(self, key: str, now: Micros) -> float:
        level, since = self._levels.get(key, (0.0, now))
        return max(0.0, level - (now - since) * self._size / self._window)


class Guard:
    """Stands before every look at a secret that somebody could guess."""

    def __init__(self, settings: IdentitySettings) -> None:
        window = settings.login_window * SECOND
        self.failures = Failures()
        self._accounts = Buckets(settings.login_failures_account, window)
        self._addresses = Buckets(settings.login_failures_address, window)
        self._places = max(1, settings.password_threads)
        self._lanes: dict[str, asyncio.Semaphore] = {}
        self._queues: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._friends: OrderedDict[str, None] = OrderedDict()

    @asynccontextmanager
    async def watch(self, account: str, address: str, lane: str = "") -> AsyncIterator[None]:
        """Around the look at one secret: `Unauthorized` in there is a failure.

        `account` is an id, or what was given instead for one that does not exist: both are treated alike.
        Of one `lane` (a place that may be slow by itself) only few are inside at a time, so that a crowd arriving at once
        is counted one after the other. Raises `TooMany` with `Retry-After`.
        """
        self._check(account, address)
        places = max(self._places, _ELSEWHERE) if lane else self._places
        async with self._lanes.setdefault(lane, asyncio.Semaphore(places)):
            self._check(account, address)
            try:
                yield
            except Unauthorized:
                self._failed(account, address)
                raise
        self._befriend(account, address)

    def queue(self, account: str, places: int) -> asyncio.Semaphore:
        """So many logins of an account go on at a time; it lasts as long as somebody stands in it."""
        return self._queues.get(account) or self._queues.setdefault(account, asyncio.Semaphore(places))

    def _key(self, account: str, address: str) -> str:
        """Somebody who got in from an address before is not kept out by those who guess from elsewhere."""
        pair = f"{account} {address}"
        return pair if pair in self._friends else account

    def _check(self, account: str, address: str) -> None:
        now = clock()
        wait = max(self._accounts.wait(self._key(account, address), now), self._addresses.wait(address, now))
        if wait:
            seconds = -(-wait // SECOND)
            fault = TooMany(f"Too many failed logins. Try again in {seconds} seconds.")
            fault.headers["Retry-After"] = str(seconds)
            self.failures.note(account, address, fault.status)
            raise fault

    def _failed(self, account: str, address: str) -> None:
        now = clock()
        self._accounts.fill(self._key(account, address), now)
        self._addresses.fill(address, now)
        self.failures.note(account, address, Unauthorized.status)

    def _befriend(self, account: str, address: str) -> None:
        pair = f"{account} {address}"
        self._friends[pair] = None
        self._friends.move_to_end(pair)
        if len(self._friends) > _MOST:
            self._friends.popitem(last=False)
