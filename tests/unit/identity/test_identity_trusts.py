"""Trusts: who may lend what, what a trust's token is worth, and what ends it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from identity_cloud import Cloud, Reply, process
from pileus.kernel.db import Database
from pileus.kernel.types import Fault, iso_micros


class Scene:
    """`giver` lends to `taker`; both are in a domain of their own, `giver` is a member of project `p`."""

    def __init__(self, cloud: Cloud, admin: str, ids: dict[str, str]) -> None:
        self.cloud, self.admin, self.ids = cloud, admin, ids

    async def admin_does(self, method: str, path: str, body: Any = None) -> None:
        await self.cloud.ok(method, path.format(**self.ids), self.admin, body)

    async def login(self, user: str, scope: Any = None) -> Reply:
        return await self.cloud.login(user, user, scope=scope, domain=self.ids[f"domain_of_{user}"])

    async def as_giver(self) -> str:
        return (await self.login("giver", {"project": {"id": self.ids["project"]}})).token

    async def lend(self, token: str = "", **more: Any) -> Reply:
        body = {
            "trustor_user_id": self.ids["giver"],
            "trustee_user_id": self.ids["taker"],
            "project_id": self.ids["project"],
            "impersonation": True,
            "roles": [{"name": "member"}],
            **more,
        }
        return await self.cloud.call("POST", "/v3/OS-TRUST/trusts", {"trust": body}, token or await self.as_giver())

    async def lent(self, **more: Any) -> dict[str, Any]:
        reply = await self.lend(**more)
        assert reply.status == 201, reply.body
        return reply.body["trust"]  # type: ignore[no-any-return]

    async def use(self, trust: dict[str, Any], user: str = "taker") -> Reply:
        return await self.login(user, {"OS-TRUST:trust": {"id": trust["id"]}})

    async def alive(self, token: str) -> bool:
        try:
            await self.cloud.internal.authenticate(token)
        except Fault:
            return False
        return True


@pytest.fixture
async def scene(cloud: Cloud, admin: str) -> Scene:
    home = await cloud.make("domain", admin, name="home")
    away = await cloud.make("domain", admin, name="away")
    ids = {"domain_of_giver": home["id"], "domain_of_taker": away["id"], "domain_of_third": away["id"]}
    for name in ("giver", "taker", "third"):
        user = await cloud.make("user", admin, name=name, password=name, domain_id=ids[f"domain_of_{name}"])
        ids[name] = user["id"]
    project = await cloud.make("project", admin, name="p", domain_id=home["id"])
    ids["project"] = project["id"]
    for role in ("member", "reader", "service"):
        ids[role] = (await cloud.named("role", role, admin))["id"]
    await cloud.ok("PUT", "/v3/projects/{project}/users/{giver}/roles/{member}".format(**ids), admin)
    return Scene(cloud, admin, ids)


async def test_an_impersonating_token_is_the_givers(scene: Scene) -> None:
    trust = await scene.lent()
    body = (await scene.use(trust)).body["token"]
    assert body["user"]["id"] == scene.ids["giver"]
    assert body["OS-TRUST:trust"] == {
        "id": trust["id"],
        "trustor_user": {"id": scene.ids["giver"]},
        "trustee_user": {"id": scene.ids["taker"]},
        "impersonation": True,
    }
    assert {role["name"] for role in body["roles"]} == {"member", "reader"}
    assert set(body["roles"][0]) == {"id", "name", "domain_id", "description", "options"}
    assert "is_domain" not in body
    assert body["project"]["id"] == scene.ids["project"]


async def test_without_impersonation_the_token_is_the_takers(scene: Scene) -> None:
    body = (await scene.use(await scene.lent(impersonation=False, roles=[{"id": scene.ids["reader"]}]))).body["token"]
    assert body["user"]["id"] == scene.ids["taker"]
    assert [role["name"] for role in body["roles"]] == ["reader"]


ENDS: dict[str, Callable[[Scene], Awaitable[None]]] = {
    "the role is taken": lambda s: s.admin_does("DELETE", "/v3/projects/{project}/users/{giver}/roles/{member}"),
    "the giver is disabled": lambda s: s.admin_does("PATCH", "/v3/users/{giver}", {"user": {"enabled": False}}),
    "the taker is disabled": lambda s: s.admin_does("PATCH", "/v3/users/{taker}", {"user": {"enabled": False}}),
    "the giver's password is new": lambda s: s.admin_does("PATCH", "/v3/users/{giver}", {"user": {"password": "n"}}),
    "the taker's password is new": lambda s: s.admin_does("PATCH", "/v3/users/{taker}", {"user": {"password": "n"}}),
    "the giver is deleted": lambda s: s.admin_does("DELETE", "/v3/users/{giver}"),
    "the taker is deleted": lambda s: s.admin_does("DELETE", "/v3/users/{taker}"),
    "the giver's tokens are revoked": lambda s: s.admin_does("DELETE", "/v3/users/{giver}/tokens"),
    "the taker's tokens are revoked": lambda s: s.admin_does("DELETE", "/v3/users/{taker}/tokens"),
    "the giver's domain is disabled": lambda s: s.admin_does(
        "PATCH", "/v3/domains/{domain_of_giver}", {"domain": {"enabled": False}}
    ),
    "the taker's domain is disabled": lambda s: s.admin_does(
        "PATCH", "/v3/domains/{domain_of_taker}", {"domain": {"enabled": False}}
    ),
    "the project is disabled": lambda s: s.admin_does(
        "PATCH", "/v3/projects/{project}", {"project": {"enabled": False}}
    ),
    "the project is deleted": lambda s: s.admin_does("DELETE", "/v3/projects/{project}"),
    "the trust is deleted": lambda s: s.admin_does("DELETE", "/v3/OS-TRUST/trusts/{trust}"),
}


@pytest.mark.parametrize("impersonation", [True, False])
@pytest.mark.parametrize("end", ENDS)
async def test_a_trusts_token_ends_when(scene: Scene, end: str, impersonation: bool) -> None:
    trust = await scene.lent(impersonation=impersonation)
    scene.ids["trust"] = trust["id"]
    token = (await scene.use(trust)).token
    assert await scene.alive(token)
    await ENDS[end](scene)
    assert not await scene.alive(token)


@pytest.mark.parametrize("end", ["the giver is deleted", "the taker is deleted", "the project is deleted"])
async def test_a_trust_dies_with(scene: Scene, end: str) -> None:
    scene.ids["trust"] = (await scene.lent())["id"]
    await ENDS[end](scene)
    found = await scene.cloud.call("GET", f"/v3/OS-TRUST/trusts/{scene.ids['trust']}", None, scene.admin)
    assert (found.status, found.error) == (404, f"Could not find trust: {scene.ids['trust']}.")
    assert (await scene.cloud.call("GET", "/v3/OS-TRUST/trusts", None, scene.admin)).body["trusts"] == []


async def test_what_was_lost_is_refused_in_keystones_words(scene: Scene) -> None:
    trust = await scene.lent()
    token = (await scene.use(trust)).token
    await ENDS["the role is taken"](scene)
    seen = await scene.cloud.call("GET", "/v3/auth/tokens", None, scene.admin, {"x-subject-token": token})
    assert seen.status == 403
    assert (await scene.use(trust)).status == 403


async def test_only_the_trustee_uses_it(scene: Scene) -> None:
    trust = await scene.lent()
    assert (await scene.use(trust, "third")).status == 403
    assert (await scene.use(trust, "giver")).status == 403
    assert (await scene.use({"id": "nosuch"})).status == 401


async def test_uses_are_counted_however_many_ask_at_once(scene: Scene) -> None:
    trust = await scene.lent(remaining_uses=3)
    replies = await asyncio.gather(*(scene.use(trust) for _ in range(20)))
    good = [reply for reply in replies if reply.status == 201]
    assert len(good) == 3
    assert {reply.status for reply in replies} <= {201, 401, 403}
    assert await scene.alive(good[0].token), "the last use is a use"
    gone = await scene.cloud.call("GET", f"/v3/OS-TRUST/trusts/{trust['id']}", None, scene.admin)
    assert gone.status == 404
    token = await scene.as_giver()
    assert (await scene.cloud.call("DELETE", f"/v3/OS-TRUST/trusts/{trust['id']}", None, token)).status == 204
    assert not await scene.alive(good[0].token)


async def test_a_refused_login_uses_nothing_up(scene: Scene) -> None:
    trust = await scene.lent(remaining_uses=1)
    await ENDS["the project is disabled"](scene)
    assert (await scene.use(trust)).status == 401
    await scene.admin_does("PATCH", "/v3/projects/{project}", {"project": {"enabled": True}})
    assert (await scene.use(trust)).status == 201
    assert (await scene.use(trust)).status == 401


async def test_no_token_out_of_a_trusts_token(scene: Scene) -> None:
    token = (await scene.use(await scene.lent())).token
    auth = {"identity": {"methods": ["token"], "token": {"id": token}}}
    for scope in ({}, {"scope": {"project": {"id": scene.ids["project"]}}}):
        reply = await scene.cloud.call("POST", "/v3/auth/tokens", {"auth": {**auth, **scope}})
        assert reply.status == 403
        assert "Using trust-scoped token to create another token." in reply.error
    made = await scene.cloud.call(
        "POST",
        f"/v3/users/{scene.ids['giver']}/application_credentials",
        {"application_credential": {"name": "a"}},
        token,
    )
    assert made.status == 403


async def test_the_token_ends_with_the_trust(scene: Scene) -> None:
    soon = "2999-01-01T00:00:00.000000Z"
    assert (await scene.lent(expires_at=soon))["expires_at"] == soon
    now = scene.cloud.near.db.read_now(lambda tx: tx.now)

    end = iso_micros((now // 1_000_000 + 600) * 1_000_000)
    body = (await scene.use(await scene.lent(expires_at=end))).body["token"]
    assert body["expires_at"] == end


async def _loan(scene: Scene, **more: Any) -> tuple[dict[str, Any], str]:
    trust = await scene.lent(allow_redelegation=True, **more)
    return trust, (await scene.use(trust)).token


async def test_what_may_be_lent_on(scene: Scene) -> None:
    plain = (await scene.use(await scene.lent())).token
    third = {"trustee_user_id": scene.ids["third"]}
    assert (await scene.lend(plain, **third)).status == 403
    trust, token = await _loan(scene, redelegation_count=2, expires_at="2999-01-01T00:00:00Z")
    for bad in (
        {"roles": [{"name": "reader"}]},
        {"remaining_uses": 1},
        {"expires_at": "2999-01-02T00:00:00Z"},
        {"allow_redelegation": True, "redelegation_count": 2},
        {"trustor_user_id": scene.ids["taker"]},
    ):
        assert (await scene.lend(token, **third, **bad)).status == 403, bad
    on = (await scene.lend(token, **third, allow_redelegation=True)).body["trust"]
    assert on["redelegated_trust_id"] == trust["id"]
    assert on["redelegation_count"] == 1
    assert on["expires_at"] == trust["expires_at"]
    used = (await scene.use(on, "third")).token
    await scene.admin_does("PATCH", "/v3/users/{taker}", {"user": {"enabled": False}})
    assert not await scene.alive(used), "an agent between them acts no more"
    await scene.admin_does("PATCH", "/v3/users/{taker}", {"user": {"enabled": True}})
    used = (await scene.use(on, "third")).token
    await scene.admin_does("DELETE", f"/v3/OS-TRUST/trusts/{trust['id']}")
    assert not await scene.alive(used)
    assert (await scene.use(on, "third")).status == 401


async def test_without_impersonation_nobody_lends_on_in_anothers_name(scene: Scene) -> None:
    _, token = await _loan(scene, impersonation=False)
    third = {"trustee_user_id": scene.ids["third"], "trustor_user_id": scene.ids["taker"]}
    assert (await scene.lend(token, **third)).status == 403, "impersonation was not lent"
    on = (await scene.lend(token, **third, impersonation=False)).body["trust"]
    assert (await scene.use(on, "third")).status == 403, "the middle one holds nothing himself, says Keystone"


async def test_application_credentials_lend_nothing(scene: Scene) -> None:
    token = await scene.as_giver()
    made = await scene.cloud.call(
        "POST",
        f"/v3/users/{scene.ids['giver']}/application_credentials",
        {"application_credential": {"name": "a", "unrestricted": True}},
        token,
    )
    credential = made.body["application_credential"]
    proof = {"id": credential["id"], "secret": credential["secret"]}
    auth = {"identity": {"methods": ["application_credential"], "application_credential": proof}}
    token = (await scene.cloud.call("POST", "/v3/auth/tokens", {"auth": auth})).token
    reply = await scene.lend(token)
    assert reply.status == 403
    assert "Delegated tokens cannot manage trusts." in reply.error


@pytest.mark.postgresql
async def test_uses_are_counted_in_all_processes_together(ready_url: str, product: str) -> None:
    if product != "postgresql":
        pytest.skip("SQLite has one process")
    databases = [Database(ready_url) for _ in range(2)]
    for db in databases:
        await db.start()
    async with process(databases[0]) as first, process(databases[1]) as second:
        admin = await first.login()
        demo = (await first.login("demo", scope="demo")).body["token"]
        wanted = {
            "trustor_user_id": admin.body["token"]["user"]["id"],
            "trustee_user_id": demo["user"]["id"],
            "project_id": admin.body["token"]["project"]["id"],
            "impersonation": True,
            "roles": [{"name": "reader"}],
            "remaining_uses": 4,
        }
        made = await first.call("POST", "/v3/OS-TRUST/trusts", {"trust": wanted}, admin.token)
        scope = {"OS-TRUST:trust": {"id": made.body["trust"]["id"]}}
        replies = await asyncio.gather(
            *(cloud.login("demo", scope=scope) for cloud in (first, second) for _ in range(10))
        )
    assert sorted(reply.status for reply in replies).count(201) == 4
    assert {reply.status for reply in replies} <= {201, 401, 403}
    for db in databases:
        await db.close()
