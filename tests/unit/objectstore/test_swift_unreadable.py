"""Texts that once gave a 500, a dropped connection, or memory without end: numbers that are none, names that no header can have."""

import asyncio
import gc
import gzip
import io
import json
import logging
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from conformance.swift_bodies import form, signed
from object_server import Running, running
from pileus.services.objectstore.api.swift import copying, static, tar
from pileus.services.objectstore.core import segments

ME = {"X-Auth-Token": "u:p:member"}
ACCOUNT, C = "/v1/AUTH_p", "/v1/AUTH_p/c"
NOBODY = {"X-Auth-Token": ""}


@pytest.fixture
async def it(tmp_path: Path, ready_url: str, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Running]:
    """Nothing may fail inside."""
    gc.collect()  # what an earlier test left, and is told of at its end
    caplog.clear()
    users = {"test:tester": "testing .admin"}
    async with running(tmp_path, url=ready_url, inline_bytes=100, tempauth_users=users) as found:
        yield found
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.fixture
async def http(it: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=it.url, headers=ME) as client:
        assert (await client.put(C)).status_code == 201
        assert (await client.post(ACCOUNT, headers={"X-Account-Meta-Temp-Url-Key": "k"})).status_code == 204
        yield client


def packed(more: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("c/o")
        info.size, info.pax_headers = 1, more
        archive.addfile(info, io.BytesIO(b"x"))
    return out.getvalue()


META = "SCHILY.xattr.user.meta."


@pytest.mark.parametrize(
    "more",
    [
        {f"{META}a: b\r\nSet-Cookie: x": "y"}, {f"{META}☃": "y"}, {f"{META}a:b": "y"}, {f"{META} ": "y"}, {f"{META}a\0": "y"},
        {f"{META}a": "x\r\ny: z"}, {f"{META}a": "x\0"}, {f"{META}a": "\x7f"}, {"SCHILY.xattr.user.mime_type": "a/b\0"},
        {"size": "²"}, {"size": "-1"},
    ],
)  # fmt: skip
async def test_attributes_of_archives_that_no_header_can_have(http: httpx.AsyncClient, more: dict[str, str]) -> None:
    url, accept = f"{ACCOUNT}?extract-archive=tar", {"Accept": "application/json"}
    said = (await http.put(url, content=packed(more), headers=accept)).json()
    assert (said["Response Status"], said["Number Files Created"]) == ("400 Bad Request", 0)
    assert (await http.get(f"{C}/o")).status_code == 404


async def test_global_headers_without_end(http: httpx.AsyncClient) -> None:
    blocks = []
    for number in range(40):
        records = b"".join(b"%d k%d.%d=%s\n" % (111 + len(f"k{number}.{n}"), number, n, b"x" * 105) for n in range(100))
        info = tarfile.TarInfo("g")
        info.type, info.size = b"g", len(records)
        blocks.append(info.tobuf() + records + b"\0" * (-len(records) % tar.BLOCK))
    said = await http.put(f"{ACCOUNT}?extract-archive=tar.gz", content=gzip.compress(b"".join(blocks)))
    assert "Invalid Tar File: header too long" in said.text


@pytest.mark.parametrize("media", ["a/b\0", "a\x01", "a/b\x7f"])
async def test_media_types_of_forms(http: httpx.AsyncClient, media: str) -> None:
    body = form(f"{C}/", {"key": "k", "files": [["f", media, "x"]]})
    headers = NOBODY | {"Content-Type": "multipart/form-data; boundary=----x"}
    assert (await http.post(f"{C}/", content=body, headers=headers)).status_code == 400
    assert (await http.get(C)).text == ""


@pytest.mark.parametrize("number", ["²", "٣", "1_0", "-1"])
async def test_quotas_that_are_no_numbers(http: httpx.AsyncClient, number: str) -> None:
    reseller = {"X-Auth-Token": "a:b:ResellerAdmin"}
    for path, header in (
        (C, "X-Container-Meta-Quota-Bytes"),
        (C, "X-Container-Meta-Quota-Count"),
        (ACCOUNT, "X-Account-Meta-Quota-Bytes"),
        (ACCOUNT, "X-Account-Quota-Bytes-Policy-gold"),
    ):
        said = await http.post(path, headers=reseller | {header: number.encode()})  # type: ignore[dict-item]
        assert said.status_code == 400, header
        assert (await http.put(f"{C}/o", content=b"x")).status_code == 201


async def test_signatures_and_dates_that_are_none(http: httpx.AsyncClient) -> None:
    await http.put(f"{C}/o", content=b"hello")
    for signature in ("é" * 64, "²" * 40, "sha256:é"):
        query = {"temp_url_sig": signature, "temp_url_expires": "9999999999"}
        assert (await http.get(f"{C}/o", params=query, headers=NOBODY)).status_code == 401
    for expires in (253402300800, 999999999999):
        got = await http.get(signed(f"{C}/o", "GET", {"key": "k", "expires": expires}), headers=NOBODY)
        assert (got.status_code, got.headers["Expires"]) == (200, "Fri, 31 Dec 9999 23:59:59 GMT")
    for token in (f"AUTH_tk{b'test:tester'.hex()}.{'9' * 10}.é", f"AUTH_tk{b'test:tester'.hex()}.{'9' * 5000}.x"):
        got = await http.get("/v1/AUTH_test", headers={"X-Auth-Token": token.encode()})  # type: ignore[dict-item]
        assert got.status_code == 401


async def test_a_url_to_write_is_none_to_read(http: httpx.AsyncClient) -> None:
    """Who may put one object must not make of it a manifest of what he may not read."""
    await http.put(f"{ACCOUNT}/secret")
    await http.put(f"{ACCOUNT}/secret/s", content=b"secret")
    url = signed(f"{C}/mine", "PUT", {"key": "k"}) + "&multipart-manifest=put"
    said = await http.put(url, content=b'[{"path": "/secret/s"}]', headers=NOBODY)
    assert said.status_code == 400
    for name, value in (
        ("X-Object-Manifest", "secret/s"),
        ("X-Symlink-Target", "secret/s"),
        ("X-Copy-From", "secret/s"),
    ):
        said = await http.put(signed(f"{C}/mine", "PUT", {"key": "k"}), headers=NOBODY | {name: value})
        assert said.status_code == 400
    assert (await http.get(f"{C}/mine")).status_code == 404


async def test_manifests_of_manifests_without_end(http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each level has a hundred times as many segments: none is read twice, and there is a bound."""
    await http.put(f"{C}/d0", content=b"x")
    for level in range(1, 6):
        text = json.dumps([{"path": f"/c/d{level - 1}"}] * 100)
        assert (await http.put(f"{C}/d{level}?multipart-manifest=put", content=text)).status_code == 201
    assert (await http.head(f"{C}/d5")).headers["Content-Length"] == str(100**5)
    got = await http.get(f"{C}/d5", headers={"Range": f"bytes={100**5 - 2}-"})
    assert (got.status_code, got.content) == (206, b"xx")
    monkeypatch.setattr(static, "DOOMED_MAX", 300)
    said = await http.delete(f"{C}/d5?multipart-manifest=delete", headers={"Accept": "application/json"})
    assert said.json()["Response Body"] == "Too many buffered slo segments to delete."
    monkeypatch.setattr(static, "DOOMED_MAX", 1000)
    said = await http.delete(f"{C}/d5?multipart-manifest=delete", timeout=None)
    assert "Number Deleted: 6\n" in said.text
    assert (await http.get(C)).text == ""


async def test_sizes_beyond_what_a_column_holds(http: httpx.AsyncClient) -> None:
    await http.put(f"{C}/d0", content=b"x")
    statuses = []
    for level in range(1, 8):
        text = json.dumps([{"path": f"/c/d{level - 1}"}] * 1000)
        statuses.append((await http.put(f"{C}/d{level}?multipart-manifest=put", content=text)).status_code)
    assert statuses == [201] * 6 + [400]


async def test_blanks_around_a_header(it: Running, http: httpx.AsyncClient) -> None:
    head = f"PUT {C}/o HTTP/1.1\r\nHost: x\r\nX-Auth-Token: u:p:member\r\nContent-Length: 0\r\nX-Object-Meta-A:  a b \t \r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", it.port)
    writer.write(head.encode())
    assert b" 201 " in await asyncio.wait_for(reader.readline(), 60)
    writer.close()
    assert (await http.head(f"{C}/o")).headers["X-Object-Meta-A"] == "a b"


async def test_an_account_without_the_prefix_is_nobodys(it: Running, http: httpx.AsyncClient) -> None:
    """TempAuth's users are all in a group of their account's name: that gives them no account of this very name."""
    login = {"X-Auth-User": "test:tester", "X-Auth-Key": "testing"}
    token = {"X-Auth-Token": (await http.get("/auth/v1.0", headers=login)).headers["X-Auth-Token"]}
    assert (await http.get("/v1/AUTH_test", headers=token)).status_code == 204
    for account in ("test", "test:tester", ".admin"):
        assert (await http.get(f"/v1/{account}", headers=token)).status_code == 403
        assert (await http.put(f"/v1/{account}/c", headers=token)).status_code == 403


@pytest.mark.parametrize("referrer", ["http://[", "http://[::1", "//[", "http://a:99999999/"])
async def test_referrers_that_are_no_urls(http: httpx.AsyncClient, referrer: str) -> None:
    await http.put(f"{C}/o", content=b"x")
    await http.post(C, headers={"X-Container-Read": ".r:*,.r:-.bad.example"})
    assert (await http.get(f"{C}/o", headers=NOBODY | {"Referer": referrer})).status_code == 200
    await http.post(C, headers={"X-Container-Read": ".r:.good.example"})
    assert (await http.get(f"{C}/o", headers=NOBODY | {"Referer": referrer})).status_code == 401


async def test_account_acls_without_end(http: httpx.AsyncClient) -> None:
    login = {"X-Auth-User": "test:tester", "X-Auth-Key": "testing"}
    token = {"X-Auth-Token": (await http.get("/auth/v1.0", headers=login)).headers["X-Auth-Token"]}
    for text in ("[" * 30_000, '{"a":' * 10_000, "9" * 5000):
        said = await http.post("/v1/AUTH_test", headers=token | {"X-Account-Access-Control": text})
        assert said.status_code == 400


async def test_a_copy_that_nobody_waits_for(
    it: Running, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A million segments of a byte each: the work ends with the connection."""
    looked, ended, look, watched = [0], asyncio.Event(), segments._look, copying._watched

    def counted(*args: Any) -> Any:
        looked[0] += 1
        return look(*args)

    async def noted(call: Any, work: Any) -> Any:
        async def whole() -> Any:
            try:
                return await work
            finally:
                ended.set()

        return await watched(call, whole())

    monkeypatch.setattr(copying, "_watched", noted)
    monkeypatch.setattr(segments, "_look", counted)
    await http.put(f"{C}/d0", content=b"x")
    for level in range(1, 4):
        text = json.dumps([{"path": f"/c/d{level - 1}"}] * 100)
        assert (await http.put(f"{C}/d{level}?multipart-manifest=put", content=text)).status_code == 201
    _, writer = await asyncio.open_connection("127.0.0.1", it.port)
    writer.write(f"COPY {C}/d3 HTTP/1.1\r\nHost: x\r\nX-Auth-Token: u:p:member\r\nDestination: c/all\r\n\r\n".encode())
    async with asyncio.timeout(60):
        while not looked[0]:
            await asyncio.sleep(0.01)
        writer.close()
        await ended.wait()
    assert looked[0] < 100**3 // segments.MOST
    assert (await http.head(f"{C}/all")).status_code == 404


@pytest.mark.parametrize("spoilt", ["DELETE", "PUT"])
async def test_a_segment_that_goes_while_its_manifest_is_read(
    spoilt: str, http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    """The status is out: the reader's connection ends early. That is no error of ours, and what was sent is in the log."""
    caplog.set_level(logging.INFO, "pileus")
    for name in "ab":
        assert (await http.put(f"{C}/{name}", content=name.encode() * 9)).status_code == 201
    manifest = json.dumps([{"path": f"/c/{name}"} for name in "ab"])
    assert (await http.put(f"{C}/whole?multipart-manifest=put", content=manifest)).status_code == 201
    await http.request(spoilt, f"{C}/b", content=b"another" if spoilt == "PUT" else None)
    with pytest.raises(httpx.RemoteProtocolError, match="received 9 bytes, expected 18"):
        await http.get(f"{C}/whole")
    broke = [record for record in caplog.records if "broke off after 9 bytes" in record.getMessage()]
    assert [(one.levelname, one.exc_info) for one in broke] == [("WARNING", None)]
    lines = [
        one for one in caplog.records if one.name == "pileus.access" and f'"GET {C}/whole" 200 9 ' in one.getMessage()
    ]
    assert [vars(one)["request_id"] for one in lines] == [vars(broke[0])["request_id"]]
