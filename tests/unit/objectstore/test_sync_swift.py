"""Container sync with Swift's own words: what `swift-container-sync` of Swift 2.38 sends, and what its clusters are sent."""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote, unquote

import httpx
import pytest

from cloud_runs import free_port
from object_server import Running, running

from .test_sync_abroad import REALM, TOKEN, owed, synced

AT = time.time() - 1000
MANIFEST = (
    b'[{"name": "/segs/a", "bytes": 10, "hash": "16c52c6e8326c071da771e66dc6e9e57", "content_type": '
    b'"application/octet-stream", "last_modified": "2026-11-23T16:27:40.000000"}, {"name": "/segs/b", "bytes": 20, '
    b'"hash": "52af981ec4665ea27dd1769e0ee2f197", "content_type": "application/octet-stream", "last_modified": '
    b'"2026-11-23T16:27:40.000000", "range": "0-9"}, {"data": "aGFsbG8="}]'
)
"""As Swift keeps one, and sends it."""
ALWAYS = {
    "User-Agent": "Python-urllib/3.11", "Accept-Encoding": "identity", "Accept-Ranges": "bytes",
    "X-Backend-Timestamp": "1795451259.60633", "X-Backend-Durable-Timestamp": "1795451259.60633",
    "X-Trans-Id": "txcb397572d24e4ff1bf324-006b0469a6", "X-Openstack-Request-Id": "txcb397572d24e4ff1bf324-006b0469a6",
}  # fmt: skip


def at(seconds: float) -> str:
    return f"{AT + seconds:.5f}"


