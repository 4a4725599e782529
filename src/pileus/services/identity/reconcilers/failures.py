"""Failed logins go to the change log a few at a time, not one by one."""

from pileus.services.identity.core import failures
from pileus.services.identity.core.neighbours import Near


class FailureWriter:
    """What was counted since last time, as a few events."""

    def __init__(self, near: Near) -> None:
        self._near = near

    async def work(self) -> None:
        worst, rest = self._near.guard.failures.take()
        if worst or rest:
            await self._near.db.write(failures.write, worst, rest)
