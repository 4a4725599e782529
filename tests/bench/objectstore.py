"""The object store without HTTP: `python tests/bench/objectstore.py [URL]`; figures in docs/explanation/objects.md.

Aims of issue 4: a listing page of 10,000 among 1,000,000 names in 60 ms, one with a delimiter in 10 ms, durable
writes of 1 KB by 16 writers at 1,500 a second. What HTTP adds is measured by cloud.py.
"""

import asyncio
import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from pileus.drivers.blob.file import FileBlobs
from pileus.kernel.db import Database, Tx
from pileus.kernel.policy import Policy
from pileus.kernel.types import as_bytes, cloud
from pileus.services.objectstore import service
from pileus.services.objectstore.core import containers, intake, listings, objects, reading
from pileus.services.objectstore.core.arrivals import Arrivals
from pileus.services.objectstore.core.containers import Change
from pileus.services.objectstore.core.intake import Body
from pileus.services.objectstore.core.listings import Wanted
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.core.objects import Put
from pileus.services.objectstore.core.settings import ObjectSettings
from pileus.services.objectstore.db import objects as rows
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import ObjectRow

NAMES = 1_000_000
MIB = 1 << 20
WRITERS = 16


class Bench:
    def __init__(self, url: str, place: Path, **settings: bool) -> None:
        self.db = Database(url)
        self.store = FileBlobs(place / "objects")
        chosen = ObjectSettings(**settings)  # type: ignore[arg-type]
        self.near = Neighbours(chosen, Policy(service.RULES), self.db, {"standard": self.store}, None, Arrivals())  # type: ignore[arg-type]

    async def put(self, room: str, name: str, chunks: AsyncIterator[bytes]) -> ObjectRow:
        def decide(tx: Tx, body: Body) -> ObjectRow:
            return objects.put(tx, self.near, cloud(), "AUTH_b", room, name, Put(), body)

        return await intake.store(self.near, "standard", chunks, decide)

    async def get(self, room: str, name: str) -> int:
        _, whole = await self.db.read(objects.fetch, self.near, "AUTH_b", room, name, lambda row: None)
        return sum([len(c) async for c in as_bytes(reading.content(self.near, "AUTH_b", whole, lambda row: None))])

    async def some(self, room: str, number: int, data: bytes) -> object:
        """Of three one is new, one written over, one deleted."""
        if number % 3 < 2:
            return await self.put(room, f"m{number}" if number % 3 else f"n{number}", blocks(len(data), data))
        return await self.db.write(self.drop, room, f"n{number}")

    def drop(self, tx: Tx, room: str, name: str) -> object:
        return objects.delete(tx, self.near, cloud(), containers.get(tx, "AUTH_b", room), name)

    async def room(self, name: str) -> ContainerRow:
        return (await self.db.write(containers.put, self.near, cloud(), "AUTH_b", name, Change()))[0]


async def blocks(total: int, block: bytes) -> AsyncIterator[bytes]:
    for _ in range(total // len(block)):
        yield block


async def rate(what: str, times: int, call: Callable[[int], Awaitable[object]]) -> float:
    """Calls a second by `WRITERS` callers at once."""
    numbers = iter(range(times))

    async def caller() -> None:
        for number in numbers:
            await call(number)

    begun = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(WRITERS)))
    found = times / (time.perf_counter() - begun)
    print(f"{what:44} {found:10,.0f}/s")
    return found


async def small(bench: Bench) -> None:
    await bench.room("small")
    one = os.urandom(1024)
    await rate(
        "PUT 1 KB, new names, durable, 16 writers", 6000, lambda n: bench.put("small", f"n{n}", blocks(1024, one))
    )
    await rate("PUT 1 KB, overwriting", 3000, lambda n: bench.put("small", f"n{n}", blocks(1024, one)))
    await rate(
        "PUT 1 KB, writing over the same 50", 1000, lambda n: bench.put("small", f"n{n % 50}", blocks(1024, one))
    )
    await rate("GET 1 KB", 6000, lambda n: bench.get("small", f"n{n}"))
    await rate("PUT, writing over and DELETE, mixed", 3000, lambda n: bench.some("small", n, one))
    await rate("PUT 64 KB, in files", 1500, lambda n: bench.put("small", f"f{n}", blocks(65536, os.urandom(65536))))


async def large(bench: Bench, place: Path) -> None:
    await bench.room("large")
    block = os.urandom(MIB)

    def plain() -> None:
        digest = hashlib.md5(usedforsecurity=False)
        with (place / "plain").open("wb", buffering=0) as file:
            for _ in range(100):
                file.write(block)
                digest.update(block)
            os.fsync(file.fileno())

    for name, size in (("64 KiB", 65536), ("1 MiB", MIB)):
        begun = time.perf_counter()
        plain()
        disk = time.perf_counter() - begun
        begun = time.perf_counter()
        await bench.put("large", "big", blocks(100 * MIB, block[:size]))
        took = time.perf_counter() - begun
        print(
            f"PUT 100 MB in chunks of {name:8} {100 / took:6,.0f} MB/s, {disk / took:4.2f} of write + fsync + MD5 alone"
        )
    begun = time.perf_counter()
    await bench.get("large", "big")
    print(f"GET 100 MB {100 / (time.perf_counter() - begun):6,.0f} MB/s")


def fill(tx: Tx, room: ContainerRow, names: list[str]) -> None:
    made = [
        ObjectRow(room.id, name, tx.now, False, "", 1, 1, "0" * 32, "", "text/plain", 0, tx.now, 0) for name in names
    ]
    plain = [{f"b_{field}": getattr(row, field) for field in ObjectRow.__struct_fields__} for row in made]
    tx.run_many(rows._PUT[tx.dialect], plain)


async def lists(bench: Bench) -> None:
    room = await bench.room("many")
    for start in range(0, NAMES, 50_000):
        await bench.db.write(fill, room, [f"d{n % 500:03}/o{n:07}" for n in range(start, start + 50_000)])
    for what, wanted in (
        ("page of 10,000 among 1,000,000", Wanted(marker="d250/")),
        ("page of 10,000, reverse", Wanted(marker="d250/", reverse=True)),
        ("page of 100 by prefix", Wanted(prefix="d123/", limit=100)),
        ("delimiter: 500 subdirs", Wanted(delimiter="/")),
        ("delimiter below a prefix: 2,000 names", Wanted(delimiter="/", prefix="d123/")),
    ):
        best = 9e9
        for _ in range(5):
            begun = time.perf_counter()
            found = await bench.db.read(listings.of_container, room, wanted)
            best = min(best, time.perf_counter() - begun)
        print(f"{what:44} {best * 1000:8.2f} ms, {len(found.items)} items")
    begun = time.perf_counter()
    await bench.db.read(containers.usage, room)
    print(f"{'counters of that container':44} {(time.perf_counter() - begun) * 1000:8.2f} ms")


async def main() -> None:
    place = Path(tempfile.mkdtemp(prefix="pileus-bench-"))
    url = sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{place}/bench.db"
    try:
        for events in (False, True):
            bench = Bench(url, place, object_events=events)
            await bench.db.start()
            await bench.store.start()
            if events:
                print("with a line of the change log for every object:")
                await small(bench)
            else:
                await small(bench)
                await large(bench, place)
                await lists(bench)
            await bench.db.close()
            await bench.store.close()
    finally:
        shutil.rmtree(place)


if __name__ == "__main__":
    asyncio.run(main())