class Swift:
    """Sends as Swift does."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def __call__(self, method: str, name: str, stamp: str, body: bytes = b"", **more: str) -> httpx.Response:
        path = f"/v1/AUTH_p/two/{quote(name)}"
        message = f"{method}\n{path}\n{stamp}\nnonce\nk".encode()
        mark = hmac.new(b"secret", message, "sha1").hexdigest()
        headers = {"X-Timestamp": stamp, "X-Container-Sync-Auth": f"FAR nonce {mark}", **ALWAYS}
        headers |= {key.replace("_", "-"): value for key, value in more.items()}
        return await self._http.request(method, path, headers=headers, content=body or None)


@asynccontextmanager
async def following(folder: Path, url: str = "") -> AsyncIterator[tuple[Running, httpx.AsyncClient, Swift]]:
    async with (
        running(folder, url=url, sync_realms=REALM, sync_clusters=("far/here",)) as it,
        httpx.AsyncClient(base_url=it.url, headers=TOKEN) as own,
        httpx.AsyncClient(base_url=it.url) as there,
    ):
        await own.put("/v1/AUTH_p/two", headers={"X-Container-Sync-Key": "k"})
        yield it, own, Swift(there)


async def test_a_static_manifest_comes_before_its_segments(tmp_path: Path, ready_url: str) -> None:
    async with following(tmp_path, ready_url) as (_, own, swift):
        etag = hashlib.md5(MANIFEST, usedforsecurity=False).hexdigest()
        sent = {
            "X_Static_Large_Object": "True", "Etag": etag, "Content_Type": "video/x", "X_Object_Meta_M": "s",
            "X_Object_Sysmeta_Slo_Etag": "cd87a20377ef9f65b2cd8b3213a18aa7", "X_Object_Sysmeta_Slo_Size": "1",
        }  # fmt: skip
        assert (await swift("HEAD", "slo", at(1))).status_code == 404
        assert (await swift("PUT", "slo", at(1), MANIFEST, **sent)).status_code == 201
        kept = await own.get("/v1/AUTH_p/two/slo?multipart-manifest=get")
        assert (kept.content, kept.headers["etag"], kept.headers["x-static-large-object"]) == (MANIFEST, etag, "True")
        assert (await own.get("/v1/AUTH_p/two/slo")).status_code == 409
        await own.put("/v1/AUTH_p/segs")
        for name, size in (("a", 10), ("b", 20)):
            await own.put(f"/v1/AUTH_p/segs/{name}", content=name.upper().encode() * size)
        whole = await own.get("/v1/AUTH_p/two/slo")
        assert whole.content == b"A" * 10 + b"B" * 10 + b"hallo"
        assert (whole.headers["etag"], whole.headers["x-timestamp"]) == ('"cd87a20377ef9f65b2cd8b3213a18aa7"', at(1))
        assert (await own.get("/v1/AUTH_p/two?format=json")).json()[0]["bytes"] == 25
        assert (await swift("PUT", "slo", at(1), MANIFEST, **sent)).status_code == 202, "no newer than what is there"
        seen = await swift("HEAD", "slo", at(1))
        assert (seen.status_code, seen.headers["x-timestamp"]) == (200, at(1))
        assert (await swift("DELETE", "slo", at(2))).status_code == 204
        assert (await own.get("/v1/AUTH_p/segs")).text == "a\nb\n", "its segments are containers' own business"


@pytest.mark.parametrize(
    "text",
    [
        b"x", b"[]", b"{}", b'[{"name": "/c/o"}]', b'[{"name": "c", "bytes": 1, "hash": "x"}]', b'[{"data": "="}]',
        b'[{"name": "/c/o", "bytes": 1, "hash": "x", "range": "a-b"}]',
        b'[{"name": "/c/o", "bytes": 1, "hash": "x", "range": "0-5"}]', b'[{"name": "/c/o", "bytes": -1, "hash": "x"}]',
        b"[" + b",".join([b'{"data": "eA=="}'] * 1001) + b"]",
    ],
)  # fmt: skip
async def test_a_manifest_that_is_none(text: bytes, tmp_path: Path) -> None:
    async with following(tmp_path) as (_, own, swift):
        answer = await swift("PUT", "slo", at(1), text, X_Static_Large_Object="True")
        assert answer.status_code == 400, answer.text
        assert (await own.get("/v1/AUTH_p/two")).text == ""


async def test_links_come_before_their_targets(tmp_path: Path, ready_url: str) -> None:
    etag = hashlib.md5(b"plain", usedforsecurity=False).hexdigest()
    async with following(tmp_path, ready_url) as (_, own, swift):
        sent = {"X_Symlink_Target": "two/pl%C3%A4in", "Etag": "d41d8cd98f00b204e9800998ecf8427e", "Content_Length": "0"}
        fixed = {"X_Symlink_Target_Etag": etag, "X_Symlink_Target_Bytes": "5", "Content_Type": "text/x; charset=utf-8"}
        far = {"X_Symlink_Target_Account": "AUTH_other"}
        assert (await swift("PUT", "link", at(1), **sent)).status_code == 201
        assert (await swift("PUT", "static", at(1), **sent, **fixed)).status_code == 201
        assert (await swift("PUT", "far", at(1), **sent, **far)).status_code == 201
        no_size = fixed | {"X_Symlink_Target_Bytes": "x"}
        assert (await swift("PUT", "wrong", at(1), **sent, **no_size)).status_code == 400
        assert (await own.get("/v1/AUTH_p/two/static")).status_code == 404
        assert (await swift("PUT", "pläin", at(5), b"plain")).status_code == 201
        for name in ("link", "static"):
            assert (await own.get(f"/v1/AUTH_p/two/{name}")).text == "plain"
        told = (await own.head("/v1/AUTH_p/two/static?symlink=get")).headers
        assert (told["x-symlink-target-etag"], told["x-symlink-target-bytes"]) == (etag, "5")
        told = (await own.head("/v1/AUTH_p/two/far?symlink=get")).headers
        assert (told["x-symlink-target"], told["x-symlink-target-account"]) == ("two/pl%C3%A4in", "AUTH_other")
        seen = await swift("HEAD", "link", at(3))
        assert seen.headers["x-timestamp"] == at(1), "the link is asked for, not what it leads to"
        assert (await swift("PUT", "link", at(0.5), **sent)).status_code == 202


async def test_what_was_deleted_does_not_come_back(tmp_path: Path, ready_url: str) -> None:
    async with following(tmp_path, ready_url) as (it, own, swift):
        await swift("PUT", "o", at(1), b"one")
        assert (await swift("DELETE", "o", at(0))).status_code == 409
        assert (await swift("DELETE", "o", at(3))).status_code == 204
        assert (await swift("DELETE", "never", at(3))).status_code == 404
        for name in ("o", "never"):
            assert (await swift("PUT", name, at(2), b"late")).status_code == 202
            assert (await swift("PUT", name, at(3), b"late")).status_code == 202
        assert (await own.get("/v1/AUTH_p/two")).text == ""
        assert (await swift("PUT", "o", at(4), b"again")).status_code == 201
        ahead = f"{time.time() + 1000:.5f}"
        assert (await swift("DELETE", "o", ahead)).status_code == 204
        await own.put("/v1/AUTH_p/two/o", content=b"own")
        assert (await own.head("/v1/AUTH_p/two/o")).headers["x-timestamp"] > ahead
        await own.delete("/v1/AUTH_p/two/o")
        assert (await own.delete("/v1/AUTH_p/two")).status_code == 204
        assert await it.db.read(_graves) == 0


def _graves(tx: object) -> int:
    from sqlalchemy import text

    return int(tx.execute(text("SELECT count(*) FROM objectstore_graves")).scalar_one())  # type: ignore[attr-defined]


async def test_metadata_set_here_is_newer_than_bytes_from_there(tmp_path: Path) -> None:
    async with following(tmp_path) as (_, own, swift):
        await swift("PUT", "o", at(1), b"one")
        await own.post("/v1/AUTH_p/two/o", headers={"X-Object-Meta-Colour": "red"})
        assert (await swift("PUT", "o", at(2), b"two")).status_code == 202
        assert (await swift("DELETE", "o", at(2))).status_code == 409
        assert (await own.get("/v1/AUTH_p/two/o")).headers["x-object-meta-colour"] == "red"


async def test_a_signature_reaches_one_object(tmp_path: Path) -> None:
    async with following(tmp_path) as (_, own, swift):
        path, stamp = "/v1/AUTH_p/two", at(1)
        mark = hmac.new(b"secret", f"DELETE\n{path}\n{stamp}\nnonce\nk".encode(), "sha1").hexdigest()
        headers = {"X-Timestamp": stamp, "X-Container-Sync-Auth": f"FAR nonce {mark}"}
        async with httpx.AsyncClient(base_url=str(own.base_url)) as anybody:
            assert (await anybody.delete(path, headers=headers)).status_code == 401
        await own.put(f"{path}/secret", content=b"x")
        copied = await swift("PUT", "o", at(1), X_Copy_From="/two/secret", Content_Length="0")
        assert copied.status_code == 401


async def test_versions_and_followers_exclude_each_other(tmp_path: Path) -> None:
    async with running(tmp_path) as it, httpx.AsyncClient(base_url=it.url, headers=TOKEN) as http:
        to = {"X-Container-Sync-To": "//realm1/name1/AUTH_q/c/", "X-Container-Sync-Key": "k"}
        await http.put("/v1/AUTH_p/a", headers={"X-Versions-Enabled": "true"})
        answer = await http.post("/v1/AUTH_p/a", headers=to)
        words = "Cannot configure container sync on a container with object versioning configured."
        assert (answer.status_code, answer.text) == (400, words)
        assert (await http.put("/v1/AUTH_p/b", headers=to)).status_code == 201
        answer = await http.post("/v1/AUTH_p/b", headers={"X-Versions-Enabled": "true"})
        words = "Cannot enable object versioning on a container configured as source of container syncing."
        assert (answer.status_code, answer.text) == (400, words)


# --- what another cluster is sent -----------------------------------------------------------------------------------------


class Recorder:
    """A cluster that takes everything, says nothing of what it has, and remembers what it was told."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := (await reader.readline()).split():
            headers = {}
            while (header := await reader.readline()).strip():
                name, _, value = header.decode().partition(": ")
                headers[name.lower()] = value.strip()
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            method, target = line[0].decode(), line[1].decode()
            self.asked.append((method, target, headers, body))
            status = {"HEAD": "404 Not Found", "PUT": "201 Created"}.get(method, "204 No Content")
            writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
        writer.close()


