"""What the libvirt driver promises beyond the contract. Tests marked real need libvirt and QEMU; the others only the modules."""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from msgspec.structs import replace

from drivers.hypervisor_rigs import Images, boot_disk, simple_guest, until
from drivers.libvirt_child import wanted
from drivers.libvirt_rig import LibvirtRig, missing

libvirt = pytest.importorskip("libvirt")

from pileus.drivers.hypervisor.libvirt import LibvirtSettings, console, domains, judgement, kvm  # noqa: E402
from pileus.drivers.hypervisor.libvirt.devices import name_targets  # noqa: E402
from pileus.drivers.hypervisor.libvirt.domain import Place, domain_xml  # noqa: E402
from pileus.drivers.hypervisor.libvirt.domains import Look  # noqa: E402
from pileus.drivers.hypervisor.libvirt.ground import Ground  # noqa: E402
from pileus.drivers.hypervisor.libvirt.identity import Mark, domain_name, mark_of  # noqa: E402
from pileus.drivers.hypervisor.libvirt.images import ImageCache  # noqa: E402
from pileus.drivers.hypervisor.libvirt.iso import iso9660  # noqa: E402
from pileus.drivers.hypervisor.libvirt.records import Record, Records  # noqa: E402
from pileus.drivers.hypervisor.libvirt.threads import Threads  # noqa: E402
from pileus.drivers.hypervisor.protocol import Disk, Guest, HypervisorError, Nic  # noqa: E402

needs_qemu_img = pytest.mark.skipif(shutil.which("qemu-img") is None, reason="qemu-img is not installed")
OFF, RUNNING, PAUSED = libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_PAUSED
BY_GUEST, DIED, UNKNOWN = (
    libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN,
    libvirt.VIR_DOMAIN_SHUTOFF_CRASHED,
    libvirt.VIR_DOMAIN_SHUTOFF_UNKNOWN,
)


# What a record and a look mean together.


def record(power: str = "on", boots: int = 0, **changes: Any) -> Record:
    return Record(**{"guest": simple_guest(power=power, boots=boots), "boot_id": "now"} | changes)


def look(state: int, reason: int = 0, boots: int = 0, *, saved: bool = False) -> Look:
    return Look(state, reason, Mark("g-1", 1, boots, "c"), saved)


@pytest.mark.parametrize(
    ("known", "found", "state", "reason", "comes_back"),
    [
        (record(up=True), look(RUNNING), "running", "", False),
        (record(up=True), look(OFF, BY_GUEST), "off", "guest", False),
        (record(halted=True), look(OFF, UNKNOWN), "off", "guest", False),
        (record(halted=True, boot_id="before"), Look(), "off", "guest", False),
        (record(up=True), look(OFF, DIED), "crashed", "its process died", False),
        (record(up=True, boot_id="before"), look(OFF, UNKNOWN), "off", "host", True),
        (record(up=True, boot_id="before"), Look(), "off", "host", True),
        (record(up=True), look(OFF, UNKNOWN), "off", "host", True),
        (record(up=False), look(OFF, BY_GUEST), "off", "", True),
        (record(up=False), look(PAUSED), "paused", "", True),
        (record("paused", up=True), look(PAUSED), "paused", "", False),
        (record("off", up=False), look(OFF, BY_GUEST), "off", "", False),
        (record("off", up=True, boot_id="before"), look(OFF), "off", "", False),
        (record("suspended"), look(OFF, saved=True), "suspended", "", False),
        (record(up=True, boots=2), look(OFF, BY_GUEST, boots=1), "off", "stopped by someone else", False),
        (record(up=True), look(PAUSED, libvirt.VIR_DOMAIN_PAUSED_IOERROR), "paused", "a disk failed", False),
        (record(up=True), look(PAUSED, libvirt.VIR_DOMAIN_PAUSED_CRASHED), "crashed", "it panicked", False),
    ],
)
def test_judgement(known: Record, found: Look, state: str, reason: str, comes_back: bool) -> None:
    seen = judgement.seen(known, found, "now")
    assert (seen.state, seen.reason) == (state, reason)
    assert judgement.should_come_back(known, found, "now") == comes_back


def test_a_reboot_is_due_until_the_process_carries_its_number() -> None:
    guest = simple_guest(boots=2)
    assert judgement.reboot_is_due(guest, look(RUNNING, boots=1))
    assert not judgement.reboot_is_due(guest, look(RUNNING, boots=2))
    assert not judgement.reboot_is_due(guest, look(OFF, boots=1))


# Names, XML, files.


