"""kill -9 of an object store at work for clients of all kinds, by both faces, its reconcilers busy: again and again, on both databases.

`PILEUS_TEST_KILLS` (3) kills, at random moments; the seed is told. What the clients were promised is there, what had no answer is whole or
not there, counters are what they count, and nothing is left over.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from cloud_runs import free_port
from databases import Cluster
from object_rows import broken, orphans
from object_server import running
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.reconcilers.endings import Endings

from . import object_crowd
from .object_crowd import Crowd, Link, Value

KILLS = int(os.environ.get("PILEUS_TEST_KILLS", "3"))
SEED = int(os.environ.get("PILEUS_TEST_SEED", "0")) or random.randrange(1 << 30)


LEFT = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND random() < %s"


class Server:
    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.port = folder, free_port()
        self.url = make_url(url)
        if self.url.get_backend_name() == "postgresql":
            self.url = self.url.update_query_dict({"application_name": f"pileus-{self.port}"})
        self.process: Any = None

    def up(self) -> None:
        url = self.url.render_as_string(hide_password=False)
        program = [sys.executable, "-u", object_crowd.__file__, str(self.folder), str(self.port), url]
        environ = {**os.environ, "PYTHONPATH": ":".join(sys.path)}
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(program, env=environ, stdout=subprocess.PIPE, stderr=log)
        assert self.process.stdout.readline() == b"up\n", (self.folder / "log").read_text()[-3000:]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self._wait_for_its_connections()

    def _wait_for_its_connections(self) -> None:
        """PostgreSQL ends what a dead client had asked for; until then its commit may still come."""
        if "application_name" not in self.url.query:
            return
        plain = self.url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain, autocommit=True, application_name="test") as connection:
            end = time.monotonic() + 120
            while connection.execute(LEFT, [self.url.query["application_name"]]).fetchone() != (0,):
                assert time.monotonic() < end, "its connections do not end"
                time.sleep(0.01)


async def wrong_at_rest(server: Server) -> list[str]:
    """What is wrong with rows and files when no client is there and all has been tidied up."""
    more = {**object_crowd.SETTINGS, "grace_seconds": 0, "orphan_minutes": 0}
    async with running(server.folder, url=server.url.render_as_string(hide_password=False), **more) as it:
        found = list(await it.db.read_aside(broken))
        near: Neighbours = it.service.internal._near
        endings = Endings(near)
        for work in (endings.expire, endings.clear, endings.sweep):
            await work()
        found += [*await it.db.read_aside(broken), *await orphans(it.db, it.stores)]
        for store in it.stores.values():
            found += [f"a draft is left: {seen.id}" for seen in await store.observe() if not seen.whole]
    return found


def drop_uploads(link: Link) -> None:
    for upload in link.amazon("list_multipart_uploads", Bucket="c").get("Uploads", []):
        link.amazon("abort_multipart_upload", Bucket="c", Key=upload["Key"], UploadId=upload["UploadId"])


@pytest.mark.timeout(600 + 180 * KILLS)
def test_killed_among_clients(ready_url: str, tmp_path: Path) -> None:
    print("PILEUS_TEST_SEED", SEED)
    chance, sure = random.Random(SEED), dict[str, Value]()
    server = Server(tmp_path, ready_url)
    server.up()
    try:
        object_crowd.furnish(server.port)
        for turn in range(KILLS):
            crowd = Crowd([server.port], chance.randrange(1 << 30), sure)
            crowd.start()
            crowd.go_on_until(60)
            time.sleep(chance.random() * 2)
            server.kill()
            crowd.end()
            assert crowd.strange == []
            server.up()
            sure = crowd.sure
            found = object_crowd.wrong(server.port, sure, crowd.open)
            print(f"kill {turn}: {crowd.answers} answers, {len(sure)} names, {len(crowd.open)} open")
            assert found == []
            if turn % 3 == 2 or turn == KILLS - 1:
                drop_uploads(Link(server.port))
                server.kill()
                assert asyncio.run(wrong_at_rest(server)) == []
                server.up()
                assert object_crowd.wrong(server.port, sure, {}) == []
    finally:
        server.kill()
        print((tmp_path / "log").read_text()[-3000:])


@pytest.mark.postgresql
@pytest.mark.timeout(900)
def test_connections_that_are_cut_among_clients(postgresql: Cluster, tmp_path: Path) -> None:
    """Clients are asked to come again; what became of their request is as it was, or as it was to be."""
    chance = random.Random(SEED)
    name = postgresql.create()
    server = Server(tmp_path, postgresql.at(name))
    server.up()
    try:
        object_crowd.furnish(server.port)
        crowd = Crowd([server.port], SEED, {})
        crowd.start()
        end, cuts = time.monotonic() + 20, 0
        while time.monotonic() < end and not crowd.strange:
            time.sleep(chance.random() * 1.5)
            with postgresql.connect() as connection:
                cut = connection.execute(CUT, [name, chance.random()]).fetchall()
            cuts += len(cut)
        crowd.go_on_until(101)
        time.sleep(2)
        crowd.end()
        print(
            f"PILEUS_TEST_SEED {SEED}: {crowd.answers} answers, {cuts} connections cut, {crowd.away} asked to come again"
        )
        assert crowd.strange == []
        assert object_crowd.wrong(server.port, crowd.sure, crowd.open) == []
        assert crowd.answers > 100
        drop_uploads(Link(server.port))
        server.kill()
        assert asyncio.run(wrong_at_rest(server)) == []
    finally:
        server.kill()
        print((tmp_path / "log").read_text()[-3000:])
        postgresql.drop(name)


@pytest.mark.postgresql
@pytest.mark.timeout(600 + 180 * KILLS)
def test_one_of_two_is_killed_among_clients(postgresql: Cluster, tmp_path: Path) -> None:
    """Two processes over one database and one disk; clients go to either, and the reconcilers of both take what is left over."""
    chance, name = random.Random(SEED), postgresql.create()
    one, other = Server(tmp_path, postgresql.at(name)), Server(tmp_path, postgresql.at(name))
    one.up()
    other.up()
    try:
        object_crowd.furnish(one.port)
        crowd = Crowd([one.port, other.port], SEED, {})
        crowd.start()
        for _ in range(KILLS):
            time.sleep(2 + chance.random() * 3)
            dead = chance.choice((one, other))
            with crowd.dying:
                dead.kill()
            dead.up()
        crowd.go_on_until(101)
        time.sleep(2)
        crowd.end()
        print(f"PILEUS_TEST_SEED {SEED}: {crowd.answers} answers")
        assert crowd.strange == []
        for server in (one, other):
            assert object_crowd.wrong(server.port, crowd.sure, crowd.open) == []
        assert crowd.answers > 100
        drop_uploads(Link(one.port))
        one.kill()
        other.kill()
        assert asyncio.run(wrong_at_rest(one)) == []
    finally:
        one.kill()
        other.kill()
        print((tmp_path / "log").read_text()[-3000:])
        postgresql.drop(name)
