"""OAuth1: from a consumer's wish to a token in a user's name, with signatures made by the library that clients use."""

import time
from typing import Any
from urllib.parse import parse_qsl

import pytest
from oauthlib import oauth1
from sqlalchemy import text

from identity_cloud import Cloud, Reply
from pileus.kernel.db import Tx
from pileus.kernel.types import SECOND
from pileus.services.identity.core import oauth_tokens
from pileus.services.identity.db import keys
from pileus.services.identity.db import oauth_tokens as oauth_rows

BASE = "http://cloud:5000"
AUTH = {"auth": {"identity": {"methods": ["oauth1"], "oauth1": {}}}}


class Consumer:
    """A program that signs; `admin` grants it things, on project `admin`."""

    def __init__(self, cloud: Cloud, admin: str, made: dict[str, Any], project: str, user: str) -> None:
        self.cloud, self.admin, self.project, self.user = cloud, admin, project, user
        self.id, self.secret = made["id"], made["secret"]

    def sign(self, path: str, headers: dict[str, str] | None = None, secret: str = "", **more: Any) -> dict[str, str]:
        client = oauth1.Client(self.id, client_secret=secret or self.secret, **more)
        _, signed, _ = client.sign(BASE + path, http_method="POST", headers=headers or {})
        return {name.lower(): value for name, value in signed.items()}

    async def post(self, path: str, headers: dict[str, str], body: Any = None) -> Reply:
        return await self.cloud.call("POST", path, body, headers=headers)

    async def ask(self, **more: Any) -> Reply:
        more.setdefault("headers", {"Requested-Project-Id": self.project})
        path = "/v3/OS-OAUTH1/request_token"
        return await self.post(path, self.sign(path, **{"callback_uri": "oob", **more}))

    async def granted(self, roles: list[dict[str, str]]) -> tuple[dict[str, str], str]:
        asked = form(await self.ask())
        reply = await self.cloud.call(
            "PUT", f"/v3/OS-OAUTH1/authorize/{asked['oauth_token']}", {"roles": roles}, self.admin
        )
        assert reply.status == 200, reply.body
        return asked, reply.body["token"]["oauth_verifier"]

    async def exchange(self, asked: dict[str, str], verifier: str, **more: Any) -> Reply:
        path = "/v3/OS-OAUTH1/access_token"
        keys = {"resource_owner_key": asked["oauth_token"], "resource_owner_secret": asked["oauth_token_secret"]}
        return await self.post(path, self.sign(path, **{**keys, "verifier": verifier, **more}))

    async def access(self, *roles: str) -> dict[str, str]:
        return form(await self.exchange(*await self.granted([{"name": role} for role in roles])))

    async def login(self, access: dict[str, str], auth: Any = AUTH, query: str = "", **more: Any) -> Reply:
        path = "/v3/auth/tokens"
        keys = {"resource_owner_key": access["oauth_token"], "resource_owner_secret": access["oauth_token_secret"]}
        headers = self.sign(path, {"Content-Type": "application/json"}, **{**keys, **more})
        return await self.post(path + query, headers, auth)


def form(reply: Reply) -> dict[str, str]:
    assert reply.status == 201, reply.body
    assert reply.headers["content-type"] == "application/x-www-form-urlencoded"
    return dict(parse_qsl(reply.body))


@pytest.fixture
async def consumer(cloud: Cloud, admin: str) -> Consumer:
    made = await cloud.call("POST", "/v3/OS-OAUTH1/consumers", {"consumer": {"description": "d"}}, admin)
    assert made.status == 201, made.body
    shown = (await cloud.login()).body["token"]
    return Consumer(cloud, admin, made.body["consumer"], shown["project"]["id"], shown["user"]["id"])


async def test_the_whole_way(consumer: Consumer) -> None:
    access = await consumer.access("member")
    assert set(access) == {"oauth_token", "oauth_token_secret", "oauth_expires_at"}
    reply = await consumer.login(access)
    token = reply.body["token"]
    assert token["methods"] == ["oauth1"]
    assert token["OS-OAUTH1"] == {"access_token_id": access["oauth_token"], "consumer_id": consumer.id}
    assert {role["name"] for role in token["roles"]} == {"member", "reader"}
    assert token["project"]["id"] == consumer.project
    assert token["user"]["name"] == "admin"
    assert (await consumer.cloud.call("GET", "/v3/auth/projects", None, reply.token)).status == 200
    assert "catalog" not in (await consumer.login(access, query="?nocatalog")).body["token"]


async def test_a_scope_that_is_asked_for_is_not_heard(consumer: Consumer) -> None:
    asked = {"auth": {**AUTH["auth"], "scope": {"system": {"all": True}}}}
    token = (await consumer.login(await consumer.access("reader"), asked)).body["token"]
    assert token["project"]["id"] == consumer.project
    assert "system" not in token


