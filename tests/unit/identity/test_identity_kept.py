"""Lists that are given again are never old: every change shows at once, to whoever may see it."""

import pytest

from identity_cloud import Cloud

LISTS = (
    "users",
    "groups",
    "projects",
    "domains",
    "roles",
    "regions",
    "services",
    "endpoints",
    "role_assignments?effective",
)


@pytest.mark.parametrize("path", LISTS)
async def test_a_list_is_the_same_twice(cloud: Cloud, admin: str, path: str) -> None:
    first = await cloud.ok("GET", f"/v3/{path}", admin)
    assert (await cloud.ok("GET", f"/v3/{path}", admin)).body == first.body


async def test_changes_show_at_once(cloud: Cloud, admin: str) -> None:
    async def names(noun: str) -> set[str]:
        return {one["name"] for one in (await cloud.ok("GET", f"/v3/{noun}s", admin)).body[f"{noun}s"]}

    for noun in ("user", "group", "project", "domain", "role"):
        assert "fresh" not in await names(noun)
        made = await cloud.make(noun, admin, name="fresh")
        assert "fresh" in await names(noun)
        await cloud.ok("PATCH", f"/v3/{noun}s/{made['id']}", admin, {noun: {"name": "renamed"}})
        assert {"fresh", "renamed"} & await names(noun) == {"renamed"}
        if noun == "domain":
            await cloud.ok("PATCH", f"/v3/domains/{made['id']}", admin, {"domain": {"enabled": False}})
        await cloud.ok("DELETE", f"/v3/{noun}s/{made['id']}", admin)
        assert "renamed" not in await names(noun)


async def test_assignments_follow_groups_and_implied_roles(cloud: Cloud, admin: str) -> None:
    user = await cloud.make("user", admin, name="ann")
    group = await cloud.make("group", admin, name="team")
    project = await cloud.make("project", admin, name="hers")
    prior, implied = await cloud.make("role", admin, name="prior"), await cloud.make("role", admin, name="implied")

    async def hers() -> set[str]:
        reply = await cloud.ok("GET", f"/v3/role_assignments?effective&include_names&user.id={user['id']}", admin)
        return {one["role"]["name"] for one in reply.body["role_assignments"]}

    assert await hers() == set()
    await cloud.ok("PUT", f"/v3/projects/{project['id']}/groups/{group['id']}/roles/{prior['id']}", admin)
    assert await hers() == set()
    await cloud.ok("PUT", f"/v3/groups/{group['id']}/users/{user['id']}", admin)
    assert await hers() == {"prior"}
    await cloud.ok("PUT", f"/v3/roles/{prior['id']}/implies/{implied['id']}", admin)
    assert await hers() == {"prior", "implied"}
    await cloud.ok("PATCH", f"/v3/roles/{implied['id']}", admin, {"role": {"name": "renamed"}})
    assert await hers() == {"prior", "renamed"}
    await cloud.ok("DELETE", f"/v3/roles/{prior['id']}/implies/{implied['id']}", admin)
    assert await hers() == {"prior"}
    await cloud.ok("DELETE", f"/v3/groups/{group['id']}/users/{user['id']}", admin)
    assert await hers() == set()


async def test_nobody_gets_the_list_of_another(cloud: Cloud, admin: str) -> None:
    await cloud.ok("GET", "/v3/users", admin)
    assert (await cloud.call("GET", "/v3/users", None, await cloud.token("demo", scope="demo"))).status == 403
    demo = await cloud.named("user", "demo", admin)
    role = await cloud.named("role", "admin", admin)
    await cloud.ok("PUT", f"/v3/system/users/{demo['id']}/roles/{role['id']}", admin)
    token = await cloud.token("demo", scope={"system": {"all": True}})
    await cloud.ok("GET", "/v3/users", token)
    await cloud.ok("DELETE", f"/v3/system/users/{demo['id']}/roles/{role['id']}", admin)
    assert (await cloud.call("GET", "/v3/users", None, token)).status == 401
