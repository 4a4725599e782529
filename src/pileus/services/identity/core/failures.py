"""Logins that failed, for the change log: counted here, written now and then, so that guessing writes no row a guess."""

from msgspec import Struct

from pileus.kernel import events
from pileus.kernel.db import Tx
from pileus.kernel.types import Ctx, Micros, clock
from pileus.services.identity.db import app_credentials, users

MOST = 20
"""Records of one flush: accounts and addresses with the most failures; the rest is one record more."""
_REMEMBERED = 2_000
UNKNOWN = "unknown"
"""Whoever does not exist. What was given as a name is not kept: people type passwords there."""


def sayable(account: str) -> str:
    """An account as logs may say it."""
    return UNKNOWN if account.startswith(UNKNOWN) else account


class Failed(Struct):
    count: int
    first_at: Micros
    last_at: Micros


class Failures:
    """Of one process, between two flushes. Bounded, whatever is tried."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, int], Failed] = {}
        self._others = 0

    def note(self, account: str, address: str, status: int) -> None:
        """`account` is an id, or `unknown …`; `status` what the caller was answered (401, 429)."""
        key = (sayable(account), address, status)
        now = clock()
        failed = self._found.get(key)
        if failed is not None:
            failed.count += 1
            failed.last_at = now
        elif len(self._found) < _REMEMBERED:
            self._found[key] = Failed(1, now, now)
        else:
            self._others += 1

    def take(self) -> tuple[list[tuple[str, str, int, Failed]], int]:
        """The worst (account, address, status, failed) since last time, and how many failures are not among them."""
        found = sorted(self._found.items(), key=lambda item: -item[1].count)
        rest = self._others + sum(failed.count for _, failed in found[MOST:])
        self._found, self._others = {}, 0
        return [(*key, failed) for key, failed in found[:MOST]], rest


def write(tx: Tx, worst: list[tuple[str, str, int, Failed]], rest: int) -> None:
    """`authenticate.failed` events: of a user or application credential, from an address, how often and when."""
    for account, address, status, failed in worst:
        noun = "application_credential" if app_credentials.find(tx, account) is not None else "user"
        known = noun != "user" or users.find(tx, account) is not None
        data = {"status": status, "reason": _REASONS.get(status, "refused"), "count": failed.count}
        events.record(
            tx,
            Ctx(address=address),
            "authenticate.failed",
            noun,
            account if known else UNKNOWN,
            data={**data, "first_at": failed.first_at, "last_at": failed.last_at},
        )
    if rest:
        data = {"status": 401, "reason": "others, not told apart", "count": rest}
        events.record(tx, Ctx(), "authenticate.failed", "user", UNKNOWN, data=data)


_REASONS = {401: "the proof did not fit", 429: "too many failed logins"}
