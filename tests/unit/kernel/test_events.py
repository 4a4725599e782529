"""The change log: complete, in order, free of secrets; followers see each event once."""

import asyncio
import threading
from typing import Any

import msgspec
import pytest
from sqlalchemy import Column, Integer, Table, insert, select, text

from databases import Cluster
from pileus.kernel.db import Database, Query, Tx, metadata
from pileus.kernel.events import Event, Follower, Followers, page_events, prune, record
from pileus.kernel.events.log import rebase
from pileus.kernel.types import HOUR, Ctx, Listing, Sort, cloud

seen = Table("test_seen", metadata, Column("seq", Integer, primary_key=True))
SEE = Query(insert(seen))
SEEN = Query(select(seen.c.seq).order_by(seen.c.seq), into=int)
ctx = Ctx(user_id="u", project_id="p", request_id="req-1")


class Box(msgspec.Struct):
    id: str
    admin_password: str = "x"
    size: int = 3


def happen(tx: Tx, kind: str = "box.create.end", id: str = "1", **more: Any) -> int:
    return record(tx, ctx, kind, "box", id, **more)


def see(tx: Tx, event: Event) -> None:
    tx.run(SEE, seq=event.seq)


async def test_an_event_tells_who_what_and_how_it_was(database: Database) -> None:
    data = {"token": "t", "list": [{"adminPass": "p", "ok": 1, "key": {"private_key": "k", "blob": "b"}}]}
    seq = await database.write(happen, before=None, after=Box("1"), data=data)
    (event,) = (await database.read(page_events, Listing())).rows
    assert (event.seq, event.kind, event.resource, event.id) == (seq, "box.create.end", "box", "1")
    assert (event.project_id, event.user_id, event.request_id) == ("p", "u", "req-1")
    assert event.before is None
    assert event.after == {"id": "1", "size": 3}
    assert event.data == {"list": [{"ok": 1, "key": {}}]}


async def test_the_log_reads_in_pages(database: Database) -> None:
    for n in range(5):
        await database.write(happen, id=str(n))
    first = await database.read(page_events, Listing(limit=3))
    assert ([e.id for e in first.rows], first.more) == (["0", "1", "2"], True)
    rest = await database.read(page_events, Listing(limit=3, marker=str(first.rows[-1].seq)))
    assert ([e.id for e in rest.rows], rest.more) == (["3", "4"], False)
    last = await database.read(
        page_events, Listing(limit=1, sort=(Sort("seq", True),)).also("kind", "startswith", "box.")
    )
    assert [e.id for e in last.rows] == ["4"]


async def test_each_event_once_in_order_and_of_those_kinds_only(database: Database) -> None:
    follower = Follower("f", ["box.create.*", "box.delete.end"], see)
    wanted = []
    for n in range(150):
        kind = ("box.create.start", "box.create.end", "box.update.end", "box.delete.end", "box.delete.start")[n % 5]
        seq = await database.write(happen, kind, str(n))
        if n % 5 in {0, 1, 3}:
            wanted.append(seq)
    assert await follower.catch_up(database) == len(wanted)
    assert await follower.catch_up(database) == 0
    assert await Follower("f", ["*"], see).catch_up(database) == 1  # the last one, of a kind not looked at before
    assert (await database.read(lambda tx: tx.rows(SEEN)))[:-1] == wanted


async def test_a_failing_call_leaves_no_trace_and_is_not_overtaken(database: Database) -> None:
    broken = {"at": 0}
    seqs = [await database.write(happen, id=str(n)) for n in range(6)]

    def fragile(tx: Tx, event: Event) -> None:
        see(tx, event)
        if event.seq == broken["at"]:
            raise LookupError

    broken["at"] = seqs[3]
    follower = Follower("f", ["box.*"], fragile)
    for _ in range(2):
        with pytest.raises(LookupError):
            await follower.catch_up(database)
        assert await database.read(lambda tx: tx.rows(SEEN)) == seqs[:3]
    broken["at"] = 0
    assert await follower.catch_up(database) == 3
    assert await database.read(lambda tx: tx.rows(SEEN)) == seqs


