"""The contract of `pileus.drivers.blob.protocol`, run on every implementation; tests are named after its rules."""

import asyncio
import errno
import hashlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from pileus.drivers.blob.file import FileBlobs, folders
from pileus.drivers.blob.file.disk import Disk
from pileus.drivers.blob.file.folders import FolderSyncs
from pileus.drivers.blob.protocol import BlobError, BlobExists, BlobFull, BlobMissing, BlobStore
from pileus.kernel.db import Database
from pileus.kernel.policy import Policy
from pileus.services.image.core.object_blobs import ObjectBlobs
from pileus.services.objectstore.core.arrivals import Arrivals
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.core.settings import ObjectSettings
from pileus.services.objectstore.internal import Internal

MIB = 1 << 20


@asynccontextmanager
async def in_files(place: Path) -> AsyncIterator[BlobStore]:
    made = FileBlobs(place / "store")
    await made.start()
    yield made
    await made.close()


@asynccontextmanager
async def in_objects(place: Path) -> AsyncIterator[BlobStore]:
    """Image data in the object store, which has small bodies in its rows and large ones in files."""
    async with in_files(place) as files:
        db = Database(f"sqlite:///{place}/pileus.db", synchronous="OFF")
        await db.start()
        settings = ObjectSettings(inline_bytes=16384)
        near = Neighbours(settings, Policy([]), db, {"standard": files}, None, Arrivals())  # type: ignore[arg-type]
        yield ObjectBlobs(Internal(near))
        await db.close()


MAKERS: dict[str, Callable[[Path], AbstractAsyncContextManager[BlobStore]]] = {"file": in_files, "objects": in_objects}


@pytest.fixture(params=MAKERS)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[BlobStore]:
    async with MAKERS[request.param](tmp_path) as made:
        yield made


async def chunked(data: bytes, size: int = 65536) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


async def content(store: BlobStore, blob_id: str, offset: int = 0, length: int | None = None) -> bytes:
    return b"".join([chunk async for chunk in store.open(blob_id, offset, length)])


async def broken(data: bytes, error: Exception) -> AsyncIterator[bytes]:
    yield data
    raise error


@pytest.mark.parametrize("size", [0, 1, 65536, MIB - 1, MIB, MIB + 1, 5 * MIB + 77])
async def test_b1_what_was_put_is_read_back(store: BlobStore, size: int) -> None:
    data = os.urandom(size)
    seen = await store.put("a-1_Z", chunked(data))
    assert (seen.id, seen.size, seen.whole, seen.hashes) == ("a-1_Z", size, True, {})
    assert await content(store, "a-1_Z") == data
    assert [(s.id, s.size, s.whole) for s in await store.observe()] == [("a-1_Z", size, True)]


async def test_b1_memory_is_constant(store: BlobStore) -> None:
    block = os.urandom(65536)

    async def many() -> AsyncIterator[bytes]:
        for _ in range(1024):
            yield block + b""

    tracemalloc.start()
    try:
        await store.put("big", many(), ("md5",))
        async for _ in store.open("big"):
            pass
        assert tracemalloc.get_traced_memory()[1] < 8 * MIB
    finally:
        tracemalloc.stop()


async def test_b2_a_broken_body_leaves_nothing(store: BlobStore) -> None:
    with pytest.raises(ConnectionResetError, match="client left"):
        await store.put("x", broken(os.urandom(3 * MIB), ConnectionResetError("client left")))
    with pytest.raises(BlobMissing):
        await content(store, "x")
    assert await store.observe() == []
    await store.put("x", chunked(b"now"))
    assert await content(store, "x") == b"now"


@pytest.mark.parametrize("after", [0, 1, 2, 3, 5])
async def test_b2_a_cancelled_put_leaves_nothing(store: BlobStore, after: int) -> None:
    sent = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        for number in range(6):
            if number == after:
                sent.set()
                await asyncio.sleep(0)
            yield os.urandom(MIB)

    put = asyncio.ensure_future(store.put("x", body()))
    await sent.wait()
    put.cancel()
    with pytest.raises(asyncio.CancelledError):
        await put
    assert await store.observe() == []
    with pytest.raises(BlobMissing):
        await content(store, "x")


