"""Changes: what decisions left for the hosts is told to them, and taken off the list."""

import asyncio
import logging
from collections.abc import Sequence

from pileus.drivers.network.protocol import NetworkDriver, NetworkError
from pileus.kernel.db import Database, Tx
from pileus.kernel.types import Unavailable, clock
from pileus.services.network.core.neighbours import Near
from pileus.services.network.db import changes
from pileus.services.network.db.changes import Change
from pileus.services.network.reconcilers.hosts import KINDS, Carrier

log = logging.getLogger("pileus.network")
_LATE_SECONDS = 300
"""Between two looks at a whole host that has not changed."""


class Teller:
    """Works off the list of changes; looks at whole hosts when they are new, were out of reach, or long not looked at."""

    def __init__(self, db: Database, carrier: Carrier, near: Near) -> None:
        self.db, self.carrier, self.near = db, carrier, near
        self._behind: set[str] = set()
        self._looked: dict[str, int] = {}

    async def work(self) -> None:
        await self._look()
        while True:
            found = await self.db.read(next_changes)
            if not found:
                return
            began = clock()
            await self._tell(found)
            await self.db.write(done, [c.seq for c in found])
            # Many changes of one thing become one telling: rest as long as the work took, up to a second.
            await asyncio.sleep(min(1.0, max(0.02, (clock() - began) / 1e6)))

    async def _look(self) -> None:
        for name in self.carrier.nodes.hosts(NetworkDriver):
            late = clock() - self._looked.get(name, 0) > _LATE_SECONDS * 1_000_000
            if name in self._behind or late:
                try:
                    await self.carrier.settle(name)
                except (NetworkError, Unavailable, OSError) as error:
                    log.warning("host %s cannot be looked at: %s", name, error)
                    self._behind.add(name)
                else:
                    self._behind.discard(name)
                    self._looked[name] = clock()

    async def _tell(self, found: Sequence[Change]) -> None:
        """Each thing once: first what must be made, in order, then what must go, in the opposite one."""
        things = {(c.kind, c.object_id) for c in found}
        for kind in KINDS:
            for thing in sorted(t for t in things if t[0] == kind):
                await self._tell_one(*thing)
        for kind in reversed(KINDS):
            for _, id in sorted(t for t in things if t[0] == kind):
                for name in self.carrier.holding(kind, id):
                    await self._bring(name, kind, id)

    async def _tell_one(self, kind: str, id: str) -> None:
        for name in sorted(await self.carrier.affected(kind, id)):
            await self._bring(name, kind, id)

    async def _bring(self, name: str, kind: str, id: str) -> None:
        try:
            await self.carrier.bring(name, kind, id)
        except (NetworkError, Unavailable, OSError) as error:
            log.warning("host %s did not take %s %s: %s", name, kind, id, error)
            self._behind.add(name)


def next_changes(tx: Tx) -> list[Change]:
    return tx.rows(changes.NEXT)


def done(tx: Tx, seqs: Sequence[int]) -> None:
    tx.run_many(changes.DONE, [{"seq": s} for s in seqs])
