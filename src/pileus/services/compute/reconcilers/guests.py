"""What the hypervisors show against what the rows say: power that changed by itself, guests that nobody knows."""

import asyncio
import logging
from collections.abc import Mapping
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
_AT_ONCE = 500
GRACE: Micros = 2 * MINUTE
"""A guest without a row is removed only when it has been seen so for this long."""


@dataclass
class Guests:
    """The reconciler's world; `strangers` are guests without a row and when they were first seen."""

    near: Neighbours
    strangers: dict[tuple[str, str], Micros] = field(default_factory=dict)

    async def work(self) -> None:
        names = self.near.nodes.hosts(Hypervisor)
        batches = [names[i : i + _AT_ONCE] for i in range(0, len(names), _AT_ONCE)]
        silent = [problem for problems in await asyncio.gather(*map(self._hosts, batches)) for problem in problems]
        if silent:
            raise silent[0]

    async def _hosts(self, names: list[str]) -> list[BaseException]:
        """Look at some hosts. Returns what went wrong with those that did not answer."""
        found = await asyncio.gather(
            *(self.near.nodes.on(n, Hypervisor).observe() for n in names), return_exceptions=True
        )
        answers = dict(zip(names, found, strict=True))
        seen = {name: {g.id: g for g in a} for name, a in answers.items() if not isinstance(a, BaseException)}
        for host in await self.near.db.read_aside(differing, seen):
            await self._remove(host, await self.near.db.write(settle, host, seen[host]))
        return [a for a in found if isinstance(a, BaseException)]

    async def _remove(self, host: str, strangers: list[str]) -> None:
        for guest_id in strangers:
            first = self.strangers.setdefault((host, guest_id), clock())
            if clock() - first > GRACE:
                log.warning("guest %s on %s belongs to no server: removed", guest_id, host)
                await self.near.nodes.on(host, Hypervisor).remove(guest_id)
                self.strangers.pop((host, guest_id), None)


def differing(tx: Tx, seen: Mapping[str, Mapping[str, GuestSeen]]) -> list[str]:
    """Hosts on which `settle` would find anything to do; one query for all, so that a quiet fleet costs little."""
    wanted: dict[str, dict[str, ServerRow]] = {host: {} for host in seen}
    for row in servers.on_hosts(tx, list(seen)):
        wanted[row.host or ""][row.id] = row
    return [host for host, guests in seen.items() if _differs(wanted[host], guests)]


def _differs(rows: Mapping[str, ServerRow], seen: Mapping[str, GuestSeen]) -> bool:
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
