"""What must not be lost, torn or taken too early when the world below fails, or others act meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from object_server import running
from pileus.drivers.blob.protocol import BlobError
from pileus.kernel.db import Tx, postgresql, sqlite, writer
from pileus.kernel.types import HOUR, Conflict, Unavailable, as_bytes, clock
from pileus.services.objectstore.api.swift import copying
from pileus.services.objectstore.core import (
    intake,
    listings,
    manifests,
    multipart,
    objects,
    reading,
    segments,
    version_listings,
)
from pileus.services.objectstore.core.intake import Body
from pileus.services.objectstore.core.listings import Wanted
from pileus.services.objectstore.core.manifests import Wish
from pileus.services.objectstore.db import findings
from pileus.services.objectstore.db.columns import Details
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import ObjectRow
from pileus.services.objectstore.db.uploads import PartRow
from pileus.services.objectstore.reconcilers import endings
from pileus.services.objectstore.reconcilers.scrubber import Scrubber

from .conftest import ACCOUNT, Shelf, anybody, chunked

PARTS = [bytes([n]) * 3000 for n in range(5)]


async def completed(shelf: Shelf, room: ContainerRow, name: str) -> ObjectRow:
    """An object of `PARTS`, each a blob."""
    upload = await shelf.db.write(multipart.begin, shelf.near, shelf.ctx, room, name, "x/y", Details())
    chosen = []
    for number, data in enumerate(PARTS, 1):

        def decide(tx: Tx, body: Body, number: int = number) -> PartRow:
            return multipart.put_part(tx, shelf.near, room, name, upload.id, number, body)

        chosen.append((number, (await intake.store(shelf.near, "standard", chunked(data), decide)).etag))
    return await shelf.db.write(multipart.complete, shelf.near, shelf.ctx, room, name, upload.id, chosen)


async def opened(shelf: Shelf, name: str) -> AsyncIterator[bytes]:
    _, whole = await shelf.db.read(objects.fetch, shelf.near, ACCOUNT, "c", name, anybody)
    return as_bytes(reading.content(shelf.near, ACCOUNT, whole, anybody))


def aged(tx: Tx) -> None:
    """As if all that is garbage had been so for a day."""
    tx.execute(text("UPDATE objectstore_garbage SET since = since - 86400000000"))


async def test_who_reads_parts_reads_them_to_the_end(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it takes, and whichever process clears up meanwhile."""
    monkeypatch.setattr(reading, "PIECES", 1)  # as with an object of thousands of parts: most are looked up later
    room = await shelf.room()
    await completed(shelf, room, "a")
    patient, other = shelf.with_settings(grace_seconds=60), shelf.with_settings(grace_seconds=60)
    stream = await opened(patient, "a")
    got = await anext(stream)
    await shelf.db.write(objects.delete, shelf.near, shelf.ctx, room, "a")
    for _ in range(3):
        await shelf.db.write(aged)
        await patient.endings.clear()
        await other.endings.clear()
    async for chunk in stream:
        got += chunk
    assert got == b"".join(PARTS)
    await shelf.db.write(aged)
    await patient.endings.clear()
    await shelf.db.write(aged)
    await other.endings.clear()
    assert await shelf.stores["standard"].observe() == []


async def test_who_reads_a_blob_reads_it_to_the_end(shelf: Shelf) -> None:
    room = await shelf.room()
    data = bytes(range(256)) * 8000
    await shelf.put("a", data)
    stream = await opened(shelf, "a")
    got = await anext(stream)
    await shelf.db.write(objects.delete, shelf.near, shelf.ctx, room, "a")
    await shelf.tidy()
    assert await shelf.stores["standard"].observe() == []
    async for chunk in stream:
        got += chunk
    assert got == data


async def test_lost_pieces_are_no_bytes(shelf: Shelf) -> None:
    """Neither silently left out nor, with the next piece in their place, given as others."""
    room = await shelf.room()
    made = await completed(shelf, room, "a")

    def lose(tx: Tx, number: int, by: int) -> None:
        statement = "UPDATE objectstore_pieces SET number = number + :by WHERE whole_id = :whole AND number = :number"
        tx.execute(text(statement), {"whole": made.body_id, "number": number, "by": by})
        swapped = "UPDATE objectstore_pieces SET part_id = -part_id WHERE whole_id = :whole AND number = :number"
        tx.execute(text(swapped), {"whole": made.body_id, "number": number + by})

    await shelf.db.write(lose, 3, 100)
    for first, end in ((0, 15_000), (6_000, 9_000), (5_999, 9_001)):
        with pytest.raises(Unavailable):
            await shelf.get("a", first, end)
    assert await shelf.get("a", 0, 6_000) == b"".join(PARTS[:2])
    await shelf.db.write(lose, 103, -100)
    assert await shelf.get("a") == b"".join(PARTS)


