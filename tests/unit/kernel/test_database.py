"""Transactions: whole or not at all, apart from each other, on both databases."""

import asyncio

import msgspec
import pytest
from sqlalchemy import Column, String, Table, Text, UniqueConstraint, bindparam, insert, select, update

from pileus.kernel.db import Database, Duplicate, Flag, Json, Query, Time, Tx, metadata, signals
from pileus.kernel.types import SECOND

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
