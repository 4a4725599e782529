"""Routers. Their legs are ports; their routes stand in the row."""

from functools import partial
from typing import Any

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    Table,
    Text,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from pileus.kernel.db import Flag, Json, Page, Query, Time, Tx, metadata, page
from pileus.kernel.types import Listing
from pileus.services.network.db.allocations import allocations
from pileus.services.network.db.ports import ports
from pileus.services.network.db.tags import tag_conditions

routers = Table(
    "network_routers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("admin_state_up", Flag, nullable=False),
    Column("status", Text, nullable=False),
    Column("gateway_port_id", Text, nullable=False),
    Column("gateway_network_id", Text, nullable=False),
    Column("enable_snat", Flag, nullable=False),
    Column("routes", Json(tuple[tuple[str, str], ...]), nullable=False),
    Column("zone_hints", Text, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("revision_number", Integer, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("updated_at", Time, nullable=False),
    Index("ix_network_routers_project", "project_id"),
    Index("ix_network_routers_gateway", "gateway_network_id"),
)


class RouterRow(Struct, frozen=True):
    """A router. `routes` are (destination, next hop); `gateway_ips` and `tags` are put in by `core`."""

    id: str
    project_id: str
    name: str
    description: str
    admin_state_up: bool
    status: str
    gateway_port_id: str
    gateway_network_id: str
    enable_snat: bool
    routes: tuple[tuple[str, str], ...]
    zone_hints: str
    generation: int
    revision_number: int
    created_at: int
    updated_at: int
    gateway_ips: tuple[tuple[str, str], ...] = ()
    tags: tuple[str, ...] = ()


made = partial(RouterRow)
_ALL = select(routers)
FIELDS: dict[str, Any] = {c.name: c for c in routers.c}

GET = Query(_ALL.where(routers.c.id == bindparam("id")), into=made)
INSERT = Query(insert(routers))
UPDATE = Query(update(routers).where(routers.c.id == bindparam("the_id")))
TOUCH = Query(update(routers).where(routers.c.id == bindparam("the_id")).values(generation=routers.c.generation + 1))
DELETE = Query(delete(routers).where(routers.c.id == bindparam("id")))
COUNT = Query(select(func.count()).select_from(routers).where(routers.c.project_id == bindparam("project_id")))
SERVING = Query(
    select(routers.c.id)
    .join(ports, ports.c.device_id == routers.c.id)
    .join(allocations, allocations.c.port_id == ports.c.id)
    .where(
        allocations.c.subnet_id == bindparam("subnet_id"),
        ports.c.device_owner == "network:router_interface",
        routers.c.gateway_network_id == bindparam("gateway_network_id"),
    )
    .order_by(routers.c.created_at)
)
"""Routers that have a leg on a subnet and their gateway on a network."""
ON_NETWORK = Query(
    select(ports.c.device_id)
    .where(
        ports.c.network_id == bindparam("network_id"),
        ports.c.device_owner.in_(("network:router_interface", "network:router_gateway")),
    )
    .distinct()
)


def list_routers(tx: Tx, listing: Listing, project_id: str | None) -> Page[RouterRow]:
    """Routers that match; `project_id` narrows to its own."""
    wanted: Any = _ALL if project_id is None else _ALL.where(routers.c.project_id == project_id)
    rest, conditions = tag_conditions(listing, "routers", routers.c.id)
    return page(tx, wanted.where(*conditions), FIELDS, rest, into=made, scope=("project_id",))