async def test_a_short_file_is_told(shelf: Shelf) -> None:
    room = await shelf.room()
    await shelf.put("a", b"x" * 5000)
    [seen] = await shelf.stores["standard"].observe()
    Path(shelf.stores["standard"].path(seen.id)).write_bytes(b"")  # type: ignore[attr-defined]
    with pytest.raises(Unavailable):
        await shelf.get("a")
    await shelf.db.write(objects.delete, shelf.near, shelf.ctx, room, "a")


async def test_one_blob_that_cannot_go_keeps_no_other(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    store = shelf.stores["standard"]
    remove, stuck = store.remove, ""
    room = await shelf.room()
    for name in "abc":
        await shelf.put(name, name.encode() * 3000)

    async def fails(blob: str) -> None:
        if blob == stuck:
            raise BlobError("Input/output error")
        await remove(blob)

    monkeypatch.setattr(store, "remove", fails)
    stuck = min(seen.id for seen in await store.observe())
    for name in "abc":
        await shelf.db.write(objects.delete, shelf.near, shelf.ctx, room, name)
    await shelf.endings.clear()
    assert [seen.id for seen in await store.observe()] == [stuck]
    stuck = ""
    await shelf.endings.clear()
    assert await store.observe() == []


async def test_the_sweep_goes_on_behind_one_that_cannot_go(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    store = shelf.stores["standard"]
    remove = store.remove
    await shelf.room()
    await shelf.put("a", b"a" * 3000)
    for n in range(5):
        await store.put(f"o{n}", chunked(b"o"))

    async def fails(blob: str) -> None:
        if blob == "o2":
            raise BlobError("Input/output error")
        await remove(blob)

    with monkeypatch.context() as broken:
        broken.setattr(store, "remove", fails)
        await shelf.endings.sweep()
    assert len(await store.observe()) == 2


def lost(write: Callable[..., Any], *, after: bool) -> Callable[..., Any]:
    """A database that goes while it commits; the commit comes to be, or not."""

    async def lossy(fn: Callable[..., Any], *args: Any) -> Any:
        def decided(tx: Tx) -> None:
            fn(tx, *args)
            if not after:
                raise Unavailable("the connection is lost")

        await write(decided)
        raise Unavailable("the connection is lost")

    return lossy


@pytest.mark.parametrize("after", [True, False])
async def test_a_commit_of_which_nobody_knows(shelf: Shelf, after: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The row may come to be when the answer is long out: the blob waits for the sweep."""
    await shelf.room()
    await shelf.put("a", b"old" * 1000)
    with monkeypatch.context() as broken:
        broken.setattr(shelf.db, "write", lost(shelf.db.write, after=after))
        with pytest.raises(Unavailable):
            await shelf.put("a", b"new" * 1000)
    assert len(await shelf.stores["standard"].observe()) == 2
    assert await shelf.get("a") == (b"new" if after else b"old") * 1000
    await shelf.tidy()
    assert await shelf.get("a") == (b"new" if after else b"old") * 1000


async def test_what_has_come_and_has_no_row_yet_is_not_swept(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    store = shelf.stores["standard"]
    put = store.put

    async def then_swept(*args: Any) -> Any:
        seen = await put(*args)
        await shelf.endings.sweep()
        return seen

    monkeypatch.setattr(store, "put", then_swept)
    await shelf.room()
    await shelf.put("a", b"x" * 5000)
    assert await shelf.get("a") == b"x" * 5000


async def test_what_waits_for_its_readers_is_not_swept(shelf: Shelf) -> None:
    room, patient = await shelf.room(), shelf.with_settings(grace_seconds=60)
    await shelf.put("a", b"x" * 5000)
    _, whole = await shelf.db.read(objects.fetch, shelf.near, ACCOUNT, "c", "a", anybody)
    await shelf.db.write(objects.delete, shelf.near, shelf.ctx, room, "a")
    await patient.tidy()
    stream = as_bytes(reading.content(shelf.near, ACCOUNT, whole, anybody))
    assert b"".join([chunk async for chunk in stream]) == b"x" * 5000


async def test_a_refusal_leaves_no_blob(shelf: Shelf) -> None:
    """Not even until the sweep."""
    await shelf.room()

    def refuse(tx: Tx, body: Body) -> None:
        raise Conflict("no")

    with pytest.raises(Conflict):
        await intake.store(shelf.near, "standard", chunked(b"x" * 5000), refuse)
    assert await shelf.stores["standard"].observe() == []


def overdue(tx: Tx) -> None:
    tx.execute(text("UPDATE objectstore_bodies SET checked_at = 1"))


async def test_what_was_bad_is_looked_at_again(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that answers again, bytes that somebody brought back; told once for each thing that is wrong."""
    room = await shelf.room()
    await shelf.put("a", b"x" * 5000)
    store = shelf.stores["standard"]
    [seen] = await store.observe()
    scrubber = Scrubber(shelf.near)

    def dead(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    async def told() -> list[str]:
        return [found.problem for found in await shelf.db.read(findings.every)]

    async def rounds(count: int) -> None:
        for _ in range(count):
            await shelf.db.write(overdue)
            await scrubber.scrub()
            await scrubber.scrub()

    with monkeypatch.context() as broken:
        broken.setattr(store._disk, "read", dead)  # type: ignore[attr-defined]
        await rounds(2)
        assert [p.startswith("cannot be read") for p in await told()] == [True]
    await rounds(1)
    assert await told() == []
    path = Path(store.path(seen.id))  # type: ignore[attr-defined]
    path.write_bytes(b"x" * 4999 + b"y")
    await rounds(2)
    [problem] = await told()
    assert "MD5" in problem, "what was wrong with it is not forgotten once it is put aside"
    path.write_bytes(b"x" * 5000)
    await rounds(1)
    assert await told() == []
    assert await shelf.get("a") == b"x" * 5000
    kinds = await shelf.db.read_aside(
        lambda tx: tx.execute(text("SELECT count(*) FROM kernel_events WHERE kind = 'objectstore.body.bad'")).scalar()
    )
    assert kinds == 2
    await shelf.db.write(objects.delete, shelf.near, shelf.ctx, room, "a")
    await shelf.tidy()


@pytest.mark.parametrize("size", [10, 50_000])
async def test_a_copy_of_what_is_overwritten_meanwhile(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The source is there at all times, so there is a copy: of the old bytes or of the new ones."""
    async with running(tmp_path, grace_seconds=0) as server, httpx.AsyncClient(base_url=server.url) as http:
        http.headers["X-Auth-Token"] = "u:p:member,admin"
        shared, turns = copying._shared, iter(range(3))

        async def meanwhile(*args: Any) -> Any:
            if next(turns, None) is not None:
                (await http.put("/v1/AUTH_p/c/a", content=b"n" * size)).raise_for_status()
            return await shared(*args)

        (await http.put("/v1/AUTH_p/c")).raise_for_status()
        (await http.put("/v1/AUTH_p/c/a", content=b"o" * size)).raise_for_status()
        monkeypatch.setattr(copying, "_shared", meanwhile)
        answer = await http.request("COPY", "/v1/AUTH_p/c/a", headers={"Destination": "c/b"})
        assert answer.status_code == 201, answer.text
        assert (await http.get("/v1/AUTH_p/c/b")).content == b"n" * size


@pytest.mark.parametrize("ours", [True, False])
async def test_blobs_of_another_database_are_not_swept(shelf: Shelf, ours: bool) -> None:
    """An empty database beside a full store is the wrong one; one that is empty again may have been cut in its only upload."""
    store = shelf.stores["standard"]
    if ours:
        await shelf.room()
    await store.put("orphan", chunked(b"cut off"))
    await asyncio.sleep(2 * endings.TICK / 1_000_000)
    await shelf.room()
    await shelf.endings.sweep()
    assert [seen.id for seen in await store.observe()] == ([] if ours else ["orphan"])
    await store.remove("orphan")


async def test_a_clock_that_steps_back(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """By an hour: what comes later is later all the same, and nothing stays for good."""
    room = await shelf.room()
    versioned = await shelf.room("v", versioning="enabled")
    stamps, versions = [], []
    for turn in range(4):
        if turn == 2:
            for module in (sqlite, writer, postgresql):
                monkeypatch.setattr(module, "clock", lambda: clock() - HOUR)
        stamps.append((await shelf.put("a", bytes([turn]) * 5000)).stamp)
        versions.append((await shelf.put("a", bytes([turn]) * 5000, room="v")).stamp)
    assert stamps == sorted(set(stamps))
    assert versions == sorted(set(versions))
    assert await shelf.get("a") == bytes([3]) * 5000
    updated = await shelf.db.write(objects.update, shelf.near, shelf.ctx, room, "a", Details(meta={"colour": "red"}))
    assert updated.modified_at > stamps[-1]
    marked = await shelf.db.write(objects.delete, shelf.near, shelf.ctx, versioned, "a")
    assert marked.marker is not None
    assert marked.marker.stamp > versions[-1]
    told = await shelf.db.read(version_listings.of_container, versioned, Wanted())
    assert [one.row.stamp for one in told.items] == [marked.marker.stamp, *reversed(versions)]  # type: ignore[union-attr]
    await shelf.db.write(objects.delete, shelf.near, shelf.ctx, room, "a")
    await shelf.put("a", b"again" * 1000)
    assert await shelf.get("a") == b"again" * 1000
    monkeypatch.undo()


async def test_the_sweep_of_one_policy_waits_for_no_other(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    await shelf.room()
    await shelf.put("a", b"a" * 3000)
    await shelf.stores["gold"].put("orphan", chunked(b"o"))

    def dead(path: str) -> Any:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(shelf.stores["standard"]._disk, "scan", dead)  # type: ignore[attr-defined]
    await shelf.endings.sweep()
    monkeypatch.undo()
    assert await shelf.stores["gold"].observe() == []


async def test_bad_bytes_that_cannot_be_put_aside_keep_no_other_from_being_read(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    room, store = await shelf.room(), shelf.stores["standard"]
    for name in "ab":
        await shelf.put(name, name.encode() * 5000)
    for seen in await store.observe():
        Path(store.path(seen.id)).write_bytes(b"z" * 5000)  # type: ignore[attr-defined]

    def readonly(old: str, new: str) -> None:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as broken:
        broken.setattr(store._disk, "rename", readonly)  # type: ignore[attr-defined]
        await shelf.db.write(overdue)
        await Scrubber(shelf.near).scrub()
    assert len(await shelf.db.read(findings.every)) == 2
    await shelf.db.write(overdue)
    await Scrubber(shelf.near).scrub()
    assert await store.observe() == [], "they are put aside now"
    for name in "ab":
        await shelf.db.write(objects.delete, shelf.near, shelf.ctx, room, name)
    await shelf.tidy()
    await Scrubber(shelf.near).scrub()


async def test_a_body_as_long_as_the_setting_lies_in_the_database(shelf: Shelf) -> None:
    await shelf.room()
    await shelf.put("a", b"x" * shelf.near.settings.inline_bytes)
    assert await shelf.stores["standard"].observe() == []
    await shelf.put("a", b"x" * (shelf.near.settings.inline_bytes + 1))
    assert len(await shelf.stores["standard"].observe()) == 1


async def test_a_segment_that_comes_again_while_the_one_before_it_is_read(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of long segments the next is the one that is there when its turn comes."""
    monkeypatch.setattr(segments, "AHEAD", 100)
    await shelf.room()
    for name in "12":
        await shelf.put(name, name.encode() * 5000)
    wishes = [Wish(container="c", name=name) for name in "12"]
    await shelf.db.write(manifests.put_static, shelf.near, shelf.ctx, ACCOUNT, "c", "m", wishes, objects.Put(), anybody)
    stream = await opened(shelf, "m")
    got = await anext(stream)
    await asyncio.sleep(0.05)
    await shelf.put("2", b"2" * 5000)
    await shelf.tidy()
    async for chunk in stream:
        got += chunk
    assert got == b"1" * 5000 + b"2" * 5000


async def test_nothing_expires_before_its_time(shelf: Shelf) -> None:
    """Not by a second: the expirer may come by at any moment."""
    await shelf.room()
    now = clock()
    for name, at in (("gone", now - 1_000_000), ("soon", now + 50_000_000), ("later", now + HOUR)):
        await shelf.put(name, b"x" * 200, delete_at=at)
    await shelf.endings.expire()
    page = await shelf.db.read(listings.of_container, await shelf.room(), Wanted())
    assert [item.name for item in page.items] == ["later", "soon"]
