"""Random histories against a model in a dictionary: contents, versions, listings, and counters that equal what they count."""

import asyncio
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from object_rows import broken, orphans
from pileus.drivers.blob.file import FileBlobs
from pileus.kernel.db import Database, Tx
from pileus.kernel.types import NotFound
from pileus.services.objectstore.core import containers, intake, multipart, objects, version_listings
from pileus.services.objectstore.core.containers import Change, Usage
from pileus.services.objectstore.core.intake import Body
from pileus.services.objectstore.core.listings import Wanted, of_container
from pileus.services.objectstore.core.objects import Put
from pileus.services.objectstore.core.stock import NULL
from pileus.services.objectstore.core.version_listings import Version
from pileus.services.objectstore.db.columns import Details
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.uploads import PartRow

from .conftest import ACCOUNT, Shelf, chunked

NAME = st.sampled_from(["a", "a", "ü/x"])
DATA = st.one_of(st.binary(max_size=20), st.binary(min_size=101, max_size=130))
STEP = st.one_of(
    st.tuples(st.just("put"), NAME, DATA),
    st.tuples(st.just("put"), NAME, DATA),
    st.tuples(st.just("delete"), NAME),
    st.tuples(st.just("destroy"), NAME, st.integers(0, 5), st.booleans()),
    st.tuples(st.just("restore"), NAME, st.integers(0, 5)),
    st.tuples(st.just("copy"), NAME, NAME),
    st.tuples(st.just("parts"), NAME, st.lists(DATA, min_size=1, max_size=3), st.booleans()),
    st.tuples(st.just("versioning"), st.sampled_from(["enabled", "suspended"])),
    st.tuples(st.just("versioning"), st.sampled_from(["enabled", "suspended"])),
)


