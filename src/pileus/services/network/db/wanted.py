"""What must stand on a host, told by rows."""

from sqlalchemy import BindParameter, bindparam, or_, select, update

from pileus.kernel.db import Query
from pileus.services.network.db.allocations import allocations
from pileus.services.network.db.floating import floating
from pileus.services.network.db.groups import groups, rules
from pileus.services.network.db.networks import networks
from pileus.services.network.db.ports import port_groups, ports
from pileus.services.network.db.routers import routers

_LIVING = ports.c.host != "", ~ports.c.device_owner.startswith("network:")
"""Ports whose devices a hypervisor makes."""
_LEGS = ports.c.device_owner.in_(("network:router_interface", "network:router_gateway"))

PORTS_ON = Query(
    select(ports.c.id, ports.c.generation).where(ports.c.host == bindparam("host"), *_LIVING),
)
NETWORKS_ON = Query(
    select(networks.c.id, networks.c.generation).where(
        networks.c.id.in_(select(ports.c.network_id).where(ports.c.host == bindparam("host"), *_LIVING)),
    )
)
NETWORKS_SERVED = Query(
    select(networks.c.id, networks.c.generation).where(
        or_(networks.c.dhcp_port_id != "", networks.c.id.in_(select(ports.c.network_id).where(_LEGS)))
    )
)
"""Networks that the gateway host must carry: they have DHCP or a router."""
GROUPS_ON = Query(
    select(groups.c.id, groups.c.generation).where(
        groups.c.id.in_(
            select(port_groups.c.group_id)
            .join(ports, ports.c.id == port_groups.c.port_id)
            .where(ports.c.host == bindparam("host"), *_LIVING)
        )
    )
)
REMOTES_ON = Query(
    select(groups.c.id, groups.c.generation).where(
        groups.c.id.in_(
            select(rules.c.remote_group_id)
            .join(port_groups, port_groups.c.group_id == rules.c.group_id)
            .join(ports, ports.c.id == port_groups.c.port_id)
            .where(ports.c.host == bindparam("host"), *_LIVING)
        )
    )
)
"""Groups that the rules of the host's ports speak of."""
ROUTERS = Query(select(routers.c.id, routers.c.generation))

HOSTS_OF_NETWORK = Query(select(ports.c.host).where(ports.c.network_id == bindparam("id"), *_LIVING).distinct())
HOSTS_OF_GROUP = Query(
    select(ports.c.host)
    .join(port_groups, port_groups.c.port_id == ports.c.id)
    .where(port_groups.c.group_id == bindparam("id"), *_LIVING)
    .distinct()
)
HOSTS_OF_REMOTE = Query(
    select(ports.c.host)
    .join(port_groups, port_groups.c.port_id == ports.c.id)
    .join(rules, rules.c.group_id == port_groups.c.group_id)
    .where(rules.c.remote_group_id == bindparam("id"), *_LIVING)
    .distinct()
)
SERVED = Query(
    select(networks.c.id).where(
        networks.c.id == bindparam("id"),
        or_(
            networks.c.dhcp_port_id != "",
            select(ports.c.id).where(ports.c.network_id == bindparam("id"), _LEGS).exists(),
        ),
    )
)
MEMBERS = Query(
    select(allocations.c.address)
    .join(port_groups, port_groups.c.port_id == allocations.c.port_id)
    .join(ports, ports.c.id == port_groups.c.port_id)
    .where(port_groups.c.group_id == bindparam("id"), *_LIVING)
    .order_by(allocations.c.address)
)
PAIRED_MEMBERS = Query(
    select(ports.c.pairs)
    .join(port_groups, port_groups.c.port_id == ports.c.id)
    .where(port_groups.c.group_id == bindparam("id"), ports.c.pairs != (), *_LIVING)
)
LEASES = Query(
    select(
        ports.c.id,
        ports.c.mac_address,
        ports.c.device_id,
        ports.c.project_id,
        ports.c.dns_name,
        ports.c.dhcp_options,
        allocations.c.subnet_id,
        allocations.c.address,
    )
    .join(allocations, allocations.c.port_id == ports.c.id)
    .where(ports.c.network_id == bindparam("id"), *_LIVING)
    .order_by(ports.c.id, allocations.c.position)
)
_STATUS: BindParameter[str] = bindparam("new_status")
SET_PORT_STATUS = Query(
    update(ports)
    .where(ports.c.id == bindparam("the_id"), ports.c.status != _STATUS, ports.c.status != "N/A")
    .values(status=_STATUS, revision_number=ports.c.revision_number + 1, updated_at=bindparam("now"))
)
SET_LEG_STATUS = Query(
    update(ports)
    .where(ports.c.device_id == bindparam("router_id"), _LEGS, ports.c.status != _STATUS)
    .values(status=_STATUS, revision_number=ports.c.revision_number + 1, updated_at=bindparam("now"))
)
SET_FLOATING_STATUS = Query(
    update(floating)
    .where(floating.c.router_id == bindparam("router_id"), floating.c.status != _STATUS)
    .values(status=_STATUS, revision_number=floating.c.revision_number + 1, updated_at=bindparam("now"))
)
