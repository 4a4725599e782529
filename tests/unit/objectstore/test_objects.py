"""Objects come, are read, change, are copied and go."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator

import pytest

from pileus.kernel.db import Tx
from pileus.kernel.types import Conflict, Fault, Forbidden, Gone, Invalid, NotFound, Stale, TooLarge, Unavailable
from pileus.services.objectstore.core import accounts, containers, intake, links, objects
from pileus.services.objectstore.core.conditions import Conditions
from pileus.services.objectstore.core.containers import Change, Usage
from pileus.services.objectstore.core.faults import Mismatch
from pileus.services.objectstore.core.intake import EMPTY, Body
from pileus.services.objectstore.core.objects import Put
from pileus.services.objectstore.db.columns import Details
from pileus.services.objectstore.db.objects import SYMLINK

from .conftest import ACCOUNT, Shelf, anybody, chunked


@pytest.mark.parametrize("size", [0, 1, 99, 100, 101, 5000, 3 << 20])
async def test_what_was_put_is_read_back(shelf: Shelf, size: int) -> None:
    await shelf.room()
    data = os.urandom(size)
    row = await shelf.put("a", data)
    assert (row.size, row.weight, row.etag) == (size, size, hashlib.md5(data).hexdigest())
    assert await shelf.get("a") == data
    assert await shelf.get("a", size // 3, size // 2) == data[size // 3 : size // 2]


async def test_overwriting_frees_the_old_bytes(shelf: Shelf) -> None:
    room = await shelf.room()
    await shelf.put("a", b"x" * 5000)
    await shelf.put("a", b"y" * 300)
    assert await shelf.get("a") == b"y" * 300
    assert await shelf.db.read(containers.usage, room) == Usage(1, 300)
    await shelf.tidy()
    assert sum([len(await store.observe()) for store in shelf.stores.values()]) == 1


async def test_names_of_every_kind(shelf: Shelf) -> None:
    await shelf.room()
    for name in ("ü", "a\nb", "\x01", "日本", "😀", "a" * 1024, "..", "/", "a//b"):
        await shelf.put(name, name.encode())
        assert await shelf.get(name) == name.encode()
    for bad in ("", "a\0b", "ü" * 513):
        with pytest.raises(Invalid):
            await shelf.db.write(objects.admit, shelf.near, ACCOUNT, "c", bad, anybody, Put(), 1)


async def test_conditions_are_judged_with_the_write(shelf: Shelf) -> None:
    await shelf.room()
    first = await shelf.put("a", b"one", conditions=Conditions(if_none_match=("*",)))
    with pytest.raises(Stale):
        await shelf.put("a", b"two", conditions=Conditions(if_none_match=("*",)))
    with pytest.raises(Stale):
        await shelf.put("a", b"two", conditions=Conditions(if_match=("other",)))
    await shelf.put("a", b"two" * 100, conditions=Conditions(if_match=(first.etag,)))
    with pytest.raises(Stale):
        await shelf.put("b", b"two", conditions=Conditions(if_match=("*",)))
    with pytest.raises(Mismatch):
        await shelf.put("c", b"two" * 100, etag="0" * 32)
    with pytest.raises(NotFound):
        await shelf.put("c", b"two" * 100, room="none")


async def test_of_many_who_demand_absence_one_wins(shelf: Shelf) -> None:
    await shelf.room()
    wanted = Conditions(if_none_match=("*",))
    results = await asyncio.gather(
        *(shelf.put("a", f"{n}".encode() * 200, conditions=wanted) for n in range(10)), return_exceptions=True
    )
    won = [n for n, result in enumerate(results) if not isinstance(result, BaseException)]
    assert len(won) == 1
    assert await shelf.get("a") == f"{won[0]}".encode() * 200


async def test_an_older_timestamp_loses(shelf: Shelf) -> None:
    await shelf.room()
    row = await shelf.put("a", b"one")
    with pytest.raises(Conflict):
        await shelf.put("a", b"two", stamp=row.stamp)
    assert (await shelf.put("a", b"two", stamp=row.stamp + 10)).stamp == row.stamp + 10
    assert (await shelf.put("a", b"three")).stamp > row.stamp + 10


async def test_a_post_replaces_metadata_and_keeps_bytes(shelf: Shelf) -> None:
    room = await shelf.room()
    first = await shelf.put("a", details=Details({"one": "1"}, {"content-encoding": "gzip"}, {"tags": "x"}))
    after = await shelf.db.write(
        objects.update, shelf.near, shelf.ctx, room, "a", Details({"two": "2"}), content_type="text/x"
    )
    assert after.kept == Details({"two": "2"}, {}, {"tags": "x"})
    assert (after.content_type, after.etag, after.stamp) == ("text/x", first.etag, first.stamp)
    assert after.modified_at > first.modified_at
    with pytest.raises(NotFound):
        await shelf.db.write(objects.update, shelf.near, shelf.ctx, room, "none", Details())
    with pytest.raises(Invalid):
        await shelf.db.write(objects.update, shelf.near, shelf.ctx, room, "a", Details({"x": "v" * 257}))


async def test_a_copy_moves_no_byte(shelf: Shelf) -> None:
    await shelf.room()
    await shelf.room("d")
    source = await shelf.put("a", b"x" * 5000)
    copied = await shelf.db.write(
        objects.copy, shelf.near, shelf.ctx, source, ACCOUNT, "d", "b", Put(details=Details({"new": "1"}))
    )
    assert copied.body_id == source.body_id
    assert (copied.etag, copied.size, copied.kept.meta) == (source.etag, 5000, {"new": "1"})
    room = await shelf.db.read(containers.get, ACCOUNT, "c")
    await shelf.db.write(objects.delete, shelf.near, shelf.ctx, room, "a")
    await shelf.tidy()
    assert await shelf.get("b", room="d") == b"x" * 5000
    await shelf.db.write(objects.copy, shelf.near, shelf.ctx, copied, ACCOUNT, "d", "b", Put())
    assert await shelf.get("b", room="d") == b"x" * 5000
    gone = await shelf.put("z", b"z" * 500)
    await shelf.db.write(objects.delete, shelf.near, shelf.ctx, room, "z")
    with pytest.raises(NotFound):
        await shelf.db.write(objects.copy, shelf.near, shelf.ctx, gone, ACCOUNT, "d", "y", Put())


async def test_an_expired_object_is_not_there(shelf: Shelf) -> None:
    room = await shelf.room()
    await shelf.put("a", b"x" * 500, delete_at=1)
    with pytest.raises(NotFound):
        await shelf.get("a")
    assert (await shelf.db.read(containers.usage, room)).objects == 1
    await shelf.tidy()
    assert await shelf.db.read(containers.usage, room) == Usage(0, 0)


async def test_quotas_of_containers_and_accounts(shelf: Shelf) -> None:
    await shelf.room(meta={"quota-bytes": "1000", "quota-count": "2"})
    await shelf.put("a", b"x" * 600)
    for data in (b"x" * 401,):
        with pytest.raises(TooLarge):
            await shelf.put("b", data)
    await shelf.put("a", b"x" * 1000)
    await shelf.put("a", b"x" * 10)
    await shelf.put("b", b"x")
    with pytest.raises(TooLarge):
        await shelf.put("c", b"x")
    await shelf.room("free")
    await shelf.db.write(accounts.update, shelf.near, shelf.ctx, ACCOUNT, {"quota-bytes": "100"}, {})
    with pytest.raises(TooLarge):
        await shelf.put("d", b"x" * 90, room="free")
    with pytest.raises(TooLarge):
        await shelf.db.read(objects.admit, shelf.near, ACCOUNT, "free", "d", anybody, Put(), 90)
    await shelf.put("d", b"x" * 89, room="free")


async def test_containers_come_and_go(shelf: Shelf) -> None:
    room = await shelf.room(meta={"colour": "red"}, read=".r:*")
    assert (room.kept.meta, room.kept.read, room.place) == ({"colour": "red"}, ".r:*", "standard")
    again, made = await shelf.db.write(
        containers.put, shelf.near, shelf.ctx, ACCOUNT, "c", Change(meta={"colour": "", "size": "9"})
    )
    assert (again.id, made, again.kept.meta, again.kept.read) == (room.id, False, {"size": "9"}, ".r:*")
    await shelf.put("a")
    with pytest.raises(Conflict):
        await shelf.db.write(containers.delete, shelf.near, shelf.ctx, room)
    await shelf.db.write(objects.delete, shelf.near, shelf.ctx, room, "a")
    await shelf.db.write(containers.delete, shelf.near, shelf.ctx, room)
    found = await shelf.db.read(accounts.find, ACCOUNT)
    assert (found.containers, found.objects, found.bytes) == (0, 0, 0)
    for bad in ("", "a/b", "x" * 257, "a\0"):
        with pytest.raises(Invalid):
            await shelf.room(bad)
    with pytest.raises(Invalid):
        await shelf.db.write(containers.put, shelf.near, shelf.ctx, ACCOUNT, "e", Change(), place="lead")
    gold, _ = await shelf.db.write(containers.put, shelf.near, shelf.ctx, ACCOUNT, "e", Change(), place="gold")
    assert gold.place == "gold"
    with pytest.raises(Conflict):
        await shelf.db.write(containers.put, shelf.near, shelf.ctx, ACCOUNT, "e", Change(), place="standard")


async def test_names_that_s3_made_are_global(shelf: Shelf) -> None:
    await shelf.room("mine", account="AUTH_a")
    made = await shelf.db.write(containers.create_bucket, shelf.near, shelf.ctx, "AUTH_a", "shared", Change())
    assert (await shelf.db.read(containers.bucket, shelf.near, "AUTH_b", "shared")).id == made.id
    assert (await shelf.db.read(containers.bucket, shelf.near, "", "shared")).id == made.id
    assert (await shelf.db.read(containers.bucket, shelf.near, "AUTH_a", "mine")).name == "mine"
    for account, name in (("AUTH_b", "mine"), ("", "mine"), ("AUTH_a", "none")):
        with pytest.raises(NotFound):
            await shelf.db.read(containers.bucket, shelf.near, account, name)
    with pytest.raises(Conflict) as taken:
        await shelf.db.write(containers.create_bucket, shelf.near, shelf.ctx, "AUTH_b", "shared", Change())
    assert taken.value.type == "BucketTaken"
    with pytest.raises(Conflict) as owned:
        await shelf.db.write(containers.create_bucket, shelf.near, shelf.ctx, "AUTH_a", "mine", Change())
    assert owned.value.type == "BucketOwned"
    await shelf.db.write(containers.delete, shelf.near, shelf.ctx, made)
    await shelf.db.write(containers.create_bucket, shelf.near, shelf.ctx, "AUTH_b", "shared", Change())


async def test_a_deleted_account_is_gone_at_once_and_emptied_later(shelf: Shelf) -> None:
    room = await shelf.room(versioning="enabled")
    for number in range(250):
        await shelf.put(f"o{number % 120}", b"x" * 5 * number)
    await shelf.db.write(accounts.delete, shelf.near, shelf.ctx, ACCOUNT)
    with pytest.raises(Gone):
        await shelf.db.read(accounts.find, ACCOUNT)
    with pytest.raises(Gone):
        await shelf.put("more")
    await shelf.tidy()
    assert await shelf.db.read(containers.find, ACCOUNT, room.name) is None
    found = await shelf.db.read(accounts.find, ACCOUNT)
    assert (found.row, found.containers, found.bytes) == (None, 0, 0)
    await shelf.room()


async def test_links_are_followed_twice_at_most(shelf: Shelf) -> None:
    room = await shelf.room()
    target = await shelf.put("t", b"target")

    async def link(name: str, to: str, **system: str) -> None:
        want = Put(kind=SYMLINK, details=Details(system={links.TARGET: f"c/{to}", **system}))
        await shelf.db.write(objects.put, shelf.near, shelf.ctx, ACCOUNT, "c", name, want, EMPTY)

    def follow(tx: Tx, name: str) -> str:
        row, whole = objects.fetch(tx, shelf.near, ACCOUNT, "c", name, anybody)
        return links.follow(tx, shelf.near, ACCOUNT, row, whole, anybody)[1].object.name

    await link("one", "t", **{links.ETAG: target.etag})
    await link("two", "one")
    await link("three", "two")
    await link("loop", "loop")
    await link("lost", "nowhere")
    assert [await shelf.db.read(follow, name) for name in ("t", "one", "two")] == ["t", "t", "t"]
    for name in ("three", "loop"):
        with pytest.raises(Conflict):
            await shelf.db.read(follow, name)
    with pytest.raises(NotFound):
        await shelf.db.read(follow, "lost")
    await shelf.put("t", b"changed")
    with pytest.raises(Conflict):
        await shelf.db.read(follow, "one")
    assert room.id


async def test_permit_judges_first(shelf: Shelf) -> None:
    await shelf.room()
    await shelf.put("a")

    def never(row: object) -> None:
        raise Forbidden("no")

    with pytest.raises(Forbidden):
        await shelf.db.read(objects.fetch, shelf.near, ACCOUNT, "c", "a", never)
    with pytest.raises(Forbidden):
        await shelf.db.read(objects.fetch, shelf.near, ACCOUNT, "c", "not there", never)
    with pytest.raises(Forbidden):
        await shelf.db.read(objects.admit, shelf.near, ACCOUNT, "c", "a", never, Put(), 1)


async def test_what_was_cut_off_leaves_nothing(shelf: Shelf) -> None:
    await shelf.room()

    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 50_000
        raise ConnectionResetError

    def decide(tx: Tx, body: Body) -> object:
        return objects.put(tx, shelf.near, shelf.ctx, ACCOUNT, "c", "a", Put(), body)

    with pytest.raises(ConnectionResetError):
        await intake.store(shelf.near, "standard", broken(), decide)
    with pytest.raises(TooLarge):
        await intake.store(shelf.near, "standard", chunked(b"x" * 50_000), decide, most=40_000)
    assert await shelf.stores["standard"].observe() == []
    assert shelf.near.arrivals.alive() == frozenset()


@pytest.mark.parametrize("size", [50, 50_000])
async def test_a_put_cancelled_at_any_moment_is_all_or_nothing(shelf: Shelf, size: int) -> None:
    await shelf.room()
    for turn in range(30):
        put = asyncio.ensure_future(shelf.put(f"a{turn}", bytes([turn]) * size))
        await asyncio.sleep(turn * 0.0003)
        put.cancel()
        done = await asyncio.gather(put, return_exceptions=True)
        try:
            got = await shelf.get(f"a{turn}")
        except Fault:
            got = b""
            assert isinstance(done[0], asyncio.CancelledError)
        assert got in (b"", bytes([turn]) * size)


async def test_a_policy_that_is_gone(shelf: Shelf) -> None:
    await shelf.db.write(containers.put, shelf.near, shelf.ctx, ACCOUNT, "c", Change(), place="gold")

    def decide(tx: Tx, body: Body) -> object:
        return objects.put(tx, shelf.near, shelf.ctx, ACCOUNT, "c", "a", Put(), body)

    await intake.store(shelf.near, "gold", chunked(b"x" * 5000), decide)
    poor = Shelf(shelf.db, {"standard": shelf.stores["standard"]})
    with pytest.raises(Unavailable):
        await intake.store(poor.near, "gold", chunked(b"y" * 5000), decide)
    with pytest.raises(Unavailable):
        await poor.get("a")
    assert await shelf.get("a") == b"x" * 5000


async def test_the_sweep_spares_arrivals(shelf: Shelf) -> None:
    await shelf.room()
    entered, go = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"x" * (2 << 20)
        entered.set()
        await go.wait()
        yield b"y"

    def decide(tx: Tx, body: Body) -> object:
        return objects.put(tx, shelf.near, shelf.ctx, ACCOUNT, "c", "a", Put(), body)

    await shelf.put("other", b"x" * 200)
    coming = asyncio.ensure_future(intake.store(shelf.near, "standard", slow(), decide))
    await entered.wait()
    await shelf.stores["standard"].put("orphan", chunked(b"left by a killed process"))
    await shelf.endings.sweep()
    go.set()
    await coming
    assert len(await shelf.get("a")) == (2 << 20) + 1
    assert "orphan" not in {blob.id for blob in await shelf.stores["standard"].observe()}
