"""kill -9 at every moment of what the object store does: never a torn object, a wrong counter, a lost or orphaned blob.

A moment is when a call to the disk, or a statement in a transaction, is done. Each is tried in a process of its own, on a copy
of the same state; then it is looked at, tidied up and looked at again. In memory where there is room: what is killed here
is a process, not the power.
"""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from object_rows import broken, orphans
from pileus.drivers.blob.file import FileBlobs
from pileus.drivers.blob.file.disk import Disk
from pileus.kernel.db import Database, Tx
from pileus.kernel.policy import Policy
from pileus.kernel.types import as_bytes, cloud
from pileus.services.objectstore import service
from pileus.services.objectstore.core import containers, intake, listings, manifests, multipart, objects, reading
from pileus.services.objectstore.core.arrivals import Arrivals
from pileus.services.objectstore.core.containers import Change
from pileus.services.objectstore.core.intake import Body
from pileus.services.objectstore.core.listings import Wanted
from pileus.services.objectstore.core.manifests import Wish
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.core.objects import Put
from pileus.services.objectstore.core.settings import ObjectSettings
from pileus.services.objectstore.db.columns import Details
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.uploads import PartRow
from pileus.services.objectstore.reconcilers.endings import Endings
from sagas.zygote import Zygote

ACCOUNT = "AUTH_k"
OLD, NEW, SMALL = b"o" * 70_000, b"n" * 90_000, b"s" * 900
Content = dict[str, bytes]
START: Content = {"a": OLD, "b": SMALL, "c": OLD + b"c", "seg/1": b"1" * 30_000, "seg/2": b"2" * 500}


