"""Network drivers, rules N7 and N8: groups and spoofing. See test_network.py."""

import contextlib
import random
import socket

import pytest
from network_guests import BROADCAST, PATIENCE, Guest, arp_frame, aside, checksum, udp_frame
from network_rigs import (
    ALL_OUT,
    CLOUD,
    OPEN,
    PING,
    Cloud,
    asks,
)

from pileus.drivers.network.linux.namespaces import Namespace
from pileus.drivers.network.protocol import Port, Rule

# -- N7: groups


async def test_n7_no_rule_no_new_connection_but_answers_pass(wired: Cloud) -> None:
    network = await wired.network()
    closed, server_group = await wired.group(*ALL_OUT), await wired.group(*ALL_OUT, PING, asks("tcp", 22))
    _, first = await wired.simple_guest(network, "10.20.0.5", closed)
    _, second = await wired.simple_guest(network, "10.20.0.6", server_group)
    for port in (22, 23):
        second.listen(port)
    first.listen(22)
    assert await aside(first.pings, "10.20.0.6")
    assert await aside(second.misses, "10.20.0.5")
    assert await aside(first.connect, "10.20.0.6", 22)
    assert not await aside(first.connect, "10.20.0.6", 23, 1)
    assert not await aside(second.connect, "10.20.0.5", 22, 1)


async def test_n7_no_egress_rule_no_way_out(wired: Cloud) -> None:
    network = await wired.network()
    mute = await wired.group(*OPEN[2:], Rule(direction="egress", protocol="tcp", port_min=80, port_max=81))
    opened = await wired.group(*OPEN)
    _, first = await wired.simple_guest(network, "10.20.0.5", mute)
    _, second = await wired.simple_guest(network, "10.20.0.6", opened)
    for port in (80, 82):
        second.listen(port)
    assert await aside(first.misses, "10.20.0.6")
    assert await aside(second.pings, "10.20.0.5")
    assert await aside(first.connect, "10.20.0.6", 80)
    assert not await aside(first.connect, "10.20.0.6", 82, 1)


async def test_n7_ports_without_group_are_closed_and_unfiltered_ones_open(wired: Cloud) -> None:
    network = await wired.network()
    port, first = await wired.simple_guest(network, "10.20.0.5")
    _, second = await wired.simple_guest(network, "10.20.0.6", filtered=False)
    assert await aside(first.misses, "10.20.0.6")
    assert await aside(second.misses, "10.20.0.5")
    port = await wired.change(port, filtered=False)
    assert await aside(second.pings, "10.20.0.5")
    await wired.change(port, filtered=True)
    assert await aside(second.misses, "10.20.0.5")


async def test_n7_remote_groups_are_their_members(wired: Cloud) -> None:
    network = await wired.network()
    clients = await wired.group(*ALL_OUT, members=("10.20.0.5",))
    servers = await wired.group(*ALL_OUT, Rule(direction="ingress", protocol="icmp", group_id=clients.id))
    _, first = await wired.simple_guest(network, "10.20.0.5", clients)
    _, second = await wired.simple_guest(network, "10.20.0.6", clients)
    await wired.simple_guest(network, "10.20.0.7", servers)
    assert await aside(first.pings, "10.20.0.7")
    assert await aside(second.misses, "10.20.0.7")
    await wired.change(clients, members=("10.20.0.6/31",))
    assert await aside(first.misses, "10.20.0.7")
    assert await aside(second.pings, "10.20.0.7")


async def test_n7_rules_by_prefix_protocol_number_and_icmp_type(wired: Cloud) -> None:
    network = await wired.network()
    opened = await wired.group(*OPEN)
    rules = (asks("17", 53, 54, cidr="10.20.0.4/31"), Rule(direction="ingress", protocol="1", port_min=8, port_max=0))
    group = await wired.group(*ALL_OUT, *rules)
    _, first = await wired.simple_guest(network, "10.20.0.5", opened)
    _, second = await wired.simple_guest(network, "10.20.0.6", opened)
    _, third = await wired.simple_guest(network, "10.20.0.7", group)
    assert await aside(first.pings, "10.20.0.7")
    sinks = {number: third.listen(number, socket.SOCK_DGRAM) for number in (53, 54, 55)}
    heard = {}
    for guest, name in ((first, "first"), (second, "second")):
        for number, sink in sinks.items():
            guest.plug(socket.SOCK_DGRAM).sendto(name.encode(), ("10.20.0.7", number))
            sink.settimeout(PATIENCE if guest is first and number != 55 else 0.5)
            with contextlib.suppress(TimeoutError):
                heard[number] = await aside(sink.recv, 100)
    assert heard == {53: b"first", 54: b"first"}
    await wired.change(group, rules=(Rule(direction="ingress", protocol="icmp", port_min=13, port_max=0),))
    assert await aside(second.misses, "10.20.0.7")


