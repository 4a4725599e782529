"""Requests that lie, bomb, stall or go away: each gets a clear answer, none a 500, and nothing half-done stays."""

import asyncio
import gzip
import io
import json
import tarfile
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from object_server import Running, running
from pileus.services.objectstore.core.aside import LONG, aside

ME = {"X-Auth-Token": "u:p:member"}
C = "/v1/AUTH_p/c"


@pytest.fixture
async def it(tmp_path: Path, ready_url: str) -> AsyncIterator[Running]:
    async with running(tmp_path, url=ready_url, inline_bytes=100) as found:
        yield found


@pytest.fixture
async def http(it: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=it.url, headers=ME) as client:
        assert (await client.put(C)).status_code == 201
        yield client


async def raw(it: Running, data: bytes, *, ends: bool = False) -> bytes:
    """What comes back to bytes on a bare connection, which ends early when `ends`."""
    reader, writer = await asyncio.open_connection("127.0.0.1", it.port)
    writer.write(data)
    if ends:
        await writer.drain()
        writer.write_eof()
    said = await asyncio.wait_for(reader.read(65536), 30)
    writer.close()
    return said


async def stored(it: Running) -> int:
    found = [await store.observe() for store in it.stores.values()]
    return sum(map(len, found))


async def nothing_stays(it: Running) -> None:
    """What has come is taken back once the server has seen how it ended."""
    async with asyncio.timeout(60):
        while await stored(it):
            await asyncio.sleep(0.01)


def head(path: str, *more: str) -> bytes:
    return "\r\n".join([f"PUT {path} HTTP/1.1", "Host: x", "X-Auth-Token: u:p:member", *more, "", ""]).encode()


async def test_a_body_shorter_than_it_says(it: Running, http: httpx.AsyncClient) -> None:
    await raw(it, head(f"{C}/o", "Content-Length: 5000") + b"x" * 1000, ends=True)
    assert (await http.get(f"{C}/o")).status_code == 404
    await nothing_stays(it)


async def test_a_body_that_stalls(it: Running, http: httpx.AsyncClient) -> None:
    it.service.face.body_timeout = 0.5
    said = await raw(it, head(f"{C}/o", "Content-Length: 5000") + b"x" * 1000)
    assert said.startswith(b"HTTP/1.1 408 ")
    assert b"<h1>Request Timeout</h1>" in said
    it.service.face.body_timeout = 60
    assert (await http.get(f"{C}/o")).status_code == 404
    await nothing_stays(it)


async def test_neither_length_nor_chunks(it: Running, http: httpx.AsyncClient) -> None:
    assert b"411 Length Required" in await raw(it, head(f"{C}/o"))
    assert b"400 " in (await raw(it, head(f"{C}/o", "Content-Length: -5")))[:20]
    assert b"400 " in (await raw(it, head(f"{C}/o", "Content-Length: 5", "Transfer-Encoding: chunked") + b"x"))[:20]
    said = await raw(it, head(f"{C}/o", f"Content-Length: {6 << 30}", "Expect: 100-continue"))
    assert said.startswith(b"HTTP/1.1 413 ")
    assert b"100 Continue" not in said


async def test_too_many_headers(it: Running, http: httpx.AsyncClient) -> None:
    said = await raw(it, head(f"{C}/o", "Content-Length: 0", *(f"X-Foo-{n}: {'x' * 200}" for n in range(400))))
    assert said.startswith(b"HTTP/1.1 431 ")
    many = {f"X-Object-Meta-{n}": "x" for n in range(91)}
    for headers, message in (
        (many, "Too many metadata items; max 90"),
        ({f"X-Object-Meta-{n}": "x" * 250 for n in range(20)}, "Total metadata too large; max 4096"),
        ({"X-Object-Meta-A": "x" * 257}, "Metadata value longer than 256"),
        ({f"X-Object-Meta-{'a' * 129}": "x"}, "Metadata name too long"),
        ({"X-Object-Meta-A": b"\xff\xfe"}, "Metadata must be valid UTF-8"),
    ):
        said_ = await http.put(f"{C}/o", headers=headers, content=b"")  # type: ignore[arg-type]
        assert (said_.status_code, message in said_.text) == (400, True), said_.text
    assert (await http.get(f"{C}/o")).status_code == 404


