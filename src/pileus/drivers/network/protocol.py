"""What a network driver owes the cloud. Contract: `tests/drivers/test_network.py`, tests named after the rules.

N1  `ensure_*` is level-triggered and idempotent; an older `generation` than the newest seen changes nothing.
N2  `remove_*` of what is not there succeeds and leaves no device, namespace, rule, process or file of it.
N3  `observe` lists what stands, also what was made before this process started; a foreign thing is never touched.
N4  Everything keeps working for running guests when this process dies, but metadata, which pauses until it is back.
N5  Two guests on one network reach each other if their groups allow; on different networks only through a router.
N6  Overlapping addresses on different tenant networks do not disturb one another.
N7  Groups are enforced on real traffic, statefully: no rule, no new connection; answers pass. A removed rule also ends
    the connections it allowed. A port without `filtered` passes everything.
N8  A filtered port sends only from its own MAC and addresses (and `pairs`); spoofed frames and rogue DHCP answers are dropped.
N9  DHCP gives each port its addresses, DNS servers, routes, MTU and host name, and answers no unknown MAC.
N10 http://169.254.169.254/ reaches the metadata service with the guest's identity, on networks with and without router.
N11 A router routes between its subnets; with a gateway it translates sources to the gateway address (if `snat`) and each
    floating address to its fixed one, both ways. A floating address answers from the host itself.
N12 `close` leaves everything standing; `purge` leaves nothing.
N13 No call blocks the event loop for more than 5 ms; a cancelled call keeps rule N1.
N14 Host names and other text from users is data: never interpreted (shell, configuration files, paths).
N15 `ensure_port` makes no device: it prepares everything by the *name* `PortSeen.device`, and the hypervisor makes the tap
    at each start of the guest. `join` puts such a new tap in its place before the guest runs; the tap vanishes by itself
    when the guest ends, and what was prepared stays for the next one (`docs/adr/0001-taps.md`).
"""

from typing import Literal, Protocol

from msgspec import Struct


class NetworkError(Exception):
    """The host could not do it; `str(error)` may be shown to administrators."""


class Subnet(Struct, frozen=True, kw_only=True):
    id: str
    cidr: str
    gateway: str = ""
    """Empty: none."""
    dns: tuple[str, ...] = ()
    routes: tuple[tuple[str, str], ...] = ()
    """(destination CIDR, next hop), given to guests by DHCP."""
    dhcp: bool = True
    dhcp_address: str = ""
    """Where this network's DHCP, DNS and metadata answer on this subnet; empty when `dhcp` is off."""
    ra_mode: str = ""
    address_mode: str = ""


class Lease(Struct, frozen=True, kw_only=True):
    """What DHCP says to one MAC."""

    port_id: str
    mac: str
    addresses: tuple[tuple[str, str], ...]
    """(subnet id, address)."""
    hostname: str = ""
    device_id: str = ""
    """The server that metadata requests from these addresses speak for."""
    project_id: str = ""
    options: tuple[tuple[str, str], ...] = ()


class Network(Struct, frozen=True, kw_only=True):
    id: str
    generation: int
    kind: Literal["tenant", "external"] = "tenant"
    """`external`: joined to the host's external bridge, where routers have their gateways."""
    vni: int = 0
    """Segment number between hosts; 0 on the flat external network and where there is one host."""
    physical: str = ""
    mtu: int = 1500
    domain: str = ""
    subnets: tuple[Subnet, ...] = ()
    leases: tuple[Lease, ...] = ()
    dhcp_port_id: str = ""
    dhcp_mac: str = ""
    peers: tuple[str, ...] = ()
    """Underlay addresses (`NetworkInfo.underlay`) of the hosts that carry it too; together with `vni` they are joined to one
    network. DHCP is then wanted on one of them alone: on the others subnets come without `dhcp_address`."""


class Rule(Struct, frozen=True, kw_only=True):
    direction: Literal["ingress", "egress"]
    ethertype: Literal["IPv4", "IPv6"] = "IPv4"
    protocol: str = ""
    """Lower-case name or number; empty: any."""
    port_min: int = -1
    port_max: int = -1
    """-1: any. For ICMP: type and code."""
    cidr: str = ""
    """Remote prefix; empty: any."""
    group_id: str = ""
    """Remote group: addresses of all its members."""


