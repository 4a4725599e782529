"""Address allocation: free places are found by query, never by loading a pool.

An address is taken by inserting its row under the subnet's unique index, in the transaction of the port that gets it.
"""

import ipaddress
import random
from collections.abc import Iterable, Sequence
from typing import Any

from pileus.kernel.db import Tx
from pileus.services.network.core.refusals import address_taken, bad_input, missing, no_more_addresses, refused
from pileus.services.network.db import allocations, subnets
from pileus.services.network.db.allocations import SLOT_BITS, place
from pileus.services.network.db.subnets import SubnetRow

Address = tuple[str, str]
"""(subnet id, address)."""
_TRIES = 8
_SLOTS = 1 << SLOT_BITS
_AUTOMATIC = ("slaac", "dhcpv6-stateless")


def number(address: str) -> int:
    return int(ipaddress.ip_address(address))


def text(value: int, ip_version: int) -> str:
    made = ipaddress.IPv4Address(value) if ip_version == 4 else ipaddress.IPv6Address(value)
    return str(made)


def block_of(cidr: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(cidr, strict=False)


def is_automatic(subnet: SubnetRow) -> bool:
    """Addresses of this subnet follow from MACs (SLAAC): they are not chosen."""
    return subnet.ip_version == 6 and subnet.ipv6_address_mode in _AUTOMATIC


def eui64(cidr: str, mac: str) -> str:
    """The address that a card with this MAC gives itself under a /64 prefix."""
    raw = bytes.fromhex(mac.replace(":", ""))
    low = int.from_bytes(bytes([raw[0] ^ 2]) + raw[1:3] + b"\xff\xfe" + raw[3:6], "big")
    return str(ipaddress.IPv6Address(int(ipaddress.IPv6Network(cidr).network_address) + low))


def holder(tx: Tx, subnet_id: str, address: str) -> str | None:
    """The port that has this address."""
    block, slot = place(number(address))
    found = tx.row(allocations.HOLDER, subnet_id=subnet_id, block=block, slot=slot)
    return None if found is None else str(found[0])


def free_address(tx: Tx, subnet: SubnetRow) -> str | None:
    """A free address of the subnet's pools: some random ones are tried at once, then the first gap is taken."""
    stretches = [s for low, high in subnet.pools for s in _stretches(number(low), number(high))]
    size = sum(last - first + 1 for first, last in stretches)
    if size <= 0:
        return None
    if size > _TRIES:
        found = _by_chance(tx, subnet, stretches, size)
        if found is not None:
            return text(found, subnet.ip_version)
    for first, last in stretches:
        found = _first_gap(tx, subnet.id, first, last)
        if found is not None:
            return text(found, subnet.ip_version)
    return None


def _stretches(low: int, high: int) -> Iterable[tuple[int, int]]:
    """A pool cut where the block number changes: within a stretch neighbours have neighbouring slots."""
    while low <= high:
        end = min(high, (low // _SLOTS + 1) * _SLOTS - 1)
        yield low, end
        if end - low == _SLOTS - 1 and high - end > 64 * _SLOTS:
            return  # nobody will ever fill the first 2^62 addresses: the rest need not be looked at
        low = end + 1


def _by_chance(tx: Tx, subnet: SubnetRow, stretches: Sequence[tuple[int, int]], size: int) -> int | None:
    """One of a few random places of one stretch, if any of them is free."""
    at = random.randrange(size)  # noqa: S311 - spread, not secrecy
    for first, last in stretches:
        if at <= last - first:
            break
        at -= last - first + 1
    candidates = {first + at, *(random.randint(first, last) for _ in range(_TRIES - 1))}  # noqa: S311
    block = place(first)[0]
    slots = {place(c)[1]: c for c in candidates}
    taken = {s for (s,) in tx.rows(allocations.TAKEN, subnet_id=subnet.id, block=block, slots=list(slots))}
    return next((c for s, c in slots.items() if s not in taken), None)


def _first_gap(tx: Tx, subnet_id: str, first: int, last: int) -> int | None:
    block, low = place(first)
    high = place(last)[1]
    if tx.row(allocations.HOLDER, subnet_id=subnet_id, block=block, slot=low) is None:
        return first
    found = tx.row(allocations.GAP, subnet_id=subnet_id, block=block, first=low, last=high)
    return None if found is None or found[0] is None else first + int(found[0]) - low


def take(tx: Tx, subnet: SubnetRow, address: str, port_id: str, position: int) -> None:
    """Write an address down as this port's. Raises `Conflict` when another port has it."""
    if holder(tx, subnet.id, address) is not None:
        raise address_taken(address, subnet.id)
    _insert(tx, subnet, address, port_id, position)


def _insert(tx: Tx, subnet: SubnetRow, address: str, port_id: str, position: int) -> None:
    block, slot = place(number(address))
    tx.run(
        allocations.INSERT,
        subnet_id=subnet.id,
        block=block,
        slot=slot,
        address=address,
        network_id=subnet.network_id,
        port_id=port_id,
        position=position,
    )


def take_free(tx: Tx, subnet: SubnetRow, port_id: str, position: int) -> str | None:
    """Allocate any free address; None when the pools are exhausted."""
    address = free_address(tx, subnet)
    if address is not None:
        _insert(tx, subnet, address, port_id, position)
    return address


class Placing:
    """The addresses of one port on one network: what is asked for becomes rows."""

    def __init__(
        self, tx: Tx, network_id: str, subnets: Sequence[SubnetRow], port_id: str, mac: str, owner: str
    ) -> None:
        self.tx, self.network_id, self.port_id, self.mac, self.owner = tx, network_id, port_id, mac, owner
        self.subnets = {s.id: s for s in subnets}
        self.usable = [s for s in subnets if not s.service_types or _serves(s, owner)]
        self.taken: list[Address] = []

    def all(self, asked: Sequence[dict[str, Any]] | None) -> tuple[Address, ...]:
        """`asked` are fixed_ips as in the API; None: one address of each IP version."""
        if asked is None:
            self._any()
        else:
            for one in sorted(asked, key=lambda a: "ip_address" not in a):
                self._asked(one)
        self._automatic()
        return tuple(self.taken)

    def _any(self) -> None:
        if self.subnets and not self.usable:
            raise no_more_addresses(self.network_id)
        for ip_version in (4, 6):
            choices = [s for s in self.usable if s.ip_version == ip_version and not is_automatic(s)]
            if choices and not any(self._from(s) for s in choices):
                raise no_more_addresses(self.network_id)

    def _automatic(self) -> None:
        """Every automatic subnet of the network adds its address, as the guest itself would."""
        if self.owner.startswith("network:router"):
            return
        for s in self.usable:
            if is_automatic(s) and s.id not in {subnet_id for subnet_id, _ in self.taken}:
                self._take(s, eui64(s.cidr, self.mac))

    def _from(self, subnet: SubnetRow) -> bool:
        address = take_free(self.tx, subnet, self.port_id, len(self.taken))
        if address is not None:
            self.taken.append((subnet.id, address))
        return address is not None

    def _take(self, subnet: SubnetRow, address: str) -> None:
        take(self.tx, subnet, address, self.port_id, len(self.taken))
        self.taken.append((subnet.id, address))

    def _asked(self, one: dict[str, Any]) -> None:
        subnet_id, address = one.get("subnet_id"), one.get("ip_address")
        if subnet_id is None and address is None:
            raise bad_input("IP allocation requires subnet_id or ip_address")
        subnet = self._subnet(subnet_id, address)
        if address is not None:
            self._take(subnet, self._judged(subnet, address, subnet_id is not None))
        elif is_automatic(subnet):
            if subnet.id not in {subnet_id for subnet_id, _ in self.taken}:
                self._take(subnet, eui64(subnet.cidr, self.mac))
        elif not self._from(subnet):
            raise no_more_addresses(self.network_id)

    def _subnet(self, subnet_id: str | None, address: str | None) -> SubnetRow:
        if subnet_id is not None:
            found = self.subnets.get(subnet_id)
            if found is None:
                raise self._foreign(subnet_id)
            return found
        ip = ipaddress.ip_address(str(address))
        for subnet in self.subnets.values():
            if ip in block_of(subnet.cidr):
                return subnet
        raise refused(
            "InvalidIpForNetwork",
            f"IP address {address} is not a valid IP for any of the subnets on the specified network.",
        )

    def _foreign(self, subnet_id: str) -> Exception:
        if self.tx.row(subnets.GET, id=subnet_id) is None:
            return missing("Subnet", subnet_id)
        return bad_input(
            f"Failed to create port on network {self.network_id}, because fixed_ips included invalid subnet {subnet_id}"
        )

    def _judged(self, subnet: SubnetRow, address: str, named: bool) -> str:
        """The address in its canonical form, if a port may have it."""
        ip, block = ipaddress.ip_address(address), block_of(subnet.cidr)
        if ip not in block or not usable_in(block, ip):
            kind = "the specified subnet" if named else "any of the subnets on the specified network"
            name = "InvalidIpForSubnet" if named or ip in block else "InvalidIpForNetwork"
            kind = "the specified subnet" if name == "InvalidIpForSubnet" else kind
            raise refused(name, f"IP address {address} is not a valid IP for {kind}.")
        if is_automatic(subnet) and not self.owner.startswith("network:") and str(ip) != eui64(subnet.cidr, self.mac):
            raise refused(
                "AllocationOnAutoAddressSubnet",
                f"IPv6 address {address} cannot be directly assigned to a port on subnet {subnet.id} as the subnet is "
                "configured for automatic addresses",
            )
        return str(ip)


def usable_in(
    block: ipaddress.IPv4Network | ipaddress.IPv6Network, ip: ipaddress.IPv4Address | ipaddress.IPv6Address
) -> bool:
    """Whether a card may have this address of the block: not the network's own nor broadcast."""
    if isinstance(block, ipaddress.IPv6Network):
        return ip in block
    if block.prefixlen >= 31:
        return ip in block
    return ip in block and ip not in (block.network_address, block.broadcast_address)


def _serves(subnet: SubnetRow, owner: str) -> bool:
    return any(owner == t or (t and owner.startswith(t)) for t in subnet.service_types)
