"""Host aggregates, and the availability zones that they make of hosts."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from pileus.kernel.db import Tx
from pileus.kernel.events import record
from pileus.kernel.types import Conflict, Ctx, Invalid, NotFound, new_id
from pileus.services.compute.core.neighbours import Neighbours
from pileus.services.compute.db import aggregates, hosts, servers
from pileus.services.compute.db.aggregates import AggregateRow

ZONE = "availability_zone"


class Aggregate(Struct, frozen=True):
    row: AggregateRow
    hosts: Sequence[str]


def every(tx: Tx) -> list[Aggregate]:
    rows = aggregates.every(tx)
    there = aggregates.hosts_of(tx, [row.id for row in rows])
    return [Aggregate(row, there[row.id]) for row in rows]


def get(tx: Tx, aggregate_id: int) -> Aggregate:
    """Raises `NotFound`."""
    row = aggregates.find(tx, aggregate_id)
    if row is None:
        raise NotFound(f"Aggregate {aggregate_id} could not be found.", type="AggregateNotFound")
    return Aggregate(row, aggregates.hosts_of(tx, [row.id])[row.id])


def create(tx: Tx, ctx: Ctx, name: str, zone: str | None) -> Aggregate:
    _refuse_taken(tx, name)
    metadata = {ZONE: zone} if zone else {}
    aggregates.insert_aggregate(tx, {"uuid": new_id(), "name": name, "metadata": metadata, "created_at": tx.now})
    row = aggregates.named(tx, name)
    assert row is not None
    record(tx, ctx, "aggregate.create", "aggregate", row.uuid, after=row)
    return Aggregate(row, ())


def rename(tx: Tx, ctx: Ctx, it: Aggregate, name: str) -> Aggregate:
    if name != it.row.name:
        _refuse_taken(tx, name)
        aggregates.change(tx, it.row.id, name=name)
    return _changed(tx, ctx, it)


def delete(tx: Tx, ctx: Ctx, it: Aggregate) -> None:
    """Raises `Invalid` for one that has hosts."""
    if it.hosts:
        raise Invalid(
            f"Cannot perform action 'delete' on aggregate {it.row.id}. Reason: Host aggregate is not empty.",
            type="InvalidAggregateAction",
        )
    aggregates.remove(tx, it.row.id)
    record(tx, ctx, "aggregate.delete", "aggregate", it.row.uuid, before=it.row)


def set_metadata(tx: Tx, near: Neighbours, ctx: Ctx, it: Aggregate, wanted: Mapping[str, str | None]) -> Aggregate:
    """Set entries, drop those that are None. A new zone moves the hosts into it. Raises `Conflict` when one may not move."""
    kept = {**it.row.metadata, **{k: v for k, v in wanted.items() if v is not None}}
    for key, value in wanted.items():
        if value is None:
            kept.pop(key, None)
    if kept.get(ZONE) != it.row.metadata.get(ZONE):
        for host in it.hosts:
            _refuse_zone(tx, near, host, it.row.id, kept.get(ZONE))
    aggregates.change(tx, it.row.id, metadata=kept)
    for host in it.hosts:
        _settle(tx, near, host)
    return _changed(tx, ctx, it)


def add_host(tx: Tx, near: Neighbours, ctx: Ctx, it: Aggregate, host: str) -> Aggregate:
    """Raises `NotFound` for an unknown host, `Conflict` when it is in already or in another zone."""
    if hosts.by_host(tx, host) is None:
        raise NotFound(f"Compute host {host} could not be found.", type="ComputeHostNotFound")
    if host in it.hosts:
        raise Conflict(f"Aggregate {it.row.id} already has host {host}.", type="AggregateHostExists")
    if ZONE in it.row.metadata:
        _refuse_zone(tx, near, host, it.row.id, it.row.metadata[ZONE])
    aggregates.join(tx, it.row.id, host)
    _settle(tx, near, host)
    return _changed(tx, ctx, it)


def remove_host(tx: Tx, near: Neighbours, ctx: Ctx, it: Aggregate, host: str) -> Aggregate:
    if host not in it.hosts:
        raise NotFound(f"Aggregate {it.row.id} has no host {host}.", type="AggregateHostNotFound")
    if ZONE in it.row.metadata:
        _refuse_zone(tx, near, host, it.row.id, None)
    aggregates.leave(tx, it.row.id, host)
    _settle(tx, near, host)
    return _changed(tx, ctx, it)


def _refuse_taken(tx: Tx, name: str) -> None:
    if aggregates.named(tx, name) is not None:
        raise Conflict(f"Aggregate {name} already exists.", type="AggregateNameExists")


def _refuse_zone(tx: Tx, near: Neighbours, host: str, aggregate_id: int, zone: str | None) -> None:
    """A host is in one zone, and does not leave it while servers are on it."""
    others = {a.metadata[ZONE] for a in aggregates.of_host(tx, host) if a.id != aggregate_id and ZONE in a.metadata}
    if zone is not None and others - {zone}:
        raise Conflict(
            f"Cannot perform action on aggregate {aggregate_id}. Reason: One or more hosts already in availability zone(s) {sorted(others)}.",
            type="InvalidAggregateAction",
        )
    row = hosts.by_host(tx, host)
    target = zone or next(iter(others), near.settings.default_zone)
    if row is not None and row.zone != target and servers.on_host(tx, host):
        raise Conflict(
            f"Cannot perform action on aggregate {aggregate_id}. Reason: One or more hosts contain instances in this zone.",
            type="InvalidAggregateAction",
        )


def _settle(tx: Tx, near: Neighbours, host: str) -> None:
    """Bring a host's zone, and placement's view of its aggregates, to what the aggregates say."""
    row = hosts.by_host(tx, host)
    if row is None:
        return
    there = aggregates.of_host(tx, host)
    zone = next((a.metadata[ZONE] for a in there if ZONE in a.metadata), near.settings.default_zone)
    if row.zone != zone:
        hosts.change(tx, row.id, zone=zone)
    near.placement.set_aggregates(tx, row.id, frozenset(a.uuid for a in there))


def _changed(tx: Tx, ctx: Ctx, it: Aggregate) -> Aggregate:
    fresh = get(tx, it.row.id)
    record(
        tx,
        ctx,
        "aggregate.update",
        "aggregate",
        it.row.uuid,
        before=it.row,
        after=fresh.row,
        data={"hosts": list(fresh.hosts)},
    )
    return fresh
