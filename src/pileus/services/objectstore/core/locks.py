"""Object lock: versions that may not go before their time. The fields are S3's, kept in `details.system`."""

from collections.abc import Mapping
from datetime import UTC, datetime

from msgspec import Struct
from msgspec.structs import replace

from pileus.kernel.types import DAY, Forbidden, Micros
from pileus.services.objectstore.db.columns import Details
from pileus.services.objectstore.db.objects import ObjectRow

MODE, UNTIL, HOLD = "lock-mode", "lock-until", "lock-hold"
"""`GOVERNANCE` or `COMPLIANCE`; microseconds since 1970 as text; `ON` or `OFF`."""
ENABLED = "object-lock"
"""In a container's `system`: `on`, or `on GOVERNANCE days 30`, which is what its new objects get."""


def check(row: ObjectRow, now: Micros, *, bypass: bool = False) -> None:
    """Whether that very version may be destroyed. `bypass` passes GOVERNANCE. Raises `Forbidden` of type `Locked`."""
    if row.details is None:
        return
    kept = row.details.system
    held = kept.get(HOLD) == "ON"
    bound = int(kept.get(UNTIL, "0")) > now and not (bypass and kept.get(MODE) == "GOVERNANCE")
    if held or bound:
        raise Forbidden("Access Denied because object protected by object lock.", type="Locked")


class Default(Struct, frozen=True):
    """What new objects of a bucket get."""

    mode: str
    unit: str
    number: int

    def until(self, now: Micros) -> Micros:
        if self.unit == "days":
            return now + self.number * DAY
        at = datetime.fromtimestamp(now / 1_000_000, UTC)
        year = at.year + self.number
        day = 28 if (at.month, at.day) == (2, 29) and (year % 4 or (year % 100 == 0 and year % 400)) else at.day
        return int(at.replace(year=year, day=day).timestamp() * 1_000_000)


def default_of(system: Mapping[str, str]) -> Default | None:
    words = system.get(ENABLED, "").split()
    return Default(words[1], words[2], int(words[3])) if len(words) == 4 else None


def defaulted(container: Mapping[str, str], details: Details, now: Micros) -> Details:
    """With the container's default lock, for a new object that asks for none: whoever writes it, and by which API."""
    default = default_of(container)
    if default is None or MODE in details.system:
        return details
    return replace(details, system={**details.system, MODE: default.mode, UNTIL: str(default.until(now))})
