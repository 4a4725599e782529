"""Subnets: a network's address blocks with their pools, routes and name servers."""

from functools import partial
from typing import Any

from msgspec import Struct
from sqlalchemy import (
    Column,
    Index,
    Integer,
    Table,
    Text,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from pileus.kernel.db import Flag, Json, Page, Query, Time, Tx, metadata, page
from pileus.kernel.types import Listing
from pileus.services.network.db.networks import networks
from pileus.services.network.db.tags import tag_conditions

subnets = Table(
    "network_subnets",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", Text, nullable=False),
    Column("network_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("ip_version", Integer, nullable=False),
    Column("cidr", Text, nullable=False),
    Column("gateway_ip", Text),
    Column("pools", Json(tuple[tuple[str, str], ...]), nullable=False),
    Column("dns_nameservers", Json(tuple[str, ...]), nullable=False),
    Column("host_routes", Json(tuple[tuple[str, str], ...]), nullable=False),
    Column("service_types", Json(tuple[str, ...]), nullable=False),
    Column("enable_dhcp", Flag, nullable=False),
    Column("ipv6_ra_mode", Text),
    Column("ipv6_address_mode", Text),
    Column("subnetpool_id", Text),
    Column("revision_number", Integer, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("updated_at", Time, nullable=False),
    Index("ix_network_subnets_project", "project_id"),
    Index("ix_network_subnets_network", "network_id"),
    Index("ix_network_subnets_pool", "subnetpool_id"),
)


class SubnetRow(Struct, frozen=True):
    """A subnet with what policy asks of its network. `pools` and `host_routes` are pairs of text."""

    id: str
    project_id: str
    network_id: str
    name: str
    description: str
    ip_version: int
    cidr: str
    gateway_ip: str | None
    pools: tuple[tuple[str, str], ...]
    dns_nameservers: tuple[str, ...]
    host_routes: tuple[tuple[str, str], ...]
    service_types: tuple[str, ...]
    enable_dhcp: bool
    ipv6_ra_mode: str | None
    ipv6_address_mode: str | None
    subnetpool_id: str | None
    revision_number: int
    created_at: int
    updated_at: int
    shared: bool = False
    external: bool = False
    network_project_id: str = ""
    tags: tuple[str, ...] = ()


made = partial(SubnetRow)
_ALL = select(subnets, networks.c.shared, networks.c.external, networks.c.project_id.label("network_project_id")).join(
    networks, networks.c.id == subnets.c.network_id
)
FIELDS: dict[str, Any] = {
    **{c.name: c for c in subnets.c},
    "shared": networks.c.shared,
    "external": networks.c.external,
}

GET = Query(_ALL.where(subnets.c.id == bindparam("id")), into=made)
SOME = Query(_ALL.where(subnets.c.id.in_(bindparam("ids", expanding=True))), into=made)
OF_NETWORK = Query(
    _ALL.where(subnets.c.network_id == bindparam("network_id")).order_by(subnets.c.created_at, subnets.c.id), into=made
)
IDS_OF_NETWORKS = Query(
    select(subnets.c.network_id, subnets.c.id)
    .where(subnets.c.network_id.in_(bindparam("ids", expanding=True)))
    .order_by(subnets.c.created_at, subnets.c.id)
)
VERSIONS_OF_NETWORK = Query(
    select(subnets.c.ip_version).where(subnets.c.network_id == bindparam("network_id")).distinct()
)
INSERT = Query(insert(subnets))
UPDATE = Query(update(subnets).where(subnets.c.id == bindparam("the_id")))
DELETE = Query(delete(subnets).where(subnets.c.id == bindparam("id")))
COUNT = Query(select(func.count()).select_from(subnets).where(subnets.c.project_id == bindparam("project_id")))


def list_subnets(tx: Tx, listing: Listing, project_id: str | None) -> Page[SubnetRow]:
    """Subnets that match; `project_id` narrows to those that this project may see."""
    wanted: Any = _ALL
    if project_id is not None:
        wanted = wanted.where(
            or_(
                subnets.c.project_id == project_id,
                networks.c.project_id == project_id,
                networks.c.shared,
                networks.c.external,
            )
        )
    rest, conditions = tag_conditions(listing, "subnets", subnets.c.id)
    return page(tx, wanted.where(*conditions), FIELDS, rest, into=made, scope=("project_id",))