async def test_b2_a_put_cancelled_at_any_moment_is_all_or_nothing(store: BlobStore) -> None:
    for turn in range(40):
        put = asyncio.ensure_future(store.put(f"x{turn}", chunked(b"d" * 70_000)))
        await asyncio.sleep(turn * 0.0001)
        put.cancel()
        try:
            await put
            whole = {f"x{turn}"}
        except asyncio.CancelledError:
            whole = set()
        assert {s.id for s in await store.observe()} == whole
        await store.remove(f"x{turn}")


async def test_b2_a_killed_put_leaves_only_what_observe_names(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from pileus.drivers.blob.file import FileBlobs\n"
        "async def endless():\n"
        "    for _ in range(4):\n"
        "        yield bytes(2 << 20)\n"
        "        print('on', flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "async def main():\n"
        "    store = FileBlobs(sys.argv[1])\n"
        "    await store.start()\n"
        "    await store.put('cut', endless())\n"
        "asyncio.run(main())\n"
    )
    root = tmp_path / "store"
    child = subprocess.Popen([sys.executable, "-c", program, str(root)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    for _ in range(4):
        child.stdout.readline()
    store = FileBlobs(root)
    await store.start()
    await store.remove("cut")
    assert [(s.id, s.whole) for s in await store.observe()] == [("cut", False)], "a living put was swept"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    [left] = await store.observe()
    assert (left.id, left.whole) == ("cut", False)
    assert left.size > 0
    assert abs(left.changed_at / 1e6 - time.time()) < 60
    with pytest.raises(BlobMissing):
        await content(store, "cut")
    await store.put("cut", chunked(b"again"))
    await store.remove("cut")
    assert await store.observe() == []
    await store.close()


async def test_b3_an_id_is_taken_once(store: BlobStore) -> None:
    await store.put("x", chunked(b"old"))
    with pytest.raises(BlobExists):
        await store.put("x", chunked(b"new and longer"))
    assert await content(store, "x") == b"old"
    assert len(await store.observe()) == 1


async def test_b3_of_many_at_once_one_wins(store: BlobStore) -> None:
    results = await asyncio.gather(
        *(store.put("x", chunked(str(n).encode() * 100)) for n in range(20)), return_exceptions=True
    )
    won = [n for n, result in enumerate(results) if not isinstance(result, BaseException)]
    assert len(won) == 1
    assert all(isinstance(result, BlobExists) for n, result in enumerate(results) if n != won[0])
    assert await content(store, "x") == str(won[0]).encode() * 100


@pytest.mark.parametrize(
    ("offset", "length"),
    [(0, 0), (0, 1), (1, None), (MIB - 1, 2), (2 * MIB, MIB), (3 * MIB, None), (3 * MIB + 5, 7), (MIB, 99 * MIB)],
)
async def test_b4_exactly_the_range(store: BlobStore, offset: int, length: int | None) -> None:
    data = os.urandom(3 * MIB + 5)
    await store.put("x", chunked(data))
    end = None if length is None else offset + length
    assert await content(store, "x", offset, length) == data[offset:end]


async def test_b4_bytes_come_in_pieces(store: BlobStore) -> None:
    await store.put("x", chunked(bytes(5 * MIB)))
    assert max([len(chunk) async for chunk in store.open("x")]) <= MIB


async def test_b4_no_negative_range(store: BlobStore) -> None:
    await store.put("x", chunked(b"data"))
    for offset, length in ((-1, None), (0, -1)):
        with pytest.raises(ValueError, match="no such range"):
            store.open("x", offset, length)


async def test_b5_remove_is_idempotent(store: BlobStore) -> None:
    await store.remove("never")
    await store.put("x", chunked(b"data"))
    await store.remove("x")
    await store.remove("x")
    with pytest.raises(BlobMissing):
        await content(store, "x")


async def test_b5_a_reader_never_sees_wrong_bytes(store: BlobStore) -> None:
    data = os.urandom(4 * MIB)
    await store.put("x", chunked(data))
    got = b""
    try:
        async for chunk in store.open("x"):
            if not got:
                await store.remove("x")
                await store.put("x", chunked(bytes(4 * MIB)))
            got += chunk
    except BlobMissing:
        assert data.startswith(got)
    else:
        assert got == data


@pytest.fixture
def small_disk(tmp_path: Path) -> AsyncIterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk takes root")
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "pileus-test", str(folder)], check=True)
    yield folder  # type: ignore[misc]
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_b6_no_space(small_disk: Path) -> None:
    store = FileBlobs(small_disk / "store")
    await store.start()
    before = await store.info()
    assert 0 < before.free <= before.total == 8 * MIB
    with pytest.raises(BlobFull):
        await store.put("x", chunked(bytes(9 * MIB)))
    assert await store.observe() == []
    assert (await store.info()).free == before.free
    await store.put("x", chunked(bytes(4 * MIB)))
    await store.close()


