"""Hypervisors as operators see them: what a host has, and what of it is taken."""

from collections.abc import Sequence

from msgspec import Struct

from pileus.kernel.db import MarkerMissing, Page, Tx
from pileus.kernel.types import Listing, NotFound, Sort, whole_number
from pileus.services.compute.core.neighbours import Neighbours
from pileus.services.compute.db import hosts, servers
from pileus.services.compute.db.hosts import HostRow
from pileus.services.compute.db.servers import Resident


class Load(Struct, frozen=True):
    """What is taken of a host. `ram_mb` counts what is reserved for the host itself."""

    vcpus: int = 0
    ram_mb: int = 0
    disk_gb: int = 0
    guests: int = 0
    building: int = 0


def get(tx: Tx, hypervisor_id: str) -> HostRow:
    """By its id or number. Raises `NotFound`."""
    number = whole_number(hypervisor_id, 2**31 - 1)
    row = hosts.by_ids(tx, [hypervisor_id]).get(hypervisor_id) if number is None else hosts.by_number(tx, number)
    if row is None:
        raise NotFound(f"Hypervisor with ID '{hypervisor_id}' could not be found.", type="HypervisorNotFound")
    return row


def page(tx: Tx, marker: str, limit: int | None) -> Page[HostRow]:
    """A page in order of enlistment; the marker is an id or a number. Raises `MarkerMissing`."""
    if marker:
        try:
            marker = get(tx, marker).id
        except NotFound:
            raise MarkerMissing(marker) from None
    return hosts.listing(tx, Listing(sort=(Sort("number"),), marker=marker or None, limit=limit))


def matching(tx: Tx, pattern: str) -> list[HostRow]:
    """Hypervisors whose name has this in it. Raises `NotFound` when none has."""
    found = hosts.matching(tx, pattern)
    if not found:
        raise NotFound(f"No hypervisor matching '{pattern}' could be found.")
    return found


def residents(tx: Tx, rows: Sequence[HostRow]) -> dict[str, list[Resident]]:
    """The servers on each of these hosts, by the host's name; one query."""
    return servers.residents(tx, [row.host for row in rows])


def loads(tx: Tx, near: Neighbours, rows: Sequence[HostRow]) -> dict[str, Load]:
    """What is taken of each host, by its id; two queries for any number."""
    used = near.placement.usages(tx, [row.id for row in rows])
    there = residents(tx, rows)
    found = {}
    for row in rows:
        taken, guests = used.get(row.id, {}), there.get(row.host, [])
        reserved = min(near.settings.reserved_ram_mb, row.ram_mb // 4)
        busy = sum(1 for guest in guests if guest.task_state is not None)
        found[row.id] = Load(
            taken.get("VCPU", 0), taken.get("MEMORY_MB", 0) + reserved, taken.get("DISK_GB", 0), len(guests), busy
        )
    return found
