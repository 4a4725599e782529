"""Web sites by signed URL: pages of what a prefix lets through, whose links carry the signature on; nothing beside it."""

import hmac
import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path
from urllib.parse import quote, urljoin

import httpx
import pytest

from object_server import running

OWNER = {"X-Auth-Token": "u:p:member"}
END = 4_000_000_000
NAMES = ("a/b/one.txt", "a/two & 3.txt", "a/ü.jpg", "b/secret", "top")


def signed(prefix: str | None, path: str = "", *, room: str = "site", network: str = "", more: str = "") -> str:
    """The URL of a path, for whoever has it."""
    place = f"/v1/AUTH_p/{room}/{path}" if prefix is None else f"prefix:/v1/AUTH_p/{room}/{prefix}"
    message = f"{f'ip={network}{chr(10)}' if network else ''}GET\n{END}\n{place}"
    query = f"?temp_url_sig={hmac.new(b'key', message.encode(), 'sha256').hexdigest()}&temp_url_expires={END}"
    query += "" if prefix is None else f"&temp_url_prefix={quote(prefix)}"
    query += f"&temp_url_ip_range={quote(network)}" if network else ""
    return f"/v1/AUTH_p/{room}/{quote(path)}{query}{more}"


@pytest.fixture
async def visitor(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody without a token."""
    async with running(tmp_path) as it, httpx.AsyncClient(base_url=it.url) as http:
        sites = {
            "site": {"X-Container-Meta-Web-Listings": "true", "X-Container-Meta-Web-Error": "error.html"},
            "indexed": {"X-Container-Meta-Web-Listings": "true", "X-Container-Meta-Web-Index": "index.html"},
            "plain": {},
        }
        for room, headers in sites.items():
            await http.put(f"/v1/AUTH_p/{room}", headers={**OWNER, **headers, "X-Container-Meta-Temp-URL-Key": "key"})
            for name in NAMES:
                await http.put(f"/v1/AUTH_p/{room}/{quote(name)}", headers=OWNER, content=name.encode())
        await http.put("/v1/AUTH_p/indexed/a/index.html", headers=OWNER, content=b"home")
        await http.put("/v1/AUTH_p/site/404error.html", headers=OWNER, content=b"lost")
        yield http


def links(page: httpx.Response) -> list[str]:
    return [urljoin(str(page.url), unescape(one)) for one in re.findall(r'href="([^"]+)"', page.text)]


@pytest.mark.parametrize("network", ["", "127.0.0.0/8"])
async def test_every_link_of_a_page_leads_on(visitor: httpx.AsyncClient, network: str) -> None:
    page = await visitor.get(signed("a/", "a/", network=network))
    assert (page.status_code, page.headers["content-disposition"]) == (200, "inline")
    assert page.headers["expires"] == "Tue, 02 Oct 2096 07:06:40 GMT"
    assert 'id="parent"' not in page.text, "nothing above the prefix"
    inner, two, picture = links(page)
    assert (await visitor.get(two)).text == "a/two & 3.txt"
    assert (await visitor.get(picture)).text == "a/ü.jpg"
    below = await visitor.get(inner)
    up, one = links(below)
    assert (await visitor.get(one)).text == "a/b/one.txt"
    assert (await visitor.get(up)).text == page.text


async def test_a_whole_container_from_its_root(visitor: httpx.AsyncClient) -> None:
    page = await visitor.get(signed("", more="&inline"))
    assert page.status_code == 200
    for link in links(page):
        assert (await visitor.get(link)).status_code == 200, link
        assert link.endswith("&inline")
    moved = await visitor.get(signed("").replace("site/?", "site?"))
    assert (moved.status_code, moved.headers["location"].endswith("/v1/AUTH_p/site/")) == (301, True)


@pytest.mark.parametrize(
    "url",
    [
        signed("a/", "b/"), signed("a/"), signed(None), signed("", room="plain"), signed("a/", "top"),
        signed("a/", "a/").replace("prefix=a/", "prefix=b/").replace("/a/?", "/b/?"), signed("", room="indexed"),
        signed("a/", "a/", network="10.0.0.0/8"), signed("a/", "a/") + "&temp_url_ip_range=127.0.0.0%2F8",
        signed("", "").replace("site/?", "indexed/?"),
    ],
)  # fmt: skip
async def test_nothing_beside_the_prefix(visitor: httpx.AsyncClient, url: str) -> None:
    if url == signed("", room="indexed"):  # a listing, as there is no index at the root: with one it would be an object
        await visitor.put("/v1/AUTH_p/indexed/index.html", headers=OWNER, content=b"root")
    answer = await visitor.get(url)
    assert (answer.status_code, answer.text) == (401, "401 Unauthorized: Temp URL invalid\n"), url


async def test_indexes_and_error_pages_are_of_the_site(visitor: httpx.AsyncClient) -> None:
    home = await visitor.get(signed("a/", "a/", room="indexed"))
    assert (home.text, home.headers["content-disposition"]) == (
        "home",
        "attachment; filename=\"a\"; filename*=UTF-8''a",
    )
    lost = await visitor.get(signed("none/", "none/"))
    assert (lost.status_code, lost.text) == (404, "lost")
    exact = await visitor.get(signed(None, "a/b/"))
    assert (exact.status_code, 'one%2Etxt"' in exact.text) == (200, True), "links that lead nowhere without a token"
    plain = await visitor.get(signed("a/", "a/", room="plain"))
    assert plain.status_code == 404