@pytest.mark.parametrize("bad", ["", "a/b", "../x", "x.y", "ü", "a" * 65, "a\n", "a\0", None, 7])
async def test_b7_ids(store: BlobStore, bad: str, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match="blob id"):
        await store.put(bad, chunked(b"x"))
    with pytest.raises(ValueError, match="blob id"):
        store.open(bad)
    with pytest.raises(ValueError, match="blob id"):
        await store.remove(bad)
    assert sorted(tmp_path.rglob("*")) == before


async def test_b8_hashes(store: BlobStore) -> None:
    data = os.urandom(3 * MIB + 1)
    seen = await store.put("x", chunked(data), ("md5", "sha512"))
    assert seen.hashes == {"md5": hashlib.md5(data).hexdigest(), "sha512": hashlib.sha512(data).hexdigest()}
    with pytest.raises(ValueError, match="nohash"):
        await store.put("y", chunked(data), ("nohash",))


async def test_b8_checksums_that_s3_speaks(store: BlobStore) -> None:
    async def known() -> AsyncIterator[bytes]:
        yield b"1234"
        yield b"56789"

    seen = await store.put("x", known(), ("crc32", "crc32c", "crc64nvme", "sha1"))
    assert seen.hashes == {
        "crc32": "cbf43926",
        "crc32c": "e3069283",
        "crc64nvme": "ae8b14860a799888",
        "sha1": hashlib.sha1(b"123456789").hexdigest(),
    }


async def test_b9_the_loop_goes_on(store: BlobStore) -> None:
    """Counted in CPU time of the loop's own thread, which other programs' load does not stretch."""
    gaps: list[float] = []

    async def watch() -> None:
        last = time.thread_time()
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            gaps.append(now - last)
            last = now

    block = os.urandom(256 * 1024)

    async def body() -> AsyncIterator[bytes]:
        for _ in range(128):
            yield block

    watcher = asyncio.ensure_future(watch())
    await store.put("x", body(), ("md5", "sha512"))
    async for _ in store.open("x"):
        pass
    await store.observe()
    await store.remove("x")
    watcher.cancel()
    gaps.sort()
    assert gaps[int(len(gaps) * 0.999)] < 0.005


async def test_b10_portions_are_the_whole_in_parts(store: BlobStore) -> None:
    for number in range(300):
        await store.put(f"id{number}", chunked(b"x"))
    parts = [part async for part in store.portions()]
    assert sorted(seen.id for part in parts for seen in part) == sorted(seen.id for seen in await store.observe())
    assert max(map(len, parts)) <= 100


async def test_b11_quarantine(store: BlobStore) -> None:
    await store.quarantine("never")
    await store.put("x", chunked(b"bad bytes"))
    await store.quarantine("x")
    await store.quarantine("x")
    with pytest.raises(BlobMissing):
        await content(store, "x")
    assert await store.observe() == []
    with pytest.raises(BlobExists):
        await store.put("x", chunked(b"new"))
    await store.remove("x")
    await store.put("x", chunked(b"new"))
    assert await content(store, "x") == b"new"


