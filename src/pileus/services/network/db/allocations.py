"""Allocated addresses: one row each, with a unique place in its subnet.

A place is the address as a number, in two columns that fit any database: `slot` its low 62 bits, `block` the 62 above.
Neighbouring addresses have neighbouring slots, so gaps are found by the index.
"""

from typing import Any

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Index,
    Integer,
    Table,
    Text,
    bindparam,
    delete,
    func,
    insert,
    select,
)

from pileus.kernel.db import Query, metadata
from pileus.kernel.types import Filter

allocations = Table(
    "network_allocations",
    metadata,
    Column("subnet_id", Text, primary_key=True),
    Column("block", BigInteger, primary_key=True),
    Column("slot", BigInteger, primary_key=True),
    Column("address", Text, nullable=False),
    Column("network_id", Text, nullable=False),
    Column("port_id", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Index("ix_network_allocations_port", "port_id"),
    Index("ix_network_allocations_address", "network_id", "address"),
)
SLOT_BITS = 62
_MASK = (1 << SLOT_BITS) - 1


class AllocationRow(Struct, frozen=True):
    subnet_id: str
    address: str
    port_id: str


def place(number: int) -> tuple[int, int]:
    """(block, slot) of an address."""
    return (number >> SLOT_BITS) & _MASK, number & _MASK


INSERT = Query(insert(allocations))
OF_PORTS = Query(
    select(allocations.c.subnet_id, allocations.c.address, allocations.c.port_id)
    .where(allocations.c.port_id.in_(bindparam("ids", expanding=True)))
    .order_by(allocations.c.position),
    into=AllocationRow,
)
FREE_PORT = Query(delete(allocations).where(allocations.c.port_id == bindparam("port_id")))
FREE = Query(
    delete(allocations).where(
        allocations.c.port_id == bindparam("port_id"),
        allocations.c.subnet_id == bindparam("subnet_id"),
        allocations.c.address == bindparam("address"),
    )
)
TAKEN = Query(
    select(allocations.c.slot).where(
        allocations.c.subnet_id == bindparam("subnet_id"),
        allocations.c.block == bindparam("block"),
        allocations.c.slot.in_(bindparam("slots", expanding=True)),
    )
)
HOLDER = Query(
    select(allocations.c.port_id).where(
        allocations.c.subnet_id == bindparam("subnet_id"),
        allocations.c.block == bindparam("block"),
        allocations.c.slot == bindparam("slot"),
    )
)
_next = allocations.alias()
GAP = Query(
    select(func.min(allocations.c.slot) + 1).where(
        allocations.c.subnet_id == bindparam("subnet_id"),
        allocations.c.block == bindparam("block"),
        allocations.c.slot >= bindparam("first"),
        allocations.c.slot < bindparam("last"),
        ~select(_next.c.slot)
        .where(
            _next.c.subnet_id == allocations.c.subnet_id,
            _next.c.block == allocations.c.block,
            _next.c.slot == allocations.c.slot + 1,
        )
        .exists(),
    )
)
"""The lowest free slot of `first..last` that stands right behind a taken one."""
BY_ADDRESS = Query(
    select(allocations.c.port_id)
    .where(allocations.c.network_id == bindparam("network_id"), allocations.c.address == bindparam("address"))
    .limit(1)
)
ON_SUBNET = Query(
    select(allocations.c.port_id, allocations.c.address).where(allocations.c.subnet_id == bindparam("subnet_id"))
)
PORTS_ON_SUBNET = Query(
    select(allocations.c.port_id).where(allocations.c.subnet_id == bindparam("subnet_id")).distinct()
)
USED = Query(
    select(allocations.c.subnet_id, func.count())
    .where(allocations.c.subnet_id.in_(bindparam("ids", expanding=True)))
    .group_by(allocations.c.subnet_id)
)


def address_conditions(one: Filter, port_id: ColumnElement[Any]) -> list[ColumnElement[bool]]:
    """`fixed_ips` filters: values are (key, text) pairs; same keys are alternatives, different ones must all hold."""
    by_key: dict[str, list[str]] = {}
    for pair in one.values:
        key, value = str(pair).split("=", 1)
        by_key.setdefault(key, []).append(value)
    found: list[ColumnElement[bool]] = []
    for key, values in by_key.items():
        wanted: Any = None
        if key == "ip_address":
            wanted = allocations.c.address.in_(values)
        elif key == "subnet_id":
            wanted = allocations.c.subnet_id.in_(values)
        elif key == "ip_address_substr":
            wanted = _any_part(values)
        if wanted is not None:
            found.append(port_id.in_(select(allocations.c.port_id).where(wanted)))
    return found


def _any_part(values: list[str]) -> ColumnElement[bool]:
    parts = [allocations.c.address.contains(v, autoescape=True) for v in values]
    wanted: ColumnElement[bool] = parts[0]
    for part in parts[1:]:
        wanted = wanted | part
    return wanted
