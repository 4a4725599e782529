"""A stand-in for `pileus.app`: one listener, behaviour by settings."""

import asyncio
import logging
import sqlite3
from typing import Annotated

from pileus.kernel.config import Section, doc


class Cloud(Section):
    host: Annotated[str, doc("Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, doc("Port of the one listener.", ge=1, le=65535)] = 21200
    simulate: Annotated[int, doc("Simulated hypervisors; 0: real ones.", ge=0)] = 0
    database: Annotated[str, doc("Database URL; empty: SQLite in the state.", secret=True)] = ""
    breaks: Annotated[str, doc("How the fake misbehaves.")] = ""


class Identity(Section):
    admin_password: Annotated[str, doc("Of admin, at bootstrap.", secret=True)] = ""
    demo_password: Annotated[str, doc("Of demo, at bootstrap.", secret=True)] = ""


SECTIONS = {"cloud": Cloud, "identity": Identity}
log = logging.getLogger("fake")


async def _answer(reader, writer):
    line = await reader.readline()
    body = b"OK" if b"/healthcheck" in line else b'pileus_reconciler_failing{name="ports"} 0\n'
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    await writer.drain()
    writer.close()


async def serve(settings, state, ready):
    cloud = settings.of(Cloud)
    if cloud.breaks == "start":
        raise RuntimeError("the fake was told to break")
    with sqlite3.connect(state / "pileus.db") as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE IF NOT EXISTS alembic_version (version_num TEXT)")
        database.execute("CREATE TABLE IF NOT EXISTS things (word TEXT)")
    database.close()
    server = await asyncio.start_server(_answer, cloud.host, cloud.port)
    log.info("serving", extra={"request_id": "req-1", "port": cloud.port})
    hypervisor = f"fake ({cloud.simulate} hosts)" if cloud.simulate else "none"
    url = f"http://{cloud.host}:{cloud.port}"
    ready({"listeners": {"identity": url}, "drivers": {"hypervisor": hypervisor}, "notes": ["a note"]})
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        if cloud.breaks == "stop":
            await asyncio.sleep(3600)
        raise
    finally:
        server.close()


async def purge(settings, state):
    return ["namespace px-fake"]


async def migrate(settings, state):
    return "0001"


async def bootstrap(settings, state):
    assert settings.of(Identity).admin_password
