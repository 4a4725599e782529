"""How sagas are run."""

from msgspec import Struct

from pileus.kernel.types import DAY, MINUTE, SECOND, Micros


class SagaSettings(Struct, frozen=True):
    """Times are microseconds."""

    concurrency: int = 256
    """Sagas at work at once in one process; those that wait or back off do not count."""
    lease: Micros = 30 * SECOND
    """A saga whose process has been silent for so long may be taken over by another process."""
    backoff: Micros = SECOND // 5
    """First pause after an error; doubles with each further one."""
    backoff_max: Micros = MINUTE // 2
    undo_attempts: int = 10
    """So often in a row an undo is tried before the saga is parked as stuck."""
    retention: Micros = 7 * DAY
    """Sagas that ended are forgotten after this."""
