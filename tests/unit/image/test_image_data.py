"""Data of images: in, out, cut off, refused, too much, and after a crash."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import image_server
from cloud_runs import free_port
from image_callers import OCTETS, RAW, Caller, blobs_on_disk, hashed
from image_server import Running, running
from pileus.drivers.blob.file.disk import Disk
from pileus.kernel.db import Tx
from pileus.kernel.types import MINUTE, cloud
from pileus.services.image.db import images

MIB = 1 << 20
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


async def blocks(count: int, size: int = 65536) -> AsyncIterator[bytes]:
    for number in range(count):
        yield number.to_bytes(4, "big") * (size // 4)


async def test_upload_and_download(image: Running, user: Caller) -> None:
    data = os.urandom(3 * MIB + 17)
    new = await user.create(name="a", **RAW)
    assert (new["status"], new["size"], new["checksum"], "stores" in new) == ("queued", None, None, False)
    assert (await user.download(new["id"], status=204)).content == b""
    await user.upload(new["id"], data)
    shown = await user.show(new["id"])
    assert (shown["status"], shown["size"], shown["virtual_size"]) == ("active", len(data), len(data))
    assert (shown["checksum"], shown["os_hash_value"]) == hashed(data)
    assert (shown["os_hash_algo"], shown["stores"]) == ("sha512", "file")
    got = await user.download(new["id"])
    assert got.content == data
    assert got.headers["content-md5"] == shown["checksum"]
    assert got.headers["content-length"] == str(len(data))
    assert got.headers["content-type"] == OCTETS
    await user.upload(new["id"], data, status=409)


async def test_chunked_upload_of_unknown_length(user: Caller) -> None:
    new = await user.create(**RAW)
    await user.upload(new["id"], blocks(64))
    assert (await user.show(new["id"]))["size"] == 64 * 65536


@pytest.mark.parametrize(
    ("header", "status", "part", "said"),
    [
        ("bytes=0-0", 206, slice(0, 1), "bytes 0-0/1000"),
        ("bytes=990-", 206, slice(990, 1000), "bytes 990-999/1000"),
        ("bytes=-10", 206, slice(990, 1000), "bytes 990-999/1000"),
        ("bytes=5-5000", 206, slice(5, 1000), "bytes 5-999/1000"),
        ("bytes=1000-", 416, None, "bytes */1000"),
        ("bytes=9-3", 416, None, "bytes */1000"),
        ("bytes=a-b", 416, None, "bytes */1000"),
        ("bytes=1-2,4-5", 400, None, None),
    ],
)
async def test_ranges(user: Caller, header: str, status: int, part: slice | None, said: str | None) -> None:
    data = os.urandom(1000)
    new = await user.create(**RAW)
    await user.upload(new["id"], data)
    got = await user.http.get(f"/v2/images/{new['id']}/file", headers={"Range": header})
    assert (got.status_code, got.headers.get("content-range")) == (status, said)
    if part is not None:
        assert got.content == data[part]


async def test_formats_come_first(user: Caller, image: Running) -> None:
    new = await user.create(name="bare")
    told = await user.upload(new["id"], b"x", status=400)
    assert "Properties disk_format, container_format must be set prior to saving data." in told["message"]
    assert blobs_on_disk(image) == []


async def test_media_type(user: Caller) -> None:
    new = await user.create(**RAW)
    path = f"/v2/images/{new['id']}/file"
    await user.ask("PUT", path, content=b"x", headers={"Content-Type": "application/json"}, status=415)
    assert (await user.show(new["id"]))["status"] == "queued"


async def send_part(image: Running, user: Caller, image_id: str, where: str = "file") -> asyncio.StreamWriter:
    """Begin an upload of 8 MiB and send 3 of it."""
    _, writer = await asyncio.open_connection("127.0.0.1", image.port)
    head = (
        f"PUT /v2/images/{image_id}/{where} HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {user.token}\r\n"
        f"Content-Type: {OCTETS}\r\nContent-Length: {8 * MIB}\r\n\r\n"
    )
    writer.write(head.encode() + bytes(3 * MIB))
    await writer.drain()
    return writer


async def until(user: Caller, image_id: str, status: str) -> None:
    async with asyncio.timeout(60):
        while (await user.show(image_id))["status"] != status:
            await asyncio.sleep(0.02)


async def until_there(folder: Path, count: int) -> None:
    """So many files are in a store."""
    async with asyncio.timeout(60):
        while sum(len(names) for _, _, names in os.walk(folder)) != count:
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(("where", "state"), [("file", "saving"), ("stage", "uploading")])
async def test_a_cut_upload_leaves_a_queued_image_and_no_bytes(
    image: Running, user: Caller, where: str, state: str
) -> None:
    new = await user.create(**RAW)
    writer = await send_part(image, user, new["id"], where)
    await until(user, new["id"], state)
    await image.reconcile()
    assert (await user.show(new["id"]))["status"] == state, "a living upload was rescued"
    writer.close()
    await until(user, new["id"], "queued")
    await until_there(Path(image.blobs._root), 0)
    await user.upload(new["id"], b"second try")
    assert (await user.download(new["id"])).content == b"second try"


async def test_one_upload_at_a_time(image: Running, user: Caller) -> None:
    new = await user.create(**RAW)
    writer = await send_part(image, user, new["id"])
    await until(user, new["id"], "saving")
    told = await user.upload(new["id"], b"other", status=409)
    assert "Image status transition from saving to saving is not allowed" in told["message"]
    writer.close()
    await until(user, new["id"], "queued")


async def test_deleted_while_it_comes_in(image: Running, user: Caller) -> None:
    new = await user.create(**RAW)
    going = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield bytes(MIB)
        await going.wait()
        yield bytes(MIB)

    upload = asyncio.ensure_future(user.upload(new["id"], body(), status=410))
    await until(user, new["id"], "saving")
    await user.ask("DELETE", f"/v2/images/{new['id']}", status=204)
    going.set()
    assert "could not be found after upload" in (await upload)["message"]
    await user.show(new["id"], 404)
    assert blobs_on_disk(image) == []


async def test_delete_removes_the_bytes(image: Running, user: Caller) -> None:
    new = await user.create(**RAW)
    await user.upload(new["id"], b"data")
    assert len(blobs_on_disk(image)) == 1
    await user.ask("DELETE", f"/v2/images/{new['id']}", status=204)
    assert blobs_on_disk(image) == []


async def test_too_large(tmp_path: Path) -> None:
    async with running(tmp_path, size_cap=100_000) as image:
        user = Caller(image.url, "u:p1:member")
        new = await user.create(**RAW)
        for body in (bytes(100_001), blocks(4)):
            told = await user.upload(new["id"], body, status=413)
            assert "too large" in told["message"]
            assert (await user.show(new["id"]))["status"] == "queued"
        assert blobs_on_disk(image) == []
        await user.upload(new["id"], bytes(100_000))
        await user.http.aclose()


async def test_quotas_of_a_project(tmp_path: Path) -> None:
    async with running(tmp_path, size_total=4, count_total=3, count_uploading=2) as image:
        user, other = Caller(image.url, "u:p1:member"), Caller(image.url, "v:p2:member")
        ids = [(await user.create(**RAW))["id"] for _ in range(3)]
        told = await user.create(status=413, **RAW)
        assert "Resource image_count_total is over limit of 3 due to current usage 3 and delta 1" in told["message"]
        await other.create(**RAW)
        await user.upload(ids[0], bytes(3 * MIB))
        await user.upload(ids[1], bytes(2 * MIB), status=413)
        await user.upload(ids[1], blocks(32), status=413)
        assert (await user.show(ids[1]))["status"] == "queued"
        usage = (await user.ask("GET", "/v2/info/usage", status=200))["usage"]
        assert usage["image_size_total"] == {"usage": 3, "limit": 4}
        assert usage["image_count_total"] == {"usage": 3, "limit": 3}
        assert usage["image_stage_total"] == {"usage": 0, "limit": -1}
        await user.http.aclose()
        await other.http.aclose()


async def test_uploads_side_by_side_do_not_pass_the_quota_together(tmp_path: Path) -> None:
    async with running(tmp_path, size_total=4) as image:
        user = Caller(image.url, "u:p1:member")
        ids = [(await user.create(**RAW))["id"] for _ in range(3)]
        paths = [f"/v2/images/{one}/file" for one in ids]
        headers = {"Content-Type": OCTETS}
        answers = await asyncio.gather(
            *(user.http.put(path, content=blocks(40), headers=headers) for path in paths), return_exceptions=False
        )
        assert sorted(answer.status_code for answer in answers) == [204, 413, 413]
        shown = [(await user.show(one))["status"] for one in ids]
        assert sorted(shown) == ["active", "queued", "queued"]
        assert len(blobs_on_disk(image)) == 1
        await user.http.aclose()


async def test_staged_data_have_a_quota_too(tmp_path: Path) -> None:
    async with running(tmp_path, stage_total=1, size_total=3) as image:
        user = Caller(image.url, "u:p1:member")
        ids = [(await user.create(**RAW))["id"] for _ in range(2)]
        await user.upload(ids[0], bytes(2 * MIB), where="stage", status=413)
        await user.upload(ids[0], bytes(MIB), where="stage")
        await user.upload(ids[1], bytes(MIB), where="stage", status=413)
        order = {"method": {"name": "glance-direct"}}
        await user.ask("POST", f"/v2/images/{ids[0]}/import", json=order, status=202)
        await user.upload(ids[1], bytes(MIB), where="stage")
        await user.http.aclose()


class BadDisk(Disk):
    """Fails to write with one error."""

    def __init__(self, number: int) -> None:
        self.number = number

    def write(self, fd: int, data: bytes) -> None:
        raise OSError(self.number, os.strerror(self.number))


@pytest.mark.parametrize(("number", "status", "said"), [(28, 413, "storage media is full"), (5, 503, "store failed")])
async def test_a_store_that_fails(tmp_path: Path, number: int, status: int, said: str) -> None:
    async with running(tmp_path, disk=BadDisk(number)) as image:
        user = Caller(image.url, "u:p1:member")
        new = await user.create(**RAW)
        told = await user.upload(new["id"], bytes(MIB), status=status)
        assert said in told["message"]
        assert (await user.show(new["id"]))["status"] == "queued"
        assert blobs_on_disk(image) == []
        await user.http.aclose()


async def test_deactivated(user: Caller, admin: Caller, stranger: Caller) -> None:
    new = await user.create(**RAW)
    path = f"/v2/images/{new['id']}/actions"
    await user.ask("POST", f"{path}/deactivate", status=403)
    await user.upload(new["id"], b"data")
    await stranger.ask("POST", f"{path}/deactivate", status=404)
    for _ in range(2):
        await user.ask("POST", f"{path}/deactivate", status=204)
    assert (await user.show(new["id"]))["status"] == "deactivated"
    await user.download(new["id"], status=403)
    assert (await admin.download(new["id"])).content == b"data"
    for _ in range(2):
        await user.ask("POST", f"{path}/reactivate", status=204)
    assert (await user.download(new["id"])).content == b"data"


async def test_import_of_staged_data(image: Running, user: Caller, admin: Caller) -> None:
    new = await user.create(**RAW)
    path = f"/v2/images/{new['id']}"
    order = {"method": {"name": "glance-direct"}}
    await user.ask("POST", f"{path}/import", json=order, status=409)
    await user.upload(new["id"], b"staged", where="stage")
    staged = await user.show(new["id"])
    assert (staged["status"], staged["size"], staged["checksum"]) == ("uploading", 6, None)
    assert (await user.download(new["id"], status=204)).content == b""
    await user.ask("POST", f"{path}/import", json={"method": {"name": "web-download", "uri": "http://x"}}, status=400)
    await user.ask("POST", f"{path}/import", json=order, status=202)
    shown = await user.show(new["id"])
    assert (shown["status"], shown["checksum"], shown["os_glance_failed_import"]) == (
        "active",
        hashed(b"staged")[0],
        "",
    )
    assert (await user.download(new["id"])).content == b"staged"
    [task] = (await user.ask("GET", f"{path}/tasks", status=200))["tasks"]
    assert (task["status"], task["type"], task["image_id"]) == ("success", "api_image_import", new["id"])
    assert (await admin.ask("GET", f"/v2/tasks/{task['id']}", status=200))["result"] == {"image_id": new["id"]}
    await user.ask("GET", f"/v2/tasks/{task['id']}", status=403)
    await user.ask("POST", f"{path}/import", json=order, status=409)


async def test_import_of_what_will_not_do(image: Running, user: Caller) -> None:
    new = await user.create(disk_format="qcow2", container_format="bare")
    path = f"/v2/images/{new['id']}"
    await user.upload(new["id"], b"no qcow2", where="stage")
    await user.ask("POST", f"{path}/import", json={"method": {"name": "glance-direct"}}, status=202)
    shown = await user.show(new["id"])
    assert (shown["status"], shown["size"], shown["os_glance_failed_import"]) == ("queued", None, "file")
    [task] = (await user.ask("GET", f"{path}/tasks", status=200))["tasks"]
    assert task["status"] == "failure"
    assert "does not match" in task["message"]
    assert blobs_on_disk(image) == []


async def test_a_killed_process_leaves_no_saving_image(tmp_path: Path) -> None:
    """SIGKILL in the middle; the next process undoes it, and touches nothing else."""
    port = free_port()
    program = [sys.executable, str(image_server.__file__), str(tmp_path), str(port)]
    child = subprocess.Popen(program, stdout=subprocess.PIPE, env=ENVIRONMENT)
    assert child.stdout is not None
    child.stdout.readline()
    user = Caller(f"http://127.0.0.1:{port}", "u:p1:member")
    done, cut, staged = [(await user.create(**RAW))["id"] for _ in range(3)]
    await user.upload(done, b"done")
    await user.upload(staged, b"staged", where="stage")
    there = Running(None, None, None, "", port)  # type: ignore[arg-type]
    writer = await send_part(there, user, cut)
    await until(user, cut, "saving")
    await until_there(tmp_path / "images", 3)  # its bytes begin to come to disk only after it said so
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    writer.close()
    await user.http.aclose()
    async with running(tmp_path) as image:
        user = Caller(image.url, "u:p1:member")
        assert (await user.show(cut))["status"] == "saving"
        assert len(blobs_on_disk(image)) == 3
        await image.reconcile()
        assert [(await user.show(one))["status"] for one in (done, cut, staged)] == ["active", "queued", "uploading"]
        assert len(blobs_on_disk(image)) == 2
        assert (await user.download(done)).content == b"done"
        await user.upload(cut, b"again")
        await user.ask("POST", f"/v2/images/{staged}/import", json={"method": {"name": "glance-direct"}}, status=202)
        assert (await user.download(staged)).content == b"staged"
        await user.http.aclose()


async def test_who_counts_as_dead(ready_url: str, tmp_path: Path) -> None:
    """With several processes on one database, silence does; with one, not being this process is enough."""
    async with running(tmp_path, url=ready_url) as image:
        user = Caller(image.url, "u:p1:member")
        fresh, silent = [(await user.create(**RAW))["id"] for _ in range(2)]

        def taken_by_another(tx: Tx) -> None:
            for image_id, age in ((fresh, 0), (silent, 10 * MINUTE)):
                images.change(
                    tx, image_id, status="saving", blob_id=f"b-{image_id}", writer="other", touched_at=tx.now - age
                )

        await image.db.write(taken_by_another)
        await image.reconcile()
        states = [(await user.show(one))["status"] for one in (fresh, silent)]
        assert states == ["saving" if image.db.multi_process else "queued", "queued"]
        await user.http.aclose()


async def test_a_living_upload_says_so(image: Running, user: Caller) -> None:
    new = await user.create(**RAW)
    writer = await send_part(image, user, new["id"])
    await until(user, new["id"], "saving")
    [row] = await image.db.read(images.being_written)
    await image.reconcile()
    [later] = await image.db.read(images.being_written)
    assert later.touched_at > row.touched_at
    writer.close()
    await until(user, new["id"], "queued")


async def chunk() -> AsyncIterator[bytes]:
    yield b"orphan"


async def test_the_sweep(tmp_path: Path) -> None:
    async with running(tmp_path, orphan_minutes=0) as image:
        user = Caller(image.url, "u:p1:member")
        await image.blobs.put("orphan", chunk())
        await image.reconcile()
        assert blobs_on_disk(image) == ["orphan"], "a database without images is more likely the wrong one"
        new = await user.create(**RAW)
        await user.upload(new["id"], b"named")
        await image.reconcile()
        assert len(blobs_on_disk(image)) == 1
        assert (await user.download(new["id"])).content == b"named"
        await user.http.aclose()


async def test_the_sweep_spares_the_young(image: Running, user: Caller) -> None:
    await user.create(**RAW)
    await image.blobs.put("orphan", chunk())
    await image.reconcile()
    assert blobs_on_disk(image) == ["orphan"]


async def test_blob_gone(image: Running, user: Caller) -> None:
    new = await user.create(**RAW)
    await user.upload(new["id"], b"data")
    [blob] = blobs_on_disk(image)
    await image.blobs.remove(blob)
    await user.download(new["id"], status=410)


async def test_a_slow_reader_of_a_deleted_image_gets_it_all(image: Running, user: Caller) -> None:
    data = os.urandom(4 * MIB)
    new = await user.create(**RAW)
    await user.upload(new["id"], data)
    async with user.http.stream("GET", f"/v2/images/{new['id']}/file") as answer:
        parts = answer.aiter_bytes()
        got = await anext(parts)
        await user.ask("DELETE", f"/v2/images/{new['id']}", status=204)
        got += b"".join([part async for part in parts])
    assert got == data


async def test_neighbours(image: Running, user: Caller) -> None:
    new = await user.create(name="n", **RAW, hw_disk_bus="scsi", tags=["t"], min_disk=3)
    await user.upload(new["id"], b"for a guest")
    internal = image.service.internal
    found = await image.db.read(internal.find, cloud(), new["id"])
    assert (found.name, found.status, found.size, found.hash_algo) == ("n", "active", 11, "sha512")
    assert (found.properties, found.tags, found.min_disk) == ({"hw_disk_bus": "scsi"}, ("t",), 3)
    assert b"".join([part async for part in internal.data(new["id"])]) == b"for a guest"


async def test_memory_stays_small(tmp_path: Path) -> None:
    """300 MiB in and out of a process of its own, which may grow by 60."""
    port = free_port()
    program = [sys.executable, str(image_server.__file__), str(tmp_path), str(port)]
    child = subprocess.Popen(program, stdout=subprocess.PIPE, env=ENVIRONMENT)
    assert child.stdout is not None
    child.stdout.readline()
    user = Caller(f"http://127.0.0.1:{port}", "u:p1:member")

    def resident() -> int:
        text = Path(f"/proc/{child.pid}/status").read_text()
        return int(text.split("VmHWM:")[1].split()[0]) // 1024

    try:
        new = await user.create(**RAW)
        await user.upload(new["id"], bytes(MIB))
        before = resident()
        new = await user.create(**RAW)
        await user.upload(new["id"], blocks(300, MIB))
        size = 0
        async with user.http.stream("GET", f"/v2/images/{new['id']}/file") as answer:
            async for part in answer.aiter_raw():
                size += len(part)
        assert size == 300 * MIB
        assert resident() - before < 60
    finally:
        await user.http.aclose()
        child.kill()
        child.wait()
        child.stdout.close()
