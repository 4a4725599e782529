"""Versions: S3's and Swift's, both of Swift's kinds; locks."""

import pytest

from pileus.kernel.db import Tx
from pileus.kernel.types import DAY, Forbidden, NotFound, Stale, clock
from pileus.services.objectstore.core import containers, locks, objects, version_listings
from pileus.services.objectstore.core.archives import GONE
from pileus.services.objectstore.core.containers import Change, Usage
from pileus.services.objectstore.core.listings import Subdir, Wanted, of_container
from pileus.services.objectstore.core.stock import NULL, Deleted
from pileus.services.objectstore.core.version_listings import Version
from pileus.services.objectstore.db.columns import Details
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import MARKER

from .conftest import ACCOUNT, Shelf


async def versioned(shelf: Shelf, state: str = "enabled") -> ContainerRow:
    return await shelf.room(versioning=state)


async def delete(shelf: Shelf, room: ContainerRow, name: str) -> Deleted:
    return await shelf.db.write(objects.delete, shelf.near, shelf.ctx, room, name)


async def destroy(shelf: Shelf, room: ContainerRow, name: str, version: int, **how: bool) -> Deleted:
    return await shelf.db.write(objects.delete_version, shelf.near, shelf.ctx, room, name, version, **how)


async def listed(shelf: Shelf, room: ContainerRow, **wanted: object) -> list[Version | Subdir]:
    page = await shelf.db.read(version_listings.of_container, room, Wanted(**wanted))  # type: ignore[arg-type]
    return list(page.items)


async def test_every_put_is_a_version(shelf: Shelf) -> None:
    room = await versioned(shelf)
    rows = [await shelf.put("a", bytes([65 + n]) * 200) for n in range(3)]
    assert [await shelf.get("a", version=row.stamp) for row in rows] == [bytes([65 + n]) * 200 for n in range(3)]
    assert await shelf.get("a") == b"C" * 200
    assert await shelf.db.read(containers.usage, room) == Usage(1, 600)
    found = await listed(shelf, room)
    assert [(v.row.stamp, v.latest) for v in found if isinstance(v, Version)] == [
        (rows[2].stamp, True),
        (rows[1].stamp, False),
        (rows[0].stamp, False),
    ]


async def test_a_delete_puts_a_marker(shelf: Shelf) -> None:
    room = await versioned(shelf)
    row = await shelf.put("a", b"x" * 200)
    gone = await delete(shelf, room, "a")
    assert gone.found
    assert gone.marker is not None
    with pytest.raises(NotFound):
        await shelf.get("a")
    assert await shelf.get("a", version=row.stamp) == b"x" * 200
    found = await listed(shelf, room)
    assert [(v.row.kind, v.latest) for v in found if isinstance(v, Version)] == [(MARKER, True), ("", False)]
    assert (await shelf.db.read(of_container, room, Wanted())).items == []
    await destroy(shelf, room, "a", gone.marker.stamp)
    assert await shelf.get("a") == b"x" * 200
    again = await delete(shelf, room, "never")
    assert (again.found, again.marker is None) == (False, False)


async def test_destroying_the_current_one_brings_the_next_where_asked(shelf: Shelf) -> None:
    room = await versioned(shelf)
    first, second = await shelf.put("a", b"1" * 200), await shelf.put("a", b"2" * 200)
    await destroy(shelf, room, "a", second.stamp)
    assert await shelf.get("a") == b"1" * 200
    third = await shelf.put("a", b"3" * 200)
    await destroy(shelf, room, "a", third.stamp, promote=False)
    with pytest.raises(NotFound):
        await shelf.get("a")
    assert await shelf.get("a", version=first.stamp) == b"1" * 200
    assert not (await destroy(shelf, room, "a", 12345)).found