async def test_manifests_and_links_go_as_they_are_kept(tmp_path: Path) -> None:
    port, swift = free_port(), Recorder()
    peers = {"far/swift": f"http://127.0.0.1:{port}/v1/"}
    etag = hashlib.md5(b"plain", usedforsecurity=False).hexdigest()
    async with (
        await asyncio.start_server(swift.serve, "127.0.0.1", port),
        running(tmp_path, sync_realms=REALM, sync_clusters=("far/here",), sync_peers=peers) as it,
        httpx.AsyncClient(base_url=f"{it.url}/v1/AUTH_p", headers=TOKEN) as http,
    ):
        to = {"X-Container-Sync-To": "//FAR/SWIFT/AUTH_test/d%C3%AFr", "X-Container-Sync-Key": "k"}
        assert (await http.put("/one", headers=to)).status_code == 201
        await http.put("/one/plain", content=b"plain")
        manifest = json.dumps([{"path": "/one/plain"}, {"data": "aGFsbG8="}])
        await http.put("/one/slo?multipart-manifest=put", content=manifest)
        await http.put("/one/dlo", headers={"X-Object-Manifest": "one/pl"}, content=b"text")
        link = {"X-Symlink-Target": "one/pl%C3%A4in", "X-Symlink-Target-Account": "AUTH_x"}
        await http.put("/one/link", headers=link)
        await http.put("/one/static", headers={"X-Symlink-Target": "one/plain", "X-Symlink-Target-Etag": etag})
        await http.put("/one/big", content=b"b" * 70_000)
        await http.delete("/one/plain")
        await synced(it)
        assert await owed(it) == []
    sent = {
        (method, unquote(target).rpartition("/")[2]): (headers, body) for method, target, headers, body in swift.asked
    }
    assert ("HEAD", "big") in sent, "what is long is asked for first"
    assert ("HEAD", "slo") not in sent
    headers, body = sent["PUT", "slo"]
    assert json.loads(body)[1] == {"data": "aGFsbG8="}
    assert headers["x-static-large-object"] == "True"
    assert headers["etag"] == hashlib.md5(body, usedforsecurity=False).hexdigest()
    assert list(json.loads(body)[0]) == ["name", "bytes", "hash", "content_type", "last_modified"]
    assert (sent["PUT", "dlo"][1], sent["PUT", "dlo"][0]["x-object-manifest"]) == (b"text", "one/pl")
    assert (sent["PUT", "link"][0]["x-symlink-target"], sent["PUT", "link"][0]["x-symlink-target-account"]) == (
        "one/pl%C3%A4in", "AUTH_x",
    )  # fmt: skip
    headers, body = sent["PUT", "static"]
    assert (body, headers["x-symlink-target-etag"], headers["x-symlink-target-bytes"]) == (b"", etag, "5")
    assert "x-symlink-target-account" not in headers
    headers, _ = sent["DELETE", "plain"]
    realm, nonce, mark = headers["x-container-sync-auth"].split()
    message = f"DELETE\n/v1/AUTH_test/d%C3%AFr/plain\n{headers['x-timestamp']}\n{nonce}\nk".encode()
    assert (realm, mark) == ("far", hmac.new(b"secret", message, "sha1").hexdigest())