async def test_b11_file_what_is_put_aside_is_kept(tmp_path: Path) -> None:
    store = FileBlobs(tmp_path)
    await store.start()
    await store.put("x", chunked(b"bad bytes"))
    await store.quarantine("x")
    assert (tmp_path / "quarantine" / "x").read_bytes() == b"bad bytes"
    await store.close()


class WatchedDisk(Disk):
    """Writes down what happens, and can break one call."""

    def __init__(self, breaks: str = "") -> None:
        super().__init__()
        self.calls: list[tuple[str, object]] = []
        self.breaks = breaks

    def _note(self, name: str, what: object) -> None:
        self.calls.append((name, what))
        if name == self.breaks:
            raise OSError(5, "Input/output error")

    def write(self, fd: int, data: bytes) -> None:
        self._note("write", len(data))
        super().write(fd, data)

    def sync(self, fd: int) -> None:
        self._note("sync", os.readlink(f"/proc/self/fd/{fd}"))
        super().sync(fd)

    def link(self, old: str, new: str) -> None:
        self._note("link", (old, new))
        super().link(old, new)


async def test_b1_file_on_power_loss_the_bytes_come_before_the_name_and_the_name_before_the_answer(
    tmp_path: Path,
) -> None:
    disk = WatchedDisk()
    store = FileBlobs(tmp_path, disk=disk)
    await store.start()
    assert ("sync", str(tmp_path)) in disk.calls, "the folders themselves must last"
    disk.calls.clear()
    await store.put("x", chunked(bytes(2 * MIB + 1)))
    link = next(n for n, call in enumerate(disk.calls) if call[0] == "link")
    draft, blob = disk.calls[link][1]  # type: ignore[misc]
    assert sum(n for name, n in disk.calls[:link] if name == "write") == 2 * MIB + 1  # type: ignore[misc]
    assert disk.calls[link - 1] == ("sync", draft)
    assert disk.calls[link + 1 :] == [("sync", os.path.dirname(blob))]
    await store.close()


async def test_b1_file_new_folders_last_up_to_the_one_that_was_there(tmp_path: Path) -> None:
    disk = WatchedDisk()
    store = FileBlobs(tmp_path / "state" / "objects" / "gold", disk=disk)
    await store.start()
    synced = {what for name, what in disk.calls if name == "sync"}
    assert synced == {
        str(tmp_path / one) for one in ("", "state", "state/objects", "state/objects/gold", "state/objects/gold/blobs")
    }
    await store.close()


async def test_b11_file_on_power_loss_what_is_put_aside_is_in_one_place_at_least(tmp_path: Path) -> None:
    disk = WatchedDisk()
    store = FileBlobs(tmp_path, disk=disk)
    await store.start()
    await store.put("x", chunked(b"bad bytes"))
    disk.calls.clear()
    await store.quarantine("x")
    assert disk.calls == [("sync", str(tmp_path / "quarantine")), ("sync", os.path.dirname(store.path("x")))]
    await store.close()


async def test_b10_file_its_age_is_that_of_its_name(tmp_path: Path) -> None:
    """Bytes that came slowly are old when the name is new; whoever removes what is old and nobody's must not take it."""
    store = FileBlobs(tmp_path)
    await store.start()
    draft = tmp_path / "drafts" / "x.0123456789abcdef"
    draft.write_bytes(b"slow")
    os.utime(draft, (1, 1))
    os.link(draft, store.path("x"))
    draft.unlink()
    [seen] = await store.observe()
    assert abs(seen.changed_at / 1e6 - time.time()) < 60
    await store.close()


@pytest.mark.parametrize("breaks", ["write", "sync", "link"])
async def test_b2_file_a_failing_disk_leaves_nothing(tmp_path: Path, breaks: str) -> None:
    disk = WatchedDisk()
    store = FileBlobs(tmp_path, disk=disk)
    await store.start()
    disk.breaks = breaks
    with pytest.raises(BlobError, match="Input/output error"):
        await store.put("x", chunked(bytes(MIB + 1)))
    assert await store.observe() == []
    await store.close()


