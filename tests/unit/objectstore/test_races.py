"""Two at once: on PostgreSQL each decides before the other has committed; whoever comes second sees what the first has made.

A decision's first try waits, its statements done, until the others' are done too (`clash`); what they may leave, the shelf checks.
"""

import asyncio
import contextlib
import hashlib
import random
from collections.abc import Callable
from functools import partial
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest

from pileus.kernel.db import Database, Tx
from pileus.kernel.types import Conflict, Fault, Forbidden, Invalid, NotFound, Stale, TooLarge
from pileus.services.objectstore.core import accounts, containers, ending, locks, manifests, multipart, objects
from pileus.services.objectstore.core.conditions import Conditions
from pileus.services.objectstore.core.containers import Change, Usage
from pileus.services.objectstore.core.intake import Body
from pileus.services.objectstore.core.manifests import Wish
from pileus.services.objectstore.core.objects import Put
from pileus.services.objectstore.db.columns import Details
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import ObjectRow
from pileus.services.objectstore.db.uploads import PartRow, UploadRow

from .conftest import ACCOUNT, Shelf, anybody

Decision = Callable[[Tx], Any]


async def clash(shelf: Shelf, *decisions: Decision) -> list[Any]:
    """All at once; what each gave, or the fault it raised."""
    meeting = Barrier(len(decisions))

    def together(decision: Decision) -> Decision:
        met = False

        def decide(tx: Tx) -> Any:
            nonlocal met
            try:
                return decision(tx)
            finally:
                if not met and shelf.db.multi_process:
                    met = True
                    with contextlib.suppress(BrokenBarrierError):  # another one waits for a lock of ours
                        meeting.wait(1)  # no longer: some never come

        return decide

    writes = [shelf.db.write(together(decision)) for decision in decisions]
    found = await asyncio.gather(*writes, return_exceptions=True)
    for one in found:
        if isinstance(one, BaseException) and not isinstance(one, Fault):
            raise one
    return found


def refused(results: list[Any], *kinds: type[Fault]) -> int:
    """How many were, for one of these reasons; any other fails."""
    faults = [one for one in results if isinstance(one, Fault)]
    assert all(isinstance(one, kinds) for one in faults), faults
    return len(faults)


def body(data: bytes) -> Body:
    return Body(size=len(data), hashes={"md5": hashlib.md5(data).hexdigest()}, data=data)


def put(shelf: Shelf, name: str, data: bytes, room: str = "c", **want: Any) -> Decision:
    return lambda tx: objects.put(tx, shelf.near, shelf.ctx, ACCOUNT, room, name, Put(**want), body(data))


def delete(shelf: Shelf, room: ContainerRow, name: str) -> Decision:
    return lambda tx: objects.delete(tx, shelf.near, shelf.ctx, containers.get(tx, ACCOUNT, room.name), name)


def delete_room(shelf: Shelf, room: ContainerRow) -> Decision:
    return lambda tx: containers.delete(tx, shelf.near, shelf.ctx, containers.get(tx, ACCOUNT, room.name))


async def usage(shelf: Shelf, room: ContainerRow) -> Usage:
    return await shelf.db.read(containers.usage, room)


async def test_an_object_and_the_end_of_its_container(shelf: Shelf) -> None:
    room = await shelf.room()
    results = await clash(shelf, put(shelf, "a", b"x"), delete_room(shelf, room))
    assert refused(results, NotFound, Conflict) == 1


@pytest.mark.parametrize("word", ["versions", "upload"])
async def test_what_else_keeps_a_container_and_its_end(shelf: Shelf, word: str) -> None:
    room = await shelf.room()
    if word == "versions":
        room = await shelf.room(versioning="enabled")
        results = await clash(shelf, delete(shelf, room, "a"), delete_room(shelf, room))  # makes a delete marker
        assert refused(results, NotFound, Conflict) == 1
    else:

        def begin(tx: Tx) -> UploadRow:
            there = containers.get(tx, ACCOUNT, "c")
            return multipart.begin(tx, shelf.near, shelf.ctx, there, "a", "x/y", Details())

        results = await clash(shelf, begin, delete_room(shelf, room))
        assert refused(results, NotFound) <= 1


async def test_a_segment_and_the_end_of_an_archive(shelf: Shelf) -> None:
    """What is overwritten goes into an archive that is being deleted."""
    archive = await shelf.room("old")
    await shelf.room(archive="old")
    await shelf.put("a", b"one")
    results = await clash(shelf, put(shelf, "a", b"two"), delete_room(shelf, archive))
    assert refused(results, Stale, Conflict) == 1


