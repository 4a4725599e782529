"""Services of compute as operators see them: one `nova-compute` for each host, and what this process does beside."""

import uuid
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from pileus.kernel.db import Tx
from pileus.kernel.events import record
from pileus.kernel.types import Conflict, Ctx, Invalid, NotFound, whole_number
from pileus.services.compute.core.hosts import HOSTS_CHANGED, is_up
from pileus.services.compute.core.neighbours import Neighbours
from pileus.services.compute.core.scheduling import CLOSED
from pileus.services.compute.db import aggregates, hosts, servers
from pileus.services.compute.db.hosts import HostRow

COMPUTE = "nova-compute"
_INNER = ("nova-conductor", "nova-scheduler")
"""Parts of the control plane that Nova runs as services of their own: here they are up by nature."""
_SPACE = uuid.UUID("b2a6a5a5-3c2b-4b43-8d0e-0a4d6f0c9a10")
_HIGHEST = 2**31 - 1


class ServiceRow(Struct, frozen=True):
    """`node_id`: of the host's node; empty for a part of the control plane."""

    id: str
    number: int
    binary: str
    host: str
    zone: str
    disabled: bool
    disabled_reason: str | None
    up: bool
    forced_down: bool
    seen_at: int
    node_id: str = ""


def every(tx: Tx, near: Neighbours, host: str = "", binary: str = "") -> list[ServiceRow]:
    """All services, or those of a host or binary."""
    found: list[ServiceRow] = []
    if not host or host == near.nodes.local:
        found = [_inner(tx, near, i, name) for i, name in enumerate(_INNER)]
    if not host:
        rows = hosts.all_hosts(tx) if binary in ("", COMPUTE) else []
    else:
        row = hosts.by_host(tx, host)
        rows = [row] if row is not None else []
    found += [of_host(tx, near, row) for row in rows]
    return [s for s in found if not binary or s.binary == binary]


def _inner(tx: Tx, near: Neighbours, index: int, binary: str) -> ServiceRow:
    host = near.nodes.local
    return ServiceRow(
        str(uuid.uuid5(_SPACE, f"{binary}:{host}")), _HIGHEST - index, binary, host, "internal", False, None, True, False, tx.now
    )  # fmt: skip


def of_host(tx: Tx, near: Neighbours, row: HostRow) -> ServiceRow:
    """One that can be reached was seen just now: nothing beats for it."""
    up = is_up(near, row)
    return ServiceRow(
        row.service_id, row.number, COMPUTE, row.host, row.zone, row.disabled, row.disabled_reason, up, row.forced_down,
        tx.now if up else row.seen_at, row.id,
    )  # fmt: skip


def get(tx: Tx, near: Neighbours, service_id: str) -> ServiceRow:
    """By its id or number. Raises `NotFound`."""
    number = whole_number(service_id, 2**31 - 1)
    row = hosts.by_service(tx, service_id) if number is None else hosts.by_number(tx, number)
    if row is not None:
        return of_host(tx, near, row)
    for index, name in enumerate(_INNER):
        inner = _inner(tx, near, index, name)
        if service_id in (inner.id, str(inner.number)):
            return inner
    raise NotFound(f"Service {service_id} could not be found.", type="ServiceNotFound")


def named(tx: Tx, near: Neighbours, host: str, binary: str) -> ServiceRow:
    """By host and binary. Raises `NotFound`."""
    for row in every(tx, near, host, binary):
        return row
    raise NotFound(f"Could not find binary {binary} on host {host}.", type="HostBinaryNotFound")


def update(tx: Tx, near: Neighbours, ctx: Ctx, row: ServiceRow, wanted: Mapping[str, Any]) -> ServiceRow:
    """Set `disabled`, `disabled_reason`, `forced_down`. Raises `Invalid` for a part of the control plane."""
    if not row.node_id:
        raise Invalid(f"Updating a {row.binary} service is not supported. Only nova-compute services can be updated.")
    hosts.change(tx, row.node_id, updated_at=tx.now, **wanted)
    tx.wake(HOSTS_CHANGED)
    fresh = get(tx, near, row.id)
    near.placement.mark(tx, CLOSED, [row.node_id], fresh.disabled or not fresh.up)
    record(tx, ctx, "service.update", "service", row.id, before=row, after=fresh)
    return fresh


def delete(tx: Tx, near: Neighbours, ctx: Ctx, row: ServiceRow) -> None:
    """Take a host out of the records; while its hypervisor runs it enlists itself again. Raises `Conflict` with servers on it."""
    if not row.node_id:
        raise Invalid(f"{row.binary} is a part of the running control plane and cannot be deleted.")
    if servers.on_host(tx, row.host):
        raise Conflict(
            "Unable to delete compute service that is hosting instances. Migrate or delete the instances first."
        )
    for aggregate in aggregates.of_host(tx, row.host):
        aggregates.leave(tx, aggregate.id, row.host)
    near.placement.remove_provider(tx, row.node_id)
    hosts.remove(tx, row.node_id)
    record(tx, ctx, "service.delete", "service", row.id, before=row)
