"""Object lock: versions that may not go before their time. The fields are S3's, kept in `details.system`."""

from pileus.kernel.types import Forbidden, Micros
from pileus.services.objectstore.db.objects import ObjectRow

MODE, UNTIL, HOLD = "lock-mode", "lock-until", "lock-hold"
"""`GOVERNANCE` or `COMPLIANCE`; microseconds since 1970 as text; `ON` or `OFF`."""


def check(row: ObjectRow, now: Micros, *, bypass: bool = False) -> None:
    """Whether that very version may be destroyed. `bypass` passes GOVERNANCE. Raises `Forbidden` of type `Locked`."""
    if row.details is None:
        return
    kept = row.details.system
    held = kept.get(HOLD) == "ON"
    bound = int(kept.get(UNTIL, "0")) > now and not (bypass and kept.get(MODE) == "GOVERNANCE")
    if held or bound:
        raise Forbidden("Access Denied because object protected by object lock.", type="Locked")