@pytest.mark.parametrize("count", [2, 5])
async def test_only_one_is_the_first(shelf: Shelf, count: int) -> None:
    await shelf.room()
    new = Conditions(if_none_match=("*",))
    results = await clash(shelf, *(put(shelf, "a", bytes([n]) * n, conditions=new) for n in range(1, count + 1)))
    assert refused(results, Stale) == count - 1
    [made] = [one for one in results if isinstance(one, ObjectRow)]
    assert await shelf.get("a") == bytes([made.size]) * made.size


async def test_only_one_overwrites_what_it_saw(shelf: Shelf) -> None:
    await shelf.room()
    old = await shelf.put("a", b"old")
    same = Conditions(if_match=(old.etag,))
    results = await clash(shelf, *(put(shelf, "a", bytes([n]), conditions=same) for n in range(4)))
    assert refused(results, Stale) == 3


async def test_overwritten_by_many_at_once(shelf: Shelf) -> None:
    room = await shelf.room()
    results = await clash(shelf, *(put(shelf, "a", b"x" * n) for n in range(1, 6)))
    assert refused(results) == 0
    assert await usage(shelf, room) == Usage(1, len(await shelf.get("a")))


async def test_versions_by_many_at_once(shelf: Shelf) -> None:
    room = await shelf.room(versioning="enabled")
    results = await clash(shelf, *(put(shelf, "a", b"x") for _ in range(5)))
    assert refused(results) == 0
    assert len({one.stamp for one in results}) == 5
    assert await usage(shelf, room) == Usage(1, 5)


@pytest.mark.parametrize("states", [("", "enabled"), ("enabled", "suspended"), ("suspended", "enabled")])
async def test_versioning_is_switched_while_objects_come(shelf: Shelf, states: tuple[str, str]) -> None:
    room = await shelf.room()
    for state in {"": (), "enabled": ("enabled",), "suspended": ("enabled", "suspended")}[states[0]]:
        room = await shelf.room(versioning=state)
    await shelf.put("a", b"old")

    def switch(tx: Tx) -> ContainerRow:
        there = containers.get(tx, ACCOUNT, "c")
        return containers.update(tx, shelf.near, shelf.ctx, there, Change(versioning=states[1]))

    results = await clash(shelf, put(shelf, "a", b"new"), switch, delete(shelf, room, "a"))
    assert refused(results) == 0


async def test_a_copy_and_the_end_of_its_source(shelf: Shelf) -> None:
    room = await shelf.room()
    source = await shelf.put("a", b"x" * 500)
    copy = partial(_copied, shelf, source)
    results = await clash(shelf, lambda tx: copy(tx, "b"), delete(shelf, room, "a"), lambda tx: copy(tx, "d"))
    assert refused(results, NotFound) <= 2
    assert (await usage(shelf, room)).bytes == 500 * sum(isinstance(one, ObjectRow) for one in results)


async def test_a_copy_and_what_overwrites_its_source(shelf: Shelf) -> None:
    await shelf.room()
    source = await shelf.put("a", b"x" * 500)
    results = await clash(shelf, lambda tx: _copied(shelf, source, tx, "b"), put(shelf, "a", b"y"))
    if refused(results, NotFound) == 0:
        assert await shelf.get("b") == b"x" * 500
    assert await shelf.get("a") == b"y"


def _copied(shelf: Shelf, source: ObjectRow, tx: Tx, name: str) -> ObjectRow:
    return objects.copy(tx, shelf.near, shelf.ctx, source, ACCOUNT, "c", name, Put())


async def test_a_manifest_and_the_end_of_a_segment(shelf: Shelf) -> None:
    room = await shelf.room()
    await shelf.put("1", b"x")

    def make(tx: Tx) -> Any:
        wishes = [Wish(container="c", name="1")]
        return manifests.put_static(tx, shelf.near, shelf.ctx, ACCOUNT, "c", "m", wishes, Put(), anybody)

    results = await clash(shelf, make, delete(shelf, room, "1"))
    assert refused(results, Invalid) <= 1


async def _upload(shelf: Shelf, room: ContainerRow) -> tuple[UploadRow, list[tuple[int, str]]]:
    upload = await shelf.db.write(multipart.begin, shelf.near, shelf.ctx, room, "a", "x/y", Details())
    chosen = [(n, (await shelf.db.write(_part(shelf, room, upload, n, b"p" * n))).etag) for n in (1, 2)]
    return upload, chosen


