"""The power goes, at many moments, while clients write: what was answered is there whole, what was not is whole or not there.

A busy server runs under strace once; from the recording follows what its disk kept for sure at any moment (`power`), and the
server is started again on that. What comes between is taken from it too: writes that were not synced, some of them, torn.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import random
import shutil
import sys
import tarfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from object_rows import broken, orphans
from object_server import Running, running
from pileus.kernel.db import Tx
from pileus.kernel.types import Conflict, as_bytes, cloud
from pileus.services.objectstore.core import containers, intake, multipart, objects, reading
from pileus.services.objectstore.core.intake import Body
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.db.columns import Details
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.uploads import PartRow
from pileus.services.objectstore.reconcilers.endings import Endings
from power import Disk, record

ACCOUNT = "AUTH_p"
MOMENTS = int(os.environ.get("PILEUS_TEST_MOMENTS", "40"))
SEED = int(os.environ.get("PILEUS_TEST_SEED", "0")) or random.randrange(1 << 30)
ROUNDS = 4
SETTINGS: dict[str, Any] = {"inline_bytes": 1000, "grace_seconds": 0, "orphan_minutes": 0, "part_least": 0}
State = dict[str, str | None]
"""By `container/object`: MD5 of the content and a word of its metadata; None: not there."""
HALF = "a manifest, some of whose segments are gone"


# --- the busy server: runs under strace ---------------------------------------------------------------------------------


class Client:
    """Writes down what it is about to do, and what it was answered."""

    def __init__(self, it: Running, http: httpx.AsyncClient, notes: int, seed: str) -> None:
        self.it, self.http, self.notes = it, http, notes
        self.near: Neighbours = it.service.internal._near
        self.chance = random.Random(seed)
        self.known: State = {}

    def note(self, word: str, state: Mapping[str, str | None]) -> None:
        os.write(self.notes, (json.dumps([word, dict(state)]) + "\n").encode())

    async def makes(self, state: State, work: Awaitable[Any]) -> None:
        self.note("try", state)
        answer = await work
        if isinstance(answer, httpx.Response):
            assert answer.status_code < 300, answer.text
            if answer.headers.get("content-type", "").startswith("application/json") and answer.content:
                assert answer.json().get("Errors", []) == [], answer.text
        self.note("done", state)
        self.known |= state

    def data(self) -> bytes:
        return self.chance.randbytes(self.chance.choice((0, 300, 900, 5_000, 40_000)))

    async def put(self, name: str, data: bytes, word: str = "", query: str = "", body: bytes | None = None) -> None:
        headers = {"X-Object-Meta-Word": word} if word else {}
        sent = self.http.put(f"{name}{query}", content=data if body is None else body, headers=headers)
        await self.makes({name: told(data, word)}, sent)

    async def delete(self, name: str, *more: str, query: str = "") -> None:
        await self.makes(dict.fromkeys((name, *more)), self.http.delete(f"{name}{query}"))


def told(data: bytes, word: str) -> str:
    return f"{hashlib.md5(data).hexdigest()} {word}"


async def overwriting(client: Client) -> None:
    for turn in range(3):
        await client.put("c/over", client.data(), f"w{turn}")
    state = client.known["c/over"]
    assert state is not None
    changed = client.http.post("c/over", headers={"X-Object-Meta-Word": "posted"})
    await client.makes({"c/over": f"{state.split()[0]} posted"}, changed)
    if client.chance.random() < 0.5:
        await client.delete("c/over")


async def copying(client: Client) -> None:
    data = client.data()
    await client.put("c/source", data)
    for to in ("c/copy", "s/copy"):
        asked = client.http.request("COPY", "c/source", headers={"Destination": to})
        await client.makes({to: told(data, "")}, asked)
    await client.delete("c/source")


async def joining(client: Client) -> None:
    """A static manifest; its end takes its segments with it, before it."""
    word = f"s/{client.chance.randrange(1 << 40):x}"
    parts = {f"{word}/{number}": client.chance.randbytes(size) for number, size in enumerate((3000, 500))}
    for name, data in parts.items():
        await client.put(name, data)
    manifest = json.dumps([{"path": f"/{name}"} for name in parts]).encode()
    await client.put("c/joined", b"".join(parts.values()), "", "?multipart-manifest=put", manifest)
    if client.chance.random() < 0.7:
        client.note("try", {"c/joined": HALF})
        await client.delete("c/joined", *parts, query="?multipart-manifest=delete")


async def versions(client: Client) -> None:
    for _ in range(3):
        await client.put("v/a", client.data())
    await client.delete("v/a")
    await client.put("v/b", client.data())


async def many(client: Client) -> None:
    """An archive, and a bulk delete."""
    files = {f"c/many/{number}": client.data() for number in range(4)}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name.partition("/")[2])
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    accept = {"Accept": "application/json"}
    extract = client.http.put("c?extract-archive=tar", content=packed.getvalue(), headers=accept)
    await client.makes({name: told(data, "") for name, data in files.items()}, extract)
    names = "\n".join(f"/{name}" for name in files)
    deleted = client.http.post("?bulk-delete", content=names, headers={"Content-Type": "text/plain", **accept})
    await client.makes(dict.fromkeys(files), deleted)


async def in_parts(client: Client) -> None:
    near, ctx = client.near, cloud()
    room = await near.db.read(containers.get, ACCOUNT, "s")
    upload = await near.db.write(multipart.begin, near, ctx, room, "parts", "x/y", Details())
    chosen, datas = [], [client.data() or b"x" for _ in range(3)]
    for number, data in enumerate(datas, 1):

        def decide(tx: Tx, body: Body, number: int = number) -> PartRow:
            return multipart.put_part(tx, near, room, "parts", upload.id, number, body)

        chosen.append((number, (await intake.store(near, room.place, chunked(data), decide)).etag))
    done = near.db.write(multipart.complete, near, ctx, room, "parts", upload.id, chosen)
    await client.makes({"s/parts": told(b"".join(datas), "")}, done)


async def chunked(data: bytes) -> AsyncIterator[bytes]:
    yield data


WORKS: tuple[Callable[[Client], Awaitable[None]], ...] = (overwriting, copying, joining, versions, many, in_parts)


async def busy(folder: str, notes: str, seed: str) -> None:
    told_to = os.open(notes, os.O_CREAT | os.O_WRONLY)
    async with (
        running(Path(folder), synchronous="FULL", **SETTINGS) as it,
        httpx.AsyncClient(
            base_url=f"{it.url}/v1/{ACCOUNT}/", headers={"X-Auth-Token": "u:p:member"}, timeout=120
        ) as http,
    ):
        for name, header in (("c", ""), ("s", "silver"), ("v", "")):
            headers = {"X-Storage-Policy": header} if header else {}
            (await http.put(name, headers=headers)).raise_for_status()
        (await http.post("v", headers={"X-Versions-Enabled": "true"})).raise_for_status()
        os.write(told_to, b'["begun", {}]\n')
        over = asyncio.Event()
        tidy = asyncio.create_task(_tidy(it, over))
        await asyncio.gather(*(_rounds(work, Client(it, http, told_to, f"{seed}{work}")) for work in WORKS))
        over.set()
        await tidy


async def _rounds(work: Callable[[Client], Awaitable[None]], client: Client) -> None:
    for _ in range(ROUNDS):
        await work(client)


async def _tidy(it: Running, over: asyncio.Event) -> None:
    endings = Endings(it.service.internal._near)
    while not over.is_set():
        await endings.clear()
        await endings.sweep()
        await asyncio.sleep(0.05)


# --- afterwards -----------------------------------------------------------------------------------------------------------


class Promises:
    """What clients may expect, as the notes tell it so far."""

    def __init__(self) -> None:
        self.begun = False
        self.sure: State = {}
        self.open: dict[str, list[str | None]] = {}

    def read(self, text: str) -> None:
        for line in text.splitlines():
            word, state = json.loads(line)
            self.begun |= word == "begun"
            for name, value in state.items():
                if word == "try":
                    self.open.setdefault(name, []).append(value)
                else:
                    self.sure[name] = value
                    self.open.pop(name, None)

    def broken_by(self, found: State) -> list[str]:
        names = self.sure.keys() | self.open.keys() | found.keys()
        return [
            f"{name} is {found.get(name)}, and not {self.sure.get(name)} or one of {self.open.get(name, [])}"
            for name in sorted(names)
            if found.get(name) not in (self.sure.get(name), *self.open.get(name, []))
        ]


def anybody(row: ContainerRow) -> None:
    """All may do all."""


async def kept(place: Path) -> tuple[State, list[str]]:
    """What is there when the server starts again, and what is wrong with it when it has tidied up."""
    async with running(place, **SETTINGS) as it:
        near: Neighbours = it.service.internal._near
        state = await _read(it, near)
        wrong = list(await it.db.read_aside(broken))
        endings = Endings(near)
        for work in (endings.expire, endings.clear, endings.sweep):
            await work()
        wrong += [*await it.db.read_aside(broken), *await orphans(it.db, it.stores)]
        if await _read(it, near) != state:
            wrong.append("tidying up changed what is there")
    return state, wrong


async def _read(it: Running, near: Neighbours) -> State:
    found: State = {}
    async with httpx.AsyncClient(base_url=f"{it.url}/v1/{ACCOUNT}/", headers={"X-Auth-Token": "u:p:member"}) as http:
        for room in "csv":
            for name in (await http.get(room)).text.split():
                _, whole = await near.db.read(objects.fetch, near, ACCOUNT, room, name, anybody)
                try:
                    data = b"".join([chunk async for chunk in as_bytes(reading.content(near, ACCOUNT, whole, anybody))])
                except Conflict:
                    found[f"{room}/{name}"] = HALF
                    continue
                value = told(data, whole.object.kept.meta.get("word", ""))
                if whole.object.kind == "":
                    assert value.split()[0] == whole.object.etag, f"{room}/{name} is torn"
                found[f"{room}/{name}"] = value
    return found


@pytest.mark.timeout(900)
async def test_what_was_answered_survives_the_power(tmp_path: Path) -> None:
    print("PILEUS_TEST_SEED", SEED)
    chance = random.Random(SEED)
    state, notes, log = tmp_path / "state", tmp_path / "notes", tmp_path / "calls"
    state.mkdir()
    record([__file__, str(state), str(notes), str(SEED)], log, env={**os.environ, "PYTHONPATH": ":".join(sys.path)})
    calls = sum(1 for _ in Disk(state).replay(log, notes))
    chosen = set(chance.sample(range(calls), min(calls, MOMENTS * 3)))
    disk, promises, tried = Disk(state), Promises(), 0
    for moment, text in enumerate(disk.replay(log, notes)):
        promises.read(text)
        if not promises.begun or moment not in chosen or tried >= MOMENTS:
            continue
        tried += 1
        place = tmp_path / "after"
        disk.save(place, chance if tried % 2 else None)
        found, wrong = await kept(place)
        assert promises.broken_by(found) + wrong == [], f"call {moment}"
        shutil.rmtree(place)
    assert tried > MOMENTS // 2, "there was little to interrupt"
    assert len(promises.sure) > 10
    assert promises.open == {}


if __name__ == "__main__":
    asyncio.run(busy(*sys.argv[1:]))