class Gate:
    """A lock; `came` counts those who wanted it."""

    def __init__(self) -> None:
        self._lock, self.came = threading.Lock(), threading.Semaphore(0)

    def __enter__(self) -> None:
        self.came.release()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def wait_for(self, count: int) -> None:
        for _ in range(count):
            assert self.came.acquire(timeout=60)


@pytest.fixture
def gates(monkeypatch: pytest.MonkeyPatch) -> list[Gate]:
    """Of folders that are synced, in the order of their first sync."""
    made: list[Gate] = []
    monkeypatch.setattr(folders, "Lock", lambda: made.append(Gate()) or made[-1])
    return made


async def test_b1_file_many_names_in_one_folder_share_syncs(tmp_path: Path, gates: list[Gate]) -> None:
    """32 names, each before its answer; those that came during the first sync share one more."""

    class SlowDisk(WatchedDisk):
        def sync_folder(self, path: str) -> None:
            if gates and not self.calls.count(("sync", path)):
                gates[0].wait_for(32)
            super().sync_folder(path)

    disk = SlowDisk()
    store = FileBlobs(tmp_path, disk=disk, threads=32)
    await store.start()
    ids = [f"id{n}" for n in range(20_000) if store.path(f"id{n}").startswith(f"{tmp_path}/blobs/00/")][:32]
    disk.calls.clear()
    await asyncio.gather(*(store.put(one, chunked(b"x")) for one in ids))
    folder_syncs = [what for name, what in disk.calls if name == "sync" and what == f"{tmp_path}/blobs/00"]
    assert 1 <= len(folder_syncs) <= 2
    await store.close()


async def test_b1_file_a_sync_that_had_begun_proves_nothing(tmp_path: Path, gates: list[Gate]) -> None:
    """The name that is made while its folder is being synced is synced once more."""
    go, begun, names = threading.Event(), threading.Event(), []

    class SlowDisk(Disk):
        def sync_folder(self, path: str) -> None:
            names.append(sorted(os.listdir(path)))
            begun.set()
            assert go.wait(60)

    syncs = FolderSyncs(SlowDisk())
    threads = [threading.Thread(target=syncs.sync, args=(str(tmp_path),)) for _ in range(4)]
    (tmp_path / "first").touch()
    threads[0].start()
    assert begun.wait(60)
    (tmp_path / "second").touch()
    for thread in threads[1:]:
        thread.start()
    gates[0].wait_for(4)
    go.set()
    for thread in threads:
        thread.join(60)
    assert names == [["first"], ["first", "second"]]


async def test_b2_file_killed_between_link_and_unlink(tmp_path: Path) -> None:
    store = FileBlobs(tmp_path)
    await store.start()
    await store.put("x", chunked(b"whole"))
    os.link(store.path("x"), tmp_path / "drafts" / "x.0123456789abcdef")
    assert [s.whole for s in await store.observe()] == [True], "a second name of a whole blob is no leftover"
    await store.start()
    assert os.listdir(tmp_path / "drafts") == []
    assert await content(store, "x") == b"whole"
    await store.close()


async def test_local_paths(tmp_path: Path) -> None:
    store = FileBlobs(tmp_path)
    await store.start()
    await store.put("x", chunked(b"bytes in place"))
    assert Path(store.path("x")).read_bytes() == b"bytes in place"
    assert "local" in (await store.info()).abilities
    await store.close()


def knows_warmth(place: Path) -> bool:
    """Whether the file system tells what is in memory: tmpfs does not, and there threads read."""
    file = place / "warmth"
    file.write_bytes(b"x")
    fd = os.open(file, os.O_RDONLY)
    try:
        return os.preadv(fd, [bytearray(1)], 0, os.RWF_NOWAIT) == 1
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
        return False
    finally:
        os.close(fd)