def _part(shelf: Shelf, room: ContainerRow, upload: UploadRow, number: int, data: bytes) -> Callable[[Tx], PartRow]:
    return lambda tx: multipart.put_part(tx, shelf.near, room, "a", upload.id, number, body(data))


async def test_completed_aborted_and_filled_at_once(shelf: Shelf) -> None:
    room = await shelf.room()
    for actors in (
        ("complete", "abort"),
        ("complete", "part"),
        ("abort", "part"),
        ("complete", "complete", "abort", "part"),
    ):
        upload, chosen = await _upload(shelf, room)

        def complete(tx: Tx, id: str = upload.id, chosen: list[tuple[int, str]] = chosen) -> ObjectRow:
            return multipart.complete(tx, shelf.near, shelf.ctx, room, "a", id, chosen)

        def abort(tx: Tx, id: str = upload.id) -> None:
            multipart.drop(tx, room, multipart.find(tx, room, "a", id))

        acts = {"complete": complete, "abort": abort, "part": _part(shelf, room, upload, 2, b"new")}
        results = await clash(shelf, *(acts[actor] for actor in actors))
        refused(results, NotFound, Invalid)
        made = [one for one in results if isinstance(one, ObjectRow)]
        if made:
            assert await shelf.get("a") == b"ppp"
            await shelf.db.write(delete(shelf, room, "a"))
        elif "abort" not in actors:
            await shelf.db.write(abort)
        assert await usage(shelf, room) == Usage(0, 0), actors


async def test_the_same_part_twice_at_once(shelf: Shelf) -> None:
    room = await shelf.room()
    upload, _ = await _upload(shelf, room)
    results = await clash(shelf, *(_part(shelf, room, upload, 3, b"x" * n) for n in range(5, 9)))
    assert refused(results) == 0
    await shelf.db.write(multipart.drop, room, upload)
    assert await usage(shelf, room) == Usage(0, 0)


@pytest.mark.parametrize("whose", ["container", "account"])
async def test_a_quota_at_its_edge(shelf: Shelf, whose: str) -> None:
    await shelf.room(meta={"quota-bytes": "100"} if whose == "container" else {})
    await shelf.room("d")
    if whose == "account":
        await shelf.db.write(accounts.update, shelf.near, shelf.ctx, ACCOUNT, {"quota-bytes": "100"}, {})
    other = "c" if whose == "container" else "d"
    puts = [put(shelf, f"o{n}", b"x" * 60, "c" if n % 2 else other) for n in range(3)]
    results = await clash(shelf, *puts)
    assert refused(results, TooLarge) == 2


async def test_a_lock_and_the_end_of_what_it_locks(shelf: Shelf) -> None:
    room = await shelf.room(versioning="enabled")
    made = await shelf.put("a", b"x")

    def lock(tx: Tx) -> ObjectRow:
        row = objects.find_version(tx, room, "a", made.stamp)
        if row is None:
            raise NotFound("gone")
        return objects.save(tx, row, details=Details(system={locks.HOLD: "ON"}))

    def destroy(tx: Tx) -> Any:
        return objects.delete_version(tx, shelf.near, shelf.ctx, room, "a", made.stamp)

    results = await clash(shelf, lock, destroy)
    assert refused(results, NotFound, Forbidden) == 1
    row = await shelf.db.read(objects.find_version, room, "a", made.stamp)
    assert (row is not None) == isinstance(results[0], ObjectRow)
    if row is not None:
        await shelf.db.write(lambda tx: objects.save(tx, row, details=None))


async def test_a_refresh_and_the_expiry(shelf: Shelf) -> None:
    room = await shelf.room()
    await shelf.put("a", b"x", delete_at=1)

    def refresh(tx: Tx) -> ObjectRow:
        """As a client whose clock is behind: the object was there when it asked."""
        row = objects.find_version(tx, room, "a", None)
        if row is None:
            raise NotFound("gone")
        return objects.save(tx, row, delete_at=0)

    results = await clash(shelf, refresh, lambda tx: ending.expire(tx, shelf.near))
    gone = await shelf.db.read(objects.find_version, room, "a", None) is None
    assert gone == (refused(results, NotFound) == 1)


async def test_names_are_given_once(shelf: Shelf) -> None:
    def create(tx: Tx, account: str) -> ContainerRow:
        return containers.create_bucket(tx, shelf.near, shelf.ctx, account, "b", Change())

    results = await clash(shelf, *(partial(create, account=f"AUTH_{n}") for n in range(3)))
    assert refused(results, Conflict) == 2
    results = await clash(shelf, *(partial(create, account=ACCOUNT) for _ in range(2)))
    assert refused(results, Conflict) == 2
    make = lambda tx: containers.put(tx, shelf.near, shelf.ctx, ACCOUNT, "n", Change())  # noqa: E731
    results = await clash(shelf, make, make, make)
    assert refused(results) == 0
    assert sum(made for _, made in results) == 1


