"""What stands in the settings: users of old clients, hosts that name accounts, bounds on names and on changes."""

import asyncio
import json
import time
from pathlib import Path

import httpx
import pytest

from object_server import running

USERS = {
    "test:tester": "testing .admin", "test:helper": "helping", "other:boss": "bossing .admin", "run:all": "x .reseller_admin",
}  # fmt: skip
ME = {"X-Auth-Token": "u:p:member"}


async def login(http: httpx.AsyncClient, user: str, key: str) -> dict[str, str]:
    answer = await http.get("/auth/v1.0", headers={"X-Auth-User": user, "X-Auth-Key": key})
    assert answer.status_code == 200
    assert answer.headers["x-storage-url"].endswith(f"/v1/AUTH_{user.partition(':')[0]}")
    return {"X-Auth-Token": answer.headers["x-auth-token"]}


async def test_users_of_old_clients(tmp_path: Path) -> None:
    async with running(tmp_path, tempauth_users=USERS) as it, httpx.AsyncClient(base_url=it.url) as http:
        owner, helper = await login(http, "test:tester", "testing"), await login(http, "test:helper", "helping")
        boss, reseller = await login(http, "other:boss", "bossing"), await login(http, "run:all", "x")
        for user, key in (("test:tester", "wrong"), ("test:nobody", ""), ("tester", "testing"), ("", "")):
            refused = await http.get("/auth/v1.0", headers={"X-Storage-User": user, "X-Storage-Pass": key})
            assert refused.status_code == 401
        account = "/v1/AUTH_test"
        assert (await http.put(f"{account}/c", headers=owner | {"X-Container-Read": "test:helper"})).status_code == 201
        assert (await http.get(f"{account}/c", headers=helper)).status_code == 204
        assert (await http.put(f"{account}/c/o", headers=helper, content=b"x")).status_code == 403
        assert (await http.get(account, headers=boss)).status_code == 403
        acl = {"X-Account-Access-Control": json.dumps({"read-only": ["other"]})}
        assert (await http.post(account, headers=owner | acl)).status_code == 204
        assert (await http.head(account, headers=owner)).headers[
            "x-account-access-control"
        ] == '{"read-only":["other"]}'
        assert "x-account-access-control" not in (await http.head(account, headers=boss)).headers
        assert (await http.get(account, headers=boss)).text == "c\n"
        assert (await http.put(f"{account}/d", headers=boss)).status_code == 403
        acl = {"X-Account-Access-Control": json.dumps({"read-write": ["other:boss"]})}
        await http.post(account, headers=owner | acl)
        assert (await http.put(f"{account}/d", headers=boss)).status_code == 201
        assert (await http.post(account, headers=boss)).status_code == 403
        for wrong in ("x", '{"foo": []}', '{"admin": 3}'):
            said = await http.post(account, headers=owner | {"X-Account-Access-Control": wrong})
            assert (said.status_code, "X-Account-Access-Control invalid" in said.text) == (400, True)
        assert (await http.delete(account, headers=owner)).status_code == 403
        assert (await http.delete(account, headers=reseller)).status_code == 204
        mine = owner["X-Auth-Token"]
        forged = mine[:-1] + ("0" if mine[-1] != "0" else "1")
        assert (await http.get("/v1/AUTH_other", headers={"X-Auth-Token": forged})).status_code == 401
        assert (await http.get("/v1/AUTH_p", headers=ME)).status_code == 204  # identity's callers go on as ever
        assert (await http.get("/v1/AUTH_p", headers=owner)).status_code == 403


async def test_no_users_no_logins(tmp_path: Path) -> None:
    async with running(tmp_path) as it, httpx.AsyncClient(base_url=it.url) as http:
        assert (await http.get("/auth/v1.0", headers={"X-Auth-User": "a:b", "X-Auth-Key": "c"})).status_code == 400
        assert "tempauth" not in (await http.get("/info")).json()


