"""Who gets version 2.0, and where it sends whom. What it does is told in tests/api/identity-v2.yaml."""

import logging

import pytest

from identity_cloud import Cloud, process
from pileus.kernel.db import Database
from pileus.services.identity.api.dialect import v2_api
from pileus.services.identity.core.settings import IdentitySettings

LOOPBACK = ("127.0.0.1", 5000)
LOGIN = {"auth": {"tenantName": "admin", "passwordCredentials": {"username": "admin", "password": "secret"}}}


async def served(cloud: Cloud, address: str, server: tuple[str, int]) -> bool:
    """Whether v2.0 is there for a client at this address; the list of versions says the same."""
    login = await cloud.call("POST", "/v2.0/tokens", LOGIN, address=address, server=server)
    versions = await cloud.call("GET", "/", None, address=address, server=server)
    found = [one["id"] for one in versions.body["versions"]["values"]]
    document = await cloud.call("GET", "/v2.0/", None, address=address, server=server)
    assert {login.status, document.status} == ({200} if "v2.0" in found else {404})
    return "v2.0" in found


async def test_by_default_it_is_for_this_machine_only(cloud: Cloud) -> None:
    assert await served(cloud, "127.0.0.1", LOOPBACK)
    assert await served(cloud, "::1", ("::1", 5000))
    assert not await served(cloud, "192.0.2.7", ("192.0.2.1", 5000))
    assert not await served(cloud, "127.0.0.1", ("192.0.2.1", 5000)), "the listener is open to others"
    assert not await served(cloud, "192.0.2.7", LOOPBACK), "a proxy stands between"


async def test_a_proxy_that_asks_for_somebody_else_is_somebody_else(cloud: Cloud) -> None:
    for name, value, status in (
        ("x-forwarded-for", "192.0.2.7", 404),
        ("x-forwarded-for", "127.0.0.1, 192.0.2.7", 404),
        ("x-real-ip", "192.0.2.7", 404),
        ("forwarded", "for=192.0.2.7", 404),
        ("x-forwarded-for", "127.0.0.1", 200),
    ):
        reply = await cloud.call("GET", "/v2.0", None, headers={name: value}, server=LOOPBACK)
        assert reply.status == status, (name, value)


@pytest.mark.parametrize(
    ("host", "comes_to"),
    [
        ("127.0.0.1", "loopback"),
        ("localhost", "loopback"),
        ("::1", "loopback"),
        ("0.0.0.0", "off"),
        ("192.0.2.1", "off"),
    ],
)
def test_listeners_that_are_open_do_not_have_it(host: str, comes_to: str) -> None:
    assert v2_api(IdentitySettings(), host) == comes_to
    assert v2_api(IdentitySettings(v2_api="on"), host) == "on"
    assert v2_api(IdentitySettings(v2_api="off"), host) == "off"


async def test_on_and_off(database: Database) -> None:
    async with process(database, v2_api="on") as cloud:
        assert await served(cloud, "192.0.2.7", ("192.0.2.1", 5000))
    async with process(database, v2_api="off") as cloud:
        assert not await served(cloud, "127.0.0.1", LOOPBACK)


async def test_the_admins_port_shows_all_tenants(cloud: Cloud, admin: str) -> None:
    own = await cloud.call("GET", "/v2.0/tenants", None, admin, server=LOOPBACK)
    assert [one["name"] for one in own.body["tenants"]] == ["admin"]
    port = ("127.0.0.1", 35357)
    every = await cloud.call("GET", "/v2.0/tenants", None, admin, server=port)
    assert {one["name"] for one in every.body["tenants"]} == {"admin", "demo"}
    demo = await cloud.token("demo", scope="demo")
    assert (await cloud.call("GET", "/v2.0/tenants", None, demo, server=port)).status == 403
    paged = await cloud.call("GET", "/v2.0/tenants?limit=1", None, admin, server=port)
    assert len(paged.body["tenants"]) == 1
    for query in ("limit=x", "limit=-1"):
        assert (await cloud.call("GET", f"/v2.0/tenants?{query}", None, admin, server=port)).status == 400
    assert (await cloud.call("GET", "/v2.0/tenants?marker=x", None, demo, server=LOOPBACK)).status == 400


async def test_the_catalog_sends_admins_there(cloud: Cloud) -> None:
    login = await cloud.call("POST", "/v2.0/tokens", LOGIN, server=LOOPBACK)
    entry = next(one for one in login.body["access"]["serviceCatalog"] if one["type"] == "identity")
    assert entry["endpoints"][0]["publicURL"] == "http://cloud:5000/v2.0"
    assert entry["endpoints"][0]["adminURL"] == "http://cloud:35357/v2.0"
    volume = next(one for one in login.body["access"]["serviceCatalog"] if one["type"] == "volumev3")
    project = login.body["access"]["token"]["tenant"]["id"]
    assert volume["endpoints"][0]["adminURL"] == f"http://cloud:8776/v3/{project}"


