"""Ports: cards of servers, routers and DHCP on a network, and the security groups that they carry."""

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
    or_,
    select,
    update,
)

from pileus.kernel.db import Flag, Json, Page, Query, Time, Tx, metadata, page
from pileus.kernel.db.patterns import checked
from pileus.kernel.types import Filter, Listing
from pileus.services.network.db.allocations import address_conditions, allocations
from pileus.services.network.db.networks import networks
from pileus.services.network.db.tags import tag_conditions

ports = Table(
    "network_ports",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", Text, nullable=False),
    Column("network_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("admin_state_up", Flag, nullable=False),
    Column("status", Text, nullable=False),
    Column("mac_address", Text, nullable=False),
    Column("device_id", Text, nullable=False),
    Column("device_owner", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("vnic_type", Text, nullable=False),
    Column("profile", Json(dict[str, Any]), nullable=False),
    Column("port_security_enabled", Flag, nullable=False),
    Column("pairs", Json(tuple[tuple[str, str], ...]), nullable=False),
    Column("dhcp_options", Json(tuple[tuple[str, str, int], ...]), nullable=False),
    Column("dns_name", Text, nullable=False),
    Column("dns_domain", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("owned", Flag, nullable=False),
    Column("device_tag", Text, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("revision_number", Integer, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("updated_at", Time, nullable=False),
    Index("ix_network_ports_project", "project_id"),
    Index("ix_network_ports_device", "device_id"),
    Index("ix_network_ports_host", "host", "network_id"),
    Index("uq_network_ports_mac", "network_id", "mac_address", unique=True),
)
port_groups = Table(
    "network_port_groups",
    metadata,
    Column("port_id", Text, primary_key=True),
    Column("group_id", Text, primary_key=True),
    Index("ix_network_port_groups_group", "group_id"),
)


class PortRow(Struct, frozen=True):
    """A port. `pairs` are (MAC or empty, CIDR); `dhcp_options` (name, value, IP version).

    `owned`: compute made it and deletes it with its server; `position` is its place among the server's cards.
    `fixed_ips` (subnet id, address), `groups` and `tags` are put in by `core`.
    """

    id: str
    project_id: str
    network_id: str
    name: str
    description: str
    admin_state_up: bool
    status: str
    mac_address: str
    device_id: str
    device_owner: str
    host: str
    vnic_type: str
    profile: dict[str, Any]
    port_security_enabled: bool
    pairs: tuple[tuple[str, str], ...]
    dhcp_options: tuple[tuple[str, str, int], ...]
    dns_name: str
    dns_domain: str
    position: int
    owned: bool
    device_tag: str
    generation: int
    revision_number: int
    created_at: int
    updated_at: int
    network_project_id: str = ""
    shared: bool = False
    fixed_ips: tuple[tuple[str, str], ...] = ()
    groups: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


made = partial(PortRow)
_ALL = select(ports, networks.c.project_id.label("network_project_id"), networks.c.shared).join(
    networks, networks.c.id == ports.c.network_id
)
FIELDS: dict[str, Any] = {c.name: c for c in ports.c}

GET = Query(_ALL.where(ports.c.id == bindparam("id")), into=made)
SOME = Query(_ALL.where(ports.c.id.in_(bindparam("ids", expanding=True))), into=made)
_WITH_ADDRESS = Query(
    select(ports.c.device_id)
    .join(allocations, allocations.c.port_id == ports.c.id)
    .where(allocations.c.address.regexp_match(bindparam("pattern")), ports.c.device_owner.startswith("compute:"))
    .distinct()
    .limit(1000)
)
OF_DEVICES = Query(
    _ALL.where(ports.c.device_id.in_(bindparam("ids", expanding=True))).order_by(ports.c.position, ports.c.created_at),
    into=made,
)
OF_NETWORK = Query(_ALL.where(ports.c.network_id == bindparam("network_id")), into=made)
IN_USE_ON_NETWORK = Query(
    select(ports.c.id).where(ports.c.network_id == bindparam("network_id"), ports.c.device_owner != "network:dhcp")
)
MAC_TAKEN = Query(
    select(ports.c.id).where(ports.c.network_id == bindparam("network_id"), ports.c.mac_address == bindparam("mac"))
)
INSERT = Query(insert(ports))
UPDATE = Query(update(ports).where(ports.c.id == bindparam("the_id")))
TOUCH = Query(update(ports).where(ports.c.id == bindparam("the_id")).values(generation=ports.c.generation + 1))
DELETE = Query(delete(ports).where(ports.c.id == bindparam("id")))
COUNT = Query(select(func.count()).select_from(ports).where(ports.c.project_id == bindparam("project_id")))
LAST_POSITION = Query(select(func.max(ports.c.position)).where(ports.c.device_id == bindparam("device_id")))
GATEWAYS_ON = Query(
    select(ports.c.id)
    .where(ports.c.network_id == bindparam("network_id"), ports.c.device_owner == "network:router_gateway")
    .limit(1)
)
FOREIGN_ON = Query(
    select(ports.c.id)
    .where(
        ports.c.network_id == bindparam("network_id"),
        ports.c.project_id != bindparam("project_id"),
        ports.c.project_id != "",
    )
    .limit(1)
)
"""Whether somebody other than the owner uses a network."""

GROUPS_OF = Query(
    select(port_groups.c.port_id, port_groups.c.group_id)
    .where(port_groups.c.port_id.in_(bindparam("ids", expanding=True)))
    .order_by(port_groups.c.group_id)
)
ADD_GROUP = Query(insert(port_groups))
DROP_GROUPS = Query(delete(port_groups).where(port_groups.c.port_id == bindparam("port_id")))
GROUP_USED = Query(select(port_groups.c.port_id).where(port_groups.c.group_id == bindparam("group_id")).limit(1))


def list_ports(tx: Tx, listing: Listing, project_id: str | None) -> Page[PortRow]:
    """Ports that match; `project_id` narrows to its own and those on its networks."""
    wanted: Any = _ALL
    if project_id is not None:
        wanted = wanted.where(or_(ports.c.project_id == project_id, networks.c.project_id == project_id))
    rest, conditions = tag_conditions(listing, "ports", ports.c.id)
    for one in rest.filters:
        if one.field == "fixed_ips":
            conditions += address_conditions(one, ports.c.id)
        elif one.field == "groups":
            conditions.append(_carrying(one))
    rest = rest.without("fixed_ips", "groups")
    return page(tx, wanted.where(*conditions), FIELDS, rest, into=made, scope=("project_id",))


def _carrying(one: Filter) -> Any:
    return ports.c.id.in_(select(port_groups.c.port_id).where(port_groups.c.group_id.in_(one.values)))


def servers_with(tx: Tx, pattern: str) -> set[str]:
    """Servers with a fixed address that matches the regular expression; 1,000 at most. Raises `Invalid`."""
    return {device for (device,) in tx.rows(_WITH_ADDRESS, pattern=checked("ip", pattern))}
