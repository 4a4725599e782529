"""What a network's specs say in dnsmasq's words: pure functions. Text from users passes through the three filters at the
end or is left out."""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from pileus.drivers.network.linux.dnsmasq import CONFIG
from pileus.drivers.network.linux.names import plain
from pileus.drivers.network.protocol import Lease, Network, Subnet

METADATA = "169.254.169.254"
HOSTS, OPTIONS, NAMES, LEASES = "hosts", "options", "names", "leases"
STATEFUL, STATELESS = "dhcpv6-stateful", "dhcpv6-stateless"

_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_OPTION = re.compile(r"[a-zA-Z][a-zA-Z0-9+-]{0,40}")
_BARE = re.compile(r"[A-Za-z0-9.,:/_+-]{0,255}")
_RESOLVERS = ("/run/systemd/resolve/resolv.conf", "/etc/resolv.conf")


def served(network: Network) -> list[Subnet]:
    """Subnets on which we answer DHCP."""
    return [subnet for subnet in network.subnets if subnet.dhcp and subnet.dhcp_address]


def files(
    network: Network, device: str, directory: Path, user: tuple[str, str], resolvers: Iterable[str], lease_seconds: int
) -> dict[str, str]:
    """dnsmasq's files by name."""
    subnets = served(network)
    return {
        CONFIG: _lines(_config(network, device, directory, user, resolvers, lease_seconds)),
        HOSTS: _lines(line for lease in network.leases for line in _host(lease, subnets)),
        OPTIONS: _lines(_options(network, subnets)),
        NAMES: _lines(_names(network)),
    }


def _config(
    network: Network, device: str, directory: Path, user: tuple[str, str], resolvers: Iterable[str], lease_seconds: int
) -> Iterator[str]:
    yield from (f"interface={device}", "except-interface=lo", f"user={user[0]}", f"group={user[1]}")
    yield from ("no-hosts", "no-resolv", "strict-order", "dhcp-authoritative", "no-ping", "quiet-dhcp", "quiet-dhcp6")
    yield from (f"dhcp-hostsfile={directory / HOSTS}", f"dhcp-optsfile={directory / OPTIONS}")
    yield from (f"addn-hosts={directory / NAMES}", f"dhcp-leasefile={directory / LEASES}")
    yield from (f"log-facility={directory / 'log'}", "dhcp-ignore=tag:!known", "dhcp-lease-max=65536")
    yield from (f"server={one}" for one in resolvers)
    if is_domain(network.domain):
        yield from (f"domain={network.domain}", f"local=/{network.domain}/")
    for subnet in served(network):
        prefix = ipaddress.ip_network(subnet.cidr, strict=False)
        if prefix.version == 4:
            start = f"dhcp-range=set:s{plain(subnet.id)},{prefix.network_address},static,{prefix.netmask}"
            yield f"{start},{lease_seconds}"
        elif subnet.address_mode in (STATEFUL, STATELESS):
            start = f"dhcp-range=set:s{plain(subnet.id)},{prefix.network_address},static"
            yield f"{start},{max(prefix.prefixlen, 64)},{lease_seconds}"


def _host(lease: Lease, subnets: Iterable[Subnet]) -> Iterator[str]:
    mac = lease.mac.lower()
    if not _MAC.fullmatch(mac):
        return
    by_id = {subnet.id: subnet for subnet in subnets}
    tag = f",set:p{plain(lease.port_id)}" if lease.options else ""
    for subnet_id, address in lease.addresses:
        subnet = by_id.get(subnet_id)
        if subnet is None:
            continue
        name = host_name(lease.hostname, address)
        if ":" not in address:
            yield f"{mac}{tag},{address},{name}"
        elif subnet.address_mode == STATEFUL:
            yield f"{mac}{tag},[{address}],{name}"
        elif subnet.address_mode == STATELESS:
            yield f"{mac}{tag},{name}"


def _options(network: Network, subnets: list[Subnet]) -> Iterator[str]:
    on_link = [subnet.cidr for subnet in network.subnets if ":" not in subnet.cidr]
    for subnet in subnets:
        tag = f"tag:s{plain(subnet.id)}"
        dns = subnet.dns or (subnet.dhcp_address,)
        if ":" in subnet.cidr:
            yield f"{tag},option6:dns-server,{','.join(f'[{one}]' for one in dns if ':' in one)}"
            if is_domain(network.domain):
                yield f"{tag},option6:domain-search,{network.domain}"
            continue
        yield f"{tag},option:dns-server,{','.join(one for one in dns if ':' not in one)}"
        yield f"{tag},option:mtu,{int(network.mtu)}"
        yield f"{tag},option:router" + (f",{subnet.gateway}" if subnet.gateway else "")
        routes = [(METADATA + "/32", subnet.dhcp_address), *subnet.routes]
        routes += [(other, "0.0.0.0") for other in on_link if other != subnet.cidr]  # noqa: S104
        routes += [("0.0.0.0/0", subnet.gateway)] if subnet.gateway else []
        text = ",".join(f"{target},{hop}" for target, hop in routes)
        yield f"{tag},option:classless-static-route,{text}"
        yield f"{tag},249,{text}"
    for lease in network.leases:
        for name, value in lease.options:
            option = _option(name, value)
            if option:
                yield f"tag:p{plain(lease.port_id)},{option}"


