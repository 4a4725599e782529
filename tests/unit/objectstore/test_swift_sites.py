"""Web sites for who has a signed URL, and under host names of their own."""

import asyncio
import hmac
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from object_server import running

EXPIRES = "1999999999"
SITE = "/v1/AUTH_p/site"
OBJECTS = {"top": b"top", "dir/a b&c": b"1", "dir/sub/o": b"2", "dir/index": b"the index", "404error": b"not here"}


@pytest.fixture
async def http(tmp_path: Path, ready_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        running(tmp_path, url=ready_url, host_domains=("objects.example",)) as it,
        httpx.AsyncClient(base_url=it.url) as client,
    ):
        client.headers["X-Auth-Token"] = "u:p:member"
        await client.put(
            SITE, headers={"X-Container-Meta-Web-Listings": "true", "X-Container-Meta-Temp-URL-Key": "key"}
        )
        for name, body in OBJECTS.items():
            await client.put(f"{SITE}/{quote(name)}", content=body)
        yield client


def signed(prefix: str | None, path: str = "") -> dict[str, str]:
    """The query of a URL: for all that begins with `prefix`, or for one path."""
    what = path if prefix is None else f"prefix:{SITE}/{prefix}"
    mark = hmac.new(b"key", f"GET\n{EXPIRES}\n{what}".encode(), "sha256").hexdigest()
    found = {"temp_url_sig": mark, "temp_url_expires": EXPIRES}
    return found if prefix is None else found | {"temp_url_prefix": prefix}


async def visit(http: httpx.AsyncClient, path: str, query: dict[str, str]) -> httpx.Response:
    return await http.get(SITE + path, params=query, headers={"X-Auth-Token": ""})


async def test_listings_lead_on_with_the_signature(http: httpx.AsyncClient) -> None:
    query = signed("dir/")
    page = await visit(http, "/dir/", query | {"inline": ""})
    assert (page.status_code, page.headers["Content-Disposition"]) == (200, "inline")
    bears = f"?temp_url_prefix=dir/&amp;temp_url_expires={EXPIRES}&amp;temp_url_sig={query['temp_url_sig']}&amp;inline"
    assert f'<a href="./sub/{bears}">sub/</a>' in page.text
    assert f'<a href="./a%20b%26c{bears}">a b&amp;c</a>' in page.text
    assert 'href="..' not in page.text  # the signature does not reach further up
    assert f'href="../{bears}"' in (await visit(http, "/dir/sub/", query | {"inline": ""})).text
    named = await visit(http, "/dir/", query | {"filename": "list"})
    assert named.headers["Content-Disposition"].startswith('inline; filename="list"')
    assert (await visit(http, "/", query)).status_code == 401
    assert (await visit(http, "/top", query)).status_code == 401


async def test_the_root_of_a_site(http: httpx.AsyncClient) -> None:
    query = signed("")
    assert (await visit(http, "", query)).status_code == 301
    page = await visit(http, "/", query)
    assert page.status_code == 200
    assert "./dir/?temp_url_prefix=&amp;" in page.text
    assert (await visit(http, "/dir", query)).status_code == 301
    assert (await visit(http, "/none", query)).status_code == 404
    assert (await http.put(f"{SITE}/", params=query, headers={"X-Auth-Token": ""})).status_code == 401
    await http.post(SITE, headers={"X-Remove-Container-Meta-Web-Listings": "x"})
    for path in ("", "/"):
        assert (await visit(http, path, query)).status_code == 401  # a listing of Swift's is nobody's but with a token
    assert (await visit(http, "/dir/", query)).status_code == 404
    assert (await visit(http, "/top", query)).text == "top"


async def test_index_and_error_pages(http: httpx.AsyncClient) -> None:
    await http.post(SITE, headers={"X-Container-Meta-Web-Index": "index", "X-Container-Meta-Web-Error": "error"})
    query = signed("")
    page = await visit(http, "/dir/", query)
    assert (page.text, page.headers["Content-Disposition"]) == (
        "the index",
        "attachment; filename=\"dir\"; filename*=UTF-8''dir",
    )
    missing = await visit(http, "/none", query)
    assert (missing.status_code, missing.text) == (404, "not here")


async def ask(http: httpx.AsyncClient, path: str, host: str) -> bytes:
    """The body of an answer to a request whose bytes stand on the wire as they are."""
    reader, writer = await asyncio.open_connection("127.0.0.1", http.base_url.port)
    head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nX-Auth-Token: u:p:member\r\nConnection: close\r\n\r\n".encode()
    for part in (head[:6], head[6:]):  # the URL comes in two pieces
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(0.05)
    answer = await reader.read()
    writer.close()
    return answer.partition(b"\r\n\r\n")[2]


async def test_a_port_said_twice(http: httpx.AsyncClient) -> None:
    """As boto 2 does; two hosts are none."""
    assert await ask(http, f"{SITE}/top", "localhost:80:80") == b"top"
    for hosts in ("localhost\r\nHost: elsewhere", "localhost:80:80:80", "localhost/x"):
        assert b"names no host" in await ask(http, f"{SITE}/top", hosts)


async def test_hosts_and_paths_as_old_clients_write_them(http: httpx.AsyncClient) -> None:
    """Bare UTF-8, and capitals."""
    for name in ("schön", "Big"):
        await http.put(f"/v1/AUTH_p/{quote(name)}")
        await http.put(f"/v1/AUTH_p/{quote(name)}/{quote('☃')}", content=b"snow")
        assert await ask(http, "/☃", f"{name}.auth-p.OBJECTS.example") == b"snow"
        assert await ask(http, f"/{name}/☃", "AUTH_p.objects.example") == b"snow"
        assert await ask(http, f"/v1/AUTH_p/{name}/☃", "localhost") == b"snow"