def named(*disks: Disk, before: dict[str, str] | None = None, running: bool = False) -> list[str]:
    targets = name_targets(disks, before or {}, running=running)
    return [targets[disk.id] for disk in disks]


def test_disks_are_named_in_order_by_wish_and_by_habit() -> None:
    a, b, c = (Disk(id=one, source="blank", size_gb=1) for one in "abc")
    cd = Disk(id="cd", source="files", cdrom=True)
    assert named(a, b, cd) == ["vda", "vdb", "sda"]
    assert named(a, replace(b, device="/dev/vdd"), c) == ["vda", "vdd", "vdb"]
    assert named(b, c, before={"a": "vda", "b": "vdb"}, running=True) == ["vdb", "vda"]
    rescue = [replace(c, device="vda"), replace(a, device="vdb")]
    assert named(*rescue, before={"a": "vda"}) == ["vda", "vdb"]
    assert named(*rescue, before={"a": "vda"}, running=True) == ["vdb", "vda"]
    assert named(replace(a, device="../../x"), replace(b, device="sda"), replace(c, device="vd1")) == [
        "vda",
        "vdb",
        "vdc",
    ]
    assert named(*(Disk(id=str(n), source="blank") for n in range(28)))[-1] == "vdab"


def test_text_of_users_is_text_in_the_domain(tmp_path: Path) -> None:
    evil = "</name>&<x a='\"'>\x00\x1b\ud800é\n"
    guest = simple_guest(name=evil, project_id=evil, cmdline=evil)
    xml = domain_xml(
        guest, Place(tmp_path, tmp_path / "s", tmp_path / "k"), {}, LibvirtSettings(state=""), "tcg", "cloud"
    )
    parsed = ElementTree.fromstring(xml)
    assert parsed.findtext("name") == domain_name("g-1", "cloud")
    mark = parsed.find("metadata")
    assert mark is not None
    assert mark_of(ElementTree.tostring(mark[0], encoding="unicode")) == Mark("g-1", 1, 0, "cloud")
    assert (mark[0][0].text or "").startswith("</name>&<x a='\"'>\ufffd\ufffd\ufffdé")


@pytest.mark.parametrize("foreign", ["", "<x/>", "<a b='c'", "<p:guest xmlns:p='urn:pileus:guest:1' id='1'/>"])
def test_what_is_not_our_mark_is_no_mark(foreign: str) -> None:
    assert mark_of(foreign) is None


def test_two_clouds_do_not_share_names() -> None:
    assert domain_name("g-1", "a") != domain_name("g-1", "b")
    assert domain_name("0ba3b7c1-6c4b-4d5e-8f11-9a6c5d4e3f21", "a") == "pileus-0ba3b7c16c4b"


def test_config_drive_has_every_name_and_byte() -> None:
    import io

    import pycdlib

    files = {f"openstack/latest/{n}_data.json": os.urandom(n * 700) for n in range(4)} | {"a b.É.txt": b"x"}
    disc = pycdlib.PyCdlib()
    disc.open_fp(io.BytesIO(iso9660(files)))
    assert disc.pvd.volume_identifier.rstrip() == b"config-2"
    for path, data in files.items():
        for kind in ("rr_path", "joliet_path"):
            read = io.BytesIO()
            disc.get_file_from_iso_fp(read, **{kind: f"/{path}"})
            assert read.getvalue() == data
    for bad in ("", "..", "a/../b", "a\0b", "x" * 65):
        with pytest.raises(HypervisorError):
            iso9660({bad: b""})


def test_console_tail_goes_back_through_rotated_logs(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    assert console.tail(log, 10) == b""
    log.write_bytes(b"56789")
    (tmp_path / "console.log.0").write_bytes(b"01234")
    assert console.tail(log, 3) == b"789"
    assert console.tail(log, 7) == b"3456789"
    assert console.tail(log, 100) == b"0123456789"


def test_records_survive_torn_writes(tmp_path: Path) -> None:
    records = Records(tmp_path)
    kept = Record(guest=simple_guest(disks=(Disk(id="d", source="files", files={"a": b"\xff\x00"}),)), up=True)
    records.put(kept)
    (tmp_path / "g-1/guest.json.new").write_text("{")
    (tmp_path / "half").mkdir()
    (tmp_path / "half/disk-root.qcow2").touch()
    again = Records(tmp_path)
    again.load()
    assert again.all() == [kept]
    assert not (tmp_path / "half").exists()
    assert (tmp_path / "g-1/guest.json").stat().st_mode & 0o077 == 0
    again.drop("g-1")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "g-2").mkdir()
    (tmp_path / "g-2/guest.json").write_text("{")
    with pytest.raises(HypervisorError, match=r"g-2/guest.json is damaged"):
        again.load()


