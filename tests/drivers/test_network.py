"""The contract of `pileus.drivers.network.protocol`, run on every implementation; tests are named after its rules.

Rules that speak of real traffic are checked with real packets on the implementations that carry any."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from network_guests import BROADCAST, Guest, arp_frame, aside, checksum, classless_routes, open_tap, udp_frame
from network_rigs import (
    ALL_OUT,
    CLOUD,
    OPEN,
    SECRET,
    WHY_NOT,
    Cloud,
    MetadataService,
    cloud_on,
    lease,
    linux_settings,
    new_id,
    traces,
)

from pileus.drivers.network.linux import LinuxNetwork
from pileus.drivers.network.linux.namespaces import Namespace
from pileus.drivers.network.protocol import Lease, Network, NetworkError, Port, Rule, Subnet

real = [pytest.mark.real, pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "works")]
PING = Rule(direction="ingress", protocol="icmp")


@pytest.fixture(params=["fake", pytest.param("linux", marks=real)])
async def cloud(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Cloud]:
    """Any implementation."""
    async with cloud_on(request.param, tmp_path) as made:
        yield made


@pytest.fixture(params=[pytest.param("linux", marks=real)])
async def wired(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Cloud]:
    """Implementations that carry packets."""
    async with cloud_on(request.param, tmp_path) as made:
        yield made


async def until(condition: Callable[[], bool], seconds: float = 5) -> None:
    end = time.monotonic() + seconds
    while not await aside(condition):
        assert time.monotonic() < end, "it did not come true"
        await asyncio.sleep(0.05)


async def clean(before: dict[str, set[str]]) -> None:
    """As it was; namespaces and their devices may take a moment."""
    with contextlib.suppress(AssertionError):
        await until(lambda: traces() == before, seconds=2)
    assert traces() == before


async def served(cloud: Cloud, network: Network, *ports: Port, **more: str) -> Network:
    """The network with a lease for each of these ports."""
    changed: Network = await cloud.change(network, leases=tuple(lease(port, network, **more) for port in ports))
    return changed


def asks(protocol: str = "tcp", low: int = -1, high: int = -1, **more: str) -> Rule:
    return Rule(direction="ingress", protocol=protocol, port_min=low, port_max=high if high >= 0 else low, **more)


# -- N1, N2, N3: specs and the world


async def test_n1_ensure_again_changes_nothing_and_older_specs_are_ignored(cloud: Cloud) -> None:
    network = await cloud.network()
    group = await cloud.group(*OPEN)
    port = await cloud.port(network, "10.20.0.5", groups=(group.id,))
    router = await cloud.router(network)
    newer = [await cloud.change(spec) for spec in (network, group, port, router)]
    driver = cloud.driver
    for _ in range(2):
        await driver.ensure_network(network)
        await driver.ensure_group(group)
        seen = await driver.ensure_port(port)
        assert seen.generation == newer[2].generation
        await driver.ensure_router(router)
    seen_all = await driver.observe()
    assert seen_all.networks == ((network.id, newer[0].generation),)
    assert seen_all.groups == ((group.id, newer[1].generation),)
    assert [(one.id, one.generation) for one in seen_all.ports] == [(port.id, newer[2].generation)]
    assert seen_all.routers == ((router.id, newer[3].generation),)


async def test_n1_an_older_group_opens_nothing(wired: Cloud) -> None:
    network, group = await wired.network(), await wired.group(*OPEN)
    _, first = await wired.simple_guest(network, "10.20.0.5", group)
    await wired.simple_guest(network, "10.20.0.6", group)
    await wired.change(group, rules=ALL_OUT)
    await wired.driver.ensure_group(group)
    assert not await aside(first.pings, "10.20.0.6")


async def test_n1_ensure_repairs_what_somebody_broke(wired: Cloud) -> None:
    network, group = await wired.network(), await wired.group(*ALL_OUT)
    port, first = await wired.simple_guest(network, "10.20.0.5", group)
    _, second = await wired.simple_guest(network, "10.20.0.6", group)
    inside = Namespace(f"pileus-{CLOUD}")
    inside.run("nft", "flush", "ruleset")
    inside.run("ip", "link", "set", first.device, "nomaster")
    await wired.driver.ensure_port(port)
    assert not await aside(second.pings, "10.20.0.5")
    await wired.change(group, rules=OPEN)
    assert await aside(second.pings, "10.20.0.5")


async def test_n2_removing_what_is_not_there_succeeds(cloud: Cloud) -> None:
    driver = cloud.driver
    await driver.remove_network(new_id())
    await driver.remove_group(new_id())
    await driver.remove_port(new_id())
    await driver.remove_router(new_id())


@pytest.mark.parametrize("order", [1, -1])
async def test_n2_removal_leaves_nothing_in_any_order(wired: Cloud, order: int) -> None:
    before = traces()
    network, external = await wired.network(), await wired.external()
    group = await wired.group(asks("tcp", 22, group_id=new_id()), members=("10.20.0.5", "10.99.0.0/16"))
    port, guest = await wired.simple_guest(network, "10.20.0.5", group)
    await served(wired, network, port)
    router = await wired.router(network, **wired.gateway(external, "172.24.214.10"))
    assert traces() != before
    await aside(guest.stop)
    steps = [
        lambda: wired.driver.remove_port(port.id),
        lambda: wired.driver.remove_router(router.id),
        lambda: wired.driver.remove_group(group.id),
        lambda: wired.driver.remove_network(network.id),
        lambda: wired.driver.remove_network(external.id),
    ]
    for step in steps[::order]:
        await step()
    await clean(before)
    seen = await wired.driver.observe()
    assert (seen.networks, seen.groups, seen.ports, seen.routers) == ((), (), (), ())


async def test_n3_a_foreign_thing_is_neither_seen_nor_touched(wired: Cloud) -> None:
    network_id, router_id = new_id(), new_id()
    strangers = [Namespace(f"qdhcp-{network_id}"), Namespace(f"qrouter-{router_id}")]
    for stranger in strangers:
        await aside(stranger.create, "pileus:netdrv-neighbour")
    try:
        network = await wired.network(id=network_id)
        router = await wired.router(network, id=router_id)
        seen = await wired.driver.observe()
        assert [one for one, _ in seen.networks] == [network_id]
        assert Namespace(f"qdhcp-{network_id}.{CLOUD}").exists()
        await wired.driver.remove_router(router.id)
        await wired.driver.remove_network(network_id)
        await wired.driver.purge()
        assert all(stranger.owner() == "pileus:netdrv-neighbour" for stranger in strangers)
    finally:
        for stranger in strangers:
            stranger.remove()


async def test_n3_what_a_forgotten_predecessor_made_is_seen_and_can_be_removed(wired: Cloud, tmp_path: Path) -> None:
    before = traces()
    network = await wired.network()
    port, guest = await wired.simple_guest(network, "10.20.0.5")
    router = await wired.router(network)
    await wired.driver.close()
    wired.driver = LinuxNetwork(linux_settings(tmp_path / "another state directory"))
    await wired.driver.start()
    seen = await wired.driver.observe()
    assert [one for one, _ in seen.networks] == [network.id]
    assert [one for one, _ in seen.routers] == [router.id]
    assert [one.id for one in seen.ports] == [port.id]
    await aside(guest.stop)
    await wired.driver.remove_port(port.id)
    await wired.driver.remove_router(router.id)
    await wired.driver.remove_network(network.id)
    await clean(before)


# -- N4: our death


PREDECESSOR = """
import asyncio, sys, msgspec
from pathlib import Path
from pileus.drivers.network.linux import LinuxNetwork
from network_rigs import linux_settings, Cloud, ALL_OUT
from pileus.drivers.network.protocol import *
async def main():
    driver = LinuxNetwork(linux_settings(Path(sys.argv[1])))
    await driver.start()
    for kind, ensure in ((Network, driver.ensure_network), (Group, driver.ensure_group), (Port, driver.ensure_port)):
        for spec in msgspec.json.decode(sys.argv[2], type=dict[str, list[msgspec.Raw]])[kind.__name__]:
            await ensure(msgspec.json.decode(spec, type=kind))
    print("ready", flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


async def test_n4_guests_do_not_notice_that_we_die(wired: Cloud, tmp_path: Path) -> None:
    import msgspec

    network, group = await wired.network(), await wired.group(*ALL_OUT, PING)
    ports = [await wired.port(network, f"10.20.0.{n}", groups=(group.id,)) for n in (5, 6)]
    network = await served(wired, network, *ports, device_id="server-1")
    specs = msgspec.json.encode({"Network": [network], "Group": [group], "Port": ports})
    await wired.driver.close()
    command = [sys.executable, "-c", PREDECESSOR, str(tmp_path), specs.decode()]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    predecessor = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
    assert predecessor.stdout
    assert await aside(predecessor.stdout.readline) == b"ready\n"
    with pytest.raises(NetworkError, match="Another process"):
        await LinuxNetwork(linux_settings(tmp_path)).start()
    os.kill(predecessor.pid, signal.SIGKILL)
    await aside(predecessor.wait)

    wired.driver = LinuxNetwork(linux_settings(tmp_path))
    await wired.driver.start()
    devices = {one.id: one.device for one in (await wired.driver.observe()).ports}
    guests = [Guest(devices[port.id], port.mac, f"netdrv-guest-{devices[port.id]}") for port in ports]
    wired.guests += guests
    for guest in guests:
        await aside(guest.start)
        await wired.driver.join(guest.device)
        await aside(guest.lease)
    await wired.driver.close()
    assert await aside(guests[0].pings, "10.20.0.6")
    assert await aside(guests[1].dhcp)

    stream = asyncio.create_task(aside(lambda: guests[0].run("ping", "-n", "-i", "0.02", "-c", "100", "10.20.0.6")))
    await asyncio.sleep(0.3)
    wired.driver = LinuxNetwork(linux_settings(tmp_path))
    await wired.driver.start()
    assert "100 received" in await stream, "restarting lost packets"
    async with MetadataService() as service:
        assert b"200 OK" in await aside(guests[0].http, "169.254.169.254")
        assert service.seen[0]["x-instance-id"] == "server-1"


async def test_n4_after_a_reboot_everything_stands_again_from_memory(wired: Cloud, tmp_path: Path) -> None:
    network, external = await wired.network(), await wired.external()
    group = await wired.group(*ALL_OUT, PING)
    port, guest = await wired.simple_guest(network, "10.20.0.5", group)
    await served(wired, network, port)
    await wired.router(network, **wired.gateway(external, "172.24.214.10"), floating=(("172.24.214.20", "10.20.0.5"),))
    await aside(guest.stop)
    await wired.driver.close()
    memory = tmp_path / "network"
    kept = {path: path.read_bytes() for path in memory.rglob("*.json")}
    await LinuxNetwork(linux_settings(tmp_path)).purge()
    for path, content in kept.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    wired.driver = LinuxNetwork(linux_settings(tmp_path))
    await wired.driver.start()
    await aside(guest.start_again)
    await wired.driver.join(guest.device)
    assert await aside(guest.lease)
    assert await aside(lambda: wired.host.pings("172.24.214.20"))


async def test_n4_a_dead_dnsmasq_is_started_again(wired: Cloud) -> None:
    network = await wired.network()
    port, guest = await wired.simple_guest(network, "10.20.0.5")
    await served(wired, network, port)
    victims = [pid for pid in Namespace(f"qdhcp-{network.id}").processes() if b"dnsmasq" in _command(pid)]
    assert len(victims) == 1
    os.kill(victims[0], signal.SIGKILL)
    await until(lambda: guest.dhcp(wait=0.5) is not None, seconds=8)


def _command(pid: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


# -- N5, N6: who reaches whom


async def test_n5_guests_of_one_network_reach_each_other(wired: Cloud) -> None:
    network, other = await wired.network(), await wired.network("10.21.0.0/24")
    group = await wired.group(*OPEN)
    _, first = await wired.simple_guest(network, "10.20.0.5", group)
    _, second = await wired.simple_guest(network, "10.20.0.6", group)
    _, third = await wired.simple_guest(other, "10.21.0.6", group)
    assert await aside(first.pings, "10.20.0.6")
    assert await aside(second.pings, "10.20.0.5")
    assert not await aside(first.pings, "10.21.0.6")
    third.configure("10.20.0.7/24")
    assert not await aside(first.pings, "10.20.0.7")


async def test_n5_large_frames_up_to_the_networks_mtu(wired: Cloud) -> None:
    network, group = await wired.network(mtu=1400), await wired.group(*OPEN)
    _, first = await wired.simple_guest(network, "10.20.0.5", group)
    await wired.simple_guest(network, "10.20.0.6", group)
    assert await aside(lambda: first.pings("10.20.0.6", "-M", "do", "-s", "1372"))
    assert not await aside(lambda: first.pings("10.20.0.6", "-M", "do", "-s", "1373"))
    await wired.change(network, mtu=1450)
    assert await aside(lambda: first.pings("10.20.0.6", "-M", "do", "-s", "1422"))


async def test_n5_a_port_that_is_down_carries_nothing(wired: Cloud) -> None:
    network, group = await wired.network(), await wired.group(*OPEN)
    _, first = await wired.simple_guest(network, "10.20.0.5", group)
    port, _ = await wired.simple_guest(network, "10.20.0.6", group)
    port = await wired.change(port, up=False)
    assert (await wired.driver.ensure_port(port)).state == "down"
    assert not await aside(first.pings, "10.20.0.6")
    port = await wired.change(port, up=True)
    assert (await wired.driver.ensure_port(port)).state == "active"
    assert await aside(first.pings, "10.20.0.6")


async def test_n6_overlapping_addresses_do_not_disturb_one_another(wired: Cloud) -> None:
    group = await wired.group(*ALL_OUT, asks("tcp", 80))
    pairs = []
    for _ in range(2):
        network = await wired.network()
        _, client = await wired.simple_guest(network, "10.20.0.5", group)
        _, server = await wired.simple_guest(network, "10.20.0.6", group)
        pairs.append((client, server))
    listeners = [server.listen(80) for _, server in pairs]
    sources = []
    for (client, _), listener in zip(pairs, listeners, strict=True):
        with client.plug() as made:
            made.bind(("10.20.0.5", 40000))
            await aside(made.connect, ("10.20.0.6", 80))
            sources.append(listener.accept()[1])
    assert sources == [("10.20.0.5", 40000)] * 2


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
    assert not await aside(second.pings, "10.20.0.5")
    assert await aside(first.connect, "10.20.0.6", 22)
    assert not await aside(first.connect, "10.20.0.6", 23)
    assert not await aside(second.connect, "10.20.0.5", 22)


async def test_n7_no_egress_rule_no_way_out(wired: Cloud) -> None:
    network = await wired.network()
    mute = await wired.group(*OPEN[2:], Rule(direction="egress", protocol="tcp", port_min=80, port_max=81))
    opened = await wired.group(*OPEN)
    _, first = await wired.simple_guest(network, "10.20.0.5", mute)
    _, second = await wired.simple_guest(network, "10.20.0.6", opened)
    for port in (80, 82):
        second.listen(port)
    assert not await aside(first.pings, "10.20.0.6")
    assert await aside(second.pings, "10.20.0.5")
    assert await aside(first.connect, "10.20.0.6", 80)
    assert not await aside(first.connect, "10.20.0.6", 82)


async def test_n7_ports_without_group_are_closed_and_unfiltered_ones_open(wired: Cloud) -> None:
    network = await wired.network()
    port, first = await wired.simple_guest(network, "10.20.0.5")
    _, second = await wired.simple_guest(network, "10.20.0.6", filtered=False)
    assert not await aside(first.pings, "10.20.0.6")
    assert not await aside(second.pings, "10.20.0.5")
    port = await wired.change(port, filtered=False)
    assert await aside(second.pings, "10.20.0.5")
    await wired.change(port, filtered=True)
    assert not await aside(second.pings, "10.20.0.5")


async def test_n7_remote_groups_are_their_members(wired: Cloud) -> None:
    network = await wired.network()
    clients = await wired.group(*ALL_OUT, members=("10.20.0.5",))
    servers = await wired.group(*ALL_OUT, Rule(direction="ingress", protocol="icmp", group_id=clients.id))
    _, first = await wired.simple_guest(network, "10.20.0.5", clients)
    _, second = await wired.simple_guest(network, "10.20.0.6", clients)
    await wired.simple_guest(network, "10.20.0.7", servers)
    assert await aside(first.pings, "10.20.0.7")
    assert not await aside(second.pings, "10.20.0.7")
    await wired.change(clients, members=("10.20.0.6/31",))
    assert not await aside(first.pings, "10.20.0.7")
    assert await aside(second.pings, "10.20.0.7")


async def test_n7_rules_by_prefix_protocol_number_and_icmp_type(wired: Cloud) -> None:
    network = await wired.network()
    opened = await wired.group(*OPEN)
    rules = (asks("17", 53, 54, cidr="10.20.0.4/31"), Rule(direction="ingress", protocol="1", port_min=8, port_max=0))
    group = await wired.group(*ALL_OUT, *rules)
    _, first = await wired.simple_guest(network, "10.20.0.5", opened)
    _, second = await wired.simple_guest(network, "10.20.0.6", opened)
    port, third = await wired.simple_guest(network, "10.20.0.7", group)
    assert await aside(first.pings, "10.20.0.7")
    sinks = {number: third.listen(number, socket.SOCK_DGRAM) for number in (53, 54, 55)}
    heard = {}
    for guest, name in ((first, "first"), (second, "second")):
        for number, sink in sinks.items():
            guest.plug(socket.SOCK_DGRAM).sendto(name.encode(), ("10.20.0.7", number))
            sink.settimeout(0.5)
            with contextlib.suppress(TimeoutError):
                heard[number] = await aside(sink.recv, 100)
    assert heard == {53: b"first", 54: b"first"}
    await wired.change(group, rules=(Rule(direction="ingress", protocol="icmp", port_min=13, port_max=0),))
    assert not await aside(second.pings, "10.20.0.7")


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
        near.settimeout(1)
        far = listener.accept()[0]
        far.settimeout(1)
        pairs[number] = near, far

    def talks(number: int) -> bool:
        near, far = pairs[number]
        with contextlib.suppress(TimeoutError):
            far.sendall(b"from the server")
            near.sendall(b"from the client")
            return far.recv(100) == b"from the client" and near.recv(100) == b"from the server"
        return False

    assert await aside(talks, 22)
    assert await aside(talks, 80)
    await wired.change(group, rules=(*ALL_OUT, asks("tcp", 80)))
    assert await aside(talks, 80)
    assert not await aside(talks, 22)
    await wired.change(port, groups=())
    assert not await aside(talks, 80)


async def test_n7_stateless_groups_need_a_rule_for_answers(wired: Cloud) -> None:
    network = await wired.network()
    group = await wired.group(*ALL_OUT, stateful=False)
    opened = await wired.group(*OPEN)
    _, first = await wired.simple_guest(network, "10.20.0.5", group)
    await wired.simple_guest(network, "10.20.0.6", opened)
    assert not await aside(first.pings, "10.20.0.6")
    await wired.change(group, rules=(*ALL_OUT, PING))
    assert await aside(first.pings, "10.20.0.6")


async def test_n7_ipv6_rules(wired: Cloud) -> None:
    network, opened = await wired.network(), await wired.group(*OPEN)
    group = await wired.group(*ALL_OUT, asks("tcp", 80, ethertype="IPv6", cidr="2001:db8::/64"))
    port = await wired.port(network, "2001:db8::5", groups=(group.id,))
    server = await wired.guest(port, "2001:db8::5/64")
    client = await wired.guest(await wired.port(network, "2001:db8::6", groups=(opened.id,)), "2001:db8::6/64")
    server.listen(80, address="::")
    assert await aside(client.connect, "2001:db8::5", 80, 3)
    assert not await aside(client.pings, "2001:db8::5")
    assert await aside(server.pings, "2001:db8::6")
    await wired.change(group, rules=(*ALL_OUT, Rule(direction="ingress", ethertype="IPv6", protocol="icmp")))
    assert await aside(client.pings, "2001:db8::5")
    assert not await aside(client.connect, "2001:db8::5", 80)


# -- N8: a guest is who it is


@pytest.fixture
async def spoofer(wired: Cloud) -> tuple[Cloud, Guest, Guest, Port]:
    network, group = await wired.network(), await wired.group(*OPEN)
    port, guest = await wired.simple_guest(network, "10.20.0.5", group)
    _, victim = await wired.simple_guest(network, "10.20.0.6", filtered=False)
    return wired, guest, victim, port


def _arrives(frame: bytes, guest: Guest, victim: Guest) -> bool:
    """Whether a frame of the guest comes to the victim's card."""
    with victim.sniffing() as wire:
        guest.send_frame(frame)
        with contextlib.suppress(TimeoutError):
            for _ in range(50):
                if wire.recv(2048)[: len(frame)] == frame:
                    return True
    return False


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
    port, guest = await wired.simple_guest(network, "10.20.0.5", group)
    _, other = await wired.simple_guest(network, "10.20.0.6", group)
    inside = Namespace(f"pileus-{CLOUD}")
    inside.run("ip", "link", "set", guest.device, "down")
    inside.run("ip", "link", "set", guest.device, "name", "tapunknown")
    inside.run("ip", "link", "set", "tapunknown", "up")
    assert not await aside(other.pings, "10.20.0.5")


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
        asker.sendto(b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + labels + b"\0\0\1\0\1", ("10.20.0.2", 53))
        return asker.recv(512)


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


# -- N11: routers


async def test_n11_a_router_joins_its_subnets(wired: Cloud) -> None:
    first_net, second_net = await wired.network(), await wired.network("10.21.0.0/24")
    group = await wired.group(*OPEN)
    _, first = await wired.simple_guest(first_net, "10.20.0.5", group)
    _, second = await wired.simple_guest(second_net, "10.21.0.5", group)
    router = await wired.router(first_net, second_net)
    assert await aside(lambda: first.pings("10.21.0.5", wait=3))
    assert await aside(second.pings, "10.20.0.5")
    await wired.change(router, up=False)
    assert not await aside(first.pings, "10.21.0.5")
    router = await wired.change(router, up=True)
    assert await aside(first.pings, "10.21.0.5")
    await wired.change(router, legs=router.legs[:1])
    assert not await aside(first.pings, "10.21.0.5")


async def test_n11_gateway_translates_sources_if_snat(wired: Cloud) -> None:
    network, external, group = await wired.network(), await wired.external(), await wired.group(*OPEN)
    _, guest = await wired.simple_guest(network, "10.20.0.5", group)
    router = await wired.router(network, **wired.gateway(external, "172.24.214.10"))
    with wired.host.listen(21480, address="172.24.214.1") as listener:
        assert await aside(guest.connect, "172.24.214.1", 21480, 3)
        assert listener.accept()[1][0] == "172.24.214.10"
        await wired.change(router, snat=False)
        assert not await aside(guest.connect, "172.24.214.1", 21480)


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
    assert not await aside(wired.host.connect, "172.24.214.20", 23)
    with wired.host.listen(21480, address="172.24.214.1") as listener:
        assert await aside(guest.connect, "172.24.214.1", 21480, 3)
        assert listener.accept()[1][0] == "172.24.214.20"
    far = server.accept()[0]
    kept.settimeout(1)
    far.settimeout(1)
    kept.sendall(b"one")
    assert far.recv(10) == b"one"
    await wired.change(router, floating=())
    assert not await aside(wired.host.pings, "172.24.214.20")
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
    assert await aside(lambda: first.pings("172.24.214.22", wait=3)), "other tenant"
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
    await wired.change(first, floating=())
    await wired.change(routers[1], floating=(floating,))
    assert await aside(wired.host.connect, "172.24.214.20", 80)
    assert servers[1].accept()


async def test_n11_extra_routes(wired: Cloud) -> None:
    network, group = await wired.network(), await wired.group(*OPEN)
    other = await wired.network("10.21.0.0/24")
    _, first = await wired.simple_guest(network, "10.20.0.5", group)
    _, inner = await wired.simple_guest(other, "10.21.0.5", group, pairs=(("", "192.0.2.77/32"),))
    inner.run("ip", "address", "add", "192.0.2.77/32", "dev", "lo")
    router = await wired.router(network, other, routes=(("192.0.2.77/32", "10.21.0.5"),))
    assert await aside(lambda: first.pings("192.0.2.77", wait=3))
    await wired.change(router, routes=())
    assert not await aside(first.pings, "192.0.2.77")
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
    await until(lambda: "2001:db8:1:0:f816:3eff:fe00:aa01" in guests[0].run("ip", "-6", "address"), seconds=20)
    await until(lambda: "2001:db8:2:0:f816:3eff:fe00:aa02" in guests[1].run("ip", "-6", "address"), seconds=20)
    await until(lambda: guests[0].pings("2001:db8:2:0:f816:3eff:fe00:aa02"), seconds=10)


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
        assert await aside(lambda: guest.pings("203.0.113.1", wait=3))
        await aside(guest.stop)
        await cloud.driver.remove_network(external.id)
        assert "netdrv0" in host.run("ip", "link")
        await cloud.driver.purge()
        await cloud.driver.close()
    finally:
        neighbour.remove()
        subprocess.run(["ip", "link", "del", "netdrvbr"], check=False, capture_output=True)
        subprocess.run(["ip", "link", "del", "netdrv0"], check=False, capture_output=True)


# -- N12, N13, N14, N15


async def test_n12_close_leaves_everything_and_purge_nothing(wired: Cloud, tmp_path: Path) -> None:
    await wired.driver.purge()
    untouched = traces()
    await wired.driver.start()
    network, external, group = await wired.network(), await wired.external(), await wired.group(*OPEN)
    _, first = await wired.simple_guest(network, "10.20.0.5", group)
    _, second = await wired.simple_guest(network, "10.20.0.6", group)
    await wired.router(network, **wired.gateway(external, "172.24.214.10"), floating=(("172.24.214.20", "10.20.0.5"),))
    await wired.driver.close()
    assert await aside(first.pings, "10.20.0.6")
    assert await aside(wired.host.pings, "172.24.214.20")
    wired.driver = LinuxNetwork(linux_settings(tmp_path))
    await wired.driver.purge()
    await aside(first.stop)
    await aside(second.stop)
    await clean(untouched)
    assert not (tmp_path / "network").exists()


async def test_n12_after_purge_nothing_is_known(cloud: Cloud) -> None:
    await cloud.port(await cloud.network(), "10.20.0.5")
    await cloud.group(*OPEN)
    await cloud.driver.purge()
    await cloud.driver.start()
    seen = await cloud.driver.observe()
    assert (seen.networks, seen.groups, seen.ports, seen.routers) == ((), (), (), ())


async def test_n13_the_loop_is_never_blocked(cloud: Cloud) -> None:
    worst = 0.0

    async def tick() -> None:
        nonlocal worst
        while True:
            began = time.perf_counter()
            cpu = time.thread_time()
            await asyncio.sleep(0)
            if time.thread_time() - cpu > 0.005:
                worst = max(worst, time.perf_counter() - began)
            await asyncio.sleep(0.0005)

    ticking = asyncio.create_task(tick())
    network = await cloud.network()
    group = await cloud.group(*OPEN, members=tuple(f"10.{n // 250}.{n % 250}.9" for n in range(1000)))
    ports = await asyncio.gather(*(cloud.port(network, f"10.20.0.{n}", groups=(group.id,)) for n in range(10, 20)))
    await cloud.router(network)
    await cloud.driver.observe()
    for port in ports:
        await cloud.driver.remove_port(port.id)
    ticking.cancel()
    assert worst == 0.0


async def test_n13_a_cancelled_call_leaves_specs_and_world_in_step(cloud: Cloud) -> None:
    network = await cloud.network()
    for pause in (0, 0.001, 0.003, 0.01):
        port = Port(id=new_id(), generation=1, network_id=network.id, mac=cloud.mac(), addresses=("10.20.0.5",))
        call = asyncio.create_task(cloud.driver.ensure_port(port))
        await asyncio.sleep(pause)
        call.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await call
        seen = await cloud.driver.ensure_port(port)
        assert (seen.id, seen.state) == (port.id, "ready")
        await cloud.driver.remove_port(port.id)
    assert (await cloud.driver.observe()).ports == ()


HOSTILE = [
    "a,b", "a\nserver=6.6.6.6", "$(touch /tmp/netdrv-pwned)", "-rf", "ünïcode", "a" * 300, "#x", 'a"b', "a b", "..", "../../etc",
]  # fmt: skip


async def test_n14_text_of_users_is_data(wired: Cloud) -> None:
    network = await wired.network()
    for text in HOSTILE:
        port, guest = await wired.simple_guest(network, "10.20.0.5")
        options = ((text, "x"), ("bootfile-name", text), ("66", text), ("tftp-server", text))
        entry = lease(port, network, hostname=text, options=options)
        changed = await wired.change(network, leases=(entry,), domain=text)
        got = await aside(guest.dhcp)
        assert got, f"DHCP fell silent over {text!r}"
        assert got[12] in (b"host-10-20-0-5", b"a"), got[12]
        assert b"6.6.6.6" not in Path(f"/run/pileus-{CLOUD}/dhcp-{network.id}/dnsmasq.conf").read_bytes()
        network = changed
        await aside(guest.stop)
        await wired.driver.remove_port(port.id)
    assert not Path("/tmp/netdrv-pwned").exists()


async def test_n14_ids_that_are_no_ids_are_refused(wired: Cloud) -> None:
    for bad in ("../x", "a b", "", "x;reboot", "a\nb", "x" * 65):
        with pytest.raises(NetworkError):
            await wired.network(id=bad)
        with pytest.raises(NetworkError):
            await wired.group(id=bad)
        with pytest.raises(NetworkError):
            await wired.driver.remove_port(bad)
        with pytest.raises(NetworkError):
            await wired.router(id=bad)
    with pytest.raises(NetworkError):
        await wired.group(Rule(direction="ingress", protocol="tcp; drop"))
    with pytest.raises(NetworkError):
        await wired.group(Rule(direction="ingress", cidr="10.0.0.0/8 accept"))
    network = await wired.network()
    with pytest.raises(NetworkError):
        await wired.port(network, "10.20.0.5", groups=("x } reboot",))
    with pytest.raises(NetworkError):
        await wired.port(network, "10.20.0.5", mac="fa:16:3e:00:00:01 accept")


async def test_n15_join_of_what_is_not_there_fails(cloud: Cloud) -> None:
    with pytest.raises(NetworkError):
        await cloud.driver.join("tapnobody")
    port = await cloud.port(await cloud.network(), "10.20.0.5")
    seen = await cloud.driver.ensure_port(port)
    assert seen.state == "ready"
    with pytest.raises(NetworkError):
        await cloud.driver.join(seen.device)


async def test_n15_devices_come_and_go_with_their_guest(wired: Cloud) -> None:
    network, group = await wired.network(), await wired.group(*OPEN)
    _, other = await wired.simple_guest(network, "10.20.0.6", group)
    port, guest = await wired.simple_guest(network, "10.20.0.5", group)
    await wired.driver.join(guest.device)
    assert (await wired.driver.ensure_port(port)).state == "active"
    for _ in range(2):
        await aside(guest.stop)
        assert (await wired.driver.ensure_port(port)).state == "ready"
        await aside(guest.start_again)
        await wired.driver.join(guest.device)
        assert await aside(other.pings, "10.20.0.5")


async def test_n15_attached_joins_a_device_that_waits_in_the_hosts_namespace(wired: Cloud) -> None:
    port = await wired.port(await wired.network(), "10.20.0.5")
    seen = await wired.driver.ensure_port(port)
    assert seen.device.startswith("tap")
    assert len(seen.device) <= 15
    file = open_tap(seen.device)
    try:
        attached = await wired.change(port, attached=True)
        assert (await wired.driver.ensure_port(attached)).state == "active"
    finally:
        os.close(file)
    assert (await wired.driver.ensure_port(attached)).state == "ready"