async def test_the_end_of_an_account_and_a_new_container(shelf: Shelf) -> None:
    await shelf.room()
    make = lambda tx: containers.put(tx, shelf.near, shelf.ctx, ACCOUNT, "n", Change())  # noqa: E731
    await clash(shelf, make, lambda tx: accounts.delete(tx, shelf.near, shelf.ctx, ACCOUNT), put(shelf, "a", b"x"))


async def test_all_at_once_for_a_while(shelf: Shelf) -> None:
    """Without a model: whatever comes of it, rows and blobs fit each other. The reconcilers are at work meanwhile."""
    room, chance = await shelf.room(), random.Random(4711)
    await shelf.room("old")
    names, states = "abc", ("enabled", "suspended")
    stop = asyncio.get_running_loop().time() + 3

    async def one_thing() -> None:
        name, other, data = chance.choice(names), chance.choice(names), bytes(chance.choice((0, 9, 3000)))
        match chance.randrange(8):
            case 0 | 1:
                await shelf.put(name, data)
            case 2:
                await shelf.db.write(delete(shelf, room, name))
            case 3:
                source = await shelf.db.read(objects.find_version, room, name, None)
                if source is not None:
                    await shelf.db.write(lambda tx: _copied(shelf, source, tx, other))
            case 4:
                upload = await shelf.db.write(multipart.begin, shelf.near, shelf.ctx, room, "a", "x/y", Details())
                part = await shelf.db.write(_part(shelf, room, upload, 1, data))
                done = multipart.complete if chance.random() < 0.7 else None
                if done is not None:
                    await shelf.db.write(done, shelf.near, shelf.ctx, room, "a", upload.id, [(1, part.etag)])
                else:
                    await shelf.db.write(multipart.drop, room, upload)
            case 5:
                await shelf.room(versioning=chance.choice(states))
            case 6:
                row = await shelf.db.read(objects.find_version, room, name, None)
                if row is not None:
                    gone = partial(objects.delete_version, promote=chance.random() < 0.5)
                    await shelf.db.write(gone, shelf.near, shelf.ctx, room, name, row.stamp if row.versioned else 0)
            case _:
                await shelf.put(name, data, delete_at=1)

    async def busy() -> None:
        while asyncio.get_running_loop().time() < stop:
            with contextlib.suppress(NotFound, Conflict):
                await one_thing()

    async def tidy() -> None:
        while asyncio.get_running_loop().time() < stop:
            await shelf.tidy()
            await asyncio.sleep(0.02)

    await asyncio.gather(tidy(), *(busy() for _ in range(6)))


@pytest.mark.parametrize("what", ["new", "again", "delete"])
async def test_writers_of_different_names_do_not_fail_each_other(shelf: Shelf, what: str) -> None:
    """Neighbours in one container, all at once: nobody has to try again."""
    room, tries = await shelf.room(), 0
    names = [f"n{number:03}" for number in range(600 if what == "again" else 60)]

    def fill(tx: Tx) -> None:
        for name in names:
            put(shelf, name, b"before")(tx)

    if what != "new":  # on other pages of the key than what is made: so it is but for the first few
        await shelf.db.write(fill)

    def counted(decision: Decision) -> Decision:
        def decide(tx: Tx) -> Any:
            nonlocal tries
            tries += 1
            return decision(tx)

        return decide

    chosen = names[:57:8]
    made = [delete(shelf, room, name) if what == "delete" else put(shelf, name, name.encode()) for name in chosen]
    done = await clash(shelf, *(counted(one) for one in made))
    assert refused(done) == 0
    assert tries == len(chosen)


async def test_a_crowd_in_one_container(shelf: Shelf) -> None:
    """Of two processes, each writing, writing over and deleting the same few names: no failure, and counters that are true."""
    room = await shelf.room()
    other = Database(str(shelf.db.url)) if shelf.db.multi_process else shelf.db
    if other is not shelf.db:
        await other.start()

    async def some(number: int) -> None:
        chance = random.Random(number)
        for step in range(12):
            name = f"n{chance.randrange(6)}"
            decision = delete(shelf, room, name) if chance.random() < 0.3 else put(shelf, name, bytes(step * 20))
            await (other if number % 2 else shelf.db).write(decision)

    await asyncio.gather(*(some(number) for number in range(24)))
    if other is not shelf.db:
        await other.close()