class Doom:
    """Counts moments once armed, and ends the process at the chosen one."""

    def __init__(self) -> None:
        self.left = -1

    def moment(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


DOOM = Doom()


def doomed(call: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(*args: Any, **kw: Any) -> Any:
        result = call(*args, **kw)
        DOOM.moment()
        return result

    return wrapped


class DoomedDisk(Disk):
    create = doomed(Disk.create)  # type: ignore[assignment]
    write = doomed(Disk.write)  # type: ignore[assignment]
    sync = doomed(Disk.sync)  # type: ignore[assignment]
    link = doomed(Disk.link)  # type: ignore[assignment]
    unlink = doomed(Disk.unlink)  # type: ignore[assignment]
    sync_folder = doomed(Disk.sync_folder)  # type: ignore[assignment]


class Shop:
    """An object store on a state directory."""

    def __init__(self, place: Path, disk: Disk | None = None) -> None:
        self.db = Database(f"sqlite:///{place}/pileus.db", synchronous="NORMAL")
        self.store = FileBlobs(place / "objects", disk=disk, threads=2)
        chosen = ObjectSettings(part_least=0, inline_bytes=1000, grace_seconds=0, orphan_minutes=0)
        policy = Policy(service.RULES)
        self.near = Neighbours(chosen, policy, self.db, {"standard": self.store}, None, Arrivals())  # type: ignore[arg-type]
        self.ctx = cloud()

    async def __aenter__(self) -> "Shop":
        await self.db.start()
        await self.store.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.store.close()
        await self.db.close()

    async def room(self, change: Change | None = None) -> ContainerRow:
        found = await self.db.write(containers.put, self.near, self.ctx, ACCOUNT, "c", change or Change())
        return found[0]

    async def put(self, name: str, data: bytes) -> None:
        def decide(tx: Tx, body: Body) -> None:
            objects.put(tx, self.near, self.ctx, ACCOUNT, "c", name, Put(), body)

        await intake.store(self.near, "standard", chunked(data), decide)

    async def content(self) -> Content:
        room = await self.room()
        found = {}
        for item in (await self.db.read(listings.of_container, room, Wanted())).items:
            _, whole = await self.db.read(objects.fetch, self.near, ACCOUNT, "c", item.name, anybody)
            stream = as_bytes(reading.content(self.near, ACCOUNT, whole, anybody))
            found[item.name] = b"".join([chunk async for chunk in stream])
        return found


def anybody(row: ContainerRow) -> None:
    """All may do all."""


async def chunked(data: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(data), 40_000):
        yield data[at : at + 40_000]


# --- what is done while death is near -----------------------------------------------------------------------------------


async def overwrite(shop: Shop) -> None:
    await shop.put("a", NEW)


async def put_small(shop: Shop) -> None:
    await shop.put("b", b"S" * 800)


async def copy(shop: Shop) -> None:
    _, source = await shop.db.read(objects.fetch, shop.near, ACCOUNT, "c", "a", anybody)
    await shop.db.write(objects.copy, shop.near, shop.ctx, source.object, ACCOUNT, "c", "c", Put())


async def static(shop: Shop) -> None:
    wishes = [Wish(container="c", name="seg/1"), Wish(container="c", name="seg/2", range="0-99")]
    await shop.db.write(manifests.put_static, shop.near, shop.ctx, ACCOUNT, "c", "b", wishes, Put(), anybody)


async def bulk(shop: Shop) -> None:
    room = await shop.room()

    def some(tx: Tx, names: list[str]) -> None:
        for name in names:
            objects.delete(tx, shop.near, shop.ctx, room, name)

    await shop.db.write(some, ["a", "b"])
    await shop.db.write(some, ["c", "seg/1"])
    await Endings(shop.near).clear()


async def in_parts(shop: Shop) -> None:
    room = await shop.room()
    upload = await shop.db.write(multipart.begin, shop.near, shop.ctx, room, "a", "x/y", Details())
    chosen = []
    for number, data in ((1, b"1" * 50_000), (2, b"2" * 900), (3, b"3" * 60_000)):

        def decide(tx: Tx, body: Body, number: int = number) -> PartRow:
            return multipart.put_part(tx, shop.near, room, "a", upload.id, number, body)

        part = await intake.store(shop.near, "standard", chunked(data), decide)
        if number != 2:
            chosen.append((number, part.etag))
    await shop.db.write(multipart.complete, shop.near, shop.ctx, room, "a", upload.id, chosen)
    await Endings(shop.near).clear()


async def versions(shop: Shop) -> None:
    room = await shop.room(Change(versioning="enabled"))
    await shop.put("a", NEW)
    await shop.db.write(objects.delete, shop.near, shop.ctx, room, "a")


WHOLE = b"1" * 50_000 + b"3" * 60_000
OUTCOMES: dict[str, tuple[Callable[[Shop], Awaitable[None]], list[Content]]] = {
    "overwrite": (overwrite, [START | {"a": NEW}]),
    "put_small": (put_small, [START | {"b": b"S" * 800}]),
    "copy": (copy, [START | {"c": OLD}]),
    "static": (static, [START | {"b": b"1" * 30_000 + b"2" * 100}]),
    "bulk": (bulk, [{n: START[n] for n in ("c", "seg/1", "seg/2")}, {"seg/2": START["seg/2"]}]),
    "in_parts": (in_parts, [START | {"a": WHOLE}]),
    "versions": (versions, [START | {"a": NEW}, {n: data for n, data in START.items() if n != "a"}]),
}


def begin(place: str) -> None:
    """In a child: the state that every try starts from."""

    async def fill() -> None:
        async with Shop(Path(place)) as shop:
            await shop.room()
            for name, data in START.items():
                await shop.put(name, data)

    asyncio.run(fill())


def attempt(place: str, operation: str, moment: int) -> None:
    """In a child: do it, and die at that moment, unless it is over before."""

    async def run() -> None:
        async with Shop(Path(place), DoomedDisk()) as shop:
            DOOM.left = moment
            await OUTCOMES[operation][0](shop)
            DOOM.left = -1

    Tx._run = doomed(Tx._run)  # type: ignore[method-assign]
    Tx.run_many = doomed(Tx.run_many)  # type: ignore[method-assign]
    asyncio.run(run())


@pytest.fixture(scope="module")
def floor() -> Iterator[Path]:
    memory = "/dev/shm"
    place = Path(tempfile.mkdtemp(prefix="pileus-", dir=memory if os.access(memory, os.W_OK) else None))
    yield place
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def begun(floor: Path, zygote: Zygote) -> Path:
    place = floor / "begun"
    place.mkdir()
    assert zygote.run(__file__, ".begin", {"place": str(place)}, floor / "report") == 0
    return place


@pytest.mark.parametrize("operation", OUTCOMES)
async def test_killed_at_every_moment(operation: str, begun: Path, floor: Path, zygote: Zygote) -> None:
    seen = set()
    for moment in range(1, 2000):
        place = floor / operation
        shutil.copytree(begun, place)
        asked = {"place": str(place), "operation": operation, "moment": moment}
        status = zygote.run(__file__, ".attempt", asked, floor / "report")
        async with Shop(place) as shop:
            content = await shop.content()
            allowed = [START, *OUTCOMES[operation][1]] if status else OUTCOMES[operation][1][-1:]
            assert content in allowed, f"moment {moment}: torn"
            assert await shop.db.read_aside(broken) == [], f"moment {moment}"
            endings = Endings(shop.near)
            for work in (endings.expire, endings.clear, endings.sweep):
                await work()
            await _drop_uploads(shop)
            assert await orphans(shop.db, {"standard": shop.store}) == [], f"moment {moment}"
            assert await shop.content() == content
        shutil.rmtree(place)
        seen.add(allowed.index(content))
        if status == 0:
            break
        assert status == -signal.SIGKILL
    else:
        pytest.fail("it never ended")
    assert moment > 5, "there was nothing to interrupt"


async def _drop_uploads(shop: Shop) -> None:
    """As the reconciler does after `upload_days`."""
    room = await shop.room()
    for upload in await shop.db.read(multipart.under_way, room):
        await shop.db.write(multipart.drop, room, upload)
    await Endings(shop.near).clear()