# --- clouds that follow each other ----------------------------------------------------------------------------------------


async def test_a_ring_of_three_comes_to_rest(tmp_path: Path) -> None:
    """Each follows the one before. What one of them deleted stays so, whatever is still on its way round."""
    names, ports = ("a", "b", "c"), [free_port() for _ in range(3)]
    peers = {f"far/{name}": f"http://127.0.0.1:{port}/v1" for name, port in zip(names, ports, strict=True)}

    def cloud(index: int) -> object:
        folder = tmp_path / names[index]
        folder.mkdir(exist_ok=True)
        others = {name: url for name, url in peers.items() if name != f"far/{names[index]}"}
        own = (f"far/{names[index]}",)
        return running(folder, ports[index], sync_realms=REALM, sync_clusters=own, sync_peers=others)

    async with cloud(0) as a, cloud(1) as b, httpx.AsyncClient(headers=TOKEN) as http:  # type: ignore[attr-defined]
        room = "/v1/AUTH_p/ring"
        async with cloud(2) as c:  # type: ignore[attr-defined]
            clouds = [a, b, c]
            for index, one in enumerate(clouds):
                follow = {
                    "X-Container-Sync-To": f"//far/{names[(index + 1) % 3]}/AUTH_p/ring",
                    "X-Container-Sync-Key": "k",
                }
                assert (await http.put(one.url + room, headers=follow)).status_code == 201
            await http.put(f"{a.url}{room}/o", content=b"o" * 100_000)
            await http.put(f"{b.url}{room}/p", content=b"p")
            manifest = json.dumps([{"path": "/ring/p"}])
            await http.put(f"{b.url}{room}/slo?multipart-manifest=put", content=manifest)
            await http.put(f"{b.url}{room}/link", headers={"X-Symlink-Target": "ring/slo"})
            for one in (a, b):
                await synced(one)
            await http.delete(f"{a.url}{room}/o")  # c still owes a the object
            await synced(c)
            assert (await http.get(f"{a.url}{room}/o")).status_code == 404
        async with cloud(2) as c:  # type: ignore[attr-defined] # restarted, with what it owes
            clouds = [a, b, c]
            for _ in range(3):
                for one in clouds:
                    await synced(one)
            for one in clouds:
                assert (await http.get(one.url + room)).text == "link\np\nslo\n"
                assert (await http.get(f"{one.url}{room}/link")).text == "p"
                assert await owed(one) == []


