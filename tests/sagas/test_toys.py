"""The crash suite on toy sagas, and that it finds the faults that sagas may have."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, Table, Text, bindparam, delete, insert, select, update

from pileus.kernel.db import Database, Query, metadata
from pileus.kernel.db import Tx as DbTx
from pileus.kernel.saga import Abort, Params, Run, Saga, Tx, Wait, World, start
from pileus.kernel.types import cloud
from sagas.engine import KEY, Arena, Scenario
from sagas.faults import Fault

things = Table(
    "crash_things",
    metadata,
    Column("id", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("marks", Integer, nullable=False, default=0),
)
INSERT = Query(insert(things))
MARK = Query(
    update(things).where(things.c.id == bindparam("of")).values(state=bindparam("now"), marks=things.c.marks + 1)
)
DELETE = Query(delete(things))
ALL = Query(select(things.c.id, things.c.state, things.c.marks))


class CreateThing(Params, saga="crash.create_thing", frozen=True):
    thing_id: str


class CreateSloppily(Params, saga="crash.create_sloppily", frozen=True):
    thing_id: str


class Note(Params, saga="crash.note", frozen=True):
    thing_id: str


@dataclass
class Shelf:
    """A world of files, each with its text."""

    place: Path

    async def ensure(self, name: str, text: str) -> None:
        await asyncio.sleep(0)
        half = self.place / f".{name}"
        half.write_text(text)
        await asyncio.sleep(0)
        half.rename(self.place / name)

    async def remove(self, name: str) -> None:
        for found in (f".{name}", name):
            await asyncio.sleep(0)
            (self.place / found).unlink(missing_ok=True)

    def holds(self) -> dict[str, str]:
        return {file.name: file.read_text() for file in self.place.iterdir()}


async def make(shelf: Shelf, run: Run, p: CreateThing) -> str:
    await shelf.ensure("thing", p.thing_id)
    return "made"


async def unmake(shelf: Shelf, run: Run, p: CreateThing) -> None:
    await shelf.remove("thing")


def count(tx: DbTx, shelf: Shelf, run: Run, p: CreateThing) -> None:
    tx.run(MARK, of=p.thing_id, now="COUNTED")


def uncount(tx: DbTx, shelf: Shelf, run: Run, p: CreateThing) -> None:
    tx.run(INSERT, id=f"uncounted-{p.thing_id}", state="", marks=0)


async def paint(shelf: Shelf, run: Run, p: CreateThing) -> None:
    if run.output("make") != "made":
        raise Abort("the output of an earlier step is gone")
    await shelf.ensure("paint", "red")


async def unpaint(shelf: Shelf, run: Run, p: CreateThing) -> None:
    await shelf.remove("paint")


def dry(tx: DbTx, shelf: Shelf, run: Run, p: CreateThing) -> bool:
    return (shelf.place / "paint").exists()


def note(tx: DbTx, shelf: Shelf, run: Run, p: CreateThing) -> None:
    start(tx, Note(thing_id=p.thing_id), "note", cloud())


def finish(tx: DbTx, shelf: Shelf, run: Run, p: CreateThing) -> None:
    tx.run(MARK, of=p.thing_id, now="ACTIVE")


def failed(tx: DbTx, shelf: Shelf, run: Run, p: CreateThing, reason: str) -> None:
    tx.run(DELETE)


async def write_note(shelf: Shelf, run: Run, p: Note) -> None:
    await shelf.ensure("note", p.thing_id)


create_thing: Saga[Shelf, CreateThing] = Saga(
    "crash.create_thing",
    CreateThing,
    [
        World("make", make, undo=unmake),
        Tx("count", count, undo=uncount),
        World("paint", paint, undo=unpaint),
        Wait("dry", dry),
        Tx("note", note),
        Tx("finish", finish),
    ],
    failed=failed,
)
notes: Saga[Shelf, Note] = Saga("crash.note", Note, [World("write_note", write_note)])


async def shelf_of(db: Database, state: Path) -> Shelf:
    return Shelf(state)


def decide(tx: DbTx) -> None:
    tx.run(INSERT, id="t1", state="BUILD", marks=0)
    start(tx, CreateThing(thing_id="t1"), KEY, cloud())


async def before(db: Database, shelf: Shelf) -> None:
    await db.write(decide)


async def after_done(db: Database, shelf: Shelf) -> None:
    assert shelf.holds() == {"thing": "t1", "paint": "red", "note": "t1"}
    assert await db.read(lambda tx: tx.rows(ALL)) == [("t1", "ACTIVE", 2)]


async def after_undone(db: Database, shelf: Shelf) -> None:
    assert shelf.holds() == {}
    assert await db.read(lambda tx: tx.rows(ALL)) == []


SCENARIO = Scenario(create_thing, shelf_of, before, after_done, after_undone, beside=[notes])


@pytest.mark.parametrize("fault", SCENARIO.faults, ids=str)
def test_create_thing(fault: Fault, arena: Arena) -> None:
    arena.play(SCENARIO, fault)


@pytest.mark.postgresql
@pytest.mark.parametrize("fault", SCENARIO.some_faults, ids=str)
def test_create_thing_on_postgresql(fault: Fault, postgresql_arena: Arena) -> None:
    postgresql_arena.play(SCENARIO, fault)


# --- sagas with mistakes, which the suite must find ---


async def before_sloppy(db: Database, shelf: Shelf) -> CreateSloppily:
    await db.write(lambda tx: tx.run(INSERT, id="t1", state="BUILD", marks=0))
    return CreateSloppily(thing_id="t1")


async def append(shelf: Shelf, run: Run, p: CreateSloppily) -> None:
    """Not idempotent."""
    await asyncio.sleep(0)
    file = shelf.place / "thing"
    file.write_text((file.read_text() if file.exists() else "") + p.thing_id)


async def unlink(shelf: Shelf, run: Run, p: CreateSloppily) -> None:
    """Absent is no success."""
    (shelf.place / "thing").unlink()


async def mark_outside(shelf: Shelf, run: Run, p: CreateSloppily) -> None:
    """Writes into the world what no undo removes."""
    (shelf.place / "paint").write_text("red")


def finish_sloppily(tx: DbTx, shelf: Shelf, run: Run, p: CreateSloppily) -> None:
    tx.run(MARK, of=p.thing_id, now="ACTIVE")
    tx.run(MARK, of=p.thing_id, now="ACTIVE")


def failed_sloppily(tx: DbTx, shelf: Shelf, run: Run, p: CreateSloppily, reason: str) -> None:
    tx.run(DELETE)


async def after_done_sloppily(db: Database, shelf: Shelf) -> None:
    assert shelf.holds() == {"thing": "t1", "paint": "red"}


sloppy: Saga[Shelf, CreateSloppily] = Saga(
    "crash.create_sloppily",
    CreateSloppily,
    [World("append", append, undo=unlink), World("mark", mark_outside), Tx("finish", finish_sloppily)],
    failed=failed_sloppily,
)
SLOPPY = Scenario(sloppy, shelf_of, before_sloppy, after_done_sloppily, after_undone)
FOUND = ["append-error", "append-kill-inside", "append-undo-twice", "append-abort", "append-kill-undo-inside",
         "mark-abort-late", "mark-cancel", "finish-abort"]  # fmt: skip


@pytest.mark.parametrize("fault", [fault for fault in SLOPPY.faults if str(fault) in FOUND], ids=str)
def test_mistakes_are_found(fault: Fault, arena: Arena) -> None:
    with pytest.raises(AssertionError) as caught:
        arena.play(SLOPPY, fault)
    assert "did not strike" not in str(caught.value)


def test_what_is_well_in_a_sloppy_saga_passes(arena: Arena) -> None:
    arena.play(SLOPPY, Fault("none"))
    arena.play(SLOPPY, Fault("kill", "append", "before"))


def test_faults_cover_every_step() -> None:
    assert {fault.step for fault in SCENARIO.faults if fault.kind == "kill" and fault.point == "inside"} == {
        step.name for step in create_thing.steps
    }
    assert {fault.step for fault in SCENARIO.faults if fault.kind == "undo-twice"} == {"make", "count", "paint"}
    assert {fault.kind for fault in SCENARIO.some_faults} == {fault.kind for fault in SCENARIO.faults}
    assert len(SCENARIO.some_faults) < 25
