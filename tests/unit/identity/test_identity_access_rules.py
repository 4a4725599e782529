"""A caller bound to some requests, and what frees him."""

from identity_cloud import Cloud
from pileus.kernel.types import Reach

RULE = {"service": "volumev3", "method": "GET", "path": "/v3/**"}


async def _bounded(cloud: Cloud, admin: str) -> str:
    user = (await cloud.login()).body["token"]["user"]["id"]
    made = await cloud.call(
        "POST",
        f"/v3/users/{user}/application_credentials",
        {"application_credential": {"name": "a", "access_rules": [RULE]}},
        admin,
    )
    assert made.status == 201, made.body
    credential = made.body["application_credential"]
    proof = {"id": credential["id"], "secret": credential["secret"]}
    auth = {"identity": {"methods": ["application_credential"], "application_credential": proof}}
    return (await cloud.call("POST", "/v3/auth/tokens", {"auth": auth})).token


async def test_a_call_that_comes_by_way_of_a_service_is_not_held_against_them(cloud: Cloud, admin: str) -> None:
    token = await _bounded(cloud, admin)
    caller = await cloud.internal.authenticate(token)
    assert caller.reach == (Reach("volumev3", "GET", "/v3/**"),)
    user = await cloud.make("user", admin, name="nova", password="nova")
    role, project = await cloud.named("role", "service", admin), await cloud.named("project", "admin", admin)
    await cloud.ok("PUT", f"/v3/projects/{project['id']}/users/{user['id']}/roles/{role['id']}", admin)
    service = await cloud.token("nova")
    assert (await cloud.internal.authenticate(token, service)).reach is None
    assert (await cloud.internal.authenticate(token, admin)).reach is not None, "an admin is no service"


async def test_who_is_disabled_comes_back_without_credentials(cloud: Cloud, admin: str) -> None:
    user = await cloud.make("user", admin, name="u", password="u")
    role, project = await cloud.named("role", "member", admin), await cloud.named("project", "admin", admin)
    await cloud.ok("PUT", f"/v3/projects/{project['id']}/users/{user['id']}/roles/{role['id']}", admin)
    path = f"/v3/users/{user['id']}"
    wanted = {"application_credential": {"name": "a", "access_rules": [RULE]}}
    assert (await cloud.call("POST", f"{path}/application_credentials", wanted, await cloud.token("u"))).status == 201
    for enabled in (False, True):
        await cloud.ok("PATCH", path, admin, {"user": {"enabled": enabled}})
    token = await cloud.token("u")
    assert (await cloud.ok("GET", f"{path}/application_credentials", token)).body["application_credentials"] == []
    assert (await cloud.ok("GET", f"{path}/access_rules", token)).body["access_rules"] == []