async def test_tokens_in_paths_are_not_logged(cloud: Cloud, admin: str, caplog: pytest.LogCaptureFixture) -> None:
    demo = await cloud.token("demo", scope="demo")
    with caplog.at_level(logging.DEBUG):
        denied = await cloud.call("GET", f"/v2.0/tokens/{admin}", None, demo, server=LOOPBACK)
        shown = await cloud.call("GET", f"/v2.0/tokens/{admin}", None, admin, server=LOOPBACK)
        missed = await cloud.call("GET", f"/v2.0/tokens/{admin[:-9]}x", None, admin, server=LOOPBACK)
        revoked = await cloud.call("DELETE", f"/v2.0/tokens/{admin}", None, admin, server=LOOPBACK)
    assert (denied.status, shown.status, missed.status, revoked.status) == (403, 200, 404, 204)
    assert "/v2.0/tokens/…" in caplog.text
    assert admin[:40] not in caplog.text
    told = next(record for record in caplog.records if record.name == "pileus.denied")
    assert vars(told)["path"] == "/v2.0/tokens/…"
    assert admin[:40] not in str(missed.body)


async def test_a_second_factor_is_not_asked_for_here(cloud: Cloud, admin: str) -> None:
    """v2.0 knows one factor: who must show two does not get in."""
    user = await cloud.make("user", admin, name="careful", password="careful")
    options = {"multi_factor_auth_enabled": True, "multi_factor_auth_rules": [["password", "totp"]]}
    await cloud.call("PATCH", f"/v3/users/{user['id']}", {"user": {"options": options}}, admin)
    body = {"auth": {"passwordCredentials": {"username": "careful", "password": "careful"}}}
    refused = await cloud.call("POST", "/v2.0/tokens", body, server=LOOPBACK)
    assert refused.status == 401
    assert "openstack-auth-receipt" not in refused.headers


@pytest.mark.parametrize(
    "body",
    [
        None, {}, {"auth": None}, {"auth": "x"}, {"auth": {"token": "x"}}, {"auth": {"token": {"id": 5}}},
        {"auth": {"passwordCredentials": "x"}}, {"auth": {"passwordCredentials": {"username": "admin"}}},
        {"auth": {"passwordCredentials": {"username": ["admin"], "password": "x"}}},
        {"auth": {"passwordCredentials": {"username": "admin", "password": "x" * 5000}}},
        {"auth": {"passwordCredentials": {"username": "admin", "password": "secret"}, "tenantName": {"x": 1}}},
    ],
)  # fmt: skip
async def test_bad_logins_are_told_apart_from_wrong_ones(cloud: Cloud, body: object) -> None:
    reply = await cloud.call("POST", "/v2.0/tokens", body, server=LOOPBACK)
    assert reply.status == 400, reply.body
    assert reply.error


async def test_all_of_keystones_error_form(cloud: Cloud) -> None:
    reply = await cloud.call("GET", "/v2.0/users", None, "x" * 200, server=LOOPBACK)
    assert reply.status == 401
    assert set(reply.body["error"]) == {"code", "message", "title"}


async def test_tokens_that_hold_for_some_requests_only_are_not_told_of(cloud: Cloud, admin: str) -> None:
    """Who asks by v2.0 would not heed access rules; a token without them is shown."""
    user = (await cloud.named("user", "admin", admin))["id"]
    for rules, status in (([], 200), ([{"service": "compute", "method": "GET", "path": "/v2.1/servers"}], 404)):
        body = {"application_credential": {"name": f"robot-{status}", "secret": "s", "access_rules": rules}}
        made = await cloud.call("POST", f"/v3/users/{user}/application_credentials", body, admin)
        identity = {
            "methods": ["application_credential"],
            "application_credential": {"id": made.body["application_credential"]["id"], "secret": "s"},
        }
        token = (await cloud.call("POST", "/v3/auth/tokens", {"auth": {"identity": identity}})).token
        shown = await cloud.call("GET", f"/v2.0/tokens/{token}", None, admin, server=LOOPBACK)
        assert shown.status == status, shown.body
        traded = {"auth": {"token": {"id": token}, "tenantName": "admin"}}
        assert (await cloud.call("POST", "/v2.0/tokens", traded, server=LOOPBACK)).status == 403
