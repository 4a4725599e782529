"""Hosts in service: enlisted from their hypervisors, enabled and disabled by operators."""

import uuid
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from pileus.contracts.placement import Inventory, Provider
from pileus.drivers.hypervisor.protocol import Host, Hypervisor
from pileus.kernel.db import Tx
from pileus.kernel.types import new_id
from pileus.services.compute.core.neighbours import Neighbours
from pileus.services.compute.db import hosts
from pileus.services.compute.db.hosts import HostRow

HOSTS_CHANGED = "compute.hosts"
"""Signal: an operator opened or closed a host."""
_SPACE = uuid.UUID("6f1c2f0e-8a0e-4c57-9a86-2f4a9a3f7c11")


@lru_cache(maxsize=1 << 16)
def node_id(host: str) -> str:
    """A host's node keeps its id, also when its record was deleted and it comes again."""
    return str(uuid.uuid5(_SPACE, host))


def is_up(near: Neighbours, row: HostRow) -> bool:
    """Whether the host's hypervisor can be reached now."""
    return not row.forced_down and Hypervisor in near.nodes.offers(row.host)


def news(tx: Tx, seen: Mapping[str, Host]) -> list[str]:
    """Names of the hosts of which `enlist` would write something: as a rule none, so that a quiet fleet writes nothing."""
    known = hosts.by_ids(tx, [node_id(name) for name in seen])
    return [name for name, host in seen.items() if not _current(known.get(node_id(name)), host)]


def _current(row: HostRow | None, host: Host) -> bool:
    return row is not None and all(getattr(row, k) == v for k, v in _facts(host).items())


def enlist(tx: Tx, near: Neighbours, seen: Mapping[str, Host]) -> None:
    """Bring the records and inventories of these hosts up to date; new ones are taken into service."""
    known = hosts.by_ids(tx, [node_id(name) for name in seen])
    number = hosts.last_number(tx)
    fresh: list[dict[str, Any]] = []
    news: list[Provider] = []
    for name, host in seen.items():
        row = known.get(node_id(name))
        facts = _facts(host)
        if row is None:
            number += 1
            fresh.append(_record(tx, near, name, number, facts))
        else:
            changed = {k: v for k, v in facts.items() if getattr(row, k) != v}
            if not changed:
                continue
            hosts.change(tx, row.id, seen_at=tx.now, **changed)
        news.append(_provider(near, name, host))
    hosts.insert_hosts(tx, fresh)
    near.placement.ensure_providers(tx, news)


def _provider(near: Neighbours, name: str, host: Host) -> Provider:
    traits = frozenset(host.traits)
    return Provider(
        provider_id=node_id(name),
        name=host.hostname,
        inventories=_inventories(near, host),
        traits=traits,
        owned_traits=traits,
    )


def _facts(host: Host) -> dict[str, Any]:
    return {
        "hypervisor_hostname": host.hostname,
        "hypervisor_type": host.hypervisor_type,
        "hypervisor_version": host.hypervisor_version,
        "address": host.address,
        "vcpus": host.vcpus,
        "ram_mb": host.ram_mb,
        "disk_gb": host.disk_gb,
        "cpu_info": dict(host.cpu_info),
    }


def _record(tx: Tx, near: Neighbours, name: str, number: int, facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **facts, "id": node_id(name), "number": number, "host": name, "zone": near.settings.default_zone, "disabled": False,
        "forced_down": False, "seen_at": tx.now, "service_id": new_id(), "created_at": tx.now,
    }  # fmt: skip


def _inventories(near: Neighbours, host: Host) -> dict[str, Inventory]:
    settings = near.settings
    reserved = min(settings.reserved_ram_mb, host.ram_mb // 4)
    return {
        "VCPU": Inventory(total=host.vcpus, max_unit=host.vcpus, allocation_ratio=settings.cpu_ratio),
        "MEMORY_MB": Inventory(
            total=host.ram_mb, reserved=reserved, max_unit=host.ram_mb, allocation_ratio=settings.ram_ratio
        ),
        "DISK_GB": Inventory(
            total=max(host.disk_gb, 1), max_unit=max(host.disk_gb, 1), allocation_ratio=settings.disk_ratio
        ),
    }


def turned(tx: Tx, near: Neighbours, trait: str) -> tuple[list[str], list[str]]:
    """Nodes whose provider should get the trait of closed hosts, and those that should lose it."""
    rows = hosts.all_hosts(tx)
    closed = {row.id for row in rows if row.disabled or not is_up(near, row)}
    marked = near.placement.marked(tx, trait)
    return sorted(closed - marked), sorted((marked - closed) & {row.id for row in rows})


def turn(tx: Tx, near: Neighbours, trait: str) -> None:
    """Bring the trait of closed hosts to what the rows and the registry of nodes say."""
    shut, opened = turned(tx, near, trait)
    for ids, present in ((shut, True), (opened, False)):
        if ids:
            near.placement.mark(tx, trait, ids, present)


def zones(tx: Tx, near: Neighbours) -> Mapping[str, Sequence[HostRow]]:
    """Hosts by availability zone."""
    found: dict[str, list[HostRow]] = {}
    for row in hosts.all_hosts(tx):
        found.setdefault(row.zone, []).append(row)
    return found


def zone_exists(tx: Tx, near: Neighbours, zone: str) -> bool:
    return hosts.zone_exists(tx, zone)
