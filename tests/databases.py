"""Fixtures for everything that needs a database: `database` runs a test on SQLite and on PostgreSQL.

PostgreSQL is a private cluster of this session, on a Unix socket in a temporary directory; its files are the server
user's, never root's. `PILEUS_TEST_POSTGRESQL=postgresql+psycopg://…` names a server to use instead (its user must be
a superuser). Tests share a few databases that are emptied after each.
"""

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from glob import glob
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, make_url

from pileus.kernel.db import Database, metadata

SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "autovacuum": "off",
    "lc_messages": "C",
}
END = "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = "
"""Connections; returns when they are gone, so that none of them commits after it."""
RESTART = "SELECT setval(oid, 1, false) FROM pg_class WHERE relkind = 'S';"
_numbers = count()


class Cluster:
    """A PostgreSQL server. `url` leads to its `postgres` database."""

    def __init__(self, url: URL) -> None:
        self.url = url
        self._made: dict[str, tuple[str, ...]] = {}
        self._idle: dict[str, tuple[str, ...]] = {}

    def connect(self, name: str = "postgres") -> Any:
        """A psycopg connection that commits each statement."""
        import psycopg

        url = self.url.set(drivername="postgresql", database=name)
        return psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)

    def run(self, statement: str) -> None:
        with self.connect() as connection:
            connection.execute(statement)

    def create(self) -> str:
        """A new, empty database; its name."""
        name = f"pileus_{os.getpid()}_{next(_numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE template0")
        return name

    def drop(self, name: str) -> None:
        self.run(f"{END} '{name}'")
        self.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def at(self, name: str) -> str:
        return self.url.set(database=name).render_as_string(hide_password=False)

    async def lend(self) -> str:
        """A database with the tables that are imported by now, and nothing in them; its name."""
        tables = tuple(metadata.tables)
        for name, made_with in self._idle.items():
            if made_with == tables:
                del self._idle[name]
                return name
        name = self.create()
        db = Database(self.at(name))
        await db.start()
        await db.close()
        self._made[name] = tables
        return name

    def take_back(self, name: str) -> None:
        """Empty it for the next test: some 10 ms, where dropping and creating takes 100."""
        tables = self._made[name]
        emptied = "".join(f'DELETE FROM "{table}"; ' for table in tables)
        with self.connect(name) as connection:
            connection.execute(f"{END} current_database(); SET session_replication_role = replica; {emptied} {RESTART}")
        self._idle[name] = tables

    def clear(self) -> None:
        for name in self._made:
            self.drop(name)


def _binaries() -> Path | None:
    found = sorted(glob("/usr/lib/postgresql/*/bin/initdb"), key=lambda path: int(path.split("/")[4]))
    initdb = found[-1] if found else shutil.which("initdb")
    return Path(initdb).parent if initdb else None


def _server_user() -> pwd.struct_passwd | None:
    """Whom to run the server as: the server refuses to be root."""
    if os.getuid() != 0:
        return None
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Cluster]:
    """The session's PostgreSQL server."""
    if given := os.environ.get("PILEUS_TEST_POSTGRESQL"):
        cluster = Cluster(make_url(given))
        yield cluster
        cluster.clear()
        return
    binaries = _binaries()
    if binaries is None:
        pytest.skip("NOT TESTED ON POSTGRESQL: no initdb in /usr/lib/postgresql/*/bin or PATH")
    user = _server_user()
    place = Path(tempfile.mkdtemp(prefix="pileus-pg-"))
    place.chmod(0o755)
    run: dict[str, Any] = {"cwd": "/", "stdin": subprocess.DEVNULL, "stderr": subprocess.STDOUT}
    if user is not None:
        os.chown(place, user.pw_uid, user.pw_gid)
        run |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    data = str(place / "data")
    settings = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
    make = ["-D", data, "-U", "pileus", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "-N"]
    try:
        with (place / "log").open("wb") as told:
            subprocess.run([str(binaries / "initdb"), *make], check=True, stdout=told, **run)
            server = subprocess.Popen(
                [str(binaries / "postgres"), "-D", data, "-k", str(place), *settings],
                stdout=told,
                preexec_fn=_die_with_parent,  # noqa: PLW1509
                **run,
            )
        try:
            cluster = Cluster(make_url(f"postgresql+psycopg://pileus@/postgres?host={place}"))
            _wait_for(cluster, server, place / "log")
            yield cluster
        finally:
            server.send_signal(signal.SIGQUIT)
            server.wait(60)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _die_with_parent() -> None:
    """No server outlives a session that was killed."""
    ctypes.CDLL(None).prctl(1, signal.SIGQUIT)


def _wait_for(cluster: Cluster, server: "subprocess.Popen[bytes]", told: Path) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        try:
            return cluster.run("SELECT 1")
        except Exception:
            if server.poll() is not None:
                break
            time.sleep(0.05)
    raise RuntimeError(f"the test server did not start: {told.read_text()[-2000:]}")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def product(request: pytest.FixtureRequest) -> str:
    """The database product that this run of the test is for."""
    return request.param


@pytest.fixture
def database_url(product: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database of the test's own, on either product."""
    if product == "sqlite":
        yield f"sqlite:///{tmp_path}/pileus.db"
        return
    cluster: Cluster = request.getfixturevalue("postgresql")
    name = cluster.create()
    yield cluster.at(name)
    cluster.drop(name)


@pytest.fixture
async def ready_url(product: str, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of a database of the test's own that has the tables, on either product."""
    if product == "sqlite":
        yield f"sqlite:///{tmp_path}/pileus.db"
        return
    cluster: Cluster = request.getfixturevalue("postgresql")
    name = await cluster.lend()
    yield cluster.at(name)
    cluster.take_back(name)


@pytest.fixture
async def database(ready_url: str) -> AsyncIterator[Database]:
    """A started database with every table that is imported by now."""
    db = Database(ready_url, synchronous="OFF")
    await db.start()
    yield db
    await db.close()
