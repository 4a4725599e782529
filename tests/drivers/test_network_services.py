"""Network drivers, rules N9 and N10: DHCP, names, metadata. See test_network.py."""

import asyncio
import contextlib
import socket
from pathlib import Path

import pytest
from network_guests import Guest, aside, classless_routes
from network_rigs import (
    ALL_OUT,
    OPEN,
    SECRET,
    Cloud,
    MetadataService,
    lease,
    linux_settings,
    new_id,
    served,
    until,
)

from pileus.drivers.network.linux import LinuxNetwork
from pileus.drivers.network.protocol import Lease, Subnet

# -- N9: DHCP and names


async def test_n9_dhcp_gives_what_the_specs_say(wired: Cloud) -> None:
    subnet = Subnet(
        id=new_id(), cidr="10.20.0.0/24", gateway="10.20.0.1", dhcp_address="10.20.0.2", dns=("9.9.9.9", "1.1.1.1"),
        routes=(("10.77.0.0/16", "10.20.0.9"),),
    )  # fmt: skip
    network = await wired.network(subnets=(subnet,), mtu=1442)
    port, guest = await wired.simple_guest(network, "10.20.0.5")
    entry = lease(port, network, hostname="web-1", options=(("42", "10.20.0.3"), ("bootfile-name", 'a "b", c')))
    await wired.change(network, leases=(entry,))
    options = await aside(guest.dhcp)
    assert options
    assert socket.inet_ntoa(options[0]) == "10.20.0.5"
    assert socket.inet_ntoa(options[1]) == "255.255.255.0"
    assert socket.inet_ntoa(options[3]) == "10.20.0.1"
    assert options[6] == socket.inet_aton("9.9.9.9") + socket.inet_aton("1.1.1.1")
    assert (options[12], options[15]) == (b"web-1", b"test.internal")
    assert int.from_bytes(options[26], "big") == 1442
    assert set(classless_routes(options[121])) == {
        ("169.254.169.254/32", "10.20.0.2"), ("10.77.0.0/16", "10.20.0.9"), ("0.0.0.0/0", "10.20.0.1")
    }  # fmt: skip
    assert options[42] == socket.inet_aton("10.20.0.3")


async def test_n9_no_gateway_no_router_option(wired: Cloud) -> None:
    subnet = Subnet(id=new_id(), cidr="10.20.0.0/24", dhcp_address="10.20.0.2")
    network = await wired.network(subnets=(subnet,))
    port, guest = await wired.simple_guest(network, "10.20.0.5")
    await served(wired, network, port)
    options = await aside(guest.dhcp)
    assert options
    assert 3 not in options
    assert classless_routes(options[121]) == [("169.254.169.254/32", "10.20.0.2")]
    assert socket.inet_ntoa(options[6]) == "10.20.0.2"


async def test_n9_unknown_cards_get_no_answer(wired: Cloud) -> None:
    network = await wired.network()
    port, guest = await wired.simple_guest(network, "10.20.0.5", filtered=False)
    await served(wired, network, port)
    assert await aside(guest.dhcp)
    assert not await aside(lambda: guest.dhcp(wait=1.5, mac="fa:16:3e:77:77:77"))
    await wired.change(network, leases=())
    assert not await aside(lambda: guest.dhcp(wait=1.5))


async def test_n9_an_address_passes_to_a_new_card_at_once(wired: Cloud) -> None:
    network = await wired.network()
    port, guest = await wired.simple_guest(network, "10.20.0.5")
    network = await served(wired, network, port)
    assert await aside(guest.lease)
    await aside(guest.stop)
    await wired.driver.remove_port(port.id)
    network = await wired.change(network, leases=())
    port, guest = await wired.simple_guest(network, "10.20.0.5")
    network = await served(wired, network, port)
    options = await aside(guest.dhcp)
    assert options
    assert socket.inet_ntoa(options[0]) == "10.20.0.5"


async def test_n9_a_new_subnet_is_served(wired: Cloud) -> None:
    network = await wired.network()
    second = Subnet(id=new_id(), cidr="10.30.0.0/24", gateway="10.30.0.1", dhcp_address="10.30.0.2")
    network = await wired.change(network, subnets=(*network.subnets, second))
    port = await wired.port(network, "10.30.0.5")
    guest = await wired.guest(port)
    entry = Lease(port_id=port.id, mac=port.mac, addresses=((second.id, "10.30.0.5"),))
    await wired.change(network, leases=(entry,))
    options = await aside(guest.dhcp)
    assert options
    assert socket.inet_ntoa(options[3]) == "10.30.0.1"
    assert ("10.20.0.0/24", "0.0.0.0") in classless_routes(options[121])


async def test_n9_dhcpv6_where_addresses_are_stateful(wired: Cloud) -> None:
    six = {"gateway": "2001:db8::1", "dhcp_address": "2001:db8::2", "address_mode": "dhcpv6-stateful"}
    network = await wired.network(subnets=(Subnet(id=new_id(), cidr="2001:db8::/64", **six),))
    port = await wired.port(network, "2001:db8::77")
    guest = await wired.guest(port)
    assert await aside(lambda: guest.dhcp6(wait=1)) == ""
    await served(wired, network, port)
    await until(lambda: guest.dhcp6(wait=1) == "2001:db8::77")