class Group(Struct, frozen=True, kw_only=True):
    """A security group with everything needed to enforce it here."""

    id: str
    generation: int
    stateful: bool = True
    rules: tuple[Rule, ...] = ()
    members: tuple[str, ...] = ()
    """Addresses of all ports of the cloud that carry this group."""


class Port(Struct, frozen=True, kw_only=True):
    """A port that lives on this host."""

    id: str
    generation: int
    network_id: str
    mac: str
    addresses: tuple[str, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()
    """Allowed address pairs: (MAC or empty for the port's own, CIDR)."""
    groups: tuple[str, ...] = ()
    filtered: bool = True
    """Port security."""
    up: bool = True
    """Administrative state."""
    attached: bool = False
    """True: a device of this port's name that stands in the host's own namespace is joined as `join` would. Whether or
    not, a port without a device is `ready`: devices come and go with their guests."""
    mtu: int = 1500


class RouterLeg(Struct, frozen=True, kw_only=True):
    port_id: str
    network_id: str
    mac: str
    addresses: tuple[str, ...]
    """With prefix length: `10.0.0.1/24`."""


class Router(Struct, frozen=True, kw_only=True):
    id: str
    generation: int
    up: bool = True
    legs: tuple[RouterLeg, ...] = ()
    gateway: RouterLeg | None = None
    next_hops: tuple[str, ...] = ()
    """Of the default routes through the gateway."""
    snat: bool = True
    floating: tuple[tuple[str, str], ...] = ()
    """(external address, fixed address)."""
    routes: tuple[tuple[str, str], ...] = ()
    """(destination CIDR, next hop)."""


class PortSeen(Struct, frozen=True, kw_only=True):
    id: str
    generation: int
    device: str
    """Name under which the hypervisor makes the device: at most 15 characters, not `vnet…`; empty in a simulator."""
    state: Literal["ready", "active", "down"]
    """ready: prepared, no device in place; active: the device is joined and carrying."""


class NetworkSeen(Struct, frozen=True, kw_only=True):
    networks: tuple[tuple[str, int], ...] = ()
    """(id, generation) each."""
    routers: tuple[tuple[str, int], ...] = ()
    groups: tuple[tuple[str, int], ...] = ()
    ports: tuple[PortSeen, ...] = ()


class Traffic(Struct, frozen=True, kw_only=True):
    """Since the guest's card was plugged, as the guest counts: received is what came to it."""

    received_bytes: int
    received_packets: int
    received_errors: int
    received_drops: int
    sent_bytes: int
    sent_packets: int
    sent_errors: int
    sent_drops: int


class NetworkInfo(Struct, frozen=True, kw_only=True):
    driver: str
    """`linux`, `fake`, …"""
    agents: tuple[tuple[str, str], ...]
    """(binary, agent type) as network's API lists them: (`neutron-dhcp-agent`, `DHCP agent`), …"""
    vif_type: str
    """Of bound ports: `bridge`, `ovs`, …"""
    tenant_types: tuple[str, ...]
    physical_networks: tuple[str, ...]
    overlay_overhead: int = 50
    """Bytes that a tenant segment takes from the underlay's MTU."""
    underlay: str = ""
    """This host's address towards other hosts; empty: it cannot be joined to them."""
    abilities: frozenset[str] = frozenset()
    """`traffic`: `TrafficCounters` is implemented."""
    reason: str = ""


class NetworkDriver(Protocol):
    """One host's share of the virtual networks."""

    async def info(self) -> NetworkInfo: ...

    async def ensure_network(self, network: Network) -> None: ...

    async def remove_network(self, network_id: str) -> None: ...

    async def ensure_group(self, group: Group) -> None: ...

    async def remove_group(self, group_id: str) -> None: ...

    async def ensure_port(self, port: Port) -> PortSeen: ...

    async def remove_port(self, port_id: str) -> None: ...

    async def join(self, device: str) -> None:
        """A device of this name has just appeared in the host's own namespace (the guest is held back until this
        returns): put it into its place on its port's network, up, with the port's MTU. Works from what the driver keeps
        on disk, with no control plane alive. Already in place is success; an unknown name or a missing device is
        `NetworkError`."""
        ...

    async def ensure_router(self, router: Router) -> None: ...

    async def remove_router(self, router_id: str) -> None: ...

    async def observe(self) -> NetworkSeen: ...

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def purge(self) -> None: ...


class TrafficCounters(Protocol):
    """Optional: counts what guests send and receive."""

    async def traffic(self) -> dict[str, Traffic]:
        """By port id; ports whose device is not in place are missing."""
        ...