async def test_two_processes_share_one_cursor(database: Database) -> None:
    seqs = [await database.write(happen, id=str(n)) for n in range(200)]
    taken = await asyncio.gather(*(Follower("f", ["*"], see).catch_up(database) for _ in range(4)))
    assert sum(taken) == 200
    assert await database.read(lambda tx: tx.rows(SEEN)) == seqs


async def test_followers_are_woken_by_the_commit(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pileus.kernel.events.follower.SECOND", HOUR)  # no timer tells them
    got = asyncio.Event()

    def tell(tx: Tx, event: Event) -> None:
        tx.after_commit(got.set)

    task = asyncio.create_task(Followers([Follower("f", ["box.*"], tell)]).run(database))
    await asyncio.sleep(0.2)
    await database.write(happen)
    await asyncio.wait_for(got.wait(), 60)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_pruning_waits_for_every_follower_and_forgets_the_dead(database: Database) -> None:
    for n in range(10):
        await database.write(lambda tx, n=n: record(tx, cloud(), "box.x", "box", str(n)))
    late = 2**60
    assert await database.write(prune, late, ["a", "b"]) == 0
    await Follower("a", ["*"], see).catch_up(database)
    await Follower("gone", ["none"], see).catch_up(database)
    assert await database.write(prune, late, ["a", "b"]) == 0
    await Follower("b", ["none"], see).catch_up(database)
    assert await database.write(prune, 0, ["a", "b"]) == 0
    assert await database.write(prune, late, ["a", "b"], 4) == 4
    assert await database.write(prune, late, ["a", "b"]) == 6
    assert await database.write(happen) == 11, "numbers are not given twice"


@pytest.mark.postgresql
async def test_no_event_is_skipped_while_an_older_transaction_is_open(postgresql: Cluster) -> None:
    name = await postgresql.lend()
    db = Database(postgresql.at(name))
    await db.start()
    began, go_on = threading.Event(), threading.Event()

    def slow(tx: Tx) -> int:
        seq = happen(tx, id="slow")
        began.set()
        assert go_on.wait(60)
        return seq

    follower, everything = Follower("f", ["*"], see), lambda tx: tx.rows(SEEN)
    slowly = asyncio.create_task(db.write(slow))
    assert await asyncio.to_thread(began.wait, 60)
    quick = await db.write(happen, id="quick")
    assert await follower.catch_up(db) == 0, "the slow one may still come before the quick one"
    running = asyncio.create_task(follower.run(db))
    await asyncio.sleep(0.1)
    go_on.set()
    seq = await slowly
    assert seq < quick
    async with asyncio.timeout(60):
        while await db.read(everything) != [seq, quick]:
            await asyncio.sleep(0.01)
    running.cancel()
    await db.close()
    postgresql.take_back(name)


@pytest.mark.postgresql
async def test_after_a_restore_into_another_cluster_nothing_is_lost_or_seen_twice(postgresql: Cluster) -> None:
    name = await postgresql.lend()
    db = Database(postgresql.at(name))
    await db.start()
    follower = Follower("f", ["*"], see)
    for _ in range(3):
        await db.write(happen)
    await follower.catch_up(db)
    unseen = await db.write(happen)
    for table in ("kernel_events", "kernel_followers"):
        await db.write(lambda tx, table=table: tx.execute(text(f"UPDATE {table} SET turn = turn + 1000000000000")))
    assert await Follower("f", ["*"], see).catch_up(db) == 0, "those transactions seem not to have happened yet"
    for _ in range(2):
        await db.write(rebase)
    last = await db.write(happen)
    assert await Follower("f", ["*"], see).catch_up(db) == 2
    assert (await db.read(lambda tx: tx.rows(SEEN)))[-2:] == [unseen, last]
    await db.close()
    postgresql.take_back(name)
