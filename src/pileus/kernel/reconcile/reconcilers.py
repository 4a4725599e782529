"""All reconcilers of a process."""

import asyncio
import logging

from pileus.kernel.reconcile.reconciler import Reconciler, Status

log = logging.getLogger(__name__)


class Reconcilers:
    """Started and stopped together; `status` is for `pileus doctor` and /metrics."""

    def __init__(self) -> None:
        self._all: dict[str, Reconciler] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._started = False

    def add(self, reconciler: Reconciler) -> None:
        """Also while the others run. Raises `ValueError` for a name taken."""
        if reconciler.name in self._all:
            raise ValueError(f"two reconcilers are called {reconciler.name}")
        self._all[reconciler.name] = reconciler
        if self._started:
            self._launch(reconciler)

    def start(self) -> None:
        """On the running loop."""
        self._started = True
        for reconciler in self._all.values():
            self._launch(reconciler)

    async def remove(self, name: str) -> None:
        """Stop one and forget it; nothing happens when there is none of that name."""
        self._all.pop(name, None)
        await self._stop([name])

    async def stop(self) -> None:
        """Interrupt them all and wait until they have ended."""
        self._started = False
        await self._stop(list(self._tasks))

    def status(self) -> list[Status]:
        """By name."""
        return [self._all[name].status() for name in sorted(self._all)]

    def counters(self) -> dict[str, dict[str, int]]:
        """For /metrics, by name of the figure, then of the reconciler."""
        states = self.status()
        return {
            "reconciler_runs_total": {status.name: status.runs for status in states},
            "reconciler_errors_total": {status.name: status.errors for status in states},
            "reconciler_failing": {status.name: status.failing for status in states},
        }

    def _launch(self, reconciler: Reconciler) -> None:
        self._tasks[reconciler.name] = asyncio.create_task(reconciler.run(), name=f"reconciler:{reconciler.name}")

    async def _stop(self, names: list[str]) -> None:
        tasks = [task for name in names if (task := self._tasks.pop(name, None)) is not None]
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                log.error("a reconciler ended badly", exc_info=result)