async def test_n9_names_of_guests_and_of_the_world(wired: Cloud, tmp_path: Path) -> None:
    world = wired.host.plug(socket.SOCK_DGRAM)
    world.bind(("172.24.214.1", 53))
    await wired.driver.close()
    wired.driver = LinuxNetwork(linux_settings(tmp_path, dns=("172.24.214.1",)))
    await wired.driver.start()
    network, external, group = await wired.network(), await wired.external(), await wired.group(*OPEN)
    await wired.router(network, **wired.gateway(external, "172.24.214.10"))
    port, guest = await wired.simple_guest(network, "10.20.0.5", group)
    await served(wired, network, port, hostname="web-1")
    await aside(guest.lease)
    for name in ("web-1", "web-1.test.internal"):
        assert socket.inet_aton("10.20.0.5") in await aside(_resolve, guest, name)
    asker = asyncio.create_task(aside(_resolve, guest, "example.org"))
    question, asked_by = await aside(world.recvfrom, 512)
    world.sendto(question[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + question[12:29] + ANSWER, asked_by)
    assert socket.inet_aton("198.51.100.7") in await asker
    world.close()


ANSWER = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton("198.51.100.7")


def _resolve(guest: Guest, name: str) -> bytes:
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    with guest.plug(socket.SOCK_DGRAM) as asker:
        asker.settimeout(5)
        for _ in range(12):  # as resolvers do
            asker.sendto(b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + labels + b"\0\0\1\0\1", ("10.20.0.2", 53))
            with contextlib.suppress(TimeoutError):
                return asker.recv(512)
    raise AssertionError(f"nobody says where {name} is")


# -- N10: metadata


@pytest.mark.parametrize("routed", [False, True])
async def test_n10_metadata_knows_the_guest(wired: Cloud, routed: bool) -> None:
    network = await wired.network()
    if routed:
        await wired.router(network)
    group = await wired.group(*ALL_OUT)
    port, guest = await wired.simple_guest(network, "10.20.0.5", group)
    await served(wired, network, port, device_id="server-7", project_id="project-3")
    await aside(guest.lease)
    forged = "X-Instance-ID: server-1\r\nx-tenant-id: p\r\nX-Forwarded-For: 10.20.0.6\r\nX-Other: kept\r\n"
    async with MetadataService() as service:
        answer = await aside(lambda: guest.http("169.254.169.254", "/openstack/latest?a=b", headers=forged))
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert answer.endswith(b"hello /openstack/latest?a=b")
        answer = await aside(lambda: guest.http("169.254.169.254", "/pass", method="POST", body=b"secret words"))
        assert answer.endswith(b"hello /pass secret words")
    headers = service.seen[0]
    assert headers["x-instance-id"] == "server-7"
    assert headers["x-tenant-id"] == "project-3"
    assert headers["x-forwarded-for"] == "10.20.0.5"
    assert headers["x-instance-id-signature"] == MetadataService.signature(SECRET, "server-7")
    assert headers["x-other"] == "kept"


async def test_n10_metadata_through_the_router_where_dhcp_is_off(wired: Cloud) -> None:
    subnet = Subnet(id=new_id(), cidr="10.20.0.0/24", gateway="10.20.0.1", dhcp=False)
    network, external = await wired.network(subnets=(subnet,)), await wired.external()
    await wired.router(network, **wired.gateway(external, "172.24.214.10"))
    port, guest = await wired.simple_guest(network, "10.20.0.5", await wired.group(*ALL_OUT))
    await served(wired, network, port, device_id="server-7")
    async with MetadataService() as service:
        assert b"200 OK" in await aside(guest.http, "169.254.169.254")
        assert service.seen[0]["x-instance-id"] == "server-7"


async def test_n10_strangers_greed_and_silence_get_errors(wired: Cloud) -> None:
    network = await wired.network()
    port, guest = await wired.simple_guest(network, "10.20.0.5", filtered=False)
    await served(wired, network, port, device_id="server-7")
    await aside(guest.lease)
    metadata = "169.254.169.254"
    assert b"503 Service Unavailable" in await aside(guest.http, metadata)
    async with MetadataService():
        assert b" 431 " in await aside(lambda: guest.http(metadata, headers=f"X-A: {'a' * 40000}\r\n"))
        assert b" 413 " in await aside(lambda: guest.http(metadata, method="POST", body=b"a" * 70000))
        assert b" 400 " in await aside(lambda: guest.http(metadata, path="no path"))
        await aside(guest.run, "ip", "address", "flush", "dev", "eth0")
        await aside(guest.configure, "10.20.0.99/24")
        await aside(guest.run, "ip", "route", "add", "169.254.169.254", "via", "10.20.0.2")
        assert b" 404 " in await aside(guest.http, metadata)