def test_qemu_is_kept_out_by_a_closed_directory(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    ground = Ground(LibvirtSettings(state=str(closed / "state"), run_dir=str(tmp_path / "run")))
    ground.prepare()
    said = "<c><host><secmodel><model>dac</model><baselabel type='kvm'>+64055:+64055</baselabel></secmodel></host></c>"
    with pytest.raises(HypervisorError, match="QEMU may not enter"):
        ground.require_reachable(said, "")
    ground.require_reachable(said, "root:root")
    ground.require_reachable(said.replace("64055", "0"), "")
    assert ground.cloud("x") == ground.cloud("x") != ground.cloud("y")


# KVM.


def test_a_hanging_kvm_is_no_kvm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sleeper = tmp_path / "sleeper.py"
    sleeper.write_text("import time; time.sleep(250)")
    monkeypatch.setattr(kvm, "__file__", str(sleeper))
    begun = time.monotonic()
    answer = kvm._ask_child(str(tmp_path / "kvm"), 0.5)
    assert answer.endswith("did not run a small guest within 0.5 s")
    assert time.monotonic() - begun < 200


def test_what_is_not_kvm_is_no_kvm() -> None:
    assert "KVM failed" in kvm._ask_child("/dev/null", 120)
    assert "no usable" in kvm.probe("/nowhere")


def test_the_answer_is_kept_for_one_boot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["it hangs", ""])
    monkeypatch.setattr(kvm, "probe", lambda: next(answers))
    cache = tmp_path / "kvm"
    first = kvm.choose("auto", cache, "boot-1")
    assert (first.name, first.reason) == ("tcg", "software emulation, because it hangs")
    assert kvm.choose("auto", cache, "boot-1") == first
    assert kvm.choose("auto", cache, "boot-2").name == "kvm"
    cache.write_text("rubbish")
    with pytest.raises(StopIteration):
        kvm.choose("auto", cache, "boot-2")
    assert kvm.choose("kvm").name == "kvm"
    assert kvm.choose("qemu").name == "tcg"


# Images.


@pytest.fixture
async def cache(tmp_path: Path) -> AsyncIterator[tuple[ImageCache, Images, Path]]:
    images, threads = Images(), Threads(4, "test")
    yield ImageCache(tmp_path, images.read, threads, 1024), images, tmp_path
    threads.close()


def made_by_qemu_img(tmp_path: Path, format: str, *options: str) -> bytes:
    source, made = tmp_path / "source.raw", tmp_path / f"made.{format}"
    source.write_bytes(os.urandom(1 << 20) + bytes(1 << 20))
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", format, *options, source, made], check=True)
    return made.read_bytes()


@needs_qemu_img
@pytest.mark.parametrize(
    ("declared", "format", "options"),
    [
        ("qcow2", "qcow2", ()),
        ("vdi", "vdi", ()),
        ("vmdk", "vmdk", ("-o", "subformat=monolithicSparse")),
        ("vhdx", "vhdx", ()),
    ],
)
async def test_images_become_readable(cache: Any, tmp_path: Path, declared: str, format: str, options: Any) -> None:
    images_cache, images, _ = cache
    (tmp_path / "x").mkdir()
    image = images.add("img", made_by_qemu_img(tmp_path / "x", format, *options), declared)
    base = await images_cache.bring(image)
    assert (base.format, base.virtual_size) == ("qcow2", 2 << 20)
    again = await images_cache.bring(image)
    assert again == base
    back = tmp_path / "x/back.raw"
    subprocess.run(["qemu-img", "convert", "-f", "qcow2", "-O", "raw", base.path, back], check=True)
    assert back.read_bytes() == (tmp_path / "x/source.raw").read_bytes()


async def test_holes_of_raw_images_stay_holes(cache: Any) -> None:
    images_cache, images, folder = cache
    image = images.add("img", b"x" * 4096 + bytes(32 << 20) + b"y" + bytes(65536 * 3))
    base = await images_cache.bring(image)
    assert base.path.read_bytes() == images.data["img"]
    assert base.path.stat().st_blocks * 512 < 1 << 20
    assert [path.name for path in folder.iterdir()] == ["img.raw"]


