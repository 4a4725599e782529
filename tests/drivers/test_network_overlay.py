"""Networks over two hosts, each a namespace of this machine with a driver of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from network_guests import aside
from network_rigs import ALL_OUT, OPEN, WHY_NOT, Cloud, lease, linux_settings, new_id

from pileus.drivers.network.linux import LinuxNetwork
from pileus.drivers.network.linux.namespaces import Namespace
from pileus.drivers.network.protocol import Subnet

pytestmark = [pytest.mark.real, pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "works")]


@pytest.fixture
async def hosts(tmp_path: Path) -> AsyncIterator[list[Cloud]]:
    names = ["netdrv-a", "netdrv-b"]
    for name in names:
        Namespace(name).remove()
        await aside(Namespace(name).create, "a host of a test")
    wire = "ip link add net0 address 02:00:00:00:00:0a type veth peer net0 address 02:00:00:00:00:0b netns netdrv-b"
    await aside(Namespace("netdrv-a").run, *wire.split())
    made = []
    for number, name in enumerate(names, 1):
        host = Namespace(name)
        await aside(lambda: host.run("ip", "address", "add", f"192.168.77.{number}/24", "dev", "net0"))  # noqa: B023
        await aside(lambda: host.run("ip", "link", "set", "net0", "up"))  # noqa: B023
        settings = linux_settings(
            tmp_path / name, cloud=name, external=(), underlay=f"192.168.77.{number}", host_namespace=name
        )
        cloud = Cloud(LinuxNetwork(settings), home=name)
        made.append(cloud)
        await cloud.driver.purge()
        await cloud.driver.start()
    yield made
    for cloud in made:
        for guest in cloud.guests:
            await aside(guest.stop)
        await cloud.driver.purge()
        await cloud.driver.close()
    for name in names:
        Namespace(name).remove()


PEERS = ("192.168.77.1", "192.168.77.2")


async def test_a_network_spans_its_hosts(hosts: list[Cloud]) -> None:
    here, there = hosts
    network_id, subnet_id = new_id(), new_id()
    served = Subnet(id=subnet_id, cidr="10.20.0.0/24", gateway="10.20.0.1", dhcp_address="10.20.0.2")
    silent = Subnet(id=subnet_id, cidr="10.20.0.0/24", gateway="10.20.0.1", dhcp=False)
    network = await here.network(id=network_id, vni=77, peers=PEERS, subnets=(served,))
    far = await there.network(id=network_id, vni=77, peers=PEERS, subnets=(silent,))
    _, first = await here.simple_guest(network, "10.20.0.5", await here.group(*OPEN))
    port, second = await there.simple_guest(far, "10.20.0.6", await there.group(*ALL_OUT), mac="fa:16:3e:01:00:06")
    assert await aside(second.pings, "10.20.0.5")
    assert await aside(first.misses, "10.20.0.6"), "groups hold across hosts"
    assert await aside(lambda: second.pings("10.20.0.5", "-M", "do", "-s", "1422"))
    await here.change(network, leases=(lease(port, network),))
    assert await aside(second.dhcp), "one host answers for all"
    await there.change(far, peers=())
    assert await aside(second.misses, "10.20.0.5")
    await there.change(far, peers=PEERS)
    assert await aside(second.pings, "10.20.0.5")


async def test_segments_are_apart(hosts: list[Cloud]) -> None:
    here, there = hosts
    first_net = await here.network(vni=77, peers=PEERS)
    second_net = await there.network(vni=78, peers=PEERS)
    _, first = await here.simple_guest(first_net, "10.20.0.5", await here.group(*OPEN))
    await there.simple_guest(second_net, "10.20.0.6", await there.group(*OPEN), mac="fa:16:3e:01:00:06")
    assert await aside(first.misses, "10.20.0.6")


async def test_nothing_is_left_of_a_tunnel(hosts: list[Cloud]) -> None:
    here, _ = hosts
    network = await here.network(vni=77, peers=PEERS)
    inside = Namespace("pileus-netdrv-a")
    assert "vx-" in inside.run("ip", "link")
    await here.driver.remove_network(network.id)
    assert "vx-" not in inside.run("ip", "link")
