"""A caller bound to some requests, and what frees him."""

from identity_cloud import Cloud, process
from pileus.kernel.db import Database
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


async def test_what_becomes_of_application_credentials(cloud: Cloud, admin: str) -> None:
    """They wait while their user is disabled, lose a role while it is not granted, and go with a role that is deleted."""
    user = await cloud.make("user", admin, name="u", password="u")
    role, special = await cloud.named("role", "member", admin), await cloud.make("role", admin, name="special")
    project = await cloud.named("project", "admin", admin)
    grants = f"/v3/projects/{project['id']}/users/{user['id']}/roles"
    for one in (role, special):
        await cloud.ok("PUT", f"{grants}/{one['id']}", admin)
    path = f"/v3/users/{user['id']}"
    wanted = {"application_credential": {"name": "a", "access_rules": [RULE], "roles": [{"name": "special"}]}}
    made = await cloud.call("POST", f"{path}/application_credentials", wanted, await cloud.token("u"))
    credential = made.body["application_credential"]
    proof = {"id": credential["id"], "secret": credential["secret"]}
    auth = {"auth": {"identity": {"methods": ["application_credential"], "application_credential": proof}}}

    async def login() -> int:
        return (await cloud.call("POST", "/v3/auth/tokens", auth)).status

    assert await login() == 201
    for enabled, expected in ((False, 401), (True, 201)):
        await cloud.ok("PATCH", path, admin, {"user": {"enabled": enabled}})
        assert await login() == expected
    await cloud.ok("DELETE", f"{grants}/{special['id']}", admin)
    assert await login() == 401, "nothing is left of its roles"
    await cloud.ok("PUT", f"{grants}/{special['id']}", admin)
    assert await login() == 201
    await cloud.ok("DELETE", f"/v3/roles/{special['id']}", admin)
    assert await login() == 401
    token = await cloud.token("u")
    assert (await cloud.ok("GET", f"{path}/application_credentials", token)).body["application_credentials"] == []
    (rule,) = (await cloud.ok("GET", f"{path}/access_rules", token)).body["access_rules"]
    await cloud.ok("DELETE", f"{path}/access_rules/{rule['id']}", token)


async def test_how_many_a_user_may_have(database: Database) -> None:
    async with process(database, app_credential_user_limit=1) as cloud:
        admin = await cloud.token()
        path = f"/v3/users/{(await cloud.login()).body['token']['user']['id']}/application_credentials"
        assert (await cloud.call("POST", path, {"application_credential": {"name": "a"}}, admin)).status == 201
        reply = await cloud.call("POST", path, {"application_credential": {"name": "b"}}, admin)
    assert (reply.status, reply.error) == (
        403,
        "Unable to create additional application credentials, maximum of 1 already exceeded for user.",
    )
