"""Disks that are full, that fail, that can only be read; files that run out; a database that is locked. Clients are told, nothing is left."""

import asyncio
import errno
import os
import resource
import shutil
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from object_rows import broken, orphans
from object_server import Running, running
from pileus.drivers.blob.file.disk import Disk
from pileus.kernel.types import Unavailable
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.reconcilers.endings import Endings
from pileus.services.objectstore.reconcilers.presence import Presence
from pileus.services.objectstore.reconcilers.scrubber import Scrubber

MIB = 1 << 20


@asynccontextmanager
async def served(folder: Path, **more: Any) -> AsyncIterator[tuple[Running, httpx.AsyncClient]]:
    """A server and a client of it; nothing is left over at the end."""
    async with (
        running(folder, grace_seconds=0, **more) as it,
        httpx.AsyncClient(base_url=f"{it.url}/v1/AUTH_p/", headers={"X-Auth-Token": "u:p:member"}) as http,
    ):
        (await http.put("c")).raise_for_status()
        yield it, http
        assert await tidied(it) == []


async def tidied(it: Running) -> list[str]:
    near: Neighbours = it.service.internal._near
    await Endings(near).clear()
    left = await orphans(it.db, it.stores)
    await Endings(near).sweep()
    assert await orphans(it.db, it.stores) == []
    return [*left, *await it.db.read_aside(broken)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk takes root")
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "pileus-test", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_a_full_disk_can_be_emptied(small_disk: Path) -> None:
    """What is left at last is the database's: without it no delete could be written down."""
    async with served(small_disk, synchronous="FULL", reserve=4 * MIB) as (it, http):
        sizes = {"big": 3 * MIB, "middle": 200_000, "small": 10_000, "tiny": 10}
        made = []
        for word, size in sizes.items():
            for number in range(2000):
                answer = await http.put(f"c/{word}{number}", content=os.urandom(size))
                if answer.status_code != 201:
                    break
                made.append(f"{word}{number}")
            assert answer.status_code == 507, answer.text
        assert len(made) > 10
        static = await http.put("c/static?multipart-manifest=put", json=[{"path": "c/big0"}])
        copied = await http.request("COPY", "c/big0", headers={"Destination": "c/copy"})
        assert (static.status_code, copied.status_code) == (507, 507)
        assert (await http.get("c")).text.split() == sorted(made)
        assert (await http.post("c/big1", headers={"X-Object-Meta-Colour": "red"})).status_code == 202
        assert (await http.get("c/big1")).headers["x-object-meta-colour"] == "red"
        for name in made[:5]:
            assert (await http.delete(f"c/{name}")).status_code == 204
        assert await tidied(it) == []
        assert (await http.put("c/again", content=os.urandom(3 * MIB))).status_code == 201


async def test_a_disk_that_fills_in_the_middle_of_a_body(small_disk: Path) -> None:
    async with served(small_disk) as (it, http):
        (await http.put("c/a", content=b"old" * 100_000)).raise_for_status()

        async def endless() -> AsyncIterator[bytes]:
            for _ in range(64):
                yield bytes(MIB)

        answer = await http.put("c/a", content=endless())
        assert answer.status_code == 507
        assert (await http.get("c/a")).content == b"old" * 100_000
        assert len(await it.stores["gold"].observe()) == 1


class SickDisk(Disk):
    """Breaks the calls that are named in `sick`, with that error."""

    def __init__(self) -> None:
        self.sick: dict[str, int] = {}

    def __getattribute__(self, name: str) -> Any:
        found = object.__getattribute__(self, name)
        if name.startswith("_") or name == "sick" or name not in self.sick:
            return found
        error = self.sick[name]

        def fails(*_: Any) -> Any:
            raise OSError(error, os.strerror(error))

        return fails


CALLS = ("create", "write", "sync", "link", "sync_folder")
ERRORS = (errno.EIO, errno.EROFS, errno.EMFILE, errno.ENOSPC)


@pytest.mark.parametrize("error", ERRORS, ids=errno.errorcode.get)
@pytest.mark.parametrize("call", CALLS)
async def test_a_put_on_a_sick_disk(call: str, error: int, tmp_path: Path) -> None:
    async with served(tmp_path) as (it, http):
        (await http.put("c/a", content=b"old" * 10_000)).raise_for_status()
        disk = SickDisk()
        for store in it.stores.values():
            store._disk = store._syncs._disk = disk
        disk.sick = {call: error}
        answer = await http.put("c/a", content=b"new" * 10_000)
        assert answer.status_code == (507 if error == errno.ENOSPC else 503), answer.text
        disk.sick = {}
        assert (await http.get("c/a")).content == b"old" * 10_000
        assert len(await it.stores["gold"].observe()) == 1
        assert (await http.put("c/a", content=b"new" * 10_000)).status_code == 201


async def test_a_disk_that_lets_go_of_nothing(tmp_path: Path) -> None:
    """Nothing can be taken back: it waits for the sweep, and no file stays open."""
    async with served(tmp_path) as (it, http):
        (await http.put("c/a", content=b"old" * 10_000)).raise_for_status()
        disk = SickDisk()
        it.stores["gold"]._disk = disk
        opened = len(os.listdir("/proc/self/fd"))
        disk.sick = {"unlink": errno.EROFS}
        for _ in range(5):
            assert (await http.put("c/a", content=b"new" * 10_000)).status_code == 503
        disk.sick = {"unlink": errno.EROFS, "sync": errno.EIO}
        assert (await http.put("c/a", content=b"new" * 10_000)).status_code == 503
        async with asyncio.timeout(60):
            while len(os.listdir("/proc/self/fd")) > opened:
                await asyncio.sleep(0.01)
        disk.sick = {}
        assert (await http.get("c/a")).content == b"old" * 10_000
        await Endings(it.service.internal._near).sweep()


@pytest.mark.parametrize("error", [errno.EIO, errno.EMFILE], ids=errno.errorcode.get)
async def test_a_get_on_a_sick_disk(error: int, tmp_path: Path) -> None:
    async with served(tmp_path) as (it, http):
        (await http.put("c/a", content=b"old" * 10_000)).raise_for_status()
        disk = SickDisk()
        it.stores["gold"]._disk = disk
        disk.sick = {"read": error} if error == errno.EIO else {"open": error}
        assert (await http.get("c/a")).status_code == 503
        assert (await http.get("c/a", headers={"Range": "bytes=5-9"})).status_code == 503
        disk.sick = {}
        assert (await http.get("c/a")).content == b"old" * 10_000


async def test_a_disk_that_fails_in_the_middle_of_a_get(tmp_path: Path) -> None:
    """The status is out: the connection ends, and no client takes that for the end of the object."""
    async with served(tmp_path) as (it, http):
        (await http.put("c/a", content=bytes(8 * MIB))).raise_for_status()
        read, warm, left = Disk.read, Disk.is_warm, iter(range(3))

        class Failing(Disk):
            def read(self, fd: int, length: int, offset: int) -> bytes:
                if next(left, None) is None:
                    raise OSError(errno.EIO, "Input/output error")
                return read(self, fd, length, offset)

            def is_warm(self, fd: int, length: int, offset: int) -> bool:
                if next(left, None) is None:
                    raise OSError(errno.EIO, "Input/output error")
                return warm(self, fd, length, offset)

        it.stores["gold"]._disk = Failing()
        with pytest.raises(httpx.RemoteProtocolError):
            await http.get("c/a")
        it.stores["gold"]._disk = Disk()
        assert (await http.get("c/a")).content == bytes(8 * MIB)


async def test_a_database_that_somebody_locks(tmp_path: Path) -> None:
    """As a tool may that looks into the file: reads go on, writes wait, and then are told to come again."""
    async with served(tmp_path) as (it, http):
        (await http.put("c/a", content=b"old" * 10_000)).raise_for_status()
        with closing(sqlite3.connect(tmp_path / "pileus.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            waiting = asyncio.create_task(http.put("c/a", content=b"new" * 10_000, timeout=30))
            assert (await http.get("c/a")).content == b"old" * 10_000
            answer = await waiting
            assert answer.status_code == 503, answer.text
            other.execute("ROLLBACK")
        assert (await http.put("c/a", content=b"new" * 10_000)).status_code == 201
        await Endings(it.service.internal._near).sweep()


@pytest.mark.parametrize("aside", [True, False])
async def test_a_database_that_cannot_be_opened_once_more(aside: bool, tmp_path: Path) -> None:
    """As when there are no more files: the reader is told to come again, and what is open goes on."""
    async with served(tmp_path) as (it, http):
        (await http.put("c/a", content=b"old")).raise_for_status()
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        store: Any = it.db._store
        while store._readers:
            store._readers.pop()[0].close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
        try:
            with pytest.raises(Unavailable):
                await (it.db.read_aside if aside else it.db.read)(broken)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert (await http.get("c/a")).content == b"old"


async def test_a_disk_that_is_not_mounted(tmp_path: Path) -> None:
    """What is written into the empty folder in its place would be hidden when it comes back."""
    async with served(tmp_path) as (it, http):
        (await http.put("c/a", content=b"old" * 10_000)).raise_for_status()
        (await http.put("empty", headers={"X-Storage-Policy": "silver"})).raise_for_status()
    (tmp_path / "gold").rename(tmp_path / "unmounted")
    async with served(tmp_path) as (it, http):
        presence = Presence(it.service.internal._near)
        assert (await http.put("c/b", content=b"new" * 10_000)).status_code == 503
        assert (await http.get("c/a")).status_code == 503
        assert (await http.put("c/small", content=b"new")).status_code == 201, "short ones lie in the database"
        assert (await http.put("empty/b", content=b"new" * 10_000)).status_code == 201, "nothing was there ever"
        await presence.look()
        assert (await http.put("c/b", content=b"new" * 10_000)).status_code == 503
        shutil.rmtree(tmp_path / "gold")
        (tmp_path / "unmounted").rename(tmp_path / "gold")
        await presence.look()
        assert (await http.put("c/b", content=b"new" * 10_000)).status_code == 201
        assert (await http.get("c/a")).content == b"old" * 10_000


async def test_a_folder_whose_only_body_is_bad_is_no_strange_one(tmp_path: Path) -> None:
    """Or nobody could upload it again."""
    async with served(tmp_path) as (it, http):
        (await http.put("c/a", content=b"old" * 10_000)).raise_for_status()
        near: Neighbours = it.service.internal._near
        [seen] = await it.stores["gold"].observe()
        Path(it.stores["gold"].path(seen.id)).write_bytes(b"z" * 30_000)
        await it.db.write(lambda tx: tx.execute(text("UPDATE objectstore_bodies SET checked_at = 1")))
        await Scrubber(near).scrub()
        await Presence(near).look()
        assert (await http.get("c/a")).status_code == 503
        assert (await http.put("c/a", content=b"new" * 10_000)).status_code == 201
