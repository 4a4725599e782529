"""The contract of `pileus.drivers.network.protocol`, run on every implementation; tests are named after its rules.

Rules that speak of real traffic are checked with real packets on the implementations that carry any. N7 and N8 stand in
test_network_filters.py, N9 and N10 in test_network_services.py, N11 in test_network_routers.py."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from network_guests import Guest, Stream, aside, open_tap
from network_rigs import (
    ALL_OUT,
    CLOUD,
    OPEN,
    PING,
    Cloud,
    MetadataService,
    asks,
    clean,
    lease,
    linux_settings,
    new_id,
    served,
    traces,
)

from drivers.turns import require_short_turns
from pileus.drivers.network.linux import LinuxNetwork
from pileus.drivers.network.linux.namespaces import Namespace
from pileus.drivers.network.protocol import NetworkError, Port, Rule

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
    assert await aside(first.misses, "10.20.0.6")


async def test_n1_ensure_repairs_what_somebody_broke(wired: Cloud) -> None:
    network, group = await wired.network(), await wired.group(*ALL_OUT)
    port, first = await wired.simple_guest(network, "10.20.0.5", group)
    _, second = await wired.simple_guest(network, "10.20.0.6", group)
    inside = Namespace(f"pileus-{CLOUD}")
    inside.run("nft", "flush", "ruleset")
    inside.run("ip", "link", "set", first.device, "nomaster")
    await wired.driver.ensure_port(port)
    assert await aside(second.misses, "10.20.0.5")
    await wired.change(group, rules=OPEN)
    assert await aside(second.pings, "10.20.0.5")


async def test_n1_ensure_makes_deleted_namespaces_anew(wired: Cloud) -> None:
    network, other, group = await wired.network(), await wired.network("10.21.0.0/24"), await wired.group(*OPEN)
    port, guest = await wired.simple_guest(network, "10.20.0.5", group)
    network = await served(wired, network, port)
    router = await wired.router(network, other)
    Namespace(f"qdhcp-{network.id}").remove()
    Namespace(f"qrouter-{router.id}").remove()
    await wired.driver.ensure_network(network)
    await wired.driver.ensure_router(router)
    assert await aside(guest.dhcp)
    assert await aside(guest.pings, "10.21.0.1")


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

    stream = await aside(Stream, guests[0], "10.20.0.6")
    await asyncio.sleep(0.3)
    wired.driver = LinuxNetwork(linux_settings(tmp_path))
    await wired.driver.start()
    await asyncio.sleep(0.3)
    lost, sent = await aside(stream.lost)
    assert (lost, sent > 0) == (0, True), "restarting lost packets"
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
    assert await aside(guest.dhcp)


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
    assert await aside(first.misses, "10.21.0.6")
    third.configure("10.20.0.7/24")
    assert await aside(first.misses, "10.20.0.7")


async def test_n5_large_frames_up_to_the_networks_mtu(wired: Cloud) -> None:
    network, group = await wired.network(mtu=1400), await wired.group(*OPEN)
    _, first = await wired.simple_guest(network, "10.20.0.5", group)
    await wired.simple_guest(network, "10.20.0.6", group)
    assert await aside(lambda: first.pings("10.20.0.6", "-M", "do", "-s", "1372"))
    assert await aside(lambda: first.misses("10.20.0.6", "-M", "do", "-s", "1373"))
    await wired.change(network, mtu=1450)
    assert await aside(lambda: first.pings("10.20.0.6", "-M", "do", "-s", "1422"))


async def test_n5_a_port_that_is_down_carries_nothing(wired: Cloud) -> None:
    network, group = await wired.network(), await wired.group(*OPEN)
    _, first = await wired.simple_guest(network, "10.20.0.5", group)
    port, _ = await wired.simple_guest(network, "10.20.0.6", group)
    port = await wired.change(port, up=False)
    assert (await wired.driver.ensure_port(port)).state == "down"
    assert await aside(first.misses, "10.20.0.6")
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


@pytest.mark.timeout(900)
async def test_n13_the_loop_is_never_blocked(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    async def life(_: int) -> None:
        network = await cloud.network()
        group = await cloud.group(*OPEN, members=tuple(f"10.{n // 250}.{n % 250}.9" for n in range(1000)))
        ports = await asyncio.gather(*(cloud.port(network, f"10.20.0.{n}", groups=(group.id,)) for n in range(10, 20)))
        router = await cloud.router(network)
        await cloud.driver.observe()
        for port in ports:
            await cloud.driver.remove_port(port.id)
        await cloud.driver.remove_router(router.id)
        await cloud.driver.remove_network(network.id)
        await cloud.driver.remove_group(group.id)

    await require_short_turns(life, monkeypatch)


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


async def test_traffic_is_counted_as_the_guest_sees_it(wired: Cloud) -> None:
    network, group = await wired.network(), await wired.group(*OPEN)
    port, guest = await wired.simple_guest(network, "10.20.0.5", group)
    idle = await wired.port(network, "10.20.0.7")
    await wired.simple_guest(network, "10.20.0.6", group)
    driver = wired.driver
    if "traffic" not in (await driver.info()).abilities:
        pytest.skip("counts nothing")
    before = await driver.traffic()  # type: ignore[attr-defined]
    assert await aside(lambda: guest.pings("10.20.0.6", "-s", "1000", count=5))

    async def answers_are_in() -> bool:
        after = await driver.traffic()  # type: ignore[attr-defined]
        return after[port.id].received_packets - before[port.id].received_packets >= 5

    end = time.monotonic() + 60
    while not await answers_are_in():
        assert time.monotonic() < end, "not all that the guest received is counted"
    after = await driver.traffic()  # type: ignore[attr-defined]
    assert idle.id not in after
    sent = after[port.id].sent_bytes - before[port.id].sent_bytes
    assert 5 * 1042 <= sent < 2 * 5 * 1042, "what it asked, a few words about addresses, and not the answers"
