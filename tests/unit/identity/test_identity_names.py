"""Names in any script, and ids as long as directories and federations make them."""

from urllib.parse import quote

import pytest

from identity_cloud import Cloud
from pileus.kernel.db import Tx
from pileus.services.identity.db import projects, users
from pileus.services.identity.db.projects import ProjectRow
from pileus.services.identity.db.users import UserRow

NAMES = ("Zoë Öztürk", "雲の管理者", "👩‍🚀 crew", "مدير", "a/b?c=d&e#f", "100%_sure", "x" * 64, "O'Brien; --", "ß")


@pytest.mark.parametrize("name", NAMES)
async def test_any_name_goes_all_the_way(cloud: Cloud, admin: str, name: str) -> None:
    domain = await cloud.make("domain", admin, name=name)
    user = await cloud.make("user", admin, name=name, password=name, domain_id=domain["id"])
    project = await cloud.make("project", admin, name=name, domain_id=domain["id"], description=name, tags=["täg"])
    role = await cloud.make("role", admin, name=name)
    await cloud.ok("PUT", f"/v3/projects/{project['id']}/users/{user['id']}/roles/{role['id']}", admin)
    who = {"name": name, "domain": {"name": name}, "password": name}
    auth = {
        "identity": {"methods": ["password"], "password": {"user": who}},
        "scope": {"project": {"name": name, "domain": {"name": name}}},
    }
    reply = await cloud.call("POST", "/v3/auth/tokens", {"auth": auth})
    assert reply.status == 201, reply.body
    token = reply.body["token"]
    assert {token["user"]["name"], token["project"]["name"], token["project"]["domain"]["name"]} == {name}
    assert [one["name"] for one in token["roles"]] == [name]
    ctx = await cloud.internal.authenticate(reply.token)
    assert (ctx.user_name, ctx.project_name) == (name, name)
    for noun, made in (("user", user), ("project", project), ("domain", domain), ("role", role)):
        for query in (
            f"name={quote(name)}",
            f"name__contains={quote(name[:5])}",
            f"name__istartswith={quote(name[:3])}",
        ):
            found = (await cloud.ok("GET", f"/v3/{noun}s?{query}", admin)).body[f"{noun}s"]
            assert made["id"] in [one["id"] for one in found], (noun, query)
    path = f"/v3/role_assignments?include_names&user.id={user['id']}"
    [one] = (await cloud.ok("GET", path, admin)).body["role_assignments"]
    assert one["user"]["name"] == one["role"]["name"] == one["scope"]["project"]["name"] == name


async def test_two_names_that_look_alike_are_two(cloud: Cloud, admin: str) -> None:
    composed, apart = "\u00e9", "e\u0301"
    assert len({(await cloud.make("project", admin, name=name))["id"] for name in (composed, apart)}) == 2
    assert (await cloud.call("POST", "/v3/projects", {"project": {"name": composed}}, admin)).status == 409


LONG_USER, LONG_PROJECT = "a1" * 32, "B2-" * 21 + "z"


def _strangers(tx: Tx, hashed: str) -> None:
    domain = projects.find(tx, "default")
    assert domain is not None
    row = UserRow(LONG_USER, "default", "long", True, None, hashed, tx.now, None, 0, tx.now, {}, {})
    users.add(tx, row)
    path = f"{domain.path}{LONG_PROJECT}/"
    projects.add(tx, ProjectRow(LONG_PROJECT, "default", "default", path, "long", "", True, False, [], {}, {}))


async def test_ids_of_64_characters(cloud: Cloud, admin: str) -> None:
    hashed = await cloud.near.passwords.hash("long")
    await cloud.db.write(_strangers, hashed)
    role = await cloud.named("role", "member", admin)
    await cloud.ok("PUT", f"/v3/projects/{LONG_PROJECT}/users/{LONG_USER}/roles/{role['id']}", admin)
    reply = await cloud.login("long", "long", scope={"project": {"id": LONG_PROJECT}})
    assert reply.status == 201, reply.body
    assert (reply.body["token"]["user"]["id"], reply.body["token"]["project"]["id"]) == (LONG_USER, LONG_PROJECT)
    assert len(reply.token) < 400, "a header of every request"
    ctx = await cloud.internal.authenticate(reply.token)
    assert (ctx.user_id, ctx.project_id) == (LONG_USER, LONG_PROJECT)
    body = {"application_credential": {"name": "tool", "secret": "tool"}}
    path = f"/v3/users/{LONG_USER}/application_credentials"
    made = (await cloud.ok("POST", path, reply.token, body)).body["application_credential"]
    part = {"id": made["id"], "secret": "tool"}
    identity = {"methods": ["application_credential"], "application_credential": part}
    entered = await cloud.call("POST", "/v3/auth/tokens", {"auth": {"identity": identity}})
    assert entered.body["token"]["project"]["id"] == LONG_PROJECT
    for noun, id in (("user", LONG_USER), ("project", LONG_PROJECT)):
        await cloud.ok("GET", f"/v3/{noun}s/{id}", admin)
        await cloud.ok("PATCH", f"/v3/{noun}s/{id}", admin, {noun: {"description": "x"}})
    found = (await cloud.ok("GET", f"/v3/role_assignments?user.id={LONG_USER}", admin)).body["role_assignments"]
    assert len(found) == 1
    await cloud.ok("DELETE", f"/v3/users/{LONG_USER}", admin)
    await cloud.ok("DELETE", f"/v3/projects/{LONG_PROJECT}", admin)
    assert (await cloud.call("GET", f"/v3/users/{'a1' * 33}", None, admin)).status == 404