class CountedDisk(Disk):
    """Counts what is read, and by whom. `cold`: nothing is in memory until the disk was asked for it."""

    def __init__(self, *, cold: bool = False) -> None:
        super().__init__()
        self.cold, self.warm, self.asked = cold, 0, 0

    def read(self, fd: int, length: int, offset: int) -> bytes:
        assert threading.current_thread() is not threading.main_thread(), "the loop may not wait for the disk"
        data = super().read(fd, length, offset)
        self.asked += len(data)
        return data

    def is_warm(self, fd: int, length: int, offset: int) -> bool:
        return not self.cold and super().is_warm(fd, length, offset)

    def read_warm(self, fd: int, length: int, offset: int) -> bytes:
        data = super().read_warm(fd, length, offset)
        self.warm += len(data)
        return data


@pytest.mark.parametrize("cold", [False, True])
async def test_b4_file_warm_and_cold_bytes_are_the_same(tmp_path: Path, cold: bool) -> None:
    data = random.Random(4).randbytes(3_000_000)
    disk = CountedDisk(cold=cold)
    store = FileBlobs(tmp_path, disk=disk)
    await store.start()
    await store.put("one", chunked(data))
    assert await content(store, "one") == data
    assert disk.warm + disk.asked == len(data)
    assert bool(disk.warm) is (knows_warmth(tmp_path) and not cold)
    await store.close()


@pytest.mark.parametrize("cold", [False, True])
async def test_b4_file_lent_bytes_are_the_same(tmp_path: Path, cold: bool) -> None:
    """Sent by the system as far as the socket takes them, read where it does not."""
    data = random.Random(4).randbytes(20_000_000)
    disk = CountedDisk(cold=cold)
    store = FileBlobs(tmp_path, disk=disk)
    await store.start()
    await store.put("one", chunked(data))
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    taken = bytearray()
    reader = threading.Thread(target=lambda: [taken.extend(got) for got in iter(lambda: theirs.recv(1 << 16), b"")])
    reader.start()
    sent = 0
    async for piece in store.lend("one", 1000, len(data) - 3000):
        if isinstance(piece, bytes):
            await asyncio.get_running_loop().sock_sendall(ours, piece)
            continue
        assert len(piece) > 19_000_000
        while piece:
            count = piece.send(ours.fileno())
            sent += count
            if not count:
                await asyncio.get_running_loop().sock_sendall(ours, await piece.read())
        assert piece.send(ours.fileno()) == 0
        assert await piece.read() == b""
    ours.close()
    await asyncio.to_thread(reader.join)
    theirs.close()
    assert bytes(taken) == data[1000:-2000]
    assert bool(sent) is (knows_warmth(tmp_path) and not cold)
    assert disk.warm + disk.asked + sent == len(data) - 3000
    await store.close()


async def test_b4_file_a_range_reads_no_more_than_it_needs(tmp_path: Path) -> None:
    disk = CountedDisk()
    store = FileBlobs(tmp_path, disk=disk)
    await store.start()
    await store.put("big", chunked(bytes(20_000_000)))
    assert len(await content(store, "big", 9_000_000, 1000)) == 1000
    assert disk.warm + disk.asked == 1000
    await store.close()


async def test_b4_file_no_descriptor_stays(tmp_path: Path) -> None:
    """Of readers who read to the end, stop in the middle, or are cancelled."""
    store = FileBlobs(tmp_path)
    await store.start()
    await store.put("big", chunked(bytes(5_000_000)))
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(10):
        await content(store, "big")
        await content(store, "big", 100, 10)
        half = store.open("big")
        await anext(half)
        await half.aclose()  # type: ignore[attr-defined]
        half = store.lend("big")
        assert len([await anext(half) for _ in range(2)][1]) > 4_000_000
        await half.aclose()  # type: ignore[attr-defined]
        cut = asyncio.ensure_future(content(store, "big"))
        await asyncio.sleep(0.0005)
        cut.cancel()
        await asyncio.gather(cut, return_exceptions=True)
    assert len(os.listdir("/proc/self/fd")) == before
    await store.close()
