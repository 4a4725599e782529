"""The contract of `pileus.drivers.hypervisor.protocol`, run on every implementation; tests are named after its rules.

The real one runs wherever there are root, libvirt and QEMU; elsewhere its tests say what is missing.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from drivers.hypervisor_rigs import FakeRig, Rig, boot_disk, simple_guest, until
from drivers.libvirt_rig import LibvirtRig, missing
from drivers.turns import require_short_turns
from pileus.drivers.hypervisor.fake import FakeSettings
from pileus.drivers.hypervisor.protocol import BadImage, Disk, Guest, GuestSeen, HypervisorError, Nic

EVIL = "a\"b'c</name><x>&lt;;$(touch /tmp/pileus-evil)`id`\n\x00\x1b[31m../../é\ufffe"


@pytest.fixture(params=["fake", "slow-fake", pytest.param("libvirt", marks=pytest.mark.real)])
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Rig]:
    if request.param == "libvirt":
        if missing():
            pytest.skip(f"libvirt: {missing()}")
        made: Any = LibvirtRig()
    else:
        slow = request.param == "slow-fake"
        times = {"start_s": 0.02, "stop_s": 0.02, "change_s": 0.01, "fetch_s": 0.02, "remove_s": 0.01} if slow else {}
        made = FakeRig(tmp_path, FakeSettings(ram_mb=1024, ram_ratio=1.0, **times))
    await made.driver.start()
    yield made
    await made.close()


async def seen(rig: Rig, guest_id: str = "g-1") -> GuestSeen | None:
    return {one.id: one for one in await rig.driver.observe()}.get(guest_id)


async def booted(rig: Rig, times: int = 1, guest_id: str = "g-1") -> str:
    """Wait for the prompt of the nth boot; answers the console."""

    async def text() -> str:
        log = (await rig.driver.console_log(guest_id)).decode(errors="replace")
        return log if log.count("login: ") >= times else ""

    return str(await until(text))


def bootable(rig: Rig, guest_id: str = "g-1", *, deaf: bool = False, **changes: Any) -> Guest:
    return simple_guest(guest_id, disks=(boot_disk(rig.images, deaf=deaf),), **changes)


async def test_h1_ensure_makes_it_so(rig: Rig) -> None:
    answer = await rig.driver.ensure(bootable(rig))
    assert answer == GuestSeen(id="g-1", generation=1, state="running")
    assert await rig.driver.observe() == [answer]
    assert rig.process("g-1") is not None


async def test_h1_ensure_again_disturbs_nothing(rig: Rig) -> None:
    guest = bootable(rig)
    first = await rig.driver.ensure(guest)
    process = rig.process("g-1")
    assert [await rig.driver.ensure(guest) for _ in range(3)] == [first] * 3
    assert await rig.driver.ensure(replace(guest, generation=2)) == replace(first, generation=2)
    assert rig.process("g-1") == process
    assert rig.images.transfers == {"img": 1}


async def test_h1_concurrent_calls_make_one(rig: Rig) -> None:
    guest = bootable(rig)
    answers = await asyncio.gather(*(rig.driver.ensure(guest) for _ in range(5)))
    assert {one.state for one in answers} == {"running"}
    assert len(await rig.driver.observe()) == 1


async def test_h2_older_generation_changes_nothing(rig: Rig) -> None:
    guest = bootable(rig, generation=5)
    now = await rig.driver.ensure(guest)
    process = rig.process("g-1")
    assert await rig.driver.ensure(replace(guest, generation=4, power="off", boots=9, reboot="hard")) == now
    assert rig.process("g-1") == process
    await rig.reopen()
    assert await rig.driver.ensure(replace(guest, generation=4, power="off")) == now


async def test_h3_remove_what_is_not_there(rig: Rig) -> None:
    await rig.driver.remove("nobody")
    await rig.driver.ensure(bootable(rig))
    await rig.driver.remove("g-1")
    await rig.driver.remove("g-1")


@pytest.mark.parametrize("power", ["on", "off", "paused", "suspended"])
async def test_h3_remove_leaves_nothing(rig: Rig, power: str) -> None:
    outside = rig.path_disk("vol")
    extra = (Disk(id="more", source="blank", size_gb=1), Disk(id="cfg", source="files", files={"a/b": b"x"}), outside)
    guest = bootable(rig)
    await rig.driver.ensure(replace(guest, disks=guest.disks + extra))
    if power != "on":
        await rig.driver.ensure(replace(guest, disks=guest.disks + extra, generation=2, power=power, stop_timeout=0))
    assert rig.leftovers("g-1") != []
    await rig.driver.remove("g-1")
    assert await rig.driver.observe() == []
    assert rig.leftovers("g-1") == []
    assert rig.process("g-1") is None
    assert Path(outside.path).exists()


async def test_h3_remove_does_not_wait_for_a_deaf_guest(rig: Rig) -> None:
    guest = bootable(rig, deaf=True, stop_timeout=3600)
    await rig.driver.ensure(guest)
    stopping = asyncio.create_task(rig.driver.ensure(replace(guest, generation=2, power="off")))
    await until(lambda: stopping.done() or rig.driver._lock("g-1").locked())  # type: ignore[attr-defined]
    async with asyncio.timeout(240):
        await rig.driver.remove("g-1")
    await asyncio.gather(stopping, return_exceptions=True)
    assert rig.leftovers("g-1") == []


async def test_h4_observe_lists_ours_and_no_foreign(rig: Rig) -> None:
    await rig.add_foreign()
    await rig.driver.ensure(bootable(rig))
    await rig.driver.ensure(bootable(rig, "g-2", power="off"))
    states = {"g-1": "running", "g-2": "off"}
    assert {one.id: one.state for one in await rig.driver.observe()} == states
    await rig.reopen()
    assert {one.id: one.state for one in await rig.driver.observe()} == states


async def test_h5_guest_outlives_the_process(rig: Rig) -> None:
    guest = bootable(rig, generation=3)
    now = await rig.driver.ensure(guest)
    process = rig.process("g-1")
    await rig.reopen()
    assert await seen(rig) == now
    assert await rig.driver.ensure(guest) == now
    assert rig.process("g-1") == process


async def test_h6_off_asks_the_guest(rig: Rig) -> None:
    guest = bootable(rig, stop_timeout=240)
    await rig.driver.ensure(guest)
    await booted(rig)
    answer = await rig.driver.ensure(replace(guest, generation=2, power="off"))
    assert (answer.state, answer.reason) == ("off", "")
    if rig.real:
        assert b"power button" in await rig.driver.console_log("g-1")
    assert (await rig.driver.ensure(replace(guest, generation=3))).state == "running"


@pytest.mark.parametrize("timeout", [0, 1])
async def test_h6_off_forces_a_deaf_guest(rig: Rig, timeout: int) -> None:
    guest = bootable(rig, deaf=True, stop_timeout=timeout)
    await rig.driver.ensure(guest)
    async with asyncio.timeout(240):
        assert (await rig.driver.ensure(replace(guest, generation=2, power="off"))).state == "off"
    assert rig.process("g-1") is None


async def test_h6_paused_and_back(rig: Rig) -> None:
    guest = bootable(rig)
    await rig.driver.ensure(guest)
    process = rig.process("g-1")
    for generation, (power, state) in enumerate([("paused", "paused"), ("on", "running"), ("paused", "paused")], 2):
        answer = await rig.driver.ensure(replace(guest, generation=generation, power=power))
        assert (answer.state, rig.process("g-1")) == (state, process)
    assert (await rig.driver.ensure(replace(guest, generation=9, power="off", stop_timeout=0))).state == "off"
    assert (await rig.driver.ensure(replace(guest, generation=10, power="paused"))).state == "paused"


async def test_h6_suspended_and_back(rig: Rig) -> None:
    guest = bootable(rig)
    await rig.driver.ensure(guest)
    await booted(rig)
    assert (await rig.driver.ensure(replace(guest, generation=2, power="suspended"))).state == "suspended"
    assert rig.process("g-1") is None
    await rig.reopen()
    assert (await seen(rig)).state == "suspended"  # type: ignore[union-attr]
    assert (await rig.driver.ensure(replace(guest, generation=3, power="on"))).state == "running"
    if rig.real:
        assert (await rig.driver.console_log("g-1")).count(b"login: ") == 1


async def test_h6_what_halted_itself_stays_off(rig: Rig) -> None:
    guest = bootable(rig)
    await rig.driver.ensure(guest)
    await booted(rig)
    await rig.halt("g-1")
    expected = GuestSeen(id="g-1", generation=1, state="off", reason="guest")
    await until(lambda: _is_seen(rig, expected))
    assert await rig.driver.ensure(guest) == expected
    await rig.reopen()
    assert await rig.driver.ensure(guest) == expected
    assert (await rig.driver.ensure(replace(guest, generation=2))).state == "running"


async def test_h6_what_died_is_started_again(rig: Rig) -> None:
    guest = bootable(rig)
    await rig.driver.ensure(guest)
    await rig.crash("g-1")

    async def crashed() -> bool:
        now = await seen(rig)
        return now is not None and now.state == "crashed"

    await until(crashed)
    assert (await rig.driver.ensure(guest)).state == "running"


async def test_changes_tell_what_happened_by_itself(rig: Rig) -> None:
    await rig.driver.ensure(bootable(rig))
    told: list[str] = []

    async def listen() -> None:
        async for guest_id in rig.driver.changes():
            told.append(guest_id)

    listening = asyncio.create_task(listen())
    await asyncio.sleep(0.05)
    await rig.crash("g-1")
    await until(lambda: "g-1" in told)
    listening.cancel()


@pytest.mark.parametrize("kind", ["soft", "hard"])
async def test_h7_reboot_once(rig: Rig, kind: str) -> None:
    guest = bootable(rig, stop_timeout=240)
    await rig.driver.ensure(guest)
    await booted(rig)
    before = rig.process("g-1")
    wanted = replace(guest, generation=2, boots=1, reboot=kind)
    assert await rig.driver.ensure(wanted) == GuestSeen(id="g-1", generation=2, state="running", boots=1)
    after = rig.process("g-1")
    assert after not in (None, before)
    await rig.driver.ensure(wanted)
    await rig.reopen()
    await rig.driver.ensure(wanted)
    await rig.driver.ensure(replace(wanted, generation=3))
    assert rig.process("g-1") == after
    if rig.real:
        assert ("power button" in await booted(rig, 2)) == (kind == "soft")


async def test_h7_soft_reboot_of_a_deaf_guest_is_forced(rig: Rig) -> None:
    guest = bootable(rig, deaf=True, stop_timeout=1)
    await rig.driver.ensure(guest)
    before = rig.process("g-1")
    assert (await rig.driver.ensure(replace(guest, generation=2, boots=1))).boots == 1
    assert rig.process("g-1") not in (None, before)


async def test_h7_a_start_counts_as_reboot(rig: Rig) -> None:
    guest = bootable(rig, boots=3, power="off")
    assert (await rig.driver.ensure(guest)).state == "off"
    on = replace(guest, generation=2, power="on", boots=4)
    assert (await rig.driver.ensure(on)).boots == 4
    process = rig.process("g-1")
    await rig.driver.ensure(on)
    assert rig.process("g-1") == process


async def test_h8_console_keeps_the_end_over_reboots(rig: Rig) -> None:
    guest = bootable(rig)
    await rig.driver.ensure(guest)
    first = await booted(rig)
    await rig.driver.ensure(replace(guest, generation=2, boots=1, reboot="hard"))
    both = await booted(rig, 2)
    assert both.startswith(first[:40])
    tail = await rig.driver.console_log("g-1", 20)
    assert len(tail) == 20
    assert both.encode(errors="replace").endswith(tail.replace(b"\xff", b"?"))
    if rig.real:
        assert "boot 1" in both
        assert "boot 2" in both
    assert await rig.driver.console_log("g-1", 0) == b""
    with pytest.raises(HypervisorError):
        await rig.driver.console_log("nobody")


async def test_h8_a_guest_that_never_ran_has_said_nothing(rig: Rig) -> None:
    await rig.driver.ensure(bootable(rig, power="off"))
    assert await rig.driver.console_log("g-1") == b""


async def _is_seen(rig: Rig, expected: GuestSeen) -> bool:
    return await seen(rig, expected.id) == expected


async def test_h9_fetched_once(rig: Rig) -> None:
    image = rig.images.add("img", b"x" * 300_000)
    await asyncio.gather(*(rig.driver.fetch(image) for _ in range(8)))
    await rig.driver.fetch(image)
    assert rig.images.transfers == {"img": 1}


async def test_h9_a_torn_transfer_leaves_nothing(rig: Rig) -> None:
    image = rig.images.add("img", b"x" * 300_000)
    rig.images.torn.add("img")
    with pytest.raises(HypervisorError):
        await rig.driver.fetch(image)
    assert rig.leftovers("img") == []
    rig.images.torn.clear()
    await rig.driver.fetch(image)
    assert rig.images.transfers == {"img": 2}


async def test_h9_a_cancelled_caller_does_not_tear_the_others(rig: Rig) -> None:
    image = rig.images.add("img", b"x" * 3_000_000)
    first, second = (asyncio.create_task(rig.driver.fetch(image)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await second
    await rig.driver.fetch(image)


QCOW2 = b"QFI\xfb" + bytes([0, 0, 0, 3]) + bytes(8) + bytes(4) + bytes([0, 0, 0, 16]) + bytes([0, 0, 0, 0, 0, 16, 0, 0])
BACKED = QCOW2[:8] + bytes([0, 0, 0, 0, 0, 0, 0, 104, 0, 0, 0, 11]) + QCOW2[20:]


@pytest.mark.parametrize(
    ("data", "changes"),
    [
        (b"x" * 70_000, {"hash_value": "00" * 64}),
        (b"x" * 70_000, {"size": 70_001}),
        (b"x" * 70_000, {"format": "qcow2"}),
        (QCOW2.ljust(70_000, b"\0"), {"format": "raw"}),
        (BACKED.ljust(104, b"\0") + b"/etc/shadow" + bytes(70_000), {"format": "qcow2"}),
        (b"x" * 70_000, {"format": "ploop"}),
        (b"x" * 70_000, {"hash_algo": "rot13"}),
    ],
    ids=["checksum", "size", "not-qcow2", "hidden-qcow2", "backing-file", "unknown-format", "unknown-hash"],
)
async def test_h9_liars(rig: Rig, data: bytes, changes: dict[str, Any]) -> None:
    image = rig.images.add("img", data, **changes)
    with pytest.raises(BadImage):
        await rig.driver.fetch(image)
    assert rig.leftovers("img") == []
    with pytest.raises(BadImage):
        await rig.driver.ensure(simple_guest(disks=(Disk(id="root", source="image", image=image),)))
    assert await rig.driver.observe() == []


@pytest.mark.timeout(900)
async def test_h10_the_loop_is_not_blocked(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    async def life(number: int) -> None:
        guest = bootable(rig, f"g-{number}", stop_timeout=0)
        await rig.driver.ensure(guest)
        await rig.driver.ensure(replace(guest, generation=2, boots=1, reboot="hard"))
        await rig.driver.observe()
        await rig.driver.console_log(guest.id)
        await rig.driver.info()
        await rig.driver.ensure(replace(guest, generation=3, power="off"))
        await rig.driver.remove(guest.id)

    await require_short_turns(life, monkeypatch)


@pytest.mark.parametrize("after", [0.0, 0.002, 0.01, 0.03, 0.1, 0.3])
async def test_h10_a_cancelled_call_can_be_made_again(rig: Rig, after: float) -> None:
    guest = bootable(rig)
    for wanted in (guest, replace(guest, generation=2, boots=1, reboot="hard")):
        call = asyncio.create_task(rig.driver.ensure(wanted))
        await asyncio.sleep(after)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        answer = await rig.driver.ensure(wanted)
        assert (answer.state, answer.generation, answer.boots) == ("running", wanted.generation, wanted.boots)
    removal = asyncio.create_task(rig.driver.remove("g-1"))
    await asyncio.sleep(after)
    removal.cancel()
    await asyncio.gather(removal, return_exceptions=True)
    await rig.driver.remove("g-1")
    assert rig.leftovers("g-1") == []


async def test_h11_no_room(rig: Rig) -> None:
    with pytest.raises(HypervisorError) as caught:
        await rig.driver.ensure(bootable(rig, ram_mb=1 << 30))
    assert str(caught.value)
    assert await rig.driver.observe() == []
    assert rig.leftovers("g-1") == []


async def test_h11_a_refused_change_leaves_the_old(rig: Rig) -> None:
    guest = bootable(rig)
    await rig.driver.ensure(guest)
    process = rig.process("g-1")
    liar = rig.images.add("liar", b"no", size=9)
    more = (*guest.disks, Disk(id="more", source="image", image=liar))
    with pytest.raises(BadImage):
        await rig.driver.ensure(replace(guest, generation=2, disks=more))
    assert rig.process("g-1") == process
    assert (await rig.driver.ensure(replace(guest, generation=2))).state == "running"


async def test_h12_text_is_data(rig: Rig) -> None:
    await rig.driver.ensure(
        bootable(
            rig,
            name=EVIL,
            project_id=EVIL,
            metadata={EVIL: EVIL},
        )
    )
    guest = bootable(rig, "g-2", name=EVIL)
    files = {"openstack/latest/user_data": EVIL.encode(), "openstack/latest/meta_data.json": b"{}"}
    answer = await rig.driver.ensure(
        replace(guest, disks=(*guest.disks, Disk(id="cfg", source="files", cdrom=True, bus="sata", files=files)))
    )
    assert answer.state == "running"
    assert not Path("/tmp/pileus-evil").exists()
    await rig.reopen()
    assert len(await rig.driver.observe()) == 2


@pytest.mark.parametrize("evil", ["", "../x", "a/b", "a b", "x" * 65, "a\n", "é"])
async def test_h12_ids_are_checked(rig: Rig, evil: str) -> None:
    image = rig.images.add("img", b"x")
    for call in (
        rig.driver.ensure(simple_guest(evil)),
        rig.driver.ensure(simple_guest(disks=(Disk(id=evil, source="blank", size_gb=1),))),
        rig.driver.ensure(simple_guest(disks=(Disk(id="d", source="image", image=replace(image, id=evil)),))),
        rig.driver.remove(evil),
        rig.driver.fetch(replace(image, id=evil)),
        rig.driver.console_log(evil),
    ):
        with pytest.raises(HypervisorError):
            await call
    assert await rig.driver.observe() == []


async def test_h13_a_rebooted_host_brings_its_guests_back(rig: Rig) -> None:
    guest = bootable(rig, nics=(Nic(id="n-1", mac="52:54:00:aa:00:01", device="hyp-t0"),))
    await rig.driver.ensure(guest)
    await rig.driver.ensure(bootable(rig, "g-off", power="off"))
    await rig.driver.ensure(bootable(rig, "g-paused", power="paused"))
    await rig.driver.ensure(bootable(rig, "g-halted"))
    await booted(rig, 1, "g-halted")
    await rig.halt("g-halted")
    await until(lambda: _is_seen(rig, GuestSeen(id="g-halted", generation=1, state="off", reason="guest")))
    before, rig.joined[:] = rig.process("g-1"), []
    transfers = dict(rig.images.transfers)
    await rig.reboot_host()
    states = {one.id: one.state for one in await rig.driver.observe()}
    assert states == {"g-1": "running", "g-off": "off", "g-paused": "paused", "g-halted": "off"}
    assert rig.process("g-1") not in (None, before)
    assert rig.joined == ["hyp-t0"]
    assert rig.images.transfers == transfers


async def test_h14_disks_come_and_go_while_it_runs(rig: Rig) -> None:
    guest = bootable(rig)
    await rig.driver.ensure(guest)
    process = rig.process("g-1")
    await booted(rig)
    volume = rig.path_disk("vol")
    blank = Disk(id="blank", source="blank", size_gb=1)
    for generation, disks in enumerate([(volume,), (volume, blank), (replace(blank, size_gb=2),), ()], 2):
        wanted = replace(guest, generation=generation, disks=guest.disks + disks)
        assert (await rig.driver.ensure(wanted)).state == "running"
        assert await rig.driver.ensure(wanted) == await seen(rig)
    assert rig.process("g-1") == process
    assert Path(volume.path).exists()
    assert not [path for path in rig.leftovers("g-1") if "blank" in path]


async def test_h14_cards_come_and_go_while_it_runs(rig: Rig) -> None:
    guest = bootable(rig)
    await rig.driver.ensure(guest)
    process = rig.process("g-1")
    await booted(rig)
    cards = tuple(Nic(id=f"n-{n}", mac=f"52:54:00:aa:01:0{n}", device=f"hyp-t{n}") for n in (1, 2))
    for generation, nics in enumerate([cards[:1], cards, cards[1:], ()], 2):
        wanted = replace(guest, generation=generation, nics=nics)
        assert (await rig.driver.ensure(wanted)).state == "running"
        await rig.driver.ensure(wanted)
    assert rig.process("g-1") == process
    assert rig.joined == ["hyp-t1", "hyp-t2"]


async def test_h15_devices_are_joined_before_the_guest_runs(rig: Rig) -> None:
    cards = (Nic(id="n-1", mac="52:54:00:aa:00:01", device="hyp-t1"), Nic(id="n-2", mac="52:54:00:aa:00:02"))
    guest = bootable(rig, nics=cards)
    await rig.driver.ensure(guest)
    await rig.driver.ensure(guest)
    assert rig.joined == ["hyp-t1"]
    await rig.driver.ensure(replace(guest, generation=2, boots=1, reboot="hard"))
    assert rig.joined == ["hyp-t1"] * 2


async def test_h15_without_its_network_the_guest_does_not_run(rig: Rig) -> None:
    guest = bootable(rig, nics=(Nic(id="n-1", mac="52:54:00:aa:00:01", device="hyp-t1"),))
    rig.join_fails = True
    with pytest.raises(HypervisorError):
        await rig.driver.ensure(guest)
    assert rig.leftovers("g-1") == []
    rig.join_fails = False
    assert (await rig.driver.ensure(guest)).state == "running"
    assert rig.joined == ["hyp-t1"]