@pytest.mark.parametrize(
    "name", ["a" * 1024, "ü" * 512, "\x01\x02", "../../etc/passwd", "a//b/", "%41", "?#&=+ ", "😀"]
)
async def test_every_name(http: httpx.AsyncClient, name: str) -> None:
    path = f"{C}/{quote(name, safe='/').replace('.', '%2E')}"
    assert (await http.put(path, content=b"here")).status_code == 201
    assert (await http.get(path)).text == "here"
    assert [row["name"] for row in (await http.get(f"{C}?format=json")).json()] == [name]
    assert (await http.delete(path)).status_code == 204


@pytest.mark.parametrize("header", ["X-Versions-Location", "X-History-Location"])
async def test_archives_of_any_name(http: httpx.AsyncClient, header: str) -> None:
    assert (await http.put(f"/v1/AUTH_p/{quote('ältere ☃')}")).status_code == 201
    for value in (quote("ältere ☃"), "ältere ☃"):
        assert (await http.post(C, headers={header: value.encode()})).status_code == 204  # type: ignore[dict-item]
        assert (await http.head(C)).headers[header] == value
    await http.put(f"{C}/o", content=b"1")
    await http.put(f"{C}/o", content=b"2")
    assert (await http.get(f"/v1/AUTH_p/{quote('ältere ☃')}")).text.startswith("001o/")


async def test_names_that_are_none(http: httpx.AsyncClient) -> None:
    assert (await http.put(f"{C}/{'a' * 1025}", content=b"")).status_code == 400
    assert (await http.put(f"{C}/{'ü' * 513}", content=b"")).status_code == 400
    assert (await http.put(f"/v1/AUTH_p/{'a' * 257}")).status_code == 400
    for wrong in ("%00", "%ff", "a%c3%28", "%ed%a0%80"):
        assert (await http.put(f"{C}/{wrong}", content=b"")).status_code == 412


async def test_manifests_that_bite_their_tails(http: httpx.AsyncClient) -> None:
    await http.put(f"{C}/seed", content=b"x")

    async def manifest(name: str, *paths: str) -> int:
        text = json.dumps([{"path": path} for path in paths])
        return (await http.put(f"{C}/{name}?multipart-manifest=put", content=text)).status_code

    assert await manifest("a", "/c/seed") == 201
    assert await manifest("b", "/c/a") == 201
    assert await manifest("a", "/c/b") == 201
    assert (await http.get(f"{C}/a")).status_code == 409
    assert (await http.delete(f"{C}/a?multipart-manifest=delete")).status_code == 200
    deep = "seed"
    for n in range(14):
        assert await manifest(f"d{n}", f"/c/{deep}") == 201
        deep = f"d{n}"
    assert (await http.get(f"{C}/{deep}")).status_code == 409
    assert (await http.put(f"{C}/m?multipart-manifest=put", content=b"[" * 100_000)).status_code == 400
    assert (await http.put(f"{C}/m?multipart-manifest=put", content=b"x" * (9 << 20))).status_code == 413
    assert (await http.put(f"{C}/self", headers={"X-Object-Manifest": "c/se"}, content=b"own")).status_code == 201
    assert (await http.get(f"{C}/self")).content == b"xxxx"


async def test_manifests_of_very_many_wrong_entries(http: httpx.AsyncClient) -> None:
    """All is looked at beside the loop, and what is wrong is told up to a point: a little body must not make a big answer."""
    many = b"[" + b"1," * 1_000_000 + b"1]"
    answer = await http.put(f"{C}/m?multipart-manifest=put", content=many)
    assert (answer.status_code, answer.text[:30]) == (400, "Index 0: not a JSON object\nInd")
    assert answer.text.count("Index ") == 1001
    assert (await http.get(f"{C}/m")).status_code == 404


