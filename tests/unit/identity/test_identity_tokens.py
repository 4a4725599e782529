"""Logging in, scopes, rescoping, looking at tokens."""

import base64
from datetime import datetime

import pytest

from identity_cloud import Cloud
from pileus.kernel.types import HOUR, SECOND, Unauthorized, clock
from pileus.services.identity.core.tokens import Claims, Keyring, new_audit_id

HEX = "0123456789abcdef0123456789abcdef"


def _claims(**more: object) -> Claims:
    known: dict[str, object] = {
        "user_id": HEX,
        "methods": ("password",),
        "scope": "project",
        "target_id": HEX[::-1],
        "issued_at": 1_700_000_000_123_456,
        "expires_at": 1_700_003_600_000_000,
        "audit_id": new_audit_id(),
        "parent_id": "",
        "epoch": 3,
    }
    return Claims(**{**known, **more})  # type: ignore[arg-type]


def _keyring(*ids: int) -> Keyring:
    ring = Keyring()
    ring.load([(i, base64.urlsafe_b64encode(bytes([i]) * 32).decode()) for i in ids])
    return ring


@pytest.mark.parametrize(
    "claims",
    [
        _claims(),
        _claims(user_id="default", target_id="x" * 32, scope="domain"),
        _claims(user_id=HEX.upper(), scope="system", target_id="all"),
        _claims(scope="", target_id="", methods=("password", "token"), parent_id=new_audit_id()),
        _claims(app_credential_id=HEX),
    ],
)
def test_a_token_says_what_was_sealed(claims: Claims) -> None:
    ring = _keyring(1)
    assert ring.open(ring.seal(claims)) == claims


def test_a_token_is_short() -> None:
    assert len(_keyring(1).seal(_claims(parent_id=new_audit_id(), app_credential_id=HEX))) < 255


def test_older_keys_open_and_foreign_ones_do_not() -> None:
    old = _keyring(1).seal(_claims())
    assert _keyring(2, 1).open(old) is not None
    assert _keyring(2).open(old) is None


@pytest.mark.parametrize("token", ["", "bad", "gAAAAA" + "x" * 200, "ü" * 150, "A" * 10_000, "\x00" * 120])
def test_rubbish_is_no_token(token: str) -> None:
    assert _keyring(1).open(token) is None


def test_every_changed_letter_breaks_a_token() -> None:
    ring = _keyring(1)
    token = ring.seal(_claims())
    for at in range(0, len(token) - 1, 7):
        letter = "A" if token[at] != "A" else "B"
        assert ring.open(token[:at] + letter + token[at + 1 :]) is None


async def test_a_project_token(cloud: Cloud) -> None:
    reply = await cloud.login()
    token = reply.body["token"]
    assert reply.status == 201
    assert token["methods"] == ["password"]
    assert token["project"]["name"] == "admin"
    assert token["project"]["domain"] == {"id": "default", "name": "Default"}
    assert token["is_domain"] is False
    assert {r["name"] for r in token["roles"]} == {"admin", "manager", "member", "reader"}
    assert len(token["audit_ids"]) == 1
    issued, ends = (datetime.strptime(token[k], "%Y-%m-%dT%H:%M:%S.%f%z") for k in ("issued_at", "expires_at"))
    assert 3598 <= (ends - issued).total_seconds() <= 3600
    volume = next(s for s in token["catalog"] if s["type"] == "volumev3")
    assert {e["interface"] for e in volume["endpoints"]} == {"public", "internal", "admin"}
    assert {e["url"] for e in volume["endpoints"]} == {f"http://cloud:8776/v3/{token['project']['id']}"}


