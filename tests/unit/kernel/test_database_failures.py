"""When the ground shakes: full disks, foreign locks, killed processes, lost connections; and copies for such days."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Column, Integer, Table, Text, func, insert, select, text

from databases import Cluster
from pileus.kernel.db import Database, Query, Tx, metadata, restore, signals
from pileus.kernel.db.postgresql import ALONE_AFTER
from pileus.kernel.types import MINUTE, SECOND, Fault, Invalid, OutOfSpace, Unavailable

lumps = Table("test_lumps", metadata, Column("id", Integer, primary_key=True), Column("body", Text))
INSERT = Query(insert(lumps))
COUNT = Query(select(func.count(lumps.c.id)), into=int)


def put(tx: Tx, size: int = 10) -> None:
    tx.run(INSERT, body="x" * size)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pileus.db"


@pytest.fixture
async def db(path: Path) -> Database:
    db = Database(f"sqlite:///{path}", synchronous="OFF")
    await db.start()
    yield db
    await db.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", place], check=False, capture_output=True)
    if done.returncode:
        pytest.skip(f"cannot mount a small disk: {done.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


async def test_a_full_disk_fails_the_batch_and_not_the_writer(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"0" * 1_500_000)
    db = Database(f"sqlite:///{small_disk}/pileus.db")
    await db.start()
    outcomes = await asyncio.gather(*(db.write(put, 20_000) for _ in range(200)), return_exceptions=True)
    kept = outcomes.count(None)
    assert 0 < 200 - kept == sum(isinstance(outcome, OutOfSpace) for outcome in outcomes)
    assert await db.read(lambda tx: tx.row(COUNT)) == kept
    ballast.unlink()
    await db.write(put)
    await db.close()
    with sqlite3.connect(small_disk / "pileus.db") as again:
        assert again.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert again.execute("SELECT count(*) FROM test_lumps").fetchone() == (kept + 1,)


async def test_space_that_runs_out_inside_a_decision_fails_its_batch(db: Database) -> None:
    pages = await db.read(lambda tx: tx.execute(text("PRAGMA page_count")).scalar())
    await db.write(lambda tx: tx.execute(text(f"PRAGMA max_page_count = {pages + 20}")).scalar())
    outcomes = await asyncio.gather(*(db.write(put, 30_000) for _ in range(10)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} <= {type(None), OutOfSpace}
    assert any(outcomes)
    assert await db.read(lambda tx: tx.row(COUNT)) == outcomes.count(None)
    await db.write(lambda tx: tx.execute(text("PRAGMA max_page_count = 1000000")).scalar())
    await db.write(put, 30_000)


async def test_long_work_does_not_hold_everybody_up(db: Database) -> None:
    answered = threading.Event()

    async def one() -> None:
        await db.write(lambda tx: time.sleep(0.002))
        answered.set()

    others = [asyncio.create_task(one()) for _ in range(100)]
    await asyncio.sleep(0)
    assert await db.write(lambda tx: answered.wait(60)), "the first were answered while the last still waited"
    await asyncio.gather(*others)


async def test_a_second_process_is_told_who_owns_the_file(db: Database, path: Path) -> None:
    with pytest.raises(Unavailable, match=f"another process .pid {os.getpid()}."):
        await Database(f"sqlite:///{path}").start()
    await db.write(put)


async def test_a_place_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Fault, match=r"file/pileus\.db"):
        await Database(f"sqlite:///{tmp_path}/file/pileus.db").start()


async def test_what_was_answered_survives_a_kill(path: Path) -> None:
    program = """
        import asyncio, sys
        from sqlalchemy import Column, Integer, Table, insert
        from pileus.kernel.db import Database, Query, metadata
        t = Table("test_lumps", metadata, Column("id", Integer, primary_key=True))
        put = Query(insert(t))
        async def client(db, first):
            for n in range(first, 10**9, 8):
                await db.write(lambda tx: tx.run(put, id=n))
                print(n, flush=True)
        async def main():
            db = Database("sqlite:///" + sys.argv[1])
            await db.start()
            await asyncio.gather(*(client(db, n) for n in range(8)))
        asyncio.run(main())
    """
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program), path], stdout=subprocess.PIPE, text=True)
    answered = [int(child.stdout.readline()) for _ in range(200)]
    child.send_signal(signal.SIGKILL)
    answered += [int(line) for line in child.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    child.wait()
    db = Database(f"sqlite:///{path}")
    await db.start()
    found = await db.read(lambda tx: tx.execute(select(lumps.c.id)).scalars().all())
    await db.close()
    assert set(answered) <= set(found)


async def test_a_copy_of_the_live_database_can_be_put_back(db: Database, path: Path, tmp_path: Path) -> None:
    copy, url = tmp_path / "copy.db", f"sqlite:///{path}"
    for _ in range(20):
        await db.write(put)
    writing = [asyncio.create_task(db.write(put)) for _ in range(100)]
    await db.backup(copy)
    await asyncio.gather(*writing)
    with pytest.raises(Invalid, match="exists already"):
        await db.backup(copy)
    with pytest.raises(Unavailable, match="in use by another process"):
        restore(copy, url)
    await db.close()
    restore(copy, url)
    await db.start()
    count = await db.read(lambda tx: tx.row(COUNT))
    assert count is not None
    assert 20 <= count <= 120
    await db.write(put)


async def test_only_whole_copies_of_ours_are_put_back(db: Database, path: Path, tmp_path: Path) -> None:
    await db.write(put)
    good, bad, url = tmp_path / "good.db", tmp_path / "bad.db", f"sqlite:///{path}"
    await db.backup(good)
    await db.close()
    before = path.read_bytes()
    for damage in (lambda raw: raw[: len(raw) // 2], lambda raw: b"no database" * 1000, lambda raw: b""):
        bad.write_bytes(damage(good.read_bytes()))
        with pytest.raises(Invalid, match=r"bad\.db"):
            restore(bad, url)
    with sqlite3.connect(good) as newer:
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Invalid, match="9999"):
        restore(good, url)
    with pytest.raises(Invalid, match="nowhere"):
        restore(tmp_path / "nowhere", url)
    assert path.read_bytes() == before


@pytest.fixture
async def pg(postgresql: Cluster) -> Database:
    name = await postgresql.lend()
    db = Database(postgresql.at(name))
    await db.start()
    yield db
    await db.close()
    postgresql.take_back(name)


KILL = "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"


@pytest.mark.postgresql
async def test_lost_connections_are_made_again(pg: Database, postgresql: Cluster) -> None:
    ear = signals.subscribe("elsewhere")
    await asyncio.gather(*(pg.write(put) for _ in range(8)))
    with postgresql.connect("postgres") as other:
        other.execute(KILL, (pg.url.database,))
    assert await pg.read(lambda tx: tx.row(COUNT)) == 8
    await asyncio.gather(*(pg.write(put) for _ in range(8)))
    assert await ear.wait(MINUTE), "who may have missed a hint is woken"
    with postgresql.connect(pg.url.database) as other:
        other.execute("NOTIFY pileus, 'elsewhere'")
    assert await ear.wait(MINUTE)
    assert await pg.read(lambda tx: tx.row(COUNT)) == 16


@pytest.mark.postgresql
@pytest.mark.parametrize("losses", [0, ALONE_AFTER], ids=["beside others", "alone"])
async def test_a_connection_may_be_cut_before_any_statement(
    pg: Database, postgresql: Cluster, monkeypatch: pytest.MonkeyPatch, losses: int
) -> None:
    """Nobody notices, but who asked for a write and was cut off at its COMMIT."""
    execute, victim, said = psycopg.Connection.execute, -1, [""] * 0

    def cut(self: psycopg.Connection, statement: str, *args: object, **kw: object) -> psycopg.Cursor:
        said.append(statement)
        if len(said) == victim:
            with postgresql.connect("postgres") as other:
                execute(other, "SELECT pg_terminate_backend(%s, 60000)", (self.info.backend_pid,))
        return execute(self, statement, *args, **kw)

    def look(tx: Tx) -> int | None:
        return tx.row(COUNT)

    async def new(work: Callable[[Tx], object]) -> object:
        """On a new connection, after so many races that were lost."""
        left = losses

        def hard(tx: Tx) -> object:
            nonlocal left
            if left:
                left -= 1
                raise psycopg.errors.SerializationFailure
            tx.wake("elsewhere")
            return work(tx)

        pg._store._drop_idle()
        said.clear()
        return await (pg.read(look) if work is look else pg.write(hard))

    monkeypatch.setattr(psycopg.Connection, "execute", cut)
    puts = 0
    for work in (look, put):
        victim = -1
        assert await new(work) == (0 if work is look else None)
        puts += work is put
        for victim in range(1, len(said) + 1):
            try:
                await new(work)
            except Unavailable:
                assert said[victim - 1] == "COMMIT"
                assert work is put
            else:
                puts += work is put
    victim = -1
    assert await new(look) == puts
    assert len(pg._store._pids) == len(pg._store._idle) == 1


@pytest.mark.postgresql
async def test_two_processes_wake_each_other(pg: Database, postgresql: Cluster) -> None:
    ear = signals.subscribe("hello")
    with postgresql.connect(pg.url.database) as other:
        other.execute("NOTIFY pileus, 'hello'")
    assert await ear.wait(MINUTE)
    await pg.write(lambda tx: tx.wake("hello"))
    assert await ear.wait(SECOND)
    assert not await ear.wait(SECOND // 5), "one's own hints come once"


@pytest.mark.postgresql
async def test_who_loses_again_and_again_is_let_alone(pg: Database, postgresql: Cluster) -> None:
    """While another process never stops to write what the decision reads: four tries, and it is done."""
    other = Database(str(pg.url))
    await other.start()
    tries, over = 0, False

    def look_and_put(tx: Tx) -> None:
        tx.row(COUNT)
        put(tx)

    def long(tx: Tx) -> None:
        nonlocal tries
        tries += 1
        tx.row(COUNT)
        time.sleep(0.2)
        put(tx)

    async def noise() -> None:
        while not over:
            await other.write(look_and_put)

    noises = [asyncio.create_task(noise()) for _ in range(3)]
    await pg.write(long)
    over = True
    await asyncio.gather(*noises)
    await other.close()
    assert tries <= ALONE_AFTER + 1


@pytest.mark.postgresql
async def test_each_has_a_seat_of_his_own(pg: Database, postgresql: Cluster) -> None:
    """Also where there are several processes."""
    other = Database(str(pg.url))
    await other.start()
    meeting = threading.Barrier(10)

    def seat(tx: Tx) -> int:
        meeting.wait(60)
        return tx.seat

    found = await asyncio.gather(*(db.write(seat) for db in (pg, other) for _ in range(5)))
    await other.close()
    assert len(set(found)) == 10
    assert max(found) < 20


@pytest.mark.postgresql
async def test_postgresql_is_copied_by_its_own_tools(pg: Database, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="pg_dump"):
        await pg.backup(tmp_path / "copy")
    with pytest.raises(Unavailable, match="pg_restore"):
        restore(tmp_path / "copy", str(pg.url))


async def test_a_server_that_does_not_answer_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="database"):
        await Database(f"postgresql+psycopg://u@/x?host={tmp_path}").start()


async def test_nobody_else_may_read_the_files(db: Database, tmp_path: Path) -> None:
    await db.write(put)
    await db.backup(tmp_path / "copy.db")
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in tmp_path.iterdir()}
    assert set(modes) >= {"pileus.db", "pileus.db-wal", "pileus.db.lock", "copy.db"}
    assert set(modes.values()) == {"0o600"}