async def test_n7_a_removed_rule_ends_its_connections_and_no_others(wired: Cloud) -> None:
    network = await wired.network()
    group = await wired.group(*ALL_OUT, asks("tcp", 22), asks("tcp", 80))
    opened = await wired.group(*OPEN)
    port, server = await wired.simple_guest(network, "10.20.0.5", group)
    _, client = await wired.simple_guest(network, "10.20.0.6", opened)
    pairs = {}
    for number in (22, 80):
        listener = server.listen(number)
        near = await aside(client.connect, "10.20.0.5", number)
        assert near
        pairs[number] = near, listener.accept()[0]

    def talks(number: int, wait: float = PATIENCE) -> bool:
        near, far = pairs[number]
        near.settimeout(wait)
        far.settimeout(wait)
        with contextlib.suppress(TimeoutError):
            far.sendall(b"from the server")
            near.sendall(b"from the client")
            return far.recv(100) == b"from the client" and near.recv(100) == b"from the server"
        return False

    assert await aside(talks, 22)
    assert await aside(talks, 80)
    await wired.change(group, rules=(*ALL_OUT, asks("tcp", 80)))
    assert await aside(talks, 80)
    assert not await aside(talks, 22, 1)
    await wired.change(port, groups=())
    assert not await aside(talks, 80, 1)


async def test_n7_stateless_groups_need_a_rule_for_answers(wired: Cloud) -> None:
    network = await wired.network()
    group = await wired.group(*ALL_OUT, stateful=False)
    opened = await wired.group(*OPEN)
    _, first = await wired.simple_guest(network, "10.20.0.5", group)
    await wired.simple_guest(network, "10.20.0.6", opened)
    assert await aside(first.misses, "10.20.0.6")
    await wired.change(group, rules=(*ALL_OUT, PING))
    assert await aside(first.pings, "10.20.0.6")


async def test_n7_ipv6_rules(wired: Cloud) -> None:
    network, opened = await wired.network(), await wired.group(*OPEN)
    group = await wired.group(*ALL_OUT, asks("tcp", 80, ethertype="IPv6", cidr="2001:db8::/64"))
    port = await wired.port(network, "2001:db8::5", groups=(group.id,))
    server = await wired.guest(port, "2001:db8::5/64")
    client = await wired.guest(await wired.port(network, "2001:db8::6", groups=(opened.id,)), "2001:db8::6/64")
    server.listen(80, address="::")
    assert await aside(client.connect, "2001:db8::5", 80)
    assert await aside(client.misses, "2001:db8::5")
    assert await aside(server.pings, "2001:db8::6")
    await wired.change(group, rules=(*ALL_OUT, Rule(direction="ingress", ethertype="IPv6", protocol="icmp")))
    assert await aside(client.pings, "2001:db8::5")
    assert not await aside(client.connect, "2001:db8::5", 80, 1)


# -- N8: a guest is who it is


@pytest.fixture
async def spoofer(wired: Cloud) -> tuple[Cloud, Guest, Guest, Port]:
    network, group = await wired.network(), await wired.group(*OPEN)
    port, guest = await wired.simple_guest(network, "10.20.0.5", group)
    _, victim = await wired.simple_guest(network, "10.20.0.6", filtered=False)
    return wired, guest, victim, port


def _arrives(frame: bytes, guest: Guest, victim: Guest) -> bool:
    """Whether a frame of the guest comes to the victim's card: before an honest one that was sent after it."""
    own = _mac(guest.mac)
    honest = udp_frame(own, BROADCAST, "10.20.0.5", "10.20.0.6", 1, 2, random.randbytes(32))
    with victim.sniffing() as wire:
        guest.send_frame(frame)
        guest.send_frame(honest)
        found = False
        while (got := wire.recv(2048))[: len(honest)] != honest:
            found |= got[: len(frame)] == frame
    return found


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


async def test_n8_only_own_mac_and_addresses(spoofer: tuple[Cloud, Guest, Guest, Port]) -> None:
    cloud, guest, victim, port = spoofer
    own, other = _mac(guest.mac), _mac("fa:16:3e:99:99:99")
    honest = udp_frame(own, BROADCAST, "10.20.0.5", "10.20.0.6", 1, 2, b"x" * 32)
    assert await aside(_arrives, honest, guest, victim)
    lies = [
        udp_frame(other, BROADCAST, "10.20.0.5", "10.20.0.6", 1, 2, b"x" * 32),
        udp_frame(own, BROADCAST, "10.20.0.9", "10.20.0.6", 1, 2, b"x" * 32),
        own.join([BROADCAST, b"\x88\xcc" + b"x" * 50]),
    ]
    for lie in lies:
        assert not await aside(_arrives, lie, guest, victim)
    await cloud.change(port, filtered=False)
    assert await aside(_arrives, lies[1], guest, victim)


