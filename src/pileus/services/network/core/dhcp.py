"""DHCP ports: where a network's DHCP, DNS and metadata answer.

A network gets its DHCP port with the first port that is bound to a host: before that nobody can ask.
"""

import uuid

from pileus.kernel.db import Tx
from pileus.kernel.events import record
from pileus.kernel.types import Ctx, new_id
from pileus.services.network.core import macs
from pileus.services.network.core.addresses import eui64, is_automatic, take, take_free
from pileus.services.network.core.changes import gone, touched
from pileus.services.network.core.neighbours import Near
from pileus.services.network.core.networks import columns
from pileus.services.network.db import allocations, networks, ports, subnets
from pileus.services.network.db.networks import NetworkRow
from pileus.services.network.db.ports import PortRow
from pileus.services.network.db.subnets import SubnetRow

OWNER = "network:dhcp"


def serve(tx: Tx, near: Near, ctx: Ctx, network_id: str) -> None:
    """Give the network a DHCP port if it wants one and has none."""
    network = tx.row(networks.GET, id=network_id)
    if network is None or network.dhcp_port_id:
        return
    wanting = [s for s in tx.rows(subnets.OF_NETWORK, network_id=network_id) if s.enable_dhcp]
    if not wanting:
        return
    row = _port(tx, near, network)
    tx.run(ports.INSERT, **columns(row, "network_project_id", "shared", "fixed_ips", "groups", "tags"))
    for subnet in wanting:
        _settle(tx, subnet, row)
    tx.run(networks.UPDATE, the_id=network_id, dhcp_port_id=row.id)
    touched(tx, "network", network_id)
    record(tx, ctx, "port.create.end", "port", row.id, project_id=row.project_id, after=row)


def _port(tx: Tx, near: Near, network: NetworkRow) -> PortRow:
    host = near.gateway_host
    return PortRow(
        id=new_id(),
        project_id=network.project_id,
        network_id=network.id,
        name="",
        description="",
        admin_state_up=True,
        status="DOWN",
        mac_address=macs.choose(tx, near, network.id),
        device_id=f"dhcp{uuid.uuid5(uuid.NAMESPACE_DNS, host)}-{network.id}",
        device_owner=OWNER,
        host=host,
        vnic_type="normal",
        profile={},
        port_security_enabled=False,
        pairs=(),
        dhcp_options=(),
        dns_name="",
        dns_domain="",
        position=0,
        owned=False,
        device_tag="",
        generation=1,
        revision_number=1,
        created_at=tx.now,
        updated_at=tx.now,
    )


def _settle(tx: Tx, subnet: SubnetRow, port: PortRow) -> None:
    """An address of this subnet for the DHCP port. A full subnet goes without: its guests are served no worse."""
    if is_automatic(subnet):
        take(tx, subnet, eui64(subnet.cidr, port.mac_address), port.id, 0)
    else:
        take_free(tx, subnet, port.id, 0)


def follow(tx: Tx, network: NetworkRow, subnet: SubnetRow) -> None:
    """A subnet is new or its DHCP was switched: the DHCP port gets or loses its address there."""
    port = tx.row(ports.GET, id=network.dhcp_port_id) if network.dhcp_port_id else None
    if port is None:
        return
    held = [a for a in tx.rows(allocations.OF_PORTS, ids=[port.id]) if a.subnet_id == subnet.id]
    if subnet.enable_dhcp and not held:
        _settle(tx, subnet, port)
    elif not subnet.enable_dhcp:
        for one in held:
            tx.run(allocations.FREE, port_id=port.id, subnet_id=subnet.id, address=one.address)


def retire(tx: Tx, ctx: Ctx, network: NetworkRow) -> None:
    """Take the DHCP port away when no subnet of the network wants it any more."""
    if not network.dhcp_port_id or any(s.enable_dhcp for s in tx.rows(subnets.OF_NETWORK, network_id=network.id)):
        return
    tx.run(allocations.FREE_PORT, port_id=network.dhcp_port_id)
    tx.run(ports.DELETE, id=network.dhcp_port_id)
    tx.run(networks.UPDATE, the_id=network.id, dhcp_port_id="")
    gone(tx, "port", network.dhcp_port_id)
    record(tx, ctx, "port.delete.end", "port", network.dhcp_port_id, project_id=network.project_id)
