"""What the database layer costs: `python tests/bench/database.py [URL]`; figures in docs/howto/database.md.

Without a URL: a new SQLite file. Times are the best of five rounds, CPU time where it says so.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import msgspec
from sqlalchemy import Column, String, Table, Text, bindparam, insert, select

from pileus.kernel.db import Database, Flag, Json, Query, Time, Tx, metadata, page
from pileus.kernel.types import Listing, Sort, new_id

things = Table(
    "bench_things",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("project_id", String(64), nullable=False, index=True),
    Column("name", Text),
    Column("tags", Json),
    Column("at", Time, nullable=False),
    Column("on", Flag),
)


class Thing(msgspec.Struct, frozen=True):
    id: str
    project_id: str
    name: str
    tags: list[str]
    at: int
    on: bool


_by_id = select(things).where(things.c.id == bindparam("id"))
INSERT, FIND = Query(insert(things)), Query(_by_id, into=Thing)
SOME = Query(select(things).where(things.c.id.in_(bindparam("ids", expanding=True))), into=Thing)
FIELDS = {column.name: column for column in things.c}
LIST = select(things)


def best(call: Callable[[], object], times: int) -> float:
    """Microseconds a call."""
    rounds = []
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(times):
            call()
        rounds.append((time.perf_counter() - began) / times * 1e6)
    return min(rounds)


def fill(tx: Tx) -> list[str]:
    ids = [new_id() for _ in range(20_000)]
    rows = [
        {"id": id, "project_id": f"p{n % 100}", "name": f"n{n}", "tags": ["a"], "at": tx.now + n, "on": True}
        for n, id in enumerate(ids)
    ]
    tx.run_many(INSERT, rows)
    return ids


def reads(tx: Tx, ids: list[str]) -> None:
    driver: Any = tx._driver
    plan = tx.plan(FIND)
    bound = plan.bind({"id": ids[0]})
    mine = Listing(limit=100, sort=(Sort("at", True),)).also("project_id", "eq", "p1")
    for what, call, times in (
        ("row by id, bare driver", lambda: driver.execute(plan.sql, bound).fetchone(), 2000),
        ("row by id, Query", lambda: tx.row(FIND, id=ids[0]), 2000),
        ("row by id, Core execute", lambda: tx.execute(_by_id, {"id": ids[0]}).first(), 500),
        ("100 rows by list, Query", lambda: tx.rows(SOME, ids=ids[:100]), 100),
        ("100 rows by list, Core", lambda: tx.execute(LIST.where(things.c.id.in_(ids[:100]))).all(), 100),
        ("page of 100 of 200", lambda: page(tx, LIST, FIELDS, mine, Thing), 100),
        (
            "its second page",
            lambda: page(tx, LIST, FIELDS, msgspec.structs.replace(mine, marker=ids[15001]), Thing),
            100,
        ),
    ):
        print(f"{what:28} {best(call, times):8.1f} us")


async def writes(db: Database) -> None:
    def put(tx: Tx) -> None:
        tx.run(INSERT, id=new_id(), project_id="w", name="n", tags=[], at=tx.now, on=True)

    async def client(times: int) -> None:
        for _ in range(times):
            await db.write(put)

    for clients in (1, 10, 100):
        times = max(10, 1000 // clients)
        began, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(client(times) for _ in range(clients)))
        took, used = time.perf_counter() - began, time.process_time() - cpu
        done = times * clients
        print(f"writes, {clients:3} clients         {done / took:8.0f} /s {used / done * 1e6:8.0f} us CPU each")
    began = time.perf_counter()
    for _ in range(2000):
        await db.read(lambda tx: tx.row(FIND, id="x"))
    print(f"await db.read of one row     {(time.perf_counter() - began) / 2000 * 1e6:8.1f} us")


async def main(url: str) -> None:
    began = time.perf_counter()
    db = Database(url)
    await db.start()
    print(
        f"{url.partition(':')[0]}: start with {len(metadata.tables)} tables {(time.perf_counter() - began) * 1e3:.0f} ms"
    )
    ids = await db.write(fill)
    await db.read_aside(reads, ids)
    await writes(db)
    await db.close()


if __name__ == "__main__":
    if sys.argv[1:]:
        asyncio.run(main(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory(prefix="pileus-bench-") as place:
            asyncio.run(main(f"sqlite:///{place}/pileus.db"))
