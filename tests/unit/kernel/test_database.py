"""Transactions: whole or not at all, apart from each other, on both databases."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable

import msgspec
import pytest
from sqlalchemy import (
    Column,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from pileus.kernel.db import Database, Duplicate, Flag, Json, Query, Time, Tx, metadata, signals
from pileus.kernel.db.postgresql import THREADS
from pileus.kernel.types import SECOND, Invalid, Unavailable, clock

things = Table(
    "test_things",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", Text, nullable=False),
    Column("tags", Json),
    Column("created_at", Time),
    Column("on", Flag),
    UniqueConstraint("name"),
)

dated = Table(
    "test_dated",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("state", String(10), nullable=False, default="new"),
    Column("made", Integer, default=lambda: 7),
    Column("changed", Integer, onupdate=9),
    Column("note", Text, server_default="none"),
)


class Thing(msgspec.Struct, frozen=True):
    id: str
    name: str
    tags: list[str] | None
    created_at: int | None
    on: bool | None


INSERT = Query(insert(things))
FIND = Query(select(things).where(things.c.id == bindparam("id")), into=Thing)
ALL = Query(select(things).order_by(things.c.id), into=Thing)
SOME = Query(select(things.c.id).where(things.c.id.in_(bindparam("ids", expanding=True))), into=str)
UPDATE = Query(update(things).where(things.c.id == bindparam("id")))


def make(tx: Tx, name: str) -> Thing | None:
    tx.run(INSERT, id=name, name=name, tags=[name], created_at=tx.now, on=True)
    tx.wake("things")
    return tx.row(FIND, id=name)


async def test_a_row_comes_back_as_it_went_in(database: Database) -> None:
    signal = signals.subscribe("things")
    made = await database.write(make, "a")
    assert made == Thing("a", "a", ["a"], made.created_at, True)
    assert await database.read(lambda tx: tx.rows(ALL)) == [made]
    assert await signal.wait(SECOND)
    assert not await signal.wait(1000)


async def test_who_raises_keeps_nothing_and_takes_nobody_along(database: Database) -> None:
    def fail(tx: Tx, name: str) -> None:
        make(tx, name)
        raise LookupError(name)

    outcomes = await asyncio.gather(
        *(database.write(fail if n % 3 == 0 else make, f"{n:02}") for n in range(30)), return_exceptions=True
    )
    assert [n for n, outcome in enumerate(outcomes) if isinstance(outcome, LookupError)] == list(range(0, 30, 3))
    rows = await database.read(lambda tx: tx.rows(ALL))
    assert [row.id for row in rows] == [f"{n:02}" for n in range(30) if n % 3]


async def test_duplicate_names_its_constraint(database: Database) -> None:
    await database.write(make, "a")
    with pytest.raises(Duplicate) as caught:
        await database.write(lambda tx: tx.run(INSERT, id="b", name="a"))
    assert caught.value.constraint == "uq_test_things_name"
    with pytest.raises(Duplicate) as caught:
        await database.write(lambda tx: tx.run(INSERT, id="a", name="b"))
    assert caught.value.constraint == "pk_test_things"


async def test_update_sets_what_is_given(database: Database) -> None:
    await database.write(make, "a")
    assert await database.write(lambda tx: tx.run(UPDATE, id="a", on=False)) == 1
    row = await database.read(lambda tx: tx.row(FIND, id="a"))
    assert (row.name, row.on) == ("a", False)


async def test_lists_of_any_length(database: Database) -> None:
    for name in "abc":
        await database.write(make, name)
    for ids in ([], ["a"], ["a", "b", "nobody"], [*"abc"], [str(n) for n in range(1000)]):
        found = await database.read(lambda tx, ids=ids: tx.rows(SOME, ids=ids))
        assert sorted(found) == sorted({*"abc"} & {*ids})


async def test_defaults_of_columns_hold(database: Database) -> None:
    put, change = Query(insert(dated).returning(dated.c.id), into=int), Query(update(dated))
    every = Query(select(dated.c.state, dated.c.made, dated.c.changed, dated.c.note))

    def story(tx: Tx) -> None:
        first = tx.row(put, made=1)
        assert tx.row(put, state="old") == (first or 0) + 1
        assert tx.rows(every) == [("new", 1, None, "none"), ("old", 7, None, "none")]
        assert tx.run(change, made=2) == 2
        assert tx.rows(every) == [("new", 2, 9, "none"), ("old", 2, 9, "none")]

    await database.write(story)


async def test_many_at_once(database: Database) -> None:
    def story(tx: Tx) -> None:
        assert tx.run_many(INSERT, [{"id": n, "name": n} for n in "abc"]) == 3
        assert tx.run_many(UPDATE, [{"id": n, "on": True} for n in "abx"]) == 2
        assert tx.run_many(UPDATE, []) == 0
        assert tx.row(Query(select(func.count()).where(things.c.on), into=int)) == 2
        assert tx.run(Query(delete(things))) == 3

    await database.write(story)


@pytest.mark.parametrize("params", [{}, {"idd": "a"}, {"id": "a", "name": "b"}])
async def test_wrong_parameters_are_named(database: Database, params: dict[str, str]) -> None:
    with pytest.raises(TypeError, match=r"missing.*unknown"):
        await database.read(lambda tx: tx.row(FIND, **params))


def test_rows_must_fit_their_columns() -> None:
    with pytest.raises(TypeError, match=r"5 fields.*2 columns"):
        Query(select(things.c.id, things.c.name), into=Thing)


async def test_text_for_a_list_is_a_mistake(database: Database) -> None:
    with pytest.raises(TypeError, match="list parameter"):
        await database.read(lambda tx: tx.rows(SOME, ids="abc"))


async def test_what_cannot_be_stored_is_invalid(database: Database) -> None:
    with pytest.raises(Invalid):
        await database.write(make, "\ud800")
    with pytest.raises(Invalid):
        await database.write(lambda tx: tx.run(INSERT, id="a", name="a", created_at=2**63))


async def now(database: Database, attempt: Callable[[Tx, str], object]) -> None:
    database.read_now(attempt, "a")


@pytest.mark.parametrize("how", [lambda db, do: db.read(do, "a"), lambda db, do: db.read_aside(do, "a"), now])
async def test_a_read_cannot_write(database: Database, how: Callable[..., Awaitable[object]]) -> None:
    for attempt in (make, lambda tx, name: tx.execute(insert(things), {"id": name, "name": name})):
        with pytest.raises(RuntimeError, match="a read cannot write"):
            await how(database, attempt)
    await database.write(make, "a")


async def test_an_async_def_is_no_decision(database: Database) -> None:
    async def wrong(tx: Tx) -> None:
        await asyncio.sleep(0)

    with pytest.raises(TypeError, match="plain def"):
        await database.write(wrong)


async def test_a_refused_statement_ends_the_transaction(database: Database) -> None:
    def go_on(tx: Tx) -> None:
        make(tx, "b")
        with pytest.raises(Duplicate):
            make(tx, "a")
        tx.row(FIND, id="a")

    def swallow(tx: Tx) -> None:
        make(tx, "b")
        with pytest.raises(Duplicate):
            tx.execute(insert(things), {"id": "a", "name": "x"})

    await database.write(make, "a")
    with pytest.raises(RuntimeError, match="refused"):
        await database.write(go_on)
    with pytest.raises(Duplicate):
        await database.write(swallow)
    assert [row.id for row in await database.read(lambda tx: tx.rows(ALL))] == ["a"]


async def test_a_savepoint_takes_back_what_is_inside(database: Database) -> None:
    called: list[str] = []

    def story(tx: Tx) -> None:
        make(tx, "b")
        for name in ("a", "c"):
            try:
                with tx.savepoint():
                    make(tx, name + "-inner")
                    tx.after_commit(lambda name=name: called.append(name))
                    with tx.savepoint():
                        make(tx, name)
            except Duplicate:
                continue

    await database.write(make, "a")
    await database.write(story)
    assert [row.id for row in await database.read(lambda tx: tx.rows(ALL))] == ["a", "b", "c", "c-inner"]
    assert called == ["c"]


async def test_after_commit_comes_before_the_answer_and_on_the_loop(database: Database) -> None:
    heard: list[object] = []

    def story(tx: Tx, fail: bool) -> None:
        make(tx, "a")
        tx.after_commit(lambda: 1 // 0)
        tx.after_commit(lambda: heard.append(threading.current_thread()))
        if fail:
            raise LookupError

    signal = signals.subscribe("things")
    with pytest.raises(LookupError):
        await database.write(story, True)
    assert heard == []
    assert not await signal.wait(10_000)
    await database.write(story, False)
    assert heard == [threading.main_thread()]
    assert await signal.wait(SECOND)


async def test_one_time_for_the_whole_transaction(database: Database) -> None:
    def story(tx: Tx) -> tuple[int, int]:
        first = tx.now
        time.sleep(0.002)
        return first, tx.now

    before = clock()
    first, second = await database.write(story)
    assert before <= first == second <= clock()


async def test_a_read_sees_one_moment(database: Database) -> None:
    began, written = threading.Event(), threading.Event()

    def look(tx: Tx) -> tuple[int, int]:
        first = len(tx.rows(ALL))
        began.set()
        assert written.wait(60)
        return first, len(tx.rows(ALL))

    await database.write(make, "a")
    looking = asyncio.create_task(database.read_aside(look))
    assert await asyncio.to_thread(began.wait, 60)
    await database.write(make, "b")
    written.set()
    assert await looking == (1, 1)


async def test_reads_may_nest(database: Database) -> None:
    await database.write(make, "a")
    assert await database.read(
        lambda tx: (len(tx.rows(ALL)), database.read_now(lambda inner: len(inner.rows(ALL))))
    ) == (1, 1)


async def test_a_cancelled_write_that_has_not_begun_never_begins(database: Database) -> None:
    gate = threading.Event()
    begun: list[int] = []

    def block(tx: Tx) -> None:
        begun.append(1)
        assert gate.wait(60)

    writers = THREADS if database.multi_process else 1
    blocking = [asyncio.create_task(database.write(block)) for _ in range(writers)]
    while len(begun) < writers:
        await asyncio.sleep(0.01)
    waiting = asyncio.create_task(database.write(make, "a"))
    await asyncio.sleep(0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    gate.set()
    await asyncio.gather(*blocking)
    assert await database.read(lambda tx: tx.rows(ALL)) == []


async def test_closing_finishes_the_writes_under_way(ready_url: str) -> None:
    db = Database(ready_url)
    await db.start()
    writes = [asyncio.create_task(db.write(make, f"{n}")) for n in range(50)]
    await asyncio.sleep(0)
    await db.close()
    await asyncio.gather(*writes)
    for closed in (db.read, db.read_aside, db.write):
        with pytest.raises(Unavailable, match="closed"):
            await closed(make, "x")
    with pytest.raises(Unavailable, match="closed"):
        db.read_now(make, "x")
    await db.start()
    assert len(await db.read(lambda tx: tx.rows(ALL))) == 50
    await db.close()


@pytest.mark.parametrize("url", ["mysql://x/y", "sqlite://", "sqlite:///:memory:"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"database"):
        Database(url)


@pytest.mark.parametrize("loser", [lambda tx: tx.rows(ALL), lambda tx: tx.execute(select(things)).all()])
async def test_lost_races_are_run_again(database: Database, loser: Callable[[Tx], object]) -> None:
    def count_up(tx: Tx) -> None:
        found = len(loser(tx))  # type: ignore[arg-type]
        tx.run(INSERT, id=f"{found:03}", name=f"{found:03}")

    await asyncio.gather(*(database.write(count_up) for _ in range(40)))
    assert [row.id for row in await database.read(lambda tx: tx.rows(ALL))] == [f"{n:03}" for n in range(40)]


async def test_who_looks_before_inserting_hears_of_it_in_his_own_words(database: Database) -> None:
    """Two check and insert the same at once: one does it, the other finds it there. The index has nothing to say."""
    meeting = threading.Barrier(2)
    tries: dict[str, int] = {}

    def once(tx: Tx, id: str) -> str:
        tries[id] = tries.get(id, 0) + 1
        if any(thing.name == "the one" for thing in tx.rows(ALL)):
            return "was there"
        if database.multi_process and tries[id] == 1:
            meeting.wait(60)
        tx.run(INSERT, id=id, name="the one")
        return "made"

    done = await asyncio.gather(*(database.write(once, id) for id in ("a", "b")))
    assert sorted(done) == ["made", "was there"]
