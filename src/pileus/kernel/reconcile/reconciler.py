"""One reconciler: woken by signals and by a timer, never two at once."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct

from pileus.kernel.db import Signal, signals
from pileus.kernel.types import MINUTE, SECOND, Micros, clock

log = logging.getLogger(__name__)
FIRST_PAUSE = SECOND
LONGEST_PAUSE = 5 * MINUTE


class Status(Struct, frozen=True, kw_only=True):
    """How a reconciler fares. Times are microseconds, 0 for never."""

    name: str
    runs: int
    """Ended, well or not, since this process started."""
    errors: int
    failing: int
    """Errors in a row; 0 when the last run was well."""
    began_at: Micros
    """Of the run that is under way."""
    last_run: Micros
    """End of the last run."""
    last_took: Micros
    last_error: str
    """Of the last run that failed, even if later ones were well."""
    last_error_at: Micros


class Reconciler:
    """Calls `work` at the start, then `every` so often, and whenever one of the signals `wake` is given.

    `work` takes nothing: a hint of what changed would make two paths, one of them seldom trodden. Signals that come while it runs
    make it run once more. After an error the next run comes after a pause that doubles from one second (five minutes and
    `every` at most), whatever signals say.
    """

    def __init__(
        self, name: str, work: Callable[[], Awaitable[None]], every: Micros = 30 * SECOND, wake: Sequence[str] = ()
    ) -> None:
        self.name = name
        self.every = every
        self._work = work
        self._wake = tuple(wake)
        self._runs = self._errors = self._failing = 0
        self._began_at = self._last_run = self._last_took = self._last_error_at = 0
        self._last_error = ""

    def status(self) -> Status:
        return Status(
            name=self.name,
            runs=self._runs,
            errors=self._errors,
            failing=self._failing,
            began_at=self._began_at,
            last_run=self._last_run,
            last_took=self._last_took,
            last_error=self._last_error,
            last_error_at=self._last_error_at,
        )

    async def run(self) -> None:
        """For ever, until cancelled."""
        signal = signals.subscribe(*self._wake)
        while True:
            await self._once()
            if self._failing:
                await asyncio.sleep(self._pause() / SECOND)
            else:
                await self._rest(signal)

    async def _rest(self, signal: Signal) -> None:
        # Not all at the same moment, where many processes do the same.
        await signal.wait(int(self.every * random.uniform(0.9, 1.0)))  # noqa: S311

    async def _once(self) -> None:
        self._began_at = clock()
        task = asyncio.current_task()
        try:
            await self._work()
        except asyncio.CancelledError as error:
            if task is not None and task.cancelling():
                raise
            self._failed(error)
        except Exception as error:
            self._failed(error)
        else:
            self._failing = 0
        finally:
            self._last_run = clock()
            self._last_took, self._began_at = self._last_run - self._began_at, 0
            self._runs += 1

    def _failed(self, error: BaseException) -> None:
        self._errors += 1
        self._failing += 1
        self._last_error = f"{type(error).__name__}: {error}"
        self._last_error_at = clock()
        # The same trouble every few seconds needs no traceback each time.
        trace = error if self._failing == 1 else None
        log.error("reconciler %s failed (%d in a row): %s", self.name, self._failing, self._last_error, exc_info=trace)

    def _pause(self) -> Micros:
        return min(FIRST_PAUSE << min(self._failing - 1, 20), LONGEST_PAUSE, self.every)