async def test_other_scopes(cloud: Cloud) -> None:
    system = (await cloud.login(scope={"system": {"all": True}})).body["token"]
    assert system["system"] == {"all": True}
    assert "project" not in system
    volume = next(s for s in system["catalog"] if s["type"] == "volumev3")
    assert volume["endpoints"] == [], "a URL that needs a project cannot be filled"
    unscoped = (await cloud.login(scope=None)).body["token"]
    assert not {"roles", "catalog", "project", "domain", "system", "is_domain"} & unscoped.keys()
    assert (await cloud.login(scope={"domain": {"id": "default"}})).status == 401, "admin has no role on the domain"


async def test_nocatalog(cloud: Cloud) -> None:
    reply = await cloud.login(query="?nocatalog")
    assert "catalog" not in reply.body["token"]


async def test_every_refusal_has_the_same_words(cloud: Cloud) -> None:
    refused = [
        await cloud.login(password="wrong"),
        await cloud.login("nobody", "secret"),
        await cloud.login(domain="nowhere", scope=None),
        await cloud.login(scope="nowhere"),
        await cloud.login(scope="demo"),
        await cloud.login("demo", "demo", scope={"system": {"all": True}}),
    ]
    assert {r.status for r in refused} == {401}
    assert {r.error for r in refused} == {"The request you have made requires authentication."}
    assert all(r.headers["www-authenticate"] == 'Keystone uri="http://cloud:5000/v3"' for r in refused)


async def test_rescoping_keeps_the_chain_and_the_end(cloud: Cloud) -> None:
    first = await cloud.login(scope=None)
    body = {"auth": {"identity": {"methods": ["token"], "token": {"id": first.token}}}}
    body["auth"]["scope"] = {"project": {"name": "admin", "domain": {"name": "Default"}}}
    second = await cloud.call("POST", "/v3/auth/tokens", body)
    old, new = first.body["token"], second.body["token"]
    assert second.status == 201
    assert set(new["methods"]) == {"token", "password"}
    assert new["expires_at"] == old["expires_at"]
    assert new["audit_ids"][1] == old["audit_ids"][0]
    body["auth"]["identity"]["token"]["id"] = second.token
    third = (await cloud.call("POST", "/v3/auth/tokens", body)).body["token"]
    assert third["audit_ids"][1] == old["audit_ids"][0], "the chain goes back to its first token"


async def test_a_system_token_does_not_become_a_project_token(cloud: Cloud) -> None:
    token = await cloud.token(scope={"system": {"all": True}})
    auth = {"identity": {"methods": ["token"], "token": {"id": token}}, "scope": {"project": {"id": "x"}}}
    assert (await cloud.call("POST", "/v3/auth/tokens", {"auth": auth})).status == 403


async def test_the_default_project_is_the_scope_of_who_names_none(cloud: Cloud, admin: str) -> None:
    project = await cloud.named("project", "demo", admin)
    user = await cloud.named("user", "demo", admin)
    await cloud.ok("PATCH", f"/v3/users/{user['id']}", admin, {"user": {"default_project_id": project["id"]}})
    assert (await cloud.login("demo", scope=None)).body["token"]["project"]["id"] == project["id"]
    assert "project" not in (await cloud.login("demo", scope="unscoped")).body["token"]
    await cloud.ok("PATCH", f"/v3/projects/{project['id']}", admin, {"project": {"enabled": False}})
    assert "project" not in (await cloud.login("demo", scope=None)).body["token"], "a dead default keeps nobody out"


async def test_looking_at_a_token(cloud: Cloud, admin: str) -> None:
    mine = await cloud.login("demo", scope="demo")
    seen = await cloud.call("GET", "/v3/auth/tokens", None, admin, {"x-subject-token": mine.token})
    assert seen.status == 200
    assert seen.body == mine.body
    assert seen.token == mine.token
    assert (await cloud.call("GET", "/v3/auth/tokens?nocatalog", None, admin, {"x-subject-token": mine.token})).body[
        "token"
    ].get("catalog") is None
    own = await cloud.call("HEAD", "/v3/auth/tokens", None, mine.token, {"x-subject-token": mine.token})
    assert (own.status, own.body) == (200, None)
    other = await cloud.call("GET", "/v3/auth/tokens", None, mine.token, {"x-subject-token": admin})
    assert other.status == 403
    for subject in ("", "rubbish"):
        reply = await cloud.call("GET", "/v3/auth/tokens", None, admin, {"x-subject-token": subject})
        assert reply.status == 404