async def test_suspended_versioning_has_one_null_version(shelf: Shelf) -> None:
    before = await shelf.room()
    await shelf.put("a", b"old null" * 50)
    room = await versioned(shelf)
    one = await shelf.put("a", b"one" * 100)
    assert await shelf.get("a", version=NULL) == b"old null" * 50
    room = await versioned(shelf, "suspended")
    await shelf.put("a", b"new null" * 50)
    await shelf.put("a", b"newer null" * 50)
    assert await shelf.get("a", version=NULL) == await shelf.get("a") == b"newer null" * 50
    assert await shelf.get("a", version=one.stamp) == b"one" * 100
    assert await shelf.db.read(containers.usage, room) == Usage(1, 800)
    await delete(shelf, room, "a")
    with pytest.raises(NotFound):
        await shelf.get("a")
    found = await listed(shelf, room)
    assert [(v.row.kind, v.row.versioned) for v in found if isinstance(v, Version)] == [(MARKER, False), ("", True)]
    assert before.id == room.id


async def test_restoring_an_older_version(shelf: Shelf) -> None:
    room = await versioned(shelf)
    first, second = await shelf.put("a", b"1" * 200), await shelf.put("a", b"2" * 200)
    await shelf.db.write(objects.restore, shelf.near, shelf.ctx, room, "a", first.stamp)
    assert await shelf.get("a") == b"1" * 200
    found = await listed(shelf, room)
    assert [(v.row.stamp, v.latest) for v in found if isinstance(v, Version)] == [
        (second.stamp, False),
        (first.stamp, True),
    ]
    third = await shelf.put("a", b"3" * 200)
    assert third.stamp > second.stamp
    with pytest.raises(NotFound):
        await shelf.db.write(objects.restore, shelf.near, shelf.ctx, room, "a", 5)


async def test_pages_of_versions(shelf: Shelf) -> None:
    room = await versioned(shelf)
    for name in ("a", "b/x", "b/y", "c", "d"):
        for _ in range(5 if name == "c" else 2):
            await shelf.put(name, b"x")
    await delete(shelf, room, "a")
    whole = await listed(shelf, room)
    assert len(whole) == 14
    got: list[object] = []
    name, stamp, more = "", None, True
    while more:
        page = await shelf.db.read(
            version_listings.of_container, room, Wanted(marker=name, limit=3), version_marker=stamp
        )
        got += page.items
        more = page.more
        last = page.items[-1]
        assert isinstance(last, Version)
        name, stamp = last.name, last.row.stamp
    assert got == whole
    cut = await listed(shelf, room, delimiter="/")
    assert [item.name for item in cut] == ["a", "a", "a", "b/", "c", "c", "c", "c", "c", "d", "d"]
    assert [item.name for item in await listed(shelf, room, prefix="b/")] == ["b/x", "b/x", "b/y", "b/y"]
    assert len(await listed(shelf, room, prefix="c", limit=100)) == 5
    assert [item.name for item in await listed(shelf, room, marker="c")] == ["d", "d"]


async def test_a_locked_version_stays(shelf: Shelf) -> None:
    room = await versioned(shelf)
    until = str(clock() + DAY)
    row = await shelf.put("a", b"x" * 200, details=Details(system={locks.MODE: "GOVERNANCE", locks.UNTIL: until}))
    with pytest.raises(Forbidden):
        await destroy(shelf, room, "a", row.stamp)
    await delete(shelf, room, "a")
    with pytest.raises(Forbidden):
        await destroy(shelf, room, "a", row.stamp)

    def hold(tx: Tx, word: str) -> None:
        found = objects.find_version(tx, room, "a", row.stamp)
        assert found is not None
        objects.save(tx, found, details=Details(system={**found.kept.system, locks.HOLD: word}))

    await shelf.db.write(hold, "ON")
    with pytest.raises(Forbidden):
        await destroy(shelf, room, "a", row.stamp, bypass=True)
    await shelf.db.write(hold, "OFF")
    assert (await destroy(shelf, room, "a", row.stamp, bypass=True)).found


async def test_the_stack_brings_the_last_back(shelf: Shelf) -> None:
    await shelf.room("old")
    room = await shelf.room(archive="old", history=False)
    for n in range(3):
        await shelf.put("ä", bytes([65 + n]) * 200)
    kept = await shelf.db.read(of_container, await shelf.room("old"), Wanted())
    assert [item.name[:6] for item in kept.items] == ["002ä/1", "002ä/1"]
    assert (await delete(shelf, room, "ä")).found
    assert await shelf.get("ä") == b"B" * 200
    await delete(shelf, room, "ä")
    assert await shelf.get("ä") == b"A" * 200
    await delete(shelf, room, "ä")
    with pytest.raises(NotFound):
        await shelf.get("ä")


