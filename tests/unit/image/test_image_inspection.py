"""Data that lie about their format, or refer to other files. Pictures are made by qemu-img itself."""

import shutil
import subprocess
from pathlib import Path

import pytest

from image_callers import Caller, blobs_on_disk
from image_server import Running
from pileus.kernel.types import Unsupported
from pileus.services.image.core.inspection import Finding, Inspection, judge

pytestmark = pytest.mark.skipif(not shutil.which("qemu-img"), reason="no qemu-img")
SIZE = 8 << 20
QEMU = {"qcow2": "qcow2", "vdi": "vdi", "vhd": "vpc", "vhdx": "vhdx", "vmdk": "vmdk", "raw": "raw"}


def made(folder: Path, disk_format: str, *options: str) -> bytes:
    path = folder / f"a.{disk_format}"
    more = ["-o", "subformat=streamOptimized"] if disk_format == "vmdk" else []
    if disk_format == "vmdk":
        subprocess.run(["truncate", "-s", str(SIZE), folder / "flat"], check=True)
        command = ["qemu-img", "convert", "-q", "-f", "raw", "-O", "vmdk", *more, folder / "flat", path]
    else:
        command = ["qemu-img", "create", "-q", "-f", QEMU[disk_format], *options, path, str(SIZE)]
    subprocess.run(command, check=True)
    return path.read_bytes()


def iso(folder: Path) -> bytes:
    (folder / "tree").mkdir()
    (folder / "tree" / "file").write_text("x")
    subprocess.run(["genisoimage", "-quiet", "-o", folder / "a.iso", folder / "tree"], check=True)
    return (folder / "a.iso").read_bytes()


def gpt() -> bytes:
    """A protective MBR and the signature of a table behind it."""
    disk = bytearray(1 << 20)
    disk[446:462] = bytes([0, 0, 2, 0, 0xEE, 0xFF, 0xFF, 0xFF, 1, 0, 0, 0, 0xFF, 0x07, 0, 0])
    disk[510:512] = b"\x55\xaa"
    disk[512:520] = b"EFI PART"
    return bytes(disk)


def inspected(data: bytes, step: int = 65536) -> Finding:
    inspection = Inspection()
    for at in range(0, len(data), step):
        inspection.see(data[at : at + step])
    return inspection.finding()


def judged(data: bytes, disk_format: str, container_format: str = "bare", must_match: bool = True) -> int | None:
    return judge(inspected(data), disk_format, container_format, must_match=must_match, nonfatal=())


@pytest.mark.parametrize("disk_format", [name for name in QEMU if name != "raw"])
@pytest.mark.parametrize("step", [511, 65536, 1 << 20])
def test_a_format_is_known_whatever_the_chunks(tmp_path: Path, disk_format: str, step: int) -> None:
    finding = inspected(made(tmp_path, disk_format), step)
    assert finding.formats == (disk_format,)
    assert finding.unsafe == ()
    assert abs(finding.virtual_size - SIZE) < 1 << 20


@pytest.mark.parametrize("disk_format", [name for name in QEMU if name != "raw"])
async def test_an_honest_image_is_taken(user: Caller, tmp_path: Path, disk_format: str) -> None:
    new = await user.create(disk_format=disk_format, container_format="bare")
    data = made(tmp_path, disk_format)
    await user.upload(new["id"], data)
    shown = await user.show(new["id"])
    assert (shown["status"], shown["size"]) == ("active", len(data))
    assert abs(shown["virtual_size"] - SIZE) < 1 << 20


@pytest.mark.parametrize("said", ["qcow2", "vdi", "vhd", "vhdx", "vmdk", "iso"])
@pytest.mark.parametrize("really", ["qcow2", "vmdk", "raw"])
async def test_a_liar_is_refused(image: Running, user: Caller, tmp_path: Path, said: str, really: str) -> None:
    if said == really:
        return
    new = await user.create(disk_format=said, container_format="bare")
    told = await user.upload(new["id"], made(tmp_path, really), status=415)
    assert f"Image disk_format {said} does not match stream data {really}" in told["message"]
    assert (await user.show(new["id"]))["status"] == "queued"
    assert blobs_on_disk(image) == []