async def test_n8_arp_only_for_oneself(spoofer: tuple[Cloud, Guest, Guest, Port]) -> None:
    _, guest, victim, _ = spoofer
    own = _mac(guest.mac)
    assert await aside(_arrives, arp_frame(own, own, "10.20.0.5", "10.20.0.5"), guest, victim)
    assert not await aside(_arrives, arp_frame(own, own, "10.20.0.1", "10.20.0.1"), guest, victim)
    assert not await aside(_arrives, arp_frame(own, _mac(victim.mac), "10.20.0.5", "10.20.0.5"), guest, victim)


async def test_n8_no_dhcp_service_of_a_guest(spoofer: tuple[Cloud, Guest, Guest, Port]) -> None:
    _, guest, victim, _ = spoofer
    offer = udp_frame(_mac(guest.mac), BROADCAST, "10.20.0.5", "255.255.255.255", 67, 68, b"x" * 300)
    assert not await aside(_arrives, offer, guest, victim)


async def test_n8_no_router_advertisement_and_no_neighbours_address(spoofer: tuple[Cloud, Guest, Guest, Port]) -> None:
    cloud, guest, victim, port = spoofer
    own = _mac(guest.mac)
    link_local = socket.inet_pton(socket.AF_INET6, "fe80::")[:8] + bytes([own[0] ^ 2, *own[1:3], 0xFF, 0xFE, *own[3:]])

    def icmpv6(kind: int, body: bytes) -> bytes:
        ends = link_local + socket.inet_pton(socket.AF_INET6, "ff02::1")
        size = (4 + len(body)).to_bytes(2, "big")
        check = checksum(ends + b"\0\0" + size + b"\0\0\0\x3a" + bytes([kind, 0, 0, 0]) + body).to_bytes(2, "big")
        head = b"\x60\0\0\0" + size + b"\x3a\xff" + ends
        return BROADCAST + own + b"\x86\xdd" + head + bytes([kind, 0]) + check + body

    def claim(address: str) -> bytes:
        return icmpv6(136, b"\x20\0\0\0" + socket.inet_pton(socket.AF_INET6, address))

    assert await aside(_arrives, icmpv6(136, b"\x20\0\0\0" + link_local), guest, victim)
    assert not await aside(_arrives, icmpv6(134, b"\x40\0\x07\x08" + bytes(8)), guest, victim)
    assert not await aside(_arrives, claim("2001:db8::1"), guest, victim)
    await cloud.change(port, pairs=(("", "2001:db8::/127"),))
    assert await aside(_arrives, claim("2001:db8::1"), guest, victim)
    assert not await aside(_arrives, claim("2001:db8::2"), guest, victim)


async def test_n8_allowed_pairs(spoofer: tuple[Cloud, Guest, Guest, Port]) -> None:
    cloud, guest, victim, port = spoofer
    other = "00:00:5e:00:01:07"
    await cloud.change(port, pairs=((other, "10.20.0.100"), ("", "10.20.1.0/24")))
    own = _mac(guest.mac)
    virtual = udp_frame(_mac(other), BROADCAST, "10.20.0.100", "10.20.0.6", 1, 2, b"x" * 32)
    assert await aside(_arrives, virtual, guest, victim)
    assert await aside(_arrives, arp_frame(_mac(other), _mac(other), "10.20.0.100", "10.20.0.6"), guest, victim)
    assert await aside(_arrives, udp_frame(own, BROADCAST, "10.20.1.77", "10.20.0.6", 1, 2, b"x" * 32), guest, victim)
    assert not await aside(
        _arrives, udp_frame(own, BROADCAST, "10.20.0.100", "10.20.0.6", 1, 2, b"x" * 32), guest, victim
    )


async def test_n8_a_tap_that_nobody_announced_carries_nothing(wired: Cloud) -> None:
    network, group = await wired.network(), await wired.group(*OPEN)
    _, guest = await wired.simple_guest(network, "10.20.0.5", group)
    _, other = await wired.simple_guest(network, "10.20.0.6", group)
    inside = Namespace(f"pileus-{CLOUD}")
    inside.run("ip", "link", "set", guest.device, "down")
    inside.run("ip", "link", "set", guest.device, "name", "tapunknown")
    inside.run("ip", "link", "set", "tapunknown", "up")
    assert await aside(other.misses, "10.20.0.5")
