"""Whatever makes a token worthless does so at the next request."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from identity_cloud import Cloud, process
from pileus.kernel.db import Database
from pileus.kernel.types import Unauthorized


class Scene:
    """`demo` on its project, and whoever must be known to take it away."""

    def __init__(self, cloud: Cloud, admin: str, token: str, ids: dict[str, str]) -> None:
        self.cloud, self.admin, self.token, self.ids = cloud, admin, token, ids

    async def alive(self) -> bool:
        try:
            await self.cloud.internal.authenticate(self.token)
        except Unauthorized:
            return False
        return True

    async def admin_does(self, method: str, path: str, body: Any = None) -> None:
        await self.cloud.ok(method, path.format(**self.ids), self.admin, body)


@pytest.fixture
async def scene(cloud: Cloud, admin: str) -> Scene:
    domain = await cloud.make("domain", admin, name="other")
    user = await cloud.make("user", admin, name="u", password="u", domain_id=domain["id"])
    parent = await cloud.make("project", admin, name="parent", domain_id=domain["id"])
    project = await cloud.make("project", admin, name="p", domain_id=domain["id"], parent_id=parent["id"])
    role = await cloud.make("role", admin, name="special")
    ids = {"user": user["id"], "project": project["id"], "domain": domain["id"], "role": role["id"]}
    await cloud.ok("PUT", "/v3/projects/{project}/users/{user}/roles/{role}".format(**ids), admin)
    reply = await cloud.login("u", "u", scope={"project": {"id": project["id"]}}, domain=domain["id"])
    made = Scene(cloud, admin, reply.token, ids)
    assert await made.alive()
    return made


ENDS: dict[str, Callable[[Scene], Awaitable[None]]] = {
    "the user is disabled": lambda s: s.admin_does("PATCH", "/v3/users/{user}", {"user": {"enabled": False}}),
    "the password is reset": lambda s: s.admin_does("PATCH", "/v3/users/{user}", {"user": {"password": "new"}}),
    "the user is deleted": lambda s: s.admin_does("DELETE", "/v3/users/{user}"),
    "the project is disabled": lambda s: s.admin_does(
        "PATCH", "/v3/projects/{project}", {"project": {"enabled": False}}
    ),
    "the project is deleted": lambda s: s.admin_does("DELETE", "/v3/projects/{project}"),
    "the domain is disabled": lambda s: s.admin_does("PATCH", "/v3/domains/{domain}", {"domain": {"enabled": False}}),
    "the role is taken": lambda s: s.admin_does("DELETE", "/v3/projects/{project}/users/{user}/roles/{role}"),
    "the role is deleted": lambda s: s.admin_does("DELETE", "/v3/roles/{role}"),
    "all tokens are revoked": lambda s: s.admin_does("DELETE", "/v3/users/{user}/tokens"),
}


@pytest.mark.parametrize("end", ENDS)
async def test_a_token_ends_when(scene: Scene, end: str) -> None:
    await ENDS[end](scene)
    assert not await scene.alive()
    reply = await scene.cloud.call("GET", "/v3/auth/projects", None, scene.token)
    assert reply.status == 401
    subject = {"x-subject-token": scene.token}
    assert (await scene.cloud.call("GET", "/v3/auth/tokens", None, scene.admin, subject)).status == 404


async def test_a_disabled_user_comes_back_without_the_old_tokens(scene: Scene) -> None:
    for enabled in (False, True):
        await scene.admin_does("PATCH", "/v3/users/{user}", {"user": {"enabled": enabled}})
    assert not await scene.alive()
    reply = await scene.cloud.login(
        "u", "u", scope={"project": {"id": scene.ids["project"]}}, domain=scene.ids["domain"]
    )
    assert reply.status == 201


async def test_changing_ones_own_password(scene: Scene) -> None:
    path = f"/v3/users/{scene.ids['user']}/password"

    def body(old: str) -> dict[str, Any]:
        return {"user": {"original_password": old, "password": "new"}}

    assert (await scene.cloud.call("POST", path, body("wrong"))).status == 401
    assert (await scene.cloud.call("POST", "/v3/users/nobody/password", body("u"))).status == 401
    assert await scene.alive()
    assert (await scene.cloud.call("POST", path, body("u"))).status == 204
    assert not await scene.alive()
    assert (await scene.cloud.login("u", "u", scope=None, domain=scene.ids["domain"])).status == 401
    assert (await scene.cloud.login("u", "new", scope=None, domain=scene.ids["domain"])).status == 201


async def test_a_locked_password_stays(scene: Scene) -> None:
    await scene.admin_does("PATCH", "/v3/users/{user}", {"user": {"options": {"lock_password": True}}})
    body = {"user": {"original_password": "u", "password": "new"}}
    assert (await scene.cloud.call("POST", f"/v3/users/{scene.ids['user']}/password", body)).status == 400


@pytest.mark.parametrize(("query", "derived_lives"), [("", False), ("?cascade=false", True)])
async def test_revoking_one_token(cloud: Cloud, query: str, derived_lives: bool) -> None:
    first = await cloud.token("demo", scope=None)
    auth = {"identity": {"methods": ["token"], "token": {"id": first}}}
    auth["scope"] = {"project": {"name": "demo", "domain": {"id": "default"}}}  # type: ignore[assignment]
    derived = (await cloud.call("POST", "/v3/auth/tokens", {"auth": auth})).token
    other = await cloud.token("demo", scope=None)
    reply = await cloud.call("DELETE", f"/v3/auth/tokens{query}", None, first, {"x-subject-token": first})
    assert reply.status == 204
    assert (await cloud.call("GET", "/v3/auth/projects", None, first)).status == 401
    assert (await cloud.call("GET", "/v3/auth/projects", None, derived)).status == (200 if derived_lives else 401)
    assert (await cloud.call("GET", "/v3/auth/projects", None, other)).status == 200
    assert (await cloud.call("POST", "/v3/auth/tokens", {"auth": auth})).status == 404, "it cannot be traded either"


async def test_nobody_revokes_anothers_token(cloud: Cloud, admin: str) -> None:
    demo = await cloud.token("demo", scope="demo")
    reply = await cloud.call("DELETE", "/v3/auth/tokens", None, demo, {"x-subject-token": admin})
    assert reply.status == 403
    assert (await cloud.call("GET", "/v3/users", None, admin)).status == 200


async def test_a_role_taken_from_a_group_reaches_its_members(scene: Scene) -> None:
    cloud, admin = scene.cloud, scene.admin
    group = await cloud.make("group", admin, name="g")
    other = await cloud.make("role", admin, name="through-group")
    await cloud.ok("PUT", f"/v3/groups/{group['id']}/users/{scene.ids['user']}", admin)
    path = f"/v3/projects/{scene.ids['project']}/groups/{group['id']}/roles/{other['id']}"
    await cloud.ok("PUT", path, admin)
    assert (await cloud.internal.authenticate(scene.token)).roles == {"special", "through-group"}
    await cloud.ok("DELETE", f"/v3/groups/{group['id']}/users/{scene.ids['user']}", admin)
    assert (await cloud.internal.authenticate(scene.token)).roles == {"special"}


async def test_a_refused_write_forgets_nothing(cloud: Cloud, admin: str) -> None:
    revision = cloud.near.memory.revision
    role = await cloud.named("role", "admin", admin)
    assert (await cloud.call("DELETE", f"/v3/roles/{role['id']}", None, admin)).status == 403
    assert cloud.near.memory.revision == revision


@pytest.mark.postgresql
async def test_another_process_hears_of_it(ready_url: str, product: str) -> None:
    """Two control planes on one database: keys, revocations and changes are shared."""
    if product != "postgresql":
        pytest.skip("SQLite has one process")
    first_db, second_db = Database(ready_url), Database(ready_url)
    await first_db.start()
    await second_db.start()
    async with process(first_db) as first, process(second_db, cache_seconds=3600) as second:
        work = [asyncio.create_task(_listen(second))]
        token, admin = await first.token("demo", scope="demo"), await first.token()
        assert (await second.internal.authenticate(token)).user_name == "demo"
        await first.call("DELETE", "/v3/auth/tokens", None, admin, {"x-subject-token": token})
        async with asyncio.timeout(60):
            while await _believes(second, token):
                await asyncio.sleep(0.02)
        for task in work:
            task.cancel()
    await first_db.close()
    await second_db.close()


async def _believes(cloud: Cloud, token: str) -> bool:
    try:
        await cloud.internal.authenticate(token)
    except Unauthorized:
        return False
    return True


async def _listen(cloud: Cloud) -> None:
    """What the reconcilers of a process do, without their timers."""
    from pileus.kernel.db import signals
    from pileus.services.identity.core.memory import CHANGED

    signal = signals.subscribe(CHANGED)
    while True:
        await signal.wait()
        cloud.near.memory.bump()
