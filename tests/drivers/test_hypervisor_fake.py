"""What the simulator promises beyond the contract: scale, dice, accidents."""

import asyncio
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from drivers.hypervisor_rigs import simple_guest
from pileus.drivers.hypervisor.fake import FakeSettings, Fleet
from pileus.drivers.hypervisor.protocol import HypervisorError


async def test_ten_thousand_hosts_and_their_guests(tmp_path: Path) -> None:
    """The last ones take no more work than the first; counted in this thread's own time, the least of several."""
    fleet = Fleet(state=tmp_path)
    hosts = [fleet.host(f"sim-{n}") for n in range(10_000)]
    starts, guests = [], []
    for first in range(0, 10_000, 500):
        begun = time.thread_time()
        for host in hosts[first : first + 500]:
            await host.start()
        starts.append(time.thread_time() - begun)
    for first in range(0, 1000, 100):
        begun = time.thread_time()
        for n in range(first, first + 100):
            await hosts[n * 7 % 10_000].ensure(simple_guest(f"g-{n}", ram_mb=512))
        guests.append(time.thread_time() - begun)
    for took in (starts, guests):
        assert min(took[-3:]) < 4 * max(took[:3]), took
    for host in hosts:
        await host.close()

    again = Fleet(state=tmp_path)
    known = 0
    for n in range(10_000):
        await again.host(f"sim-{n}").start()
        known += len(await again.host(f"sim-{n}").observe())
    assert known == 1000


async def test_no_time_means_no_turn_of_the_loop() -> None:
    host = Fleet().host("one")
    await host.start()
    turns: list[int] = []
    asyncio.get_running_loop().call_soon(turns.append, 1)
    await host.ensure(simple_guest())
    assert turns == []


async def test_times_are_taken() -> None:
    host = Fleet(FakeSettings(start_s=0.05, stop_s=3600.0)).host("one")
    await host.start()
    begun = time.monotonic()
    await host.ensure(simple_guest())
    assert time.monotonic() - begun >= 0.04
    async with asyncio.timeout(240):
        await host.ensure(simple_guest(generation=2, power="off", stop_timeout=0))


async def test_the_same_seed_throws_the_same_failures() -> None:
    async def play(seed: int) -> list[bool]:
        host = Fleet(FakeSettings(ensure_failures=0.5, seed=seed)).host("one")
        await host.start()
        thrown = []
        for n in range(40):
            try:
                await host.ensure(simple_guest(f"g-{n}"))
                thrown.append(True)
            except HypervisorError:
                thrown.append(False)
        return thrown

    assert await play(1) == await play(1) != await play(2)
    assert 5 < sum(await play(1)) < 35


async def test_failures_on_demand_happen_once() -> None:
    host = Fleet().host("one")
    await host.start()
    host.fail_next("ensure", "no such luck")
    with pytest.raises(HypervisorError, match="no such luck"):
        await host.ensure(simple_guest())
    assert (await host.ensure(simple_guest())).state == "running"


async def test_guests_may_die_while_they_start() -> None:
    host = Fleet(FakeSettings(crashes=1.0)).host("one")
    await host.start()
    assert (await host.ensure(simple_guest())).state == "crashed"


async def test_capacity_counts_every_guest_once() -> None:
    host = Fleet(FakeSettings(vcpus=2, cpu_ratio=1.0)).host("one")
    await host.start()
    await host.ensure(simple_guest(vcpus=2))
    await host.ensure(simple_guest(vcpus=2, generation=2, boots=1))
    with pytest.raises(HypervisorError, match="3 vcpus asked for, 2 there"):
        await host.ensure(simple_guest("g-2"))
    await host.remove("g-1")
    assert (await host.ensure(simple_guest("g-2"))).state == "running"


async def test_the_console_tells_a_boot_as_it_goes() -> None:
    host = Fleet(FakeSettings(boot_s=3600)).host("one")
    await host.start()
    guest = simple_guest(name="Web Server 1")
    await host.ensure(guest)
    assert b"login:" not in await host.console_log("g-1")
    quick = Fleet().host("two")
    await quick.start()
    await quick.ensure(guest)
    text = (await quick.console_log("g-1")).decode()
    assert "web-server-1 login: " in text
    assert "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" in text
    quick.say("g-1", "hello from inside")
    assert (await quick.console_log("g-1")).endswith(b"hello from inside\r\n")
    await quick.ensure(replace(guest, generation=2, boots=1))
    assert (await quick.console_log("g-1")).count(b"SeaBIOS") == 2
