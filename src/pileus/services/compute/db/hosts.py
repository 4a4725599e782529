"""Hosts in compute's service: the node, its `nova-compute` record and what its hypervisor is."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Index,
    Integer,
    String,
    Table,
    Text,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from pileus.kernel.db import Flag, Json, Page, Query, Time, Tx, metadata, page
from pileus.kernel.types import Filter, Listing, Sort

hosts = Table(
    "compute_hosts",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("number", Integer, nullable=False, unique=True),
    Column("host", String(255), nullable=False, unique=True),
    Column("hypervisor_hostname", String(255), nullable=False),
    Column("hypervisor_type", String(64), nullable=False),
    Column("hypervisor_version", Integer, nullable=False),
    Column("address", String(64), nullable=False),
    Column("vcpus", Integer, nullable=False),
    Column("ram_mb", BigInteger, nullable=False),
    Column("disk_gb", BigInteger, nullable=False),
    Column("cpu_info", Json(dict[str, Any]), nullable=False),
    Column("zone", String(255), nullable=False, default="nova"),
    Column("disabled", Flag, nullable=False, default=False),
    Column("disabled_reason", Text),
    Column("forced_down", Flag, nullable=False, default=False),
    Column("seen_at", Time, nullable=False),
    Column("service_id", String(36), nullable=False, unique=True),
    Column("created_at", Time, nullable=False),
    Column("updated_at", Time),
    Index("ix_compute_hosts_node", "hypervisor_hostname"),
)


class HostRow(Struct, frozen=True):
    """`id` is the node's, its hypervisor's and its resource provider's; `number` what old microversions call it."""

    id: str
    number: int
    host: str
    hypervisor_hostname: str
    hypervisor_type: str
    hypervisor_version: int
    address: str
    vcpus: int
    ram_mb: int
    disk_gb: int
    cpu_info: dict[str, Any]
    zone: str
    disabled: bool
    disabled_reason: str | None
    forced_down: bool
    seen_at: int
    service_id: str
    created_at: int
    updated_at: int | None


FIELDS: Mapping[str, ColumnElement[Any]] = {c.name: c for c in hosts.columns if not isinstance(c.type, Json)}
_ALL = Query(select(hosts).order_by(hosts.c.number), into=HostRow)
_BY_ID = Query(select(hosts).where(hosts.c.id.in_(bindparam("ids", expanding=True))), into=HostRow)
_BY_HOST = Query(select(hosts).where(hosts.c.host == bindparam("host")), into=HostRow)
_BY_SERVICE = Query(select(hosts).where(hosts.c.service_id == bindparam("service_id")), into=HostRow)
_BY_NUMBER = Query(select(hosts).where(hosts.c.number == bindparam("number")), into=HostRow)
_INSERT = Query(insert(hosts))
_UPDATE = Query(update(hosts).where(hosts.c.id == bindparam("node_id")))
_DELETE = Query(delete(hosts).where(hosts.c.id == bindparam("id")))
_ZONE = Query(select(hosts.c.number).where(hosts.c.zone == bindparam("zone"), hosts.c.disabled.is_(False)).limit(1))
_LAST = Query(select(hosts.c.number).order_by(hosts.c.number.desc()).limit(1))


def all_hosts(tx: Tx) -> list[HostRow]:
    return tx.rows(_ALL)


def by_ids(tx: Tx, ids: Sequence[str]) -> dict[str, HostRow]:
    return {row.id: row for row in tx.rows(_BY_ID, ids=list(ids))} if ids else {}


def by_host(tx: Tx, host: str) -> HostRow | None:
    return tx.row(_BY_HOST, host=host)


def by_service(tx: Tx, service_id: str) -> HostRow | None:
    return tx.row(_BY_SERVICE, service_id=service_id)


def by_number(tx: Tx, number: int) -> HostRow | None:
    return tx.row(_BY_NUMBER, number=number)


def last_number(tx: Tx) -> int:
    row = tx.row(_LAST)
    return int(row[0]) if row is not None else 0


def zone_exists(tx: Tx, zone: str) -> bool:
    """Whether an enabled host is in this availability zone."""
    return tx.row(_ZONE, zone=zone) is not None


def insert_hosts(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    tx.run_many(_INSERT, list(rows))


def change(tx: Tx, node_id: str, **values: Any) -> None:
    tx.run(_UPDATE, node_id=node_id, **values)


def remove(tx: Tx, node_id: str) -> None:
    tx.run(_DELETE, id=node_id)


def listing(tx: Tx, asked: Listing) -> Page[HostRow]:
    return page(tx, select(hosts), FIELDS, asked, into=HostRow, unique="id")


def matching(tx: Tx, pattern: str) -> list[HostRow]:
    """Hosts whose hypervisor's name has `pattern` in it, in order of enlistment."""
    named = Filter("hypervisor_hostname", "contains", (pattern,))
    return listing(tx, Listing(filters=(named,), sort=(Sort("number"),))).rows
