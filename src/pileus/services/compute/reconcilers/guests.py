"""What the hypervisors show against what the rows say: power that changed by itself, guests that nobody knows."""

import asyncio
import logging
from dataclasses import dataclass, field

from pileus.drivers.hypervisor.protocol import GuestSeen, Hypervisor
from pileus.kernel import saga
from pileus.kernel.db import Tx
from pileus.kernel.events import record
from pileus.kernel.types import MINUTE, Micros, clock, cloud
from pileus.services.compute.core import records, states
from pileus.services.compute.core.neighbours import Neighbours
from pileus.services.compute.db import servers
from pileus.services.compute.db.servers import ServerRow

log = logging.getLogger("pileus.compute")
GRACE: Micros = 2 * MINUTE
"""A guest without a row is removed only when it has been seen so for this long."""


@dataclass
class Guests:
    """The reconciler's world; `strangers` are guests without a row and when they were first seen."""

    near: Neighbours
    strangers: dict[tuple[str, str], Micros] = field(default_factory=dict)

    async def work(self) -> None:
        await asyncio.gather(*(self._host(host) for host in self.near.nodes.hosts(Hypervisor)))

    async def _host(self, host: str) -> None:
        hypervisor = self.near.nodes.on(host, Hypervisor)
        seen = {guest.id: guest for guest in await hypervisor.observe()}
        strangers = await self.near.db.write(settle, host, seen) if await self.near.db.read(differs, host, seen) else []
        for guest_id in strangers:
            first = self.strangers.setdefault((host, guest_id), clock())
            if clock() - first > GRACE:
                log.warning("guest %s on %s belongs to no server: removed", guest_id, host)
                await hypervisor.remove(guest_id)
                self.strangers.pop((host, guest_id), None)


def differs(tx: Tx, host: str, seen: dict[str, GuestSeen]) -> bool:
    """Whether `settle` would find anything to do; reads only, so that a quiet cloud writes nothing."""
    rows = {row.id: row for row in servers.on_host(tx, host)}
    return any(_news(row, seen.get(row.id)) is not None for row in rows.values()) or not set(seen) <= set(rows)


def settle(tx: Tx, host: str, seen: dict[str, GuestSeen]) -> list[str]:
    """Write down what changed by itself. Returns guests that have no row at all."""
    for row in servers.on_host(tx, host):
        news = _news(row, seen.get(row.id))
        if news is None or saga.running(tx, row.id):
            continue
        vm_state, power = news
        servers.change(
            tx,
            row.id,
            vm_state=vm_state,
            power_state=power,
            wanted_power=_WANTED.get(vm_state, "on"),
        )
        fresh = servers.find(tx, row.id)
        assert fresh is not None
        record(
            tx,
            cloud(),
            "server.power_state",
            "server",
            row.id,
            project_id=row.project_id,
            before=records.face(row),
            after=records.face(fresh),
        )
    return sorted(set(seen) - servers.known(tx, list(seen)))


def _news(row: ServerRow, guest: GuestSeen | None) -> tuple[str, int] | None:
    """The (vm_state, power_state) that the row should have by what was seen; None when it is right or not ours to judge."""
    if row.task_state is not None or row.vm_state not in _JUDGED:
        return None
    if guest is not None and guest.generation not in (0, row.generation):
        return None
    vm_state, power = states.SEEN[guest.state if guest is not None else "off"]
    if vm_state == states.PAUSED_STATE and row.vm_state == states.ACTIVE:
        vm_state = states.ACTIVE
    return (vm_state, power) if (vm_state, power) != (row.vm_state, row.power_state) else None


_JUDGED = (states.ACTIVE, states.STOPPED, states.PAUSED_STATE, states.SUSPENDED_STATE)
_WANTED = {states.STOPPED: "off", states.PAUSED_STATE: "paused", states.SUSPENDED_STATE: "suspended"}
