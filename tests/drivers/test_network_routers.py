"""Network drivers, rule N11: routers and floating addresses. See test_network.py."""

import subprocess
from pathlib import Path

import pytest
from network_guests import aside
from network_rigs import (
    ALL_OUT,
    OPEN,
    PING,
    WHY_NOT,
    Cloud,
    asks,
    linux_settings,
    new_id,
    until,
)

from pileus.drivers.network.linux import LinuxNetwork
from pileus.drivers.network.linux.namespaces import Namespace
from pileus.drivers.network.protocol import Network, NetworkError, Subnet

# -- N11: routers


async def test_n11_a_router_joins_its_subnets(wired: Cloud) -> None:
    first_net, second_net = await wired.network(), await wired.network("10.21.0.0/24")
    group = await wired.group(*OPEN)
    _, first = await wired.simple_guest(first_net, "10.20.0.5", group)
    _, second = await wired.simple_guest(second_net, "10.21.0.5", group)
    router = await wired.router(first_net, second_net)
    assert await aside(first.pings, "10.21.0.5")
    assert await aside(second.pings, "10.20.0.5")
    await wired.change(router, up=False)
    assert await aside(first.misses, "10.21.0.5")
    router = await wired.change(router, up=True)
    assert await aside(first.pings, "10.21.0.5")
    await wired.change(router, legs=router.legs[:1])
    assert await aside(first.misses, "10.21.0.5")


async def test_n11_gateway_translates_sources_if_snat(wired: Cloud) -> None:
    network, external, group = await wired.network(), await wired.external(), await wired.group(*OPEN)
    _, guest = await wired.simple_guest(network, "10.20.0.5", group)
    router = await wired.router(network, **wired.gateway(external, "172.24.214.10"))
    with wired.host.listen(21480, address="172.24.214.1") as listener:
        assert await aside(guest.connect, "172.24.214.1", 21480)
        assert listener.accept()[1][0] == "172.24.214.10"
        await wired.change(router, snat=False)
        assert not await aside(guest.connect, "172.24.214.1", 21480, 1)


async def test_n11_floating_addresses_both_ways(wired: Cloud) -> None:
    network, external = await wired.network(), await wired.external()
    group = await wired.group(*ALL_OUT, PING, asks("tcp", 22))
    _, guest = await wired.simple_guest(network, "10.20.0.5", group)
    router = await wired.router(
        network, **wired.gateway(external, "172.24.214.10"), floating=(("172.24.214.20", "10.20.0.5"),)
    )
    server = guest.listen(22)
    assert await aside(wired.host.pings, "172.24.214.20")
    kept = await aside(wired.host.connect, "172.24.214.20", 22)
    assert kept
    assert not await aside(wired.host.connect, "172.24.214.20", 23, 1)
    with wired.host.listen(21480, address="172.24.214.1") as listener:
        assert await aside(guest.connect, "172.24.214.1", 21480)
        assert listener.accept()[1][0] == "172.24.214.20"
    far = server.accept()[0]
    kept.sendall(b"one")
    assert await aside(far.recv, 10) == b"one"
    await wired.change(router, floating=())
    assert await aside(wired.host.misses, "172.24.214.20")
    far.settimeout(1)
    kept.sendall(b"two")
    with pytest.raises(TimeoutError):
        await aside(far.recv, 10)


async def test_n11_floating_addresses_between_tenants_and_to_oneself(wired: Cloud) -> None:
    external, group = await wired.external(), await wired.group(*OPEN)
    guests = []
    for number in (1, 2):
        network = await wired.network()
        _, guest = await wired.simple_guest(network, "10.20.0.5", group)
        _, neighbour = await wired.simple_guest(network, "10.20.0.6", group)
        fixed = ((f"172.24.214.2{number}", "10.20.0.5"), (f"172.24.214.3{number}", "10.20.0.6"))
        await wired.router(network, **wired.gateway(external, f"172.24.214.1{number}"), floating=fixed[:2])
        guests.append((guest, neighbour))
    first, neighbour = guests[0]
    assert await aside(first.pings, "172.24.214.22"), "other tenant"
    assert await aside(neighbour.pings, "172.24.214.21"), "hairpin to a neighbour"
    assert await aside(first.pings, "172.24.214.21"), "hairpin to oneself"
    listener = first.listen(80)
    assert await aside(neighbour.connect, "172.24.214.21", 80)
    assert listener.accept()[1][0] == "172.24.214.31"


async def test_n11_an_address_moves_to_another_router_at_once(wired: Cloud) -> None:
    external, group = await wired.external(), await wired.group(*OPEN)
    floating = ("172.24.214.20", "10.20.0.5")
    routers, guests = [], []
    for number in (1, 2):
        network = await wired.network()
        guests.append((await wired.simple_guest(network, "10.20.0.5", group))[1])
        routers.append(await wired.router(network, **wired.gateway(external, f"172.24.214.1{number}")))
    servers = [guest.listen(80) for guest in guests]
    first = await wired.change(routers[0], floating=(floating,))
    assert await aside(wired.host.connect, "172.24.214.20", 80)
    assert servers[0].accept()
    _never_ask_again(wired)
    await wired.change(first, floating=())
    await wired.change(routers[1], floating=(floating,))
    assert await aside(wired.host.connect, "172.24.214.20", 80)
    assert servers[1].accept()


