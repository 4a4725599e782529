"""Bounds on how many changes a second an account or a container takes: who is early waits, who is far too early is refused."""

import asyncio
import time

from pileus.services.objectstore.api.swift.answers import told
from pileus.services.objectstore.api.swift.call import Call

PATIENCE = 60.0
"""Seconds that a request waits at most."""
KEPT = 10_000


class Pace:
    """Changes a second: of containers in an account, of objects in a container. 0: any number. Counts this process alone."""

    def __init__(self, containers: float, objects: float) -> None:
        self._rates = {"container": containers, "object": objects}
        self._next: dict[tuple[str, ...], float] = {}

    async def wait(self, call: Call) -> None:
        """Raises 498."""
        rate = self._rates.get(call.path.kind, 0.0)
        if not rate or call.method not in ("PUT", "POST", "DELETE", "COPY"):
            return
        now = time.monotonic()
        key = call.path[:1] if call.path.kind == "container" else call.path[:2]
        turn = max(now, self._next.get(key, 0.0))
        if turn - now > PATIENCE:
            raise told(498, "Slow down")
        if len(self._next) >= KEPT:
            self._next = {one: at for one, at in self._next.items() if at > now}
        self._next[key] = turn + 1 / rate
        if turn > now:
            await asyncio.sleep(turn - now)