async def test_tidy_spares_what_is_used_young_or_held(cache: Any) -> None:
    images_cache, images, folder = cache
    for one in ("used", "young", "held", "old"):
        path = (await images_cache.bring(images.add(one, b"x"))).path
        if one != "young":
            os.utime(path, (1, 1))
    with images_cache.pinned("held"):
        assert await images_cache.tidy({"used"}, 3600) == ["old"]
    assert sorted(path.name for path in folder.iterdir()) == ["held.raw", "used.raw", "young.raw"]


# With real guests.


@pytest.fixture
async def rig() -> AsyncIterator[LibvirtRig]:
    if missing():
        pytest.skip(f"libvirt: {missing()}")
    made = LibvirtRig()
    await made.driver.start()
    yield made
    await made.close()


def bootable(rig: LibvirtRig, **changes: Any) -> Guest:
    return simple_guest(disks=(boot_disk(rig.images),), **changes)


async def console_has(rig: LibvirtRig, text: bytes) -> bytes:
    async def log() -> bytes:
        whole: bytes = await rig.driver.console_log("g-1")
        return whole if text in whole else b""

    return bytes(await until(log))


@pytest.mark.real
async def test_consoles_answer(rig: LibvirtRig) -> None:
    await rig.driver.ensure(bootable(rig))
    await console_has(rig, b"login: ")
    reader, writer = await asyncio.open_unix_connection(await rig.driver.console("g-1", "vnc"))
    assert (await reader.readexactly(12)).startswith(b"RFB 003.")
    writer.close()
    reader, writer = await asyncio.open_unix_connection(await rig.driver.console("g-1", "serial"))
    writer.write(b"q")
    assert await reader.readexactly(1) == b"q"
    writer.close()
    await rig.driver.ensure(bootable(rig, generation=2, power="off", stop_timeout=0))
    with pytest.raises(HypervisorError, match="does not run"):
        await rig.driver.console("g-1", "serial")


@pytest.mark.real
async def test_capture_of_a_running_and_of_a_stopped_guest(rig: LibvirtRig) -> None:
    blank = Disk(id="more", source="blank", size_gb=1)
    guest = bootable(rig)
    guest = replace(guest, disks=(*guest.disks, blank))
    await rig.driver.ensure(guest)
    await console_has(rig, b"login: ")
    for power in ("on", "off"):
        await rig.driver.ensure(replace(guest, generation=2 if power == "on" else 3, power=power, stop_timeout=0))
        captured = rig.state / f"captured-{power}.qcow2"
        captured.write_bytes(b"".join([chunk async for chunk in rig.driver.capture("g-1", "root")]))
        raw = captured.with_suffix(".raw")
        subprocess.run(["qemu-img", "convert", "-f", "qcow2", "-O", "raw", captured, raw], check=True)
        written = raw.read_bytes()
        assert written[512] == 1, "the boot counter that the guest wrote"
        assert written[:512] == rig.images.data["img"][:512]
        assert (
            b"backing file"
            not in subprocess.run(["qemu-img", "info", captured], check=True, capture_output=True).stdout
        )
    assert list((rig.state / "instances/.captures").iterdir()) == []
    with pytest.raises(HypervisorError, match="no disk"):
        _ = [chunk async for chunk in rig.driver.capture("g-1", "nothing")]


@pytest.mark.real
async def test_usages_count(rig: LibvirtRig) -> None:
    await rig.driver.ensure(bootable(rig))
    await console_has(rig, b"login: ")
    (usage,) = await rig.driver.usages()
    assert (usage.id, list(usage.disks)) == ("g-1", ["root"])
    assert usage.cpu_ns > 0
    assert 20 < usage.memory_mb < 2000
    assert usage.disks["root"][0] >= 1024
    assert usage.disks["root"][2] >= 512