def _names(network: Network) -> Iterator[str]:
    domain = network.domain if is_domain(network.domain) else ""
    for lease in network.leases:
        for _, address in lease.addresses:
            name = host_name(lease.hostname, address)
            yield f"{address} {name}.{domain} {name}" if domain else f"{address} {name}"


def moved_leases(old: Network | None, new: Network, leases: str) -> str | None:
    """dnsmasq's lease file without the leases that stand in the way of a new owner of their address; None when none does.
    (dnsmasq would deny the address to the new one until the old lease runs out.)"""
    before = {(lease.mac.lower(), address) for lease in (old.leases if old else ()) for _, address in lease.addresses}
    fresh = {address: lease.mac.lower() for lease in new.leases for _, address in lease.addresses}
    fresh = {address: mac for address, mac in fresh.items() if (mac, address) not in before}
    kept, dropped = [], False
    for line in leases.splitlines():
        parts = line.split()
        mac = fresh.get(parts[2]) if len(parts) > 2 else None
        if mac and (":" in parts[2] or parts[1].lower() != mac):
            dropped = True
        else:
            kept.append(line)
    return _lines(kept) if dropped else None


def advertisement(device: str, subnets: Iterable[Subnet]) -> list[str]:
    """Router advertisements on one leg of a router, for its IPv6 subnets that want them (`ra_mode`)."""
    lines = []
    for subnet in subnets:
        prefix = ipaddress.ip_network(subnet.cidr, strict=False)
        mode = {"slaac": "ra-only", STATELESS: "ra-stateless", STATEFUL: "static"}.get(subnet.ra_mode)
        if prefix.version == 6 and mode:
            tag = f"s{plain(subnet.id)}"
            lines.append(f"dhcp-range=set:{tag},{prefix.network_address},{mode},{max(prefix.prefixlen, 64)}")
            dns = ",".join(f"[{one}]" for one in subnet.dns if ":" in one)
            lines.append(f"dhcp-option=tag:{tag},option6:dns-server" + (f",{dns}" if dns else ""))
    return [f"interface={device}", *lines] if lines else []


def advertisement_files(lines: Iterable[str], directory: Path, user: tuple[str, str]) -> dict[str, str]:
    start = ["port=0", "except-interface=lo", "no-hosts", "no-resolv", "enable-ra", "quiet-ra", "quiet-dhcp6"]
    start += [f"user={user[0]}", f"group={user[1]}", "leasefile-ro", f"log-facility={directory / 'log'}"]
    return {CONFIG: _lines([*start, *lines])}


def resolvers(wanted: Iterable[str]) -> list[str]:
    """Where to forward questions: as set, else the host's own, as far as another namespace can reach them."""
    if wanted:
        return [str(ipaddress.ip_address(one)) for one in wanted]
    for path in map(Path, _RESOLVERS):
        if path.is_file():
            words = [line.split() for line in path.read_text(errors="replace").splitlines()]
            found = [parts[1] for parts in words if len(parts) > 1 and parts[0] == "nameserver"]
            usable = [one for one in found if _reachable(one)]
            if usable:
                return usable
    return []


def _reachable(address: str) -> bool:
    try:
        return not ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def host_name(wanted: str, address: str) -> str:
    """The user's name if it is one; else the one that Neutron gives by default."""
    first = wanted.partition(".")[0]
    if _LABEL.fullmatch(first):
        return first.lower()
    return "host-" + re.sub(r"[.:]+", "-", address).strip("-")


def is_domain(text: str) -> bool:
    labels = text.rstrip(".").split(".")
    return bool(text) and len(text) <= 253 and all(_LABEL.fullmatch(label) for label in labels)


def _option(name: str, value: str) -> str | None:
    """An extra DHCP option of a port; None when it is none. Lists stay lists, other text becomes one quoted string."""
    if name.isdecimal():
        if not 1 <= int(name) <= 254:
            return None
        name = str(int(name))
    elif _OPTION.fullmatch(name):
        name = f"option:{name}"
    else:
        return None
    if _BARE.fullmatch(value):
        return f"{name},{value}" if value else name
    if len(value.encode()) > 255 or not value.isprintable():
        return None
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{name},"{quoted}"'


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
