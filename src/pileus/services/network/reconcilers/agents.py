"""Heartbeats: drivers describe themselves; those that answer are alive."""

import asyncio
import logging
from collections.abc import Iterator

from pileus.drivers.network.protocol import NetworkDriver, NetworkError, NetworkInfo
from pileus.kernel.db import Database
from pileus.kernel.nodes import Nodes
from pileus.kernel.types import Unavailable
from pileus.services.network.core import agents
from pileus.services.network.core.neighbours import Near

log = logging.getLogger("pileus.network")
_AT_ONCE = 64
_PATIENCE_SECONDS = 10


class Pulse:
    def __init__(self, db: Database, nodes: Nodes, near: Near) -> None:
        self.db, self.nodes, self.near = db, nodes, near

    async def work(self) -> None:
        """Ask every host's driver for what it is, some at a time."""
        names = self.nodes.hosts(NetworkDriver)
        left = iter(names)
        alive: dict[str, NetworkInfo] = {}
        await asyncio.gather(*(self._ask(left, alive) for _ in range(min(_AT_ONCE, len(names)))))
        self.near.hosts.known.update(alive)
        for name in set(self.near.hosts.known) - set(names):
            del self.near.hosts.known[name]
        if alive:
            await self.db.write(agents.heard, self.near, alive)

    async def _ask(self, left: Iterator[str], alive: dict[str, NetworkInfo]) -> None:
        """Ask one host after the other, of those that nobody has asked yet: a silent one holds up nobody else."""
        for name in left:
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    alive[name] = await self.nodes.on(name, NetworkDriver).info()
            except (NetworkError, Unavailable, OSError, TimeoutError) as error:
                log.warning("host %s does not describe itself: %s", name, error)
