"""Changes: what decisions left for the hosts is told to them, and taken off the list."""

import asyncio
import logging
from collections.abc import Sequence

from pileus.drivers.network.protocol import NetworkDriver
from pileus.kernel.db import Database, Tx
from pileus.kernel.types import SECOND, clock
from pileus.services.network.db import changes
from pileus.services.network.db.changes import Change
from pileus.services.network.reconcilers.hosts import KINDS, REFUSALS, Carrier

log = logging.getLogger("pileus.network")
_LATE = 300 * SECOND
"""Between two looks at a whole host that has not changed."""
_LOOKS_AT_ONCE = 16


class Teller:
    """Works off the list of changes; looks at whole hosts when they are new, were out of reach, or long not looked at."""

    def __init__(self, db: Database, carrier: Carrier) -> None:
        self.db, self.carrier = db, carrier
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
            # Many changes of one thing become one telling: the more a telling costs, the more are waited for.
            await asyncio.sleep(min(5.0, max(0.02, 3 * (clock() - began) / SECOND)))

    async def _look(self) -> None:
        gate = asyncio.Semaphore(_LOOKS_AT_ONCE)
        names = self.carrier.nodes.hosts(NetworkDriver)
        for gone in set(self._looked) - set(names):
            del self._looked[gone]
        late = [n for n in names if n in self._behind or clock() - self._looked.get(n, 0) > _LATE]
        await asyncio.gather(*(self._look_at(gate, name) for name in late))

    async def _look_at(self, gate: asyncio.Semaphore, name: str) -> None:
        async with gate:
            try:
                await self.carrier.settle(name)
            except REFUSALS as error:
                log.warning("host %s cannot be looked at: %s", name, error)
                self._behind.add(name)
            else:
                self._behind.discard(name)
                self._looked[name] = clock()

    async def _tell(self, found: Sequence[Change]) -> None:
        """Each thing once: what is there in the order of making, what is gone in the opposite one."""
        things = {(c.kind, c.object_id) for c in found}
        gone = await self.db.read(which_are_gone, sorted(things))
        for kind in KINDS:
            for _, id in sorted(t for t in things - gone if t[0] == kind):
                await self._spread(kind, id)
        for kind in reversed(KINDS):
            for _, id in sorted(t for t in gone if t[0] == kind):
                await self._spread(kind, id)

    async def _spread(self, kind: str, id: str) -> None:
        for name, error in (await self.carrier.spread(kind, id)).items():
            log.warning("host %s did not take %s %s: %s", name, kind, id, error)
            self._behind.add(name)


def next_changes(tx: Tx) -> list[Change]:
    return tx.rows(changes.NEXT)


def which_are_gone(tx: Tx, things: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those without a row."""
    return {(kind, id) for kind, id in things if tx.row(changes.GENERATIONS[kind], id=id) is None}


def done(tx: Tx, seqs: Sequence[int]) -> None:
    tx.run_many(changes.DONE, [{"seq": s} for s in seqs])