@pytest.mark.parametrize("wrong", [{"secret": "x"}, {"resource_owner_secret": "x"}, {"timestamp": "1000000000"}])
async def test_a_bad_signature(consumer: Consumer, wrong: dict[str, str]) -> None:
    reply = await consumer.login(await consumer.access("reader"), **wrong)
    assert (reply.status, reply.error) == (401, "The request you have made requires authentication.")


async def test_a_request_is_not_shown_twice(consumer: Consumer) -> None:
    access = await consumer.access("reader")
    stamp = {"nonce": "abc123", "timestamp": str(int(time.time()))}
    assert (await consumer.login(access, secret="x", **stamp)).status == 401
    assert (await consumer.login(access, **stamp)).status == 201, "what was refused was not noted"
    assert (await consumer.login(access, **stamp)).status == 401
    assert (await consumer.login(access, **{**stamp, "nonce": "abc124"})).status == 201


async def test_anothers_token(consumer: Consumer, cloud: Cloud, admin: str) -> None:
    made = await cloud.call("POST", "/v3/OS-OAUTH1/consumers", {"consumer": {}}, admin)
    assert made.status == 201, made.body
    thief = Consumer(cloud, admin, made.body["consumer"], consumer.project, consumer.user)
    assert (await thief.login(await consumer.access("reader"))).status == 401
    asked, verifier = await consumer.granted([{"name": "reader"}])
    assert (await thief.exchange(asked, verifier)).status == 401


async def test_what_is_said_of_bad_requests(consumer: Consumer, cloud: Cloud) -> None:
    path = "/v3/OS-OAUTH1/request_token"
    reply = await consumer.ask(headers={})
    assert reply.status == 400
    assert "Requested-Project-Id" in reply.error
    reply = await consumer.ask(headers={"Requested-Project-Id": "nosuch"})
    assert (reply.status, reply.error) == (404, "Could not find project: nosuch.")
    reply = await consumer.ask(callback_uri=None)
    assert reply.error == "Validation failed with errors: invalid_request, detail message is: Missing callback URI.."
    assert (await consumer.ask(secret="x")).status == 401
    assert (await consumer.ask(signature_method=oauth1.SIGNATURE_PLAINTEXT)).status == 400
    for headers in ({}, {"authorization": "Basic x"}, {"authorization": "OAuth nonsense"}):
        assert (await cloud.call("POST", path, None, headers=headers)).status == 400
    assert (await cloud.call("POST", "/v3/auth/tokens", AUTH)).status == 400
    assert (await cloud.call("GET", path, None, consumer.admin)).status == 405


async def test_what_is_said_of_bad_exchanges(consumer: Consumer) -> None:
    asked, verifier = await consumer.granted([{"name": "reader"}])
    assert (await consumer.exchange(asked, "")).status == 400
    assert (await consumer.exchange(asked, "x")).status == 400
    assert (await consumer.exchange(asked, "abcd1234")).status == 401
    assert (await consumer.exchange({**asked, "oauth_token_secret": "x"}, verifier)).status == 401
    reply = await consumer.exchange({**asked, "oauth_token": "nosuch"}, verifier)
    assert (reply.status, reply.error) == (404, "Request token not found")
    assert (await consumer.exchange(asked, verifier)).status == 201
    assert (await consumer.exchange(asked, verifier)).status == 404, "it is spent"
    ungranted = form(await consumer.ask())
    assert (await consumer.exchange(ungranted, "abcd1234")).status == 401


async def test_what_may_be_granted(consumer: Consumer, cloud: Cloud) -> None:
    asked = form(await consumer.ask())
    path = f"/v3/OS-OAUTH1/authorize/{asked['oauth_token']}"
    assert (await cloud.call("PUT", path, {"roles": [{"name": "service"}]}, consumer.admin)).status == 401
    assert (await cloud.call("PUT", path, {"roles": [{"name": "nosuch"}]}, consumer.admin)).status == 404
    assert (
        await cloud.call("PUT", path, {"roles": [{"name": "reader"}]}, await cloud.token("demo", scope="demo"))
    ).status == 403
    access = await consumer.access("admin")
    delegated = (await consumer.login(access)).token
    reply = await cloud.call("PUT", path, {"roles": [{"name": "reader"}]}, delegated)
    assert (reply.status, reply.error) == (403, "You are not authorized to perform the requested action.")


