"""What compute asks of network (`contracts/network.py`)."""

from collections.abc import Sequence
from typing import Any

from pileus.contracts.network import GroupInfo, PortInfo, PortWish
from pileus.kernel.db import Database, Tx
from pileus.kernel.types import Ctx
from pileus.services.network.core import bindings, server_groups, statuses
from pileus.services.network.core.effects import Effects
from pileus.services.network.core.neighbours import Near
from pileus.services.network.core.ports import whole
from pileus.services.network.db.ports import PortRow, servers_with


class Internal:
    """Implements `contracts.network.Network`."""

    def __init__(self, db: Database, near: Near, effects: Effects) -> None:
        self.db, self.near, self.effects = db, near, effects

    def reserve_ports(
        self,
        tx: Tx,
        ctx: Ctx,
        device_id: str,
        host: str,
        zone: str,
        wishes: Sequence[PortWish] | None,
        groups: Sequence[str],
    ) -> Sequence[PortInfo]:
        return bindings.infos(tx, bindings.reserve(tx, self.near, ctx, device_id, host, zone, wishes, groups))

    def add_port(self, tx: Tx, ctx: Ctx, device_id: str, host: str, zone: str, wish: PortWish) -> PortInfo:
        return bindings.infos(tx, [bindings.add(tx, self.near, ctx, device_id, host, zone, wish)])[0]

    def release_ports(self, tx: Tx, device_id: str, port_ids: Sequence[str] | None = None) -> None:
        bindings.release(tx, self.near, device_id, port_ids)

    def ports_of(self, tx: Tx, device_ids: Sequence[str]) -> dict[str, tuple[PortInfo, ...]]:
        rows = whole(tx, bindings.of_server(tx, device_ids))
        found: dict[str, tuple[PortInfo, ...]] = dict.fromkeys(device_ids, ())
        for row, info in zip(rows, bindings.infos(tx, rows), strict=True):
            found[row.device_id] = (*found[row.device_id], info)
        return found

    def bind(self, tx: Tx, device_id: str, host: str) -> None:
        bindings.bind(tx, self.near, device_id, host)

    async def plug(self, device_id: str, attached: bool) -> dict[str, str]:
        devices: dict[str, str] = {}
        active: dict[str, str] = {}
        for row in await self._ports(device_id):
            seen = await self.effects.carry(row.host, row.id, attached) if row.host else None
            if seen is None:
                continue
            devices[row.id] = seen.device
            if attached:
                active[row.id] = "ACTIVE" if seen.state == "active" and row.admin_state_up else "DOWN"
        if active:
            await self.db.write(statuses.ports_seen, active)
        return devices

    async def unplug(self, device_id: str) -> None:
        rows = [r for r in await self._ports(device_id) if r.host]
        for row in rows:
            await self.effects.drop(row.host, row.id)
        if rows:
            await self.db.write(statuses.ports_seen, {r.id: "DOWN" for r in rows})

    async def _ports(self, device_id: str) -> list[PortRow]:
        return await self.db.read(bindings.of_server, [device_id])

    def device_of(self, tx: Any, network_id: str, address: str) -> str:
        return bindings.device_of(tx, network_id, address)

    def devices_with(self, tx: Tx, addresses: Sequence[str]) -> Sequence[str]:
        return sorted(set().union(*(servers_with(tx, pattern) for pattern in addresses)))

    def groups_of(self, tx: Tx, device_id: str) -> Sequence[GroupInfo]:
        return server_groups.of_server(tx, device_id)

    def set_group(self, tx: Tx, ctx: Ctx, device_id: str, group: str, member: bool) -> None:
        server_groups.set_member(tx, self.near, ctx, device_id, group, member)