@pytest.mark.real
async def test_a_start_that_was_cut_is_finished(rig: LibvirtRig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between libvirt's start and the join: the guest is found waiting, is joined, and runs."""
    guest = bootable(rig, nics=(Nic(id="n", mac="52:54:00:aa:03:01", device="hyp-t9"),))
    rig.join_fails = True
    monkeypatch.setattr(domains, "destroy", lambda *_: None)
    monkeypatch.setattr(domains, "vanish", lambda *_: None)
    monkeypatch.setattr(Records, "drop", lambda *_: None)
    with pytest.raises(HypervisorError):
        await rig.driver.ensure(guest)
    monkeypatch.undo()
    assert Path("/sys/class/net/hyp-t9").exists()
    rig.join_fails = False
    await rig.reopen()
    assert rig.joined == ["hyp-t9"]
    assert [one.state for one in await rig.driver.observe()] == ["running"]
    await console_has(rig, b"boot 1")


@pytest.mark.real
async def test_a_broken_connection_is_opened_anew(rig: LibvirtRig) -> None:
    await rig.driver.ensure(bootable(rig))
    rig.driver._connection._open.close()
    assert [one.state for one in await rig.driver.observe()] == ["running"]

    async def halted() -> bool:
        (one,) = await rig.driver.observe()
        return one.reason == "guest"

    await console_has(rig, b"login: ")
    await rig.halt("g-1")
    await until(halted)


@pytest.mark.real
async def test_libvirt_away_is_said_plainly(tmp_path: Path) -> None:
    if missing():
        pytest.skip(f"libvirt: {missing()}")
    away = LibvirtRig(uri="qemu+unix:///system?socket=/nowhere/libvirt-sock")
    with pytest.raises(HypervisorError, match="libvirt does not answer at"):
        await away.driver.start()
    await away.driver.close()
    subprocess.run(["ip", "netns", "del", away._space], check=True)
    shutil.rmtree(away.state)


@pytest.mark.real
async def test_direct_kernel_boot(rig: LibvirtRig) -> None:
    fetched = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pileus/guest-kernel/tree/boot"
    kernels = sorted(kernel for place in (fetched, Path("/boot")) for kernel in place.glob("vmlinuz-*cloud*"))
    if not kernels:
        pytest.skip("no cloud kernel in /boot to boot")
    kernel = rig.images.add("kernel", kernels[-1].read_bytes(), "aki")
    await rig.driver.ensure(simple_guest(ram_mb=128, kernel=kernel, cmdline="console=ttyS0 pileus=<&>' panic=-1"))
    await console_has(rig, b"Nehalem")
    assert b"pileus=<&>'" in await rig.driver.console_log("g-1")


@pytest.mark.real
async def test_uefi_guests_leave_no_variables_behind(rig: LibvirtRig) -> None:
    if "uefi" not in (await rig.driver.info()).abilities:
        with pytest.raises(HypervisorError):
            await rig.driver.ensure(bootable(rig, firmware="uefi", ram_mb=128))
        return
    await rig.driver.ensure(bootable(rig, firmware="uefi", ram_mb=128))
    assert [path for path in rig.leftovers("g-1") if "nvram" in path]
    await rig.driver.remove("g-1")
    assert rig.leftovers("g-1") == []


@pytest.mark.real
async def test_every_bus_has_its_disk(rig: LibvirtRig) -> None:
    guest = bootable(rig)
    disks = [
        Disk(id=f"{bus}{cdrom}", source="files", files={"a": b"b"}, bus=bus, cdrom=cdrom)  # type: ignore[arg-type]
        for bus in ("virtio", "scsi", "sata", "ide", "usb")
        for cdrom in (True, False)
    ]
    swap = Disk(id="swap", source="blank", size_mb=64)
    assert (await rig.driver.ensure(replace(guest, disks=(*guest.disks, *disks, swap)))).state == "running"
    await console_has(rig, b"boot 1")


@pytest.mark.real
async def test_a_disk_too_small_for_its_image_is_refused(rig: LibvirtRig) -> None:
    image = rig.images.add("big", bytes(3 << 20))
    with pytest.raises(HypervisorError, match=r"image big needs a disk of 1 GB, disk root has 0.00195312"):
        await rig.driver.ensure(simple_guest(disks=(Disk(id="root", source="image", image=image, size_mb=2),)))
    assert rig.leftovers("g-1") == []


@pytest.mark.real
@pytest.mark.parametrize("after", [0.05, 0.3, 0.7])
@pytest.mark.parametrize("line", ["started", "ensured"])
async def test_killed_at_any_moment(rig: LibvirtRig, after: float, line: str) -> None:
    """SIGKILL while a guest is made, or removed: the next process makes it right, once, and can take all of it away."""
    await rig.driver.ensure(wanted(rig.images, 0))
    await rig.driver.close()
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "drivers.libvirt_child", str(rig.state), "1"),
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[1],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert child.stdout is not None
    while (await child.stdout.readline()).decode().strip() != line:
        pass
    await asyncio.sleep(after)
    if child.returncode is None:
        child.kill()
    await child.wait()
    await rig.reopen()
    guest = wanted(rig.images, 1)
    answer = await rig.driver.ensure(guest)
    assert (answer.state, answer.boots, answer.generation) == ("running", 1, 2)
    process = rig.process("g-1")
    assert await rig.driver.ensure(guest) == answer
    assert rig.process("g-1") == process
    assert "hyp-tk" in rig.joined
    await rig.driver.remove("g-1")
    assert rig.leftovers("g-1") == []