async def test_long_bodies_are_looked_at_beside_the_loop() -> None:
    def where(_: bytes) -> int:
        return threading.get_ident()

    assert await aside(where, bytes(LONG)) == threading.get_ident()
    assert await aside(where, bytes(LONG + 1)) != threading.get_ident()


async def test_other_peoples_segments(http: httpx.AsyncClient) -> None:
    """A manifest reads as its reader may, not as its writer could."""
    await http.put("/v1/AUTH_p/secret")
    await http.put("/v1/AUTH_p/secret/s", content=b"secret")
    await http.put(f"{C}/m?multipart-manifest=put", content=b'[{"path": "/secret/s"}]')
    await http.put(f"{C}/d", headers={"X-Object-Manifest": "secret/s"}, content=b"")
    await http.put(f"{C}/l", headers={"X-Symlink-Target": "secret/s"}, content=b"")
    await http.post(C, headers={"X-Container-Read": ".r:*"})
    for name in ("m", "d", "l"):
        got = await http.get(f"{C}/{name}", headers={"X-Auth-Token": ""})
        assert (got.status_code, "secret" in got.text) == (409 if name == "m" else 401, False), name
        got = await http.get(f"{C}/{name}", headers={"X-Auth-Token": "v:q:member"})
        assert got.status_code == (409 if name == "m" else 403)
    copied = await http.request(
        "COPY", f"{C}/l", headers={"X-Auth-Token": "v:q:member", "Destination": "c/x", "Destination-Account": "AUTH_q"}
    )
    assert copied.status_code == 403


def bomb() -> bytes:
    """A gigabyte of nothing, well packed."""
    info = tarfile.TarInfo("big")
    info.size = 1 << 30
    return gzip.compress(info.tobuf() + b"\0" * (64 << 20), 9)


async def test_archives_that_are_none(it: Running, http: httpx.AsyncClient) -> None:
    path = "/v1/AUTH_p/x?extract-archive=tar.gz"
    accept = {"Accept": "application/json"}
    said = (await http.put(path, headers=accept, content=bomb(), timeout=60)).json()
    assert said["Number Files Created"] == 0
    assert said["Response Status"].startswith("400")
    assert await stored(it) == 0
    header = tarfile.TarInfo("pax")
    header.type, header.size = b"x", 1 << 40
    for data in (
        gzip.compress(header.tobuf()),
        gzip.compress(b"\xff" * 5000),
        b"\x1f\x8b" + b"\0" * 100,
        b"",
        b"x" * 600,
    ):
        said = (await http.put(path, headers=accept, content=data)).json()
        assert said["Response Status"].startswith("400"), said
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name in ("../../etc/passwd", "/etc/shadow", "a/../../b"):
            info = tarfile.TarInfo(name)
            info.size = 1
            tar.addfile(info, io.BytesIO(b"x"))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    assert (await http.put(path, headers=accept, content=out.getvalue())).json()["Number Files Created"] == 3
    assert (await http.get("/v1/AUTH_p/x")).text == "../../etc/passwd\na/../../b\netc/shadow\n"


async def test_forms_that_are_none(http: httpx.AsyncClient) -> None:
    media = {"Content-Type": "multipart/form-data; boundary=x", "X-Auth-Token": ""}
    for body in (b"", b"x" * 50_000, b"--x\r\n\r\n\r\n--x", b"--x\r\n" + b"a: b\r\n" * 9000, b"--x--"):
        said = await http.post(C, headers=media, content=body)
        assert said.status_code == 400, said.text
    big = b'--x\r\nContent-Disposition: form-data; name="redirect"\r\n\r\n' + b"x" * 10_000 + b"\r\n--x--\r\n"
    assert (await http.post(C, headers=media, content=big)).status_code == 400
