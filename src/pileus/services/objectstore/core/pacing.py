"""How many changes and listings a second an account or a container takes: who is early waits, who is far too early is refused.

Each process counts for itself. Only what the caller may do at all counts: nobody slows down another's container.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from enum import StrEnum

from pileus.kernel.config import ConfigError
from pileus.kernel.types import TooMany
from pileus.services.objectstore.core.settings import ObjectSettings

PATIENCE = 60.0
"""Seconds that a request waits at most."""
CREDIT = 5.0
"""Seconds of quiet that may be made up for at once."""
KEPT = 10_000
UNLIMITED, REFUSED = "unlimited", "refused"


class Work(StrEnum):
    CONTAINER = "container"
    """One is made or deleted."""
    OBJECT = "object"
    """One is written, changed, copied or deleted."""
    LISTING = "listing"
    """Of a container."""
    OTHER = "other"
    """Another change: of an account, or what a container says of itself."""


Claim = tuple[tuple[str, ...], float]
"""Whose turn it is, and how many a second."""


class Pace:
    def __init__(self, settings: ObjectSettings, now: Callable[[], float] = time.monotonic) -> None:
        self._per_account, self._per_container = settings.account_changes, settings.container_changes
        self._listings, self._accounts = settings.container_listings, settings.account_rates
        self._now = now
        self._next: dict[tuple[str, ...], float] = {}
        self._purge_at = KEPT
        self.needed = bool(self._per_account or self._per_container or self._listings or self._accounts)
        """False: nothing is ever counted."""

    def refuses(self, account: str) -> bool:
        """Whether the operator has shut an account out."""
        return self._accounts.get(account) == REFUSED

    def claims(self, account: str, container: str, work: Work) -> Sequence[Claim]:
        """What a request has to wait for."""
        own = self._accounts.get(account, "")
        if own == UNLIMITED:
            return ()
        found: list[Claim] = []
        match work:
            case Work.CONTAINER:
                found.append((("account", account), self._per_account))
            case Work.OBJECT:
                found.append((("container", account, container), self._per_container))
            case Work.LISTING:
                found.append((("listing", account, container), self._listings))
        if own and work is not Work.LISTING:
            found.append((("writes", account), float(own)))
        return [claim for claim in found if claim[1]]

    async def wait(self, claims: Sequence[Claim]) -> None:
        """Until it is its turn. Raises `TooMany` of type `SlowDown`."""
        for key, rate in claims:
            delay = self._turn(key, rate)
            if delay > 0:
                await asyncio.sleep(delay)

    def _turn(self, key: tuple[str, ...], rate: float) -> float:
        """Seconds to wait."""
        now = self._now()
        turn = max(self._next.get(key, now), now - CREDIT)
        if turn - now >= PATIENCE:
            raise TooMany("Slow down", type="SlowDown")
        if len(self._next) >= self._purge_at:
            self._next = {one: at for one, at in self._next.items() if at > now - CREDIT}
            self._purge_at = max(KEPT, 2 * len(self._next))
        self._next[key] = turn + 1 / rate
        return turn - now


def check_settings(settings: ObjectSettings) -> None:
    """Raises `ConfigError`."""
    wrong = [
        f"[objectstore] account_rates.{account}: {text!r} is neither a number of writes a second nor"
        f" {UNLIMITED!r} or {REFUSED!r}."
        for account, text in settings.account_rates.items()
        if text not in (UNLIMITED, REFUSED) and not _is_rate(text)
    ]
    if wrong:
        raise ConfigError(wrong)


def _is_rate(text: str) -> bool:
    try:
        return 0 < float(text) < float("inf")
    except ValueError:
        return False