async def test_hosts_that_name_accounts(tmp_path: Path) -> None:
    names = {"host_domains": ("objects.example",), "host_aliases": {"www.site.example": "pages.auth-p.objects.example"}}
    async with running(tmp_path, **names) as it, httpx.AsyncClient(base_url=it.url) as http:
        await http.put(
            "/v1/AUTH_p/pages", headers=ME | {"X-Container-Read": ".r:*,.rlistings", "X-Container-Meta-Web-Index": "i"}
        )
        await http.put("/v1/AUTH_p/pages/i", headers=ME, content=b"index")
        await http.put("/v1/AUTH_p/pages/sub/i", headers=ME, content=b"sub")

        async def at(host: str, path: str, **headers: str) -> httpx.Response:
            return await http.get(path, headers={"Host": host, **headers})

        assert (await at("pages.AUTH-p.objects.example", "/i")).text == "index"
        assert (await at("pages.p.objects.example:8080", "/sub/i")).text == "sub"
        assert (await at("auth-p.objects.example", "/pages/i")).text == "index"
        assert (await at("www.site.example", "/")).text == "index"
        moved = await at("www.site.example", "/sub")
        assert (moved.status_code, moved.headers["location"]) == (301, "http://www.site.example/sub/")
        assert (await at("auth-p.objects.example", "/", **ME)).text == "pages\n"
        assert (await at("a.b.c.objects.example", "/i")).status_code == 400
        assert (await at("elsewhere.example", "/v1/AUTH_p/pages/i")).text == "index"


async def test_names_that_an_operator_forbids(tmp_path: Path) -> None:
    rules = {"forbidden_characters": "<>`", "forbidden_pattern": r"/\.\.?(/|$)"}
    async with running(tmp_path, **rules) as it, httpx.AsyncClient(base_url=it.url) as http:
        await http.put("/v1/AUTH_p/c", headers=ME)
        for name in ("a<b", "a`"):
            said = await http.put(f"/v1/AUTH_p/c/{name}", headers=ME, content=b"x")
            assert (said.status_code, "forbidden chars" in said.text) == (400, True)
        said = await http.put("/v1/AUTH_p/c/a/%2E%2E/b", headers=ME, content=b"x")
        assert (said.status_code, "forbidden substring" in said.text) == (400, True)
        assert (await http.put("/v1/AUTH_p/c/a..b", headers=ME, content=b"x")).status_code == 201


@pytest.mark.parametrize("burst", [6])
async def test_changes_a_second(tmp_path: Path, burst: int) -> None:
    async with running(tmp_path, container_changes=20.0) as it, httpx.AsyncClient(base_url=it.url) as http:
        await http.put("/v1/AUTH_p/c", headers=ME)
        began = time.monotonic()
        said = await asyncio.gather(*(http.put(f"/v1/AUTH_p/c/{n}", headers=ME, content=b"x") for n in range(burst)))
        assert {answer.status_code for answer in said} == {201}
        assert time.monotonic() - began >= (burst - 1) / 20
        assert (await http.get("/info")).json()["ratelimit"]["container_ratelimits"] == [[0, 20.0]]
    (tmp_path / "slow").mkdir()
    async with running(tmp_path / "slow", container_changes=0.01) as it, httpx.AsyncClient(base_url=it.url) as http:
        await http.put("/v1/AUTH_p/c", headers=ME)
        await http.put("/v1/AUTH_p/c/1", headers=ME, content=b"x")
        refused = await http.put("/v1/AUTH_p/c/2", headers=ME, content=b"x")
        assert (refused.status_code, "Slow down" in refused.text) == (498, True)


async def test_bounds_that_an_operator_sets(tmp_path: Path) -> None:
    bounds = {"meta_value_bytes": 300, "meta_count": 2, "listing": 3, "name_bytes": 10}
    async with running(tmp_path, **bounds) as it, httpx.AsyncClient(base_url=it.url) as http:
        told = (await http.get("/info")).json()["swift"]
        assert (told["max_meta_value_length"], told["container_listing_limit"]) == (300, 3)
        for noun in ("account", "container", "object"):
            path, name = f"/v1/AUTH_p{'/c' * (noun != 'account')}{'/o' * (noun == 'object')}", f"X-{noun}-Meta-"
            send = http.post if noun == "account" else http.put
            for meta, status in (({"A": "x" * 300}, 2), ({"A": "x" * 301}, 4), ({"A": "1", "B": "1", "C": "1"}, 4)):
                said = await send(path, headers=ME | {name + key: value for key, value in meta.items()})
                assert said.status_code // 100 == status, (noun, meta)
        for n in range(4):
            await http.put(f"/v1/AUTH_p/c/{n}", headers=ME)
        assert (await http.get("/v1/AUTH_p/c", headers=ME)).text == "0\n1\n2\n"
        assert (await http.get("/v1/AUTH_p/c?limit=4", headers=ME)).text == "Maximum limit is 3"
        assert (await http.put("/v1/AUTH_p/c/12345678901", headers=ME)).status_code == 400
