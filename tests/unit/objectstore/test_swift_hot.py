"""Answers that are kept say what is true: each change, by whomever, shows in the next answer."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from object_server import running
from pileus.services.objectstore.api.swift import hot

ME, OTHER = {"X-Auth-Token": "u:p:member"}, {"X-Auth-Token": "v:q:member"}
AT = "/v1/AUTH_p/c/o"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How many answers came from memory, and how many were kept."""
    counted = {"recalled": 0, "kept": 0}
    recall, keep = hot.Remembered.recall, hot.Remembered.keep

    def recalled(self: Any, key: Any, ctx: Any) -> Any:
        found = recall(self, key, ctx)
        counted["recalled"] += found is not None
        return found

    def kept(self: Any, *given: Any) -> None:
        counted["kept"] += 1
        keep(self, *given)

    monkeypatch.setattr(hot.Remembered, "recall", recalled)
    monkeypatch.setattr(hot.Remembered, "keep", kept)
    return counted


async def test_changes_show_at_once(tmp_path: Path, asked: dict[str, int]) -> None:
    async with running(tmp_path) as it, httpx.AsyncClient(base_url=it.url) as http:

        async def told(who: dict[str, str] = ME, method: str = "GET", **more: str) -> tuple[int, bytes]:
            found = [await http.request(method, AT, headers={**who, **more}) for _ in range(3)]
            assert len({(one.status_code, one.content, one.headers.get("etag")) for one in found}) == 1
            return found[0].status_code, found[0].content

        await http.put("/v1/AUTH_p/c", headers=ME)
        await http.put(AT, headers=ME, content=b"first")
        assert await told() == (200, b"first")
        assert asked == {"recalled": 2, "kept": 1}
        assert await told(method="HEAD") == (200, b"")
        assert asked == {"recalled": 4, "kept": 2}
        await http.put("/v1/AUTH_p/c/another", headers=ME, content=b"x")  # of the same part
        assert await told() == (200, b"first")
        await http.put(AT, headers=ME, content=b"second")
        assert await told() == (200, b"second")
        await http.post(AT, headers=ME | {"X-Object-Meta-Colour": "blue"})
        assert (await http.get(AT, headers=ME)).headers["x-object-meta-colour"] == "blue"
        assert (await told(OTHER))[0] == 403
        await http.post("/v1/AUTH_p/c", headers=ME | {"X-Container-Read": "q:*"})
        assert await told(OTHER) == (200, b"second")
        await http.post("/v1/AUTH_p/c", headers=ME | {"X-Remove-Container-Read": "x"})
        assert (await told(OTHER))[0] == 403
        assert (await told({}))[0] == 401
        await http.post("/v1/AUTH_p/c", headers=ME | {"X-Container-Read": ".r:*"})
        assert await told({}) == (200, b"second")
        await http.post("/v1/AUTH_p/c", headers=ME | {"X-Container-Read": ".r:*,.r:-.evil.org"})
        assert await told({}) == (200, b"second")
        assert (await told({}, Referer="http://www.evil.org/"))[0] == 401
        await http.delete(AT, headers=ME)
        assert (await told())[0] == 404
        assert (await told({}))[0] == 404


async def test_what_decides_is_asked_anew(tmp_path: Path, asked: dict[str, int]) -> None:
    """Ranges, conditions, origins, versions; and objects that expire, are links, or lie in files."""
    async with running(tmp_path) as it, httpx.AsyncClient(base_url=it.url) as http:
        await http.put("/v1/AUTH_p/c", headers=ME)
        etag = (await http.put(AT, headers=ME, content=b"0123456789")).headers["etag"]
        await http.get(AT, headers=ME)
        asked["kept"] = 0
        assert (await http.get(AT, headers=ME | {"Range": "bytes=2-3"})).content == b"23"
        assert (await http.get(AT, headers=ME | {"If-None-Match": etag})).status_code == 304
        assert (await http.get(AT, headers=ME | {"If-Match": "x"})).status_code == 412
        await http.post("/v1/AUTH_p/c", headers=ME | {"X-Container-Meta-Access-Control-Allow-Origin": "*"})
        assert (await http.get(AT, headers=ME | {"Origin": "http://a"})).headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-origin" not in (await http.get(AT, headers=ME)).headers
        assert asked == {"recalled": 0, "kept": 1}
        others: dict[str, dict[str, Any]] = {
            "expires": {"headers": ME | {"X-Delete-After": "1000"}, "content": b"x"},
            "link": {"headers": ME | {"X-Symlink-Target": "c/o"}, "content": b""},
            "file": {"headers": ME, "content": b"x" * 300_000},
            "joined": {"headers": ME | {"X-Object-Manifest": "c/o"}, "content": b""},
        }
        for name, how in others.items():
            assert (await http.put(f"/v1/AUTH_p/c/{name}", **how)).status_code == 201
            for _ in range(2):
                assert (await http.get(f"/v1/AUTH_p/c/{name}", headers=ME)).status_code == 200
        assert asked == {"recalled": 0, "kept": 1}


async def test_versions_and_restored_ones(tmp_path: Path) -> None:
    async with running(tmp_path) as it, httpx.AsyncClient(base_url=it.url) as http:
        await http.put("/v1/AUTH_p/c", headers=ME | {"X-Versions-Enabled": "true"})
        first = (await http.put(AT, headers=ME, content=b"first")).headers["x-object-version-id"]
        assert (await http.get(AT, headers=ME)).headers["x-object-version-id"] == first
        second = (await http.put(AT, headers=ME, content=b"second")).headers["x-object-version-id"]
        assert (await http.get(AT, headers=ME)).headers["x-object-version-id"] == second
        await http.put(f"{AT}?version-id={first}", headers=ME)
        assert (await http.get(AT, headers=ME)).content == b"first"