async def test_a_realm_changes_its_key(tmp_path: Path) -> None:
    path, stamp = "/v1/AUTH_p/two/o", at(1)
    for key, status in (("secret", 201), ("older", 202), ("oldest", 401)):
        mark = hmac.new(key.encode(), f"PUT\n{path}\n{stamp}\nnonce\nk".encode(), "sha1").hexdigest()
        headers = {"X-Timestamp": stamp, "X-Container-Sync-Auth": f"FAR nonce {mark}"}
        async with (
            running(tmp_path, sync_realms=REALM, sync_former_keys={"far": "older"}) as it,
            httpx.AsyncClient(base_url=it.url) as http,
        ):
            await http.put("/v1/AUTH_p/two", headers={**TOKEN, "X-Container-Sync-Key": "k"})
            assert (await http.put(path, headers=headers, content=b"x")).status_code == status, key


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ("text/x; charset=utf-8", "text/x;charset=utf-8"), ("text/x ;a=b", "text/x ;a=b"), ("text/x;a", "text/x;a="),
        ('text/x; a="q; r"', 'text/x;a="q; r"'), ("text/x;;b=c", "text/x;b=c"), ("text/x;", "text/x"),
        ("text/x; a = b ; c=d", "text/x;a=b;c=d"), ("x; a=(b)", "x;a="), ("text/plain", "text/plain"),
        ('text/x; A=B;a="x\\"y"', 'text/x;A=B;a="x\\"y"'),
    ],
)  # fmt: skip
async def test_media_types_in_listings(sent: str, told: str, tmp_path: Path) -> None:
    """As a real one lists what came with blanks between its parameters."""
    async with following(tmp_path) as (_, own, _):
        await own.put("/v1/AUTH_p/two/o", headers={"Content-Type": sent}, content=b"x")
        assert (await own.get("/v1/AUTH_p/two?format=json")).json()[0]["content_type"] == told
        assert (await own.head("/v1/AUTH_p/two/o")).headers["content-type"] == sent
