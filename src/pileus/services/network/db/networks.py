"""Networks: layer 2 segments of projects and of providers."""

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
    false,
    func,
    insert,
    or_,
    select,
    update,
)

from pileus.kernel.db import Flag, Page, Query, Time, Tx, metadata, page
from pileus.kernel.types import Listing
from pileus.services.network.db.tags import tag_conditions

networks = Table(
    "network_networks",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("admin_state_up", Flag, nullable=False),
    Column("status", Text, nullable=False),
    Column("shared", Flag, nullable=False),
    Column("external", Flag, nullable=False),
    Column("is_default", Flag, nullable=False),
    Column("port_security_enabled", Flag, nullable=False),
    Column("mtu", Integer, nullable=False),
    Column("dns_domain", Text, nullable=False),
    Column("network_type", Text, nullable=False),
    Column("physical_network", Text, nullable=False),
    Column("segmentation_id", BigInteger, nullable=False),
    Column("zone_hints", Text, nullable=False),
    Column("dhcp_port_id", Text, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("revision_number", Integer, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("updated_at", Time, nullable=False),
    Index("ix_network_networks_project", "project_id"),
    Index(
        "uq_network_networks_segment",
        "network_type",
        "physical_network",
        "segmentation_id",
        unique=True,
    ),
)


class NetworkRow(Struct, frozen=True):
    """A network. `segmentation_id` is 0 on flat networks; `zone_hints` are joined with commas.

    `subnets` and `tags` are put in by `core`, they are no columns.
    """

    id: str
    project_id: str
    name: str
    description: str
    admin_state_up: bool
    status: str
    shared: bool
    external: bool
    is_default: bool
    port_security_enabled: bool
    mtu: int
    dns_domain: str
    network_type: str
    physical_network: str
    segmentation_id: int
    zone_hints: str
    dhcp_port_id: str
    generation: int
    revision_number: int
    created_at: int
    updated_at: int
    subnets: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


made = partial(NetworkRow)
_ALL = select(networks)
FIELDS = {c.name: c for c in networks.c}

GET = Query(_ALL.where(networks.c.id == bindparam("id")), into=made)
SOME = Query(_ALL.where(networks.c.id.in_(bindparam("ids", expanding=True))), into=made)
INSERT = Query(insert(networks))
UPDATE = Query(update(networks).where(networks.c.id == bindparam("the_id")))
TOUCH = Query(update(networks).where(networks.c.id == bindparam("the_id")).values(generation=networks.c.generation + 1))
DELETE = Query(delete(networks).where(networks.c.id == bindparam("id")))
COUNT = Query(select(func.count()).select_from(networks).where(networks.c.project_id == bindparam("project_id")))
VISIBLE = Query(
    _ALL.where(
        networks.c.external == false(), or_(networks.c.project_id == bindparam("project_id"), networks.c.shared)
    ).limit(3),
    into=made,
)
"""What a server of this project may be put on when it names no network."""
SEGMENTS_TAKEN = Query(
    select(networks.c.segmentation_id).where(
        networks.c.network_type == bindparam("network_type"),
        networks.c.physical_network == bindparam("physical_network"),
        networks.c.segmentation_id.in_(bindparam("segments", expanding=True)),
    )
)
_next = networks.alias()
SEGMENT_GAP = Query(
    select(func.min(networks.c.segmentation_id) + 1).where(
        networks.c.network_type == bindparam("network_type"),
        networks.c.physical_network == bindparam("physical_network"),
        networks.c.segmentation_id >= bindparam("first"),
        networks.c.segmentation_id < bindparam("last"),
        ~select(_next.c.id)
        .where(
            _next.c.network_type == networks.c.network_type,
            _next.c.physical_network == networks.c.physical_network,
            _next.c.segmentation_id == networks.c.segmentation_id + 1,
        )
        .exists(),
    )
)
"""The lowest free segment behind one that is taken, in `first..last`."""


def list_networks(tx: Tx, listing: Listing, project_id: str | None) -> Page[NetworkRow]:
    """Networks that match; `project_id` narrows to those that this project may see (its own, shared, external)."""
    wanted: Any = _ALL
    if project_id is not None:
        wanted = wanted.where(or_(networks.c.project_id == project_id, networks.c.shared, networks.c.external))
    rest, conditions = tag_conditions(listing, "networks", networks.c.id)
    return page(tx, wanted.where(*conditions), FIELDS, rest, into=made, scope=("project_id",))
