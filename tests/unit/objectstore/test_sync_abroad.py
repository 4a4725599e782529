"""Container sync between two clouds: what is sent, what is not, and whom a broken neighbour holds up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from cloud_runs import free_port
from object_server import Running, running
from pileus.kernel.config import ConfigError
from pileus.services.objectstore.core import syncing
from pileus.services.objectstore.core.settings import ObjectSettings
from pileus.services.objectstore.db import syncs

TOKEN = {"X-Auth-Token": "u:p:member"}
REALM = {"far": "secret"}
ODD = "odd %2F/../ü 'x'"


def url(name: str) -> str:
    return f"/v1/AUTH_p/{name.replace('%', '%25').replace('..', '%2E%2E').replace(' ', '%20')}"


async def synced(it: Running) -> None:
    for reconciler in it.service.reconcilers:
        if reconciler.name in ("objectstore.sync", "objectstore.send"):
            await reconciler._work()


async def owed(it: Running) -> list[int]:
    return list(await it.db.read(syncs.owing, 0, 100))


@asynccontextmanager
async def two(folder: Path, url: str, there: str = "") -> AsyncIterator[tuple[Running, Running]]:
    for name in ("a", "b"):
        (folder / name).mkdir()
    port = free_port()
    peers = {"far/b": there or f"http://127.0.0.1:{port}/v1"}
    async with (
        running(folder / "a", url=url, sync_realms=REALM, sync_clusters=("far/a",), sync_peers=peers) as here,
        running(folder / "b", port, sync_realms=REALM, sync_clusters=("far/b",)) as other,
    ):
        yield here, other


async def names(http: httpx.AsyncClient, path: str) -> list[str]:
    return (await http.get(path, headers=TOKEN)).text.splitlines()


async def test_another_cloud_follows(tmp_path: Path, ready_url: str) -> None:
    async with (
        two(tmp_path, ready_url) as (a, b),
        httpx.AsyncClient(base_url=a.url, headers=TOKEN) as here,
        httpx.AsyncClient(base_url=b.url, headers=TOKEN) as there,
    ):
        await there.put(url("two"), headers={"X-Container-Sync-Key": "k"})
        follow = {"X-Container-Sync-To": "//far/b/AUTH_p/two", "X-Container-Sync-Key": "k"}
        await here.put(url("one"))
        sent = {"X-Object-Meta-Colour": "röt".encode(), "Content-Type": "text/x-big", "Content-Language": "de"}
        await here.put(url("one/big"), headers=sent, content=b"big " * 90_000)
        await here.put(url("one/going"), content=b"x")
        assert (await here.post(url("one"), headers=follow)).status_code == 204
        assert (await here.put(url(f"one/{ODD}"), content=b"odd")).status_code == 201
        await synced(a)
        assert await names(there, url("two")) == sorted(["big", "going", ODD])
        assert (await there.get(url(f"two/{ODD}"))).content == b"odd"
        one, copy = await here.get(url("one/big")), await there.get(url("two/big"))
        assert copy.content == one.content
        alike = ("etag", "content-type", "content-language", "x-object-meta-colour", "x-timestamp", "last-modified")
        assert [copy.headers[name] for name in alike] == [one.headers[name] for name in alike]
        await here.delete(url("one/going"))
        await here.post(url("one/big"), headers={"X-Object-Meta-Colour": "blue"})
        await synced(a)
        assert await names(there, url("two")) == sorted(["big", ODD])
        assert (await there.head(url("two/big"))).headers["x-object-meta-colour"] == "blue"
        assert await owed(a) == []
        info = (await here.get("/info")).json()["container_sync"]["realms"]["FAR"]["clusters"]
        assert info == {"A": {"current": True}, "B": {}}


async def test_a_refusal_is_kept_and_tried_again_later(tmp_path: Path, ready_url: str) -> None:
    async with (
        two(tmp_path, ready_url) as (a, b),
        httpx.AsyncClient(base_url=a.url, headers=TOKEN) as here,
        httpx.AsyncClient(base_url=b.url, headers=TOKEN) as there,
    ):
        await there.put(url("two"), headers={"X-Container-Sync-Key": "other"})
        await there.put(url("three"), headers={"X-Container-Sync-Key": "k"})
        for name, target in (("one", "two"), ("fine", "three")):
            follow = {"X-Container-Sync-To": f"//far/b/AUTH_p/{target}", "X-Container-Sync-Key": "k"}
            await here.put(url(name), headers=follow)
            await here.put(url(f"{name}/o"), content=b"x")
        await synced(a)
        assert (await names(there, url("two")), await names(there, url("three"))) == ([], ["o"])
        assert len(await owed(a)) == 1
        await there.post(url("two"), headers={"X-Container-Sync-Key": "k"})
        sender = next(one for one in a.service.reconcilers if one.name == "objectstore.send")._work.__self__  # type: ignore[attr-defined]
        await synced(a)
        assert await names(there, url("two")) == [], "it rests after a failure"
        sender._rests.clear()
        await synced(a)
        assert (await names(there, url("two")), await owed(a)) == (["o"], [])


async def test_no_redirect_is_followed(tmp_path: Path) -> None:
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        place = f"http://127.0.0.1:{port}/inside"
        writer.write(f"HTTP/1.1 307 Go\r\nLocation: {place}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    port = free_port()
    fake = await asyncio.start_server(answer, "127.0.0.1", port)
    async with (
        fake,
        two(tmp_path, "", f"http://127.0.0.1:{port}/v1/") as (a, _),
        httpx.AsyncClient(base_url=a.url, headers=TOKEN) as here,
    ):
        follow = {"X-Container-Sync-To": "//far/b/../two", "X-Container-Sync-Key": "k"}
        await here.put(url("one"), headers=follow)
        await here.put(url("one/o"), content=b"x")
        await synced(a)
        assert asked == [b"PUT /v1/%2E%2E/two/o HTTP/1.1\r\n"]
        assert len(await owed(a)) == 1


async def test_who_never_answers_holds_up_nobody(tmp_path: Path) -> None:
    heard = asyncio.Event()

    async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.set()
        await reader.read(-1)
        writer.close()

    port, other = free_port(), free_port()
    peers = {"far/slow": f"http://127.0.0.1:{port}/v1", "far/b": f"http://127.0.0.1:{other}/v1"}
    (tmp_path / "b").mkdir()
    async with (
        await asyncio.start_server(stall, "127.0.0.1", port),
        running(tmp_path / "b", other, sync_realms=REALM, sync_clusters=("far/b",)) as b,
        running(tmp_path, sync_realms=REALM, sync_clusters=("far/a",), sync_peers=peers) as a,
        httpx.AsyncClient(base_url=a.url, headers=TOKEN) as here,
        httpx.AsyncClient(base_url=b.url, headers=TOKEN) as there,
    ):
        await there.put(url("two"), headers={"X-Container-Sync-Key": "k"})
        for name in ("slow", "b"):
            follow = {"X-Container-Sync-To": f"//far/{name}/AUTH_p/two", "X-Container-Sync-Key": "k"}
            await here.put(url(name), headers=follow)
        await here.put(url("slow/o"), content=b"x")
        work = asyncio.ensure_future(synced(a))
        await heard.wait()
        await here.put(url("b/late"), content=b"x")
        async with asyncio.timeout(60):
            while not await names(there, url("two")):
                await asyncio.sleep(0.1)
        assert await names(there, url("two")) == ["late"]
        assert not work.done()
        work.cancel()


@pytest.mark.parametrize(
    ("peers", "message"),
    [
        ({"far/b": "ftp://x/v1"}, "is not a URL"),
        ({"near/b": "https://x/v1"}, "no key"),
        ({"far/B": "https://x/v1"}, "lower case"),
    ],
)
def test_peers_that_cannot_be(peers: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        syncing.check_settings(ObjectSettings(sync_realms=REALM, sync_peers=peers))
    assert message in str(refusal.value)
