"""Container sync: what one container holds comes to be in the one that follows it; signed changes of other clusters."""

import hmac
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from object_server import Running, running


def headers(user: str = "u:p:member", **more: str) -> dict[str, str]:
    return {"X-Auth-Token": user, **{name.replace("_", "-"): value for name, value in more.items()}}


async def synced(it: Running) -> None:
    for reconciler in it.service.reconcilers:
        if reconciler.name == "objectstore.sync":
            await reconciler._work()


async def names(http: httpx.AsyncClient, path: str, user: str) -> list[dict[str, Any]]:
    return list((await http.get(f"{path}?format=json", headers=headers(user))).json())


async def test_two_containers_follow_each_other(tmp_path: Path, ready_url: str) -> None:
    async with running(tmp_path, url=ready_url) as it, httpx.AsyncClient(base_url=it.url) as http:
        places = {"/v1/AUTH_p/one": "u:p:member", "/v1/AUTH_q/two": "v:q:member"}
        for path, user in places.items():
            assert (await http.put(path, headers=headers(user))).status_code == 201
        before = {"x_object_meta_colour": "red"}
        await http.put("/v1/AUTH_p/one/old", headers=headers(**before), content=b"old " * 9000)
        for (path, user), other in zip(places.items(), ("AUTH_q/two", "AUTH_p/one"), strict=True):
            follow = {"x_container_sync_to": f"//realm1/name1/{other}", "x_container_sync_key": "k"}
            assert (await http.post(path, headers=headers(user, **follow))).status_code == 204
        await http.put("/v1/AUTH_q/two/new", headers=headers("v:q:member"), content=b"new")
        await synced(it)
        await synced(it)
        one, two = await names(http, "/v1/AUTH_p/one", "u:p:member"), await names(http, "/v1/AUTH_q/two", "v:q:member")
        assert one == two
        assert [row["name"] for row in one] == ["new", "old"]
        got = await http.get("/v1/AUTH_q/two/old", headers=headers("v:q:member"))
        assert (got.content, got.headers["x-object-meta-colour"]) == (b"old " * 9000, "red")
        await http.delete("/v1/AUTH_q/two/old", headers=headers("v:q:member"))
        await synced(it)
        assert [row["name"] for row in await names(http, "/v1/AUTH_p/one", "u:p:member")] == ["new"]


async def test_another_key_gets_nothing(tmp_path: Path, ready_url: str) -> None:
    async with running(tmp_path, url=ready_url) as it, httpx.AsyncClient(base_url=it.url) as http:
        mine = {"x_container_sync_to": "//realm1/name1/AUTH_q/two", "x_container_sync_key": "k"}
        await http.put("/v1/AUTH_p/one", headers=headers(**mine))
        await http.put("/v1/AUTH_q/two", headers=headers("v:q:member", x_container_sync_key="other"))
        await http.put("/v1/AUTH_p/one/o", headers=headers(), content=b"x")
        await synced(it)
        assert await names(http, "/v1/AUTH_q/two", "v:q:member") == []
        await http.post("/v1/AUTH_q/two", headers=headers("v:q:member", x_container_sync_key="k"))
        await synced(it)
        assert [row["name"] for row in await names(http, "/v1/AUTH_q/two", "v:q:member")] == ["o"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("//nowhere/name1/AUTH_q/c", "No realm key for 'nowhere'"),
        ("//realm1/other/AUTH_q/c", "No cluster endpoint for 'realm1' 'other'"),
        ("//realm1/name1", "Invalid X-Container-Sync-To format"),
        ("http://example.org/v1/a/c", "Invalid scheme 'http'"),
    ],
)
async def test_who_cannot_follow(value: str, message: str, tmp_path: Path) -> None:
    async with running(tmp_path) as it, httpx.AsyncClient(base_url=it.url) as http:
        answer = await http.put("/v1/AUTH_p/c", headers=headers(x_container_sync_to=value, x_container_sync_key="k"))
        assert (answer.status_code, message in answer.text) == (400, True), answer.text


async def test_another_clusters_change_is_signed(tmp_path: Path) -> None:
    async with (
        running(tmp_path, sync_realms={"far": "secret"}, sync_clusters=("far/here",)) as it,
        httpx.AsyncClient(base_url=it.url) as http,
    ):
        path = "/v1/AUTH_p/c/o"
        await http.put("/v1/AUTH_p/c", headers=headers(x_container_sync_key="k"))
        stamp = f"{time.time() - 100:.5f}"

        def signed(key: str, method: str = "PUT", at: str = stamp) -> dict[str, str]:
            message = f"{method}\n{path}\n{at}\nnonce\nk".encode()
            mark = hmac.new(key.encode(), message, "sha1").hexdigest()
            return {"X-Container-Sync-Auth": f"FAR nonce {mark}", "X-Timestamp": at}

        assert (await http.put(path, headers=signed("wrong"), content=b"x")).status_code == 401
        assert (await http.put(path, headers=signed("secret", "GET"), content=b"x")).status_code == 401
        assert (await http.put(path, headers={"X-Container-Sync-Auth": "x"}, content=b"x")).status_code == 401
        assert (await http.put(path, headers=signed("secret"), content=b"there")).status_code == 201
        got = await http.get(path, headers=headers())
        assert (got.text, got.headers["x-timestamp"]) == ("there", stamp[:-1] + got.headers["x-timestamp"][-1])
        older = f"{time.time() - 500:.5f}"
        assert (await http.put(path, headers=signed("secret", at=older), content=b"older")).status_code == 202
        assert (await http.get(path, headers=headers())).text == "there"
        assert (await http.delete(path, headers=signed("secret", "DELETE", f"{time.time():.5f}"))).status_code == 204