async def test_what_a_delegate_may_not(consumer: Consumer, cloud: Cloud) -> None:
    token = (await consumer.login(await consumer.access("admin"))).token
    reply = await cloud.call(
        "POST", "/v3/auth/tokens", {"auth": {"identity": {"methods": ["token"], "token": {"id": token}}}}
    )
    assert reply.status == 403
    assert "Using OAuth-scoped token to create another token." in reply.error
    trust = {"trustor_user_id": consumer.user, "trustee_user_id": consumer.user, "impersonation": True}
    reply = await cloud.call("POST", "/v3/OS-TRUST/trusts", {"trust": trust}, token)
    assert "Delegated tokens cannot manage trusts." in reply.error
    path = f"/v3/users/{consumer.user}"
    wanted = {"application_credential": {"name": "a"}}
    assert (await cloud.call("POST", f"{path}/application_credentials", wanted, token)).status == 403
    assert (await cloud.call("GET", f"{path}/OS-OAUTH1/access_tokens", None, token)).status == 403


@pytest.mark.parametrize("end", ["token", "consumer", "role"])
async def test_what_ends_it(consumer: Consumer, cloud: Cloud, admin: str, end: str) -> None:
    if end == "role":
        role, other = await cloud.named("role", "service", admin), await cloud.named("project", "admin", admin)
        grant = f"/v3/projects/{other['id']}/users/{consumer.user}/roles/{role['id']}"
        await cloud.ok("PUT", grant, admin)
    access = await consumer.access("service" if end == "role" else "reader")
    token = (await consumer.login(access)).token
    path = f"/v3/users/{consumer.user}/OS-OAUTH1/access_tokens/{access['oauth_token']}"
    what = {"token": path, "consumer": f"/v3/OS-OAUTH1/consumers/{consumer.id}", "role": ""}
    await cloud.ok("DELETE", what[end] or grant, admin)
    assert (await cloud.call("GET", "/v3/auth/projects", None, token)).status == 401
    assert (await consumer.login(access)).status == (401 if end == "role" else 404)


async def test_looking_at_what_was_granted(consumer: Consumer, cloud: Cloud, admin: str) -> None:
    access = await consumer.access("reader")
    many = f"/v3/users/{consumer.user}/OS-OAUTH1/access_tokens"
    one = f"{many}/{access['oauth_token']}"
    (found,) = (await cloud.ok("GET", many, admin)).body["access_tokens"]
    assert set(found) == {"id", "authorizing_user_id", "project_id", "consumer_id", "expires_at", "links"}
    assert set(found["links"]) == {"roles", "self"}
    assert (await cloud.ok("GET", one, admin)).body["access_token"] == found
    (role,) = (await cloud.ok("GET", f"{one}/roles", admin)).body["roles"]
    assert role["name"] == "reader"
    assert (await cloud.ok("GET", f"{one}/roles/{role['id']}", admin)).body["role"] == role
    assert (await cloud.call("GET", f"{one}/roles/nosuch", None, admin)).status == 404
    other = one.replace(consumer.user, "nobody")
    assert (await cloud.call("GET", other, None, admin)).status == 404
    assert (await cloud.call("DELETE", other, None, admin)).status == 401
    assert (await cloud.call("GET", many, None, await cloud.token("demo", scope="demo"))).status == 403
    await cloud.ok("DELETE", one, admin)
    assert (await cloud.ok("GET", many, admin)).body["access_tokens"] == []


async def test_secrets_are_sealed_and_follow_new_keys(consumer: Consumer, cloud: Cloud) -> None:
    access = await consumer.access("reader")
    pending = form(await consumer.ask())

    def stored(tx: Any) -> str:
        tables = ("identity_consumer", "identity_request_token", "identity_access_token")
        return repr([tx.execute(text(f"SELECT * FROM {table}")).all() for table in tables])

    for told in (consumer.secret, access["oauth_token_secret"], pending["oauth_token_secret"]):
        assert told not in await cloud.db.read(stored)
    before = await cloud.db.read(stored)
    await cloud.db.write(cloud.near.vault.rotate, 0)
    assert not await cloud.db.write(cloud.near.vault.renew)
    assert await cloud.db.read(stored) != before
    assert len(await cloud.db.read(keys.everything, "credential")) == 1, "no old key is needed"
    assert (await consumer.login(access)).status == 201


async def test_what_has_ended_is_no_good_and_is_forgotten(consumer: Consumer, cloud: Cloud, admin: str) -> None:
    access = await consumer.access("reader")
    path = f"/v3/users/{consumer.user}/OS-OAUTH1/access_tokens"

    async def age(seconds: int) -> int:
        """How many there are after a purge, when the token ended so long ago."""

        def end(tx: Tx) -> None:
            tx.execute(oauth_rows.access_tokens.update().values(expires_at=tx.now - seconds * SECOND))
            oauth_tokens.purge(tx)

        await cloud.db.write(end)
        return len((await cloud.ok("GET", path, admin)).body["access_tokens"])

    assert await age(-60) == 1
    assert (await consumer.login(access)).status == 201
    assert await age(60) == 1
    assert (await consumer.login(access)).status == 401
    assert await age(2 * 86_400) == 0
    assert (await consumer.login(access)).status == 404
