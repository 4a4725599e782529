"""Agents: what the API shows of each host's driver, alive while the driver answers."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import structs

from pileus.drivers.network.protocol import NetworkInfo
from pileus.kernel.db import Page, Tx
from pileus.kernel.types import SECOND, Ctx, Listing, iso
from pileus.services.network.core.neighbours import Near
from pileus.services.network.core.networks import columns
from pileus.services.network.core.refusals import conflict, missing
from pileus.services.network.db import hosts
from pileus.services.network.db.hosts import AgentRow

DHCP, L3 = "DHCP agent", "L3 agent"
_TOPICS = {DHCP: "dhcp_agent", L3: "l3_agent"}
_GATEWAY_ONLY = (DHCP, L3)


def heard(tx: Tx, near: Near, told: Mapping[str, NetworkInfo]) -> None:
    """These hosts' drivers have just answered: their agents are there and alive."""
    there = {(a.host, a.agent_type): a for a in tx.rows(hosts.ALL)}
    new: list[dict[str, Any]] = []
    for host, info in told.items():
        for binary, kind in info.agents:
            if kind in _GATEWAY_ONLY and host != near.gateway_host:
                continue
            if (host, kind) not in there:
                new.append(columns(_agent(tx, near, host, binary, kind, info), "alive"))
    tx.run_many(hosts.INSERT, new)
    tx.run(hosts.BEAT, hosts=list(told), now=tx.now)


def _agent(tx: Tx, near: Near, host: str, binary: str, kind: str, info: NetworkInfo) -> AgentRow:
    settings: dict[str, Any] = {"driver": info.driver}
    if kind not in _GATEWAY_ONLY:
        settings |= {"bridge_mappings": {n: n for n in info.physical_networks}, "tunnel_types": list(info.tenant_types)}
    return AgentRow(
        id=str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{binary}.{host}")),
        host=host,
        binary=binary,
        agent_type=kind,
        topic=_TOPICS.get(kind, "N/A"),
        description=None,
        admin_state_up=True,
        configurations=settings,
        created_at=tx.now,
        started_at=tx.now,
        heartbeat_timestamp=tx.now,
    )


def _since(tx: Tx, near: Near) -> int:
    return tx.now - near.settings.agent_down_seconds * SECOND


def _judged(tx: Tx, near: Near, rows: Sequence[AgentRow]) -> list[AgentRow]:
    since = _since(tx, near)
    return [structs.replace(r, alive=r.heartbeat_timestamp >= since) for r in rows]


def get(tx: Tx, near: Near, ctx: Ctx, id: str) -> AgentRow:
    row = tx.row(hosts.GET, id=id) if near.policy.allows("get_agent", ctx, {}) else None
    if row is None:
        raise missing("Agent", id)
    return _judged(tx, near, [row])[0]


def page(tx: Tx, near: Near, ctx: Ctx, listing: Listing) -> Page[AgentRow]:
    """All agents, to those who may see them; to others none."""
    if not near.policy.allows("get_agent", ctx, {}):
        return Page([])
    found = hosts.list_agents(tx, listing, _since(tx, near))
    return Page(_judged(tx, near, found.rows), found.more)


def update(tx: Tx, near: Near, ctx: Ctx, row: AgentRow, want: dict[str, Any]) -> AgentRow:
    """Describe an agent, or mark it down for administration."""
    changed = {k: want[k] for k in ("description", "admin_state_up") if k in want}
    if changed:
        tx.run(hosts.UPDATE, the_id=row.id, **changed)
    return structs.replace(row, **changed)


def delete(tx: Tx, near: Near, ctx: Ctx, row: AgentRow) -> None:
    """Forget an agent that is dead; a living one would be back at once."""
    if row.alive:
        raise conflict("AgentIsAlive", f"Agent {row.id} is alive: it would be back with its next heartbeat.")
    tx.run(hosts.DELETE, id=row.id)


def of_type(tx: Tx, near: Near, kind: str) -> list[AgentRow]:
    return _judged(tx, near, tx.rows(hosts.OF_TYPE, agent_type=kind))


def zone_of(near: Near, row: AgentRow) -> str | None:
    return near.settings.zone if row.agent_type in _GATEWAY_ONLY else None


def shown_time(at: int) -> str:
    """`2026-01-31 12:00:00`, as agents tell theirs."""
    return iso(at)[:-1].replace("T", " ")