def _with_backing(folder: Path) -> bytes:
    return made(folder, "qcow2", "-b", "/etc/passwd", "-F", "raw", "-u")


def _with_data_file(folder: Path) -> bytes:
    return made(folder, "qcow2", "-o", f"data_file={folder}/data,data_file_raw=on")


def _flat_vmdk(_: Path) -> bytes:
    text = (
        "# Disk DescriptorFile\nversion=1\nCID=ac4b9c8b\nparentCID=ffffffff\n"
        'createType="monolithicFlat"\nRW 16384 FLAT "/etc/shadow" 0\nddb.adapterType = "ide"\n'
    )
    return text.encode().ljust(1 << 16, b"\0")


@pytest.mark.parametrize(
    ("maker", "disk_format"),
    [
        (_with_backing, "qcow2"),
        (_with_backing, "raw"),
        (_with_data_file, "qcow2"),
        (_with_data_file, "raw"),
        (_flat_vmdk, "vmdk"),
    ],
)
@pytest.mark.parametrize("container_format", ["bare"])
async def test_what_refers_to_other_files_is_refused(
    image: Running, user: Caller, tmp_path: Path, maker: object, disk_format: str, container_format: str
) -> None:
    new = await user.create(disk_format=disk_format, container_format=container_format)
    told = await user.upload(new["id"], maker(tmp_path), status=415)  # type: ignore[operator]
    assert "safety" in told["message"] or "does not match" in told["message"]
    assert (await user.show(new["id"]))["status"] == "queued"
    assert blobs_on_disk(image) == []


def test_a_container_hides_nothing_that_stands_in_the_open(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="safety"):
        judged(_with_backing(tmp_path), "qcow2", "ovf")
    assert judged(b"PK wrapped", "vmdk", "ova") is None


def test_raw_is_raw_whatever_is_in_it(tmp_path: Path) -> None:
    data = made(tmp_path, "qcow2")
    assert judged(data, "raw") == len(data)
    assert judged(b"", "raw") == 0


@pytest.mark.parametrize("disk_format", ["ami", "ari", "aki", "ploop"])
def test_what_cannot_be_recognised(tmp_path: Path, disk_format: str) -> None:
    assert judged(b"\x7fELF some kernel", disk_format) is None
    with pytest.raises(Unsupported, match="does not match"):
        judged(made(tmp_path, "qcow2"), disk_format)


def test_iso(tmp_path: Path) -> None:
    data = iso(tmp_path)
    assert judged(data, "iso") is not None
    assert judged(gpt()[:32768] + data[32768:], "iso") is not None, "bootable ISOs carry a partition table in front"
    with pytest.raises(Unsupported):
        judged(data, "qcow2")


def test_gpt_disks_are_raw() -> None:
    data = gpt()
    finding = inspected(data)
    assert finding.formats == ("gpt",)
    assert judged(data, "raw") == len(data)


def test_two_formats_at_once_are_suspicious(tmp_path: Path) -> None:
    data = bytearray(made(tmp_path, "qcow2").ljust(1 << 20, b"\0"))
    data[0x40:0x44] = b"\x7f\x10\xda\xbe"
    assert set(inspected(bytes(data)).formats) == {"qcow2", "vdi"}
    for disk_format in ("qcow2", "vdi", "raw"):
        with pytest.raises(Unsupported, match="Multiple formats"):
            judged(bytes(data), disk_format)


def test_a_mismatch_may_be_allowed_but_not_what_is_unsafe(tmp_path: Path) -> None:
    assert judged(b"text", "qcow2", must_match=False) is None
    with pytest.raises(Unsupported, match="safety"):
        judged(_with_backing(tmp_path), "vmdk", must_match=False)


@pytest.mark.parametrize("cut", [4, 72, 104, 512, 4096])
def test_a_torn_header_is_no_error_of_ours(tmp_path: Path, cut: int) -> None:
    for disk_format in QEMU:
        data = made(tmp_path, disk_format)[:cut]
        try:
            judged(data, disk_format)
        except Unsupported:
            continue