def _never_ask_again(cloud: Cloud) -> None:
    """The host believes what it knows of others' addresses until it is told; by itself it would ask again after a while."""
    (line,) = cloud.host.run("ip", "-o", "-4", "address", "show", "to", "172.24.214.1").splitlines()
    cloud.host.namespace.set({f"ipv4/neigh/{line.split()[1]}/base_reachable_time_ms": 3_600_000})


async def test_n11_extra_routes(wired: Cloud) -> None:
    network, group = await wired.network(), await wired.group(*OPEN)
    other = await wired.network("10.21.0.0/24")
    _, first = await wired.simple_guest(network, "10.20.0.5", group)
    _, inner = await wired.simple_guest(other, "10.21.0.5", group, pairs=(("", "192.0.2.77/32"),))
    inner.run("ip", "address", "add", "192.0.2.77/32", "dev", "lo")
    router = await wired.router(network, other, routes=(("192.0.2.77/32", "10.21.0.5"),))
    assert await aside(first.pings, "192.0.2.77")
    await wired.change(router, routes=())
    assert await aside(first.misses, "192.0.2.77")
    with pytest.raises(NetworkError, match="route"):
        await wired.change(router, routes=(("192.0.2.0/24", "203.0.113.9"),))
    assert await aside(first.pings, "10.21.0.5")


async def test_n11_ipv6_is_advertised_and_routed(wired: Cloud) -> None:
    networks = []
    for number in (1, 2):
        prefix = f"2001:db8:{number}::"
        subnet = Subnet(id=new_id(), cidr=f"{prefix}/64", gateway=f"{prefix}1", dhcp_address=f"{prefix}2",
                        ra_mode="slaac", address_mode="slaac")  # fmt: skip
        networks.append(await wired.network(subnets=(subnet,)))
    group = await wired.group(*OPEN)
    guests = []
    for number, network in enumerate(networks, 1):
        mac = f"fa:16:3e:00:aa:0{number}"
        port = await wired.port(network, f"2001:db8:{number}:0:f816:3eff:fe00:aa0{number}", mac=mac, groups=(group.id,))
        guests.append(await wired.guest(port))
    await wired.router(*networks, legs=_six_legs(wired, networks))
    await until(lambda: "2001:db8:1:0:f816:3eff:fe00:aa01" in guests[0].run("ip", "-6", "address"))
    await until(lambda: "2001:db8:2:0:f816:3eff:fe00:aa02" in guests[1].run("ip", "-6", "address"))
    await until(lambda: guests[0].pings("2001:db8:2:0:f816:3eff:fe00:aa02"))


def _six_legs(cloud: Cloud, networks: list[Network]) -> tuple[object, ...]:
    from pileus.drivers.network.protocol import RouterLeg

    return tuple(
        RouterLeg(port_id=new_id(), network_id=one.id, mac=cloud.mac(), addresses=(f"{one.subnets[0].gateway}/64",))
        for one in networks
    )


@pytest.mark.parametrize("kind", ["bridge", "card"])
async def test_n11_an_external_network_on_a_device_of_the_host(tmp_path: Path, kind: str) -> None:
    if WHY_NOT:
        pytest.skip(WHY_NOT)
    neighbour = Namespace("netdrv-outside")
    await aside(neighbour.create, "a test")
    host = Namespace()
    try:
        if kind == "bridge":
            host.run("ip", "link", "add", "netdrvbr", "type", "bridge")
            host.run("ip", "link", "set", "netdrvbr", "up")
        master = ["master", "netdrvbr"] if kind == "bridge" else []
        host.run("ip", "link", "add", "netdrv0", *master, "type", "veth", "peer", "eth0", "netns", "netdrv-outside")
        host.run("ip", "link", "set", "netdrv0", "up")
        neighbour.run("ip", "address", "add", "203.0.113.1/24", "dev", "eth0")
        neighbour.run("ip", "link", "set", "eth0", "up")
        settings = linux_settings(tmp_path, physical={"physnet1": "netdrvbr" if kind == "bridge" else "netdrv0"})
        cloud = Cloud(LinuxNetwork(settings))
        await cloud.driver.purge()
        await cloud.driver.start()
        subnet = Subnet(id=new_id(), cidr="203.0.113.0/24", gateway="203.0.113.1", dhcp=False)
        external = await cloud.network(kind="external", physical="physnet1", subnets=(subnet,), mtu=1500)
        network, group = await cloud.network(), await cloud.group(*OPEN)
        _, guest = await cloud.simple_guest(network, "10.20.0.5", group)
        gateway = cloud.gateway(external, "203.0.113.10") | {"next_hops": ("203.0.113.1",)}
        await cloud.router(network, **gateway)
        assert await aside(guest.pings, "203.0.113.1")
        await aside(guest.stop)
        await cloud.driver.remove_network(external.id)
        assert "netdrv0" in host.run("ip", "link")
        await cloud.driver.purge()
        await cloud.driver.close()
    finally:
        neighbour.remove()
        subprocess.run(["ip", "link", "del", "netdrvbr"], check=False, capture_output=True)
        subprocess.run(["ip", "link", "del", "netdrv0"], check=False, capture_output=True)
