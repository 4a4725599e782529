"""Deletes with conditions and of null versions, and listings that go on behind one; a real Swift said what is expected."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from object_server import running

AT = "1999999999"


@pytest.fixture
async def http(tmp_path: Path, ready_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        running(tmp_path, url=ready_url) as it,
        httpx.AsyncClient(base_url=f"{it.url}/v1/AUTH_p/", headers={"X-Auth-Token": "u:p:member"}) as client,
    ):
        yield client


async def versions(http: httpx.AsyncClient, query: str = "") -> list[Any]:
    rows = (await http.get(f"v?versions{query}")).json()
    return [(row["name"], row["version_id"], row["is_latest"]) for row in rows]


MISMATCH = "X-If-Delete-At and X-Delete-At do not match"
BAD = "Bad X-If-Delete-At header value"
EXPIRIES = [
    ("o", "x", 400, BAD),
    ("o", "inf", 400, BAD),
    ("o", "1e9999999", 400, BAD),
    ("o", "1999999998", 412, MISMATCH),
    ("o", f"{AT}.5", 412, MISMATCH),
    ("kept", AT, 412, MISMATCH),
    ("none", AT, 404, "<html><h1>Not Found</h1><p>The resource could not be found.</p></html>"),
    ("o", AT, 204, ""),
    ("kept", "0", 204, ""),
]


@pytest.mark.parametrize("enabled", ["true", "false"])
async def test_only_what_expires_then(http: httpx.AsyncClient, enabled: str) -> None:
    await http.put("v", headers={"X-Versions-Enabled": enabled})
    await http.put("v/o", headers={"X-Delete-At": AT}, content=b"x")
    await http.put("v/kept", content=b"x")
    for name, header, status, text in EXPIRIES:
        before = (await http.get("v")).text.split()
        answer = await http.delete(f"v/{name}", headers={"X-If-Delete-At": header})
        assert (answer.status_code, answer.text) == (status, text), header
        assert answer.headers["content-type"] == "text/html; charset=UTF-8"
        left = (await http.get("v")).text.split()
        assert left == [one for one in before if status != 204 or one != name], header


async def test_a_version_that_expires_then(http: httpx.AsyncClient) -> None:
    await http.put("v", headers={"X-Versions-Enabled": "true"})
    made = await http.put("v/o", headers={"X-Delete-At": AT}, content=b"x")
    place = f"v/o?version-id={made.headers['x-object-version-id']}"
    assert (await http.delete(place, headers={"X-If-Delete-At": "5"})).status_code == 412
    assert (await http.delete(place, headers={"X-If-Delete-At": AT})).status_code == 204
    assert await versions(http) == []


async def test_where_there_is_no_null_version(http: httpx.AsyncClient) -> None:
    """The current one is out of sight, but kept, and no marker stands above it."""
    await http.put("v", headers={"X-Versions-Enabled": "true"})
    made = (await http.put("v/q", content=b"hello")).headers["x-object-version-id"]
    gone = await http.delete("v/q?version-id=null")
    assert (gone.status_code, "x-object-version-id" in gone.headers) == (204, False)
    assert (await http.delete("v/q?version-id=null")).status_code == 404
    assert (await http.get("v/q")).status_code == 404
    assert await versions(http) == [("q", made, False)]
    seen = await http.head("v")
    assert (seen.headers["x-container-object-count"], seen.headers["x-container-bytes-used"]) == ("0", "5")
    assert (await http.get(f"v/q?version-id={made}")).text == "hello"
    again = (await http.put("v/q", content=b"two")).headers["x-object-version-id"]
    assert await versions(http) == [("q", again, True), ("q", made, False)]


async def test_the_null_version_itself(http: httpx.AsyncClient) -> None:
    await http.put("v")
    await http.put("v/o", content=b"old")
    await http.post("v", headers={"X-Versions-Enabled": "true"})
    assert (await http.delete("v/o?version-id=null")).status_code == 204
    assert await versions(http) == []


async def test_null_as_a_marker(http: httpx.AsyncClient) -> None:
    await http.put("v")
    for name in ("m", "n"):
        await http.put(f"v/{name}", content=b"null")
    await http.post("v", headers={"X-Versions-Enabled": "true"})
    assert await versions(http, "&marker=m&version_marker=null") == [("n", "null", True)]
    assert await versions(http, "&marker=n&version_marker=null") == []
    await http.put("v/p", content=b"1")
    await http.put("v/p", content=b"2")
    whole = await versions(http)
    assert [row[0] for row in whole] == ["m", "n", "p", "p"]
    assert await versions(http, "&marker=n&version_marker=null") == whole[2:]
    none_latest = [(name, version, False) for name, version, _ in whole[2:]]
    assert await versions(http, "&marker=p&version_marker=null") == none_latest
    found, marker = [], ""
    while page := await versions(http, f"&limit=1{marker}"):
        found += page
        marker = f"&marker={page[0][0]}&version_marker={page[0][1]}"
    assert found == whole