async def test_an_ended_token_counts_for_a_service_only(cloud: Cloud) -> None:
    admin = await cloud.token()
    near = cloud.near
    user = await cloud.named("user", "demo", admin)
    ended = (clock() // SECOND) * SECOND - HOUR
    claims = _claims(user_id=user["id"], scope="", target_id="", epoch=0, issued_at=ended - HOUR, expires_at=ended)
    token = near.keyring.seal(claims)
    with pytest.raises(Unauthorized):
        await cloud.internal.authenticate(token)
    with pytest.raises(Unauthorized):
        await cloud.internal.authenticate(token, admin)
    service = await cloud.make("user", admin, name="nova", password="nova")
    role = await cloud.named("role", "service", admin)
    project = await cloud.named("project", "admin", admin)
    await cloud.ok("PUT", f"/v3/projects/{project['id']}/users/{service['id']}/roles/{role['id']}", admin)
    ctx = await cloud.internal.authenticate(token, await cloud.token("nova"))
    assert ctx.user_id == user["id"]
    assert ctx.service_roles == {"service"}
    old = {"x-subject-token": token}
    assert (await cloud.call("GET", "/v3/auth/tokens", None, admin, old)).status == 404
    assert (await cloud.call("GET", "/v3/auth/tokens?allow_expired=1", None, admin, old)).status == 200


@pytest.mark.parametrize(
    ("auth", "status"),
    [
        (None, 400),
        ({}, 400),
        ({"identity": {}}, 400),
        ({"identity": {"methods": ["password"]}}, 400),
        ({"identity": {"methods": []}}, 401),
        ({"identity": {"methods": ["magic"], "magic": {}}}, 401),
        ({"identity": {"methods": "password"}}, 400),
        ({"identity": {"methods": ["password"], "password": {}}}, 400),
        ({"identity": {"methods": ["password"], "password": {"user": {"name": "admin", "password": "secret"}}}}, 400),
        ({"identity": {"methods": ["password"], "password": {"user": {"id": "x"}}}}, 401),
        ({"identity": {"methods": ["password"], "password": {"user": {"id": 7, "password": "x"}}}}, 400),
        ({"identity": {"methods": ["token"], "token": {"id": "x"}}, "scope": {}}, 400),
        ({"identity": {"methods": ["token"], "token": {"id": "x"}}, "scope": {"project": {"name": "admin"}}}, 400),
        ({"identity": {"methods": ["token"], "token": {"id": "x"}}, "scope": "somewhere"}, 400),
        ({"identity": {"methods": ["token"], "token": {"id": "x"}}}, 404),
        ({"identity": {"methods": ["application_credential"], "application_credential": {"name": "x"}}}, 400),
        ({"identity": {"methods": ["application_credential"], "application_credential": {"id": "x"}}}, 401),
    ],
)
async def test_malformed_logins(cloud: Cloud, auth: object, status: int) -> None:
    reply = await cloud.call("POST", "/v3/auth/tokens", {"auth": auth} if auth is not None else {})
    assert reply.status == status
    assert reply.body["error"].keys() >= {"code", "message", "title"}


async def test_a_wrong_type_never_repeats_a_password(cloud: Cloud) -> None:
    user = {"name": 5, "password": "my secret"}
    auth = {"identity": {"methods": ["password"], "password": {"user": user}}}
    for body in ({"auth": auth}, {"auth": {"identity": {"methods": ["password"], "password": {"user": [user]}}}}):
        reply = await cloud.call("POST", "/v3/auth/tokens", body)
        assert reply.status == 400
        assert "my secret" not in reply.error
