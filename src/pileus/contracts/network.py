"""What compute may ask of network."""

from collections.abc import Sequence
from typing import Any, Protocol

from msgspec import Struct

from pileus.kernel.types import Ctx


class PortWish(Struct, frozen=True, kw_only=True):
    """One card of a server to be: an existing port, or a new one on a network, perhaps with a fixed address."""

    network_id: str = ""
    port_id: str = ""
    fixed_ip: str = ""
    tag: str = ""


class PortInfo(Struct, frozen=True, kw_only=True):
    """A port as compute shows and uses it."""

    id: str
    network_id: str
    network_name: str
    mac: str
    fixed_ips: tuple[tuple[str, str], ...]
    """(subnet id, address)."""
    floating: tuple[tuple[str, str], ...] = ()
    """(fixed address, floating address)."""
    mtu: int = 1500
    status: str = "DOWN"
    security_groups: tuple[tuple[str, str], ...] = ()
    """(id, name)."""
    subnets: tuple[dict[str, Any], ...] = ()
    """`{id, cidr, gateway, dns, routes, dhcp, version}` of its addresses: for network_data.json."""
    owned: bool = True
    """Made by compute, and so deleted with the server."""
    tag: str = ""


class GroupInfo(Struct, frozen=True, kw_only=True):
    """A security group with its rules as Neutron names their fields."""

    id: str
    name: str
    description: str
    project_id: str
    rules: tuple[dict[str, Any], ...] = ()
    """`{id, direction, ethertype, protocol, port_range_min, port_range_max, remote_ip_prefix, remote_group_id}`."""


class Network(Protocol):
    def reserve_ports(
        self,
        tx: Any,
        ctx: Ctx,
        device_id: str,
        host: str,
        zone: str,
        wishes: Sequence[PortWish] | None,
        groups: Sequence[str],
    ) -> Sequence[PortInfo]:
        """Make or take the ports of a server, addresses included, bound to `host`. `wishes=None`: the project's only network
        (none: no ports; several: `Conflict`). `groups`: names or ids; empty: `default`. Raises `Invalid`, `NotFound`,
        `Conflict`, `OverQuota`, all before any effect."""
        ...

    def add_port(self, tx: Any, ctx: Ctx, device_id: str, host: str, zone: str, wish: PortWish) -> PortInfo: ...

    def release_ports(self, tx: Any, device_id: str, port_ids: Sequence[str] | None = None) -> None:
        """Delete ports that compute made, unbind the others. None: all of the device."""
        ...

    def ports_of(self, tx: Any, device_ids: Sequence[str]) -> dict[str, tuple[PortInfo, ...]]:
        """In the order in which the server got them. One query for any number of devices."""
        ...

    def bind(self, tx: Any, device_id: str, host: str) -> None:
        """All ports of the device live on `host` from now on (empty: nowhere)."""
        ...

    async def plug(self, device_id: str, attached: bool) -> dict[str, str]:
        """Make the devices of a server's ports stand on their host. Returns port id -> device name. With `attached` they are
        joined to their networks and the ports become ACTIVE. Idempotent."""
        ...

    async def unplug(self, device_id: str) -> None:
        """Take the devices away; idempotent, also when the ports are already gone."""
        ...

    def device_of(self, tx: Any, network_id: str, address: str) -> str:
        """The server that has this address on this network; empty when none."""
        ...

    def devices_with(self, tx: Any, addresses: Sequence[str]) -> Sequence[str]:
        """Servers with a port whose fixed address matches one of these regular expressions; 1,000 at most."""
        ...

    def groups_of(self, tx: Any, device_id: str) -> Sequence[GroupInfo]:
        """The security groups of a server's ports."""
        ...

    def set_group(self, tx: Any, ctx: Ctx, device_id: str, group: str, member: bool) -> None:
        """Put all ports of a server into a group, or take them out. Raises `NotFound`."""
        ...