class Model:
    """`kept`: by name and stamp, content (None: a delete marker) and whether it has a version id. `current`: by name."""

    def __init__(self, shelf: Shelf, room: ContainerRow) -> None:
        self.shelf, self.room = shelf, room
        self.kept: dict[str, dict[int, tuple[bytes | None, bool]]] = {}
        self.current: dict[str, int] = {}

    def came(self, name: str, stamp: int, data: bytes | None) -> None:
        state, there = self.room.versioning, self.kept.setdefault(name, {})
        if state != "enabled":
            there = {at: one for at, one in there.items() if one[1]} if state else {}
        there[stamp] = (data, state == "enabled")
        self.kept[name] = there
        if data is None:
            self.current.pop(name, None)
        else:
            self.current[name] = stamp

    async def put(self, name: str, data: bytes) -> None:
        row = await self.shelf.put(name, data, room=self.room.name)
        self.came(name, row.stamp, data)

    async def delete(self, name: str) -> None:
        done = await self.shelf.db.write(objects.delete, self.shelf.near, self.shelf.ctx, self.room, name)
        assert done.found == (name in self.current)
        if done.marker is not None:
            self.came(name, done.marker.stamp, None)
        else:
            self.current.pop(name, None)
            self.kept.pop(name, None)

    async def destroy(self, name: str, index: int, promote: bool) -> None:
        there = self.kept.get(name, {})
        stamp = sorted(there)[index] if index < len(there) else 777
        version = stamp if there.get(stamp, (b"", True))[1] else NULL
        done = await self.shelf.db.write(
            objects.delete_version, self.shelf.near, self.shelf.ctx, self.room, name, version, promote=promote
        )
        assert done.found == (stamp in there)
        if not done.found:
            return
        del there[stamp]
        if self.current.get(name) == stamp:
            del self.current[name]
        newest = max(there, default=0)
        if promote and name not in self.current and newest and there[newest][0] is not None:
            self.current[name] = newest

    async def restore(self, name: str, index: int) -> None:
        there = self.kept.get(name, {})
        stamp = sorted(there)[index] if index < len(there) else 777
        data, versioned = there.get(stamp, (None, True))
        version = stamp if versioned else NULL
        try:
            await self.shelf.db.write(objects.restore, self.shelf.near, self.shelf.ctx, self.room, name, version)
        except NotFound:
            assert data is None
        else:
            assert data is not None
            self.current[name] = stamp

    async def copy(self, name: str, other: str) -> None:
        source = await self.shelf.db.read(objects.find_version, self.room, name, None)
        assert (source is not None) == (name in self.current)
        if source is None:
            return
        data = self.kept[name][self.current[name]][0]
        row = await self.shelf.db.write(
            objects.copy, self.shelf.near, self.shelf.ctx, source, ACCOUNT, self.room.name, other, Put()
        )
        self.came(other, row.stamp, data)

    async def parts(self, name: str, datas: list[bytes], finish: bool) -> None:
        shelf = self.shelf
        upload = await shelf.db.write(multipart.begin, shelf.near, shelf.ctx, self.room, name, "x/y", Details())
        chosen = []
        for number, data in enumerate(datas, 1):

            def decide(tx: Tx, body: Body, number: int = number) -> PartRow:
                return multipart.put_part(tx, shelf.near, self.room, name, upload.id, number, body)

            part = await intake.store(shelf.near, "standard", chunked(data), decide)
            chosen.append((number, part.etag))
        if finish:
            row = await shelf.db.write(multipart.complete, shelf.near, shelf.ctx, self.room, name, upload.id, chosen)
            self.came(name, row.stamp, b"".join(datas))
        else:
            await shelf.db.write(multipart.drop, self.room, upload)

    async def versioning(self, state: str) -> None:
        self.room = await self.shelf.db.write(
            containers.update, self.shelf.near, self.shelf.ctx, self.room, Change(versioning=state)
        )

    async def check(self) -> None:
        shelf, room = self.shelf, self.room
        for name, there in self.kept.items():
            for stamp, (data, versioned) in there.items():
                if data is not None:
                    assert await shelf.get(name, room=room.name, version=stamp if versioned else NULL) == data
        for name, stamp in self.current.items():
            assert await shelf.get(name, room=room.name) == self.kept[name][stamp][0]
        page = await shelf.db.read(of_container, room, Wanted())
        assert [item.name for item in page.items] == sorted(self.current)
        versions = await shelf.db.read(version_listings.of_container, room, Wanted())
        told = [(v.name, v.row.stamp, v.latest) for v in versions.items if isinstance(v, Version)]
        assert told == [
            (n, s, self._latest(n, s)) for n in sorted(self.kept) for s in sorted(self.kept[n], reverse=True)
        ]
        size = sum(len(data or b"") for there in self.kept.values() for data, _ in there.values())
        assert await shelf.db.read(containers.usage, room) == Usage(len(self.current), size)

    def _latest(self, name: str, stamp: int) -> bool:
        if name in self.current:
            return self.current[name] == stamp
        there = self.kept[name]
        return stamp == max(there) and there[stamp][0] is None


async def opened(url: str, place: Path) -> Shelf:
    db, store = Database(url, synchronous="OFF"), FileBlobs(place)
    await db.start()
    await store.start()
    return Shelf(db, {"standard": store})


async def play(shelf: Shelf, name: str, steps: list[tuple[Any, ...]]) -> None:
    model = Model(shelf, await shelf.room(name))
    for verb, *words in steps:
        await getattr(model, verb)(*words)
    await model.check()
    assert await shelf.db.read_aside(broken) == []


def test_any_history_leaves_what_the_model_says(ready_url: str, tmp_path: Path) -> None:
    numbers = iter(range(10_000))
    with asyncio.Runner() as runner:
        shelf = runner.run(opened(ready_url, tmp_path / "blobs"))

        @settings(max_examples=150, deadline=None)
        @given(st.lists(STEP, min_size=10, max_size=40))
        def any_history(steps: list[tuple[Any, ...]]) -> None:
            runner.run(play(shelf, f"c{next(numbers)}", steps))

        try:
            any_history()
            runner.run(shelf.tidy())
            assert runner.run(orphans(shelf.db, shelf.stores)) == []
        finally:
            runner.run(shelf.db.close())
            runner.run(shelf.stores["standard"].close())
