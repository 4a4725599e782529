"""Floating IPs: addresses of an external network that stand for fixed ones."""

from functools import partial
from typing import Any

from msgspec import Struct
from sqlalchemy import Column, Index, Integer, Table, Text, bindparam, delete, func, insert, select, update

from pileus.kernel.db import Page, Query, Time, Tx, metadata, page
from pileus.kernel.types import Listing
from pileus.services.network.db.tags import tag_conditions

floating = Table(
    "network_floatingips",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("network_id", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("floating_port_id", Text, nullable=False),
    Column("port_id", Text),
    Column("fixed_ip", Text),
    Column("router_id", Text),
    Column("status", Text, nullable=False),
    Column("dns_name", Text, nullable=False),
    Column("dns_domain", Text, nullable=False),
    Column("revision_number", Integer, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("updated_at", Time, nullable=False),
    Index("ix_network_floatingips_project", "project_id"),
    Index("ix_network_floatingips_port", "port_id"),
    Index("ix_network_floatingips_router", "router_id"),
    Index("ix_network_floatingips_network", "network_id"),
    Index("uq_network_floatingips_fixed", "port_id", "fixed_ip", "network_id", unique=True),
)


class FloatingRow(Struct, frozen=True):
    """A floating IP. `port_details` and `tags` are put in by `core`."""

    id: str
    project_id: str
    description: str
    network_id: str
    address: str
    floating_port_id: str
    port_id: str | None
    fixed_ip: str | None
    router_id: str | None
    status: str
    dns_name: str
    dns_domain: str
    revision_number: int
    created_at: int
    updated_at: int
    port_details: dict[str, Any] | None = None
    tags: tuple[str, ...] = ()


made = partial(FloatingRow)
_ALL = select(floating)
FIELDS: dict[str, Any] = {c.name: c for c in floating.c}

GET = Query(_ALL.where(floating.c.id == bindparam("id")), into=made)
OF_PORTS = Query(_ALL.where(floating.c.port_id.in_(bindparam("ids", expanding=True))), into=made)
OF_ROUTER = Query(_ALL.where(floating.c.router_id == bindparam("router_id")).order_by(floating.c.address), into=made)
ON_NETWORK = Query(select(floating.c.id).where(floating.c.network_id == bindparam("network_id")).limit(1))
ASSOCIATED = Query(
    select(floating.c.id).where(
        floating.c.port_id == bindparam("port_id"),
        floating.c.fixed_ip == bindparam("fixed_ip"),
        floating.c.network_id == bindparam("network_id"),
    )
)
INSERT = Query(insert(floating))
UPDATE = Query(update(floating).where(floating.c.id == bindparam("the_id")))
DELETE = Query(delete(floating).where(floating.c.id == bindparam("id")))
COUNT = Query(select(func.count()).select_from(floating).where(floating.c.project_id == bindparam("project_id")))


def list_floating(tx: Tx, listing: Listing, project_id: str | None) -> Page[FloatingRow]:
    """Floating IPs that match; `project_id` narrows to its own."""
    wanted: Any = _ALL if project_id is None else _ALL.where(floating.c.project_id == project_id)
    rest, conditions = tag_conditions(listing, "floatingips", floating.c.id)
    return page(tx, wanted.where(*conditions), FIELDS, rest, into=made, scope=("project_id",))