async def test_history_keeps_everything_and_marks_deletes(shelf: Shelf) -> None:
    old = await shelf.room("old")
    room = await shelf.room(archive="old", history=True)
    await shelf.put("a", b"1" * 200)
    await shelf.put("a", b"2" * 200)
    await delete(shelf, room, "a")
    with pytest.raises(NotFound):
        await shelf.get("a")
    kept = (await shelf.db.read(of_container, old, Wanted())).items
    assert [item.content_type for item in kept if not isinstance(item, Subdir)][-1] == GONE
    assert len(kept) == 3
    assert await shelf.get(kept[1].name, room="old") == b"2" * 200


async def test_an_archive_that_is_not_there(shelf: Shelf) -> None:
    room = await shelf.room(archive="nowhere")
    await shelf.put("a", b"1" * 200)
    with pytest.raises(Stale):
        await shelf.put("a", b"2" * 200)
    room = await shelf.room(archive="nowhere", history=True)
    with pytest.raises(Stale):
        await delete(shelf, room, "a")
    assert await shelf.get("a") == b"1" * 200
    room = await shelf.room(archive="nowhere", history=False)
    await delete(shelf, room, "a")  # nothing to bring back
    assert await listed(shelf, room) == []


async def test_what_history_deleted_comes_back_from_the_stack(shelf: Shelf) -> None:
    """As many deletes take back as were made: the archive is a stack of what was there, and of nothing."""
    old = await shelf.room("old")
    room = await shelf.room(archive="old", history=True)
    await shelf.put("a", b"1" * 200)
    await shelf.put("a", b"2" * 200)
    await delete(shelf, room, "a")
    await delete(shelf, room, "a")
    room = await shelf.room(archive="old", history=False)
    await delete(shelf, room, "a")
    with pytest.raises(NotFound):
        await shelf.get("a")
    await delete(shelf, room, "a")
    assert await shelf.get("a") == b"2" * 200
    assert len(await listed(shelf, old)) == 1
    await delete(shelf, room, "a")
    assert await shelf.get("a") == b"1" * 200


async def test_expiry_of_versions(shelf: Shelf) -> None:
    """What expires is the name: it leads nowhere then, without a marker, and the version stays."""
    room = await versioned(shelf)
    first = await shelf.put("a", b"1" * 200, delete_at=clock() + 10**7)
    second = await shelf.put("a", b"2" * 200, delete_at=1)
    with pytest.raises(NotFound):
        await shelf.get("a")
    assert await shelf.get("a", version=second.stamp) == b"2" * 200
    assert [v.row.stamp for v in await listed(shelf, room) if isinstance(v, Version) and v.latest] == [second.stamp]
    await shelf.tidy()
    assert [(v.row.stamp, v.latest) for v in await listed(shelf, room) if isinstance(v, Version)] == [
        (second.stamp, False),
        (first.stamp, False),
    ]
    assert await shelf.db.read(containers.usage, room) == Usage(0, 400)
    await shelf.db.write(objects.restore, shelf.near, shelf.ctx, room, "a", first.stamp)
    assert await shelf.get("a") == b"1" * 200  # for good: the end that it was given went with the name


async def test_expiry_of_what_has_no_version(shelf: Shelf) -> None:
    await shelf.room()
    await shelf.put("a", b"1" * 200, delete_at=1)
    room = await versioned(shelf)
    await shelf.tidy()
    assert [v.row.kind for v in await listed(shelf, room) if isinstance(v, Version)] == [MARKER, ""]


async def test_who_deletes_what_has_expired_finds_nothing(shelf: Shelf) -> None:
    room = await shelf.room()
    await shelf.put("a", b"1" * 200, delete_at=1)
    assert not (await delete(shelf, room, "a")).found
    room = await versioned(shelf)
    await shelf.put("a", b"1" * 200, delete_at=1)
    gone = await delete(shelf, room, "a")
    assert not gone.found
    assert gone.marker is not None
    assert await shelf.db.read(containers.get, ACCOUNT, "c") == room
    assert Change() == Change()
