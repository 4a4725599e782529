"""Guessing: bounded by account and address; nobody learns who exists."""

import asyncio
from typing import Any

import pytest

from identity_cloud import Cloud, Reply, process
from pileus.kernel.db import Database
from pileus.kernel.types import SECOND
from pileus.services.identity.core.guard import Buckets

NOT_IN = "The request you have made requires authentication."
BOUNDS = {"login_failures_account": 3, "login_failures_address": 8}


def test_a_bucket_leaks_evenly() -> None:
    buckets = Buckets(4, 40 * SECOND)
    for _ in range(4):
        assert buckets.wait("a", 0) == 0
        buckets.fill("a", 0)
    assert buckets.wait("a", 0) == 10 * SECOND
    assert buckets.wait("a", 9 * SECOND) == SECOND
    assert buckets.wait("a", 10 * SECOND) == 0
    assert buckets.wait("b", 0) == 0


def test_no_bound() -> None:
    buckets = Buckets(0, SECOND)
    for _ in range(100):
        buckets.fill("a", 0)
    assert buckets.wait("a", 0) == 0


async def _try(cloud: Cloud, name: str, password: str = "wrong", address: str = "10.0.0.1") -> Reply:
    return await cloud.login(name, password, None, address=address)


@pytest.mark.parametrize("name", ["admin", "nobody"])
async def test_an_account_is_bounded_whether_it_exists_or_not(database: Database, name: str) -> None:
    async with process(database, **BOUNDS) as cloud:
        for n in range(3):
            assert (await _try(cloud, name, address=f"10.0.0.{n}")).status == 401
        turned_away = await _try(cloud, name, "secret", "10.0.0.9")
        assert turned_away.status == 429
        assert turned_away.body["error"]["title"] == "Too Many Requests"
        assert 0 < int(turned_away.headers["retry-after"]) <= 200
        assert (await _try(cloud, "demo", "demo", "10.0.0.1")).status == 201


async def test_an_address_is_bounded(database: Database) -> None:
    async with process(database, **BOUNDS) as cloud:
        for n in range(8):
            assert (await _try(cloud, f"user{n}")).status == 401
        assert (await _try(cloud, "admin", "secret")).status == 429
        assert (await _try(cloud, "admin", "secret", "10.0.0.2")).status == 201


async def test_guessing_from_elsewhere_keeps_nobody_out(database: Database) -> None:
    async with process(database, **BOUNDS) as cloud:
        assert (await _try(cloud, "admin", "secret", "10.0.0.2")).status == 201
        for _ in range(4):
            await _try(cloud, "admin")
        assert (await _try(cloud, "admin", "secret")).status == 429
        assert (await _try(cloud, "admin", "secret", "10.0.0.2")).status == 201


async def test_a_crowd_of_guesses_is_bounded_too(database: Database) -> None:
    async with process(database, login_failures_account=5, password_threads=2) as cloud:
        replies = await asyncio.gather(*(_try(cloud, "admin", f"guess {n}") for n in range(40)))
        looked_at = sum(reply.status == 401 for reply in replies)
        assert 5 <= looked_at <= 6, "one more than the bound for each place but one"


async def test_crowds_with_the_right_password_are_not_bounded(database: Database) -> None:
    async with process(database, **BOUNDS) as cloud:
        replies = await asyncio.gather(*(_try(cloud, "admin", "secret") for _ in range(30)))
        assert {reply.status for reply in replies} == {201}


async def test_changing_a_password_is_bounded(database: Database) -> None:
    async with process(database, **BOUNDS) as cloud:
        token = await cloud.token()
        id = (await cloud.named("user", "demo", token))["id"]
        body = {"user": {"original_password": "wrong", "password": "new"}}
        replies = [await cloud.call("POST", f"/v3/users/{id}/password", body) for _ in range(4)]
        assert [reply.status for reply in replies] == [401, 401, 401, 429]


async def test_application_credentials_are_bounded(database: Database) -> None:
    async with process(database, **BOUNDS) as cloud:
        identity = {"methods": ["application_credential"], "application_credential": {"id": "x" * 32, "secret": "no"}}
        replies = [await cloud.call("POST", "/v3/auth/tokens", {"auth": {"identity": identity}}) for _ in range(4)]
        assert [reply.status for reply in replies] == [401, 401, 401, 429]


class Steps:
    """What a login did: secrets hashed, decisions written."""

    def __init__(self, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
        self.taken: list[str] = []
        verify, write = cloud.near.passwords.verify, cloud.db.write

        async def counted(hashed: str | None, secret: str) -> bool:
            self.taken.append("hash")
            return await verify(hashed, secret)

        async def written(fn: Any, *args: Any, **more: Any) -> Any:
            self.taken.append("write")
            return await write(fn, *args, **more)

        monkeypatch.setattr(cloud.near.passwords, "verify", counted)
        monkeypatch.setattr(cloud.db, "write", written)

    def take(self) -> list[str]:
        taken, self.taken = self.taken, []
        return taken


@pytest.mark.parametrize("compliance", [{}, {"lockout_failure_attempts": 2}], ids=["plain", "lockout"])
async def test_all_failures_go_the_same_way(
    database: Database, monkeypatch: pytest.MonkeyPatch, compliance: dict[str, Any]
) -> None:
    """Unknown, disabled, locked, in another domain, of a disabled domain, without a password: same steps, same words."""
    async with process(database, compliance=compliance) as cloud:
        token = await cloud.token()
        await cloud.make("user", token, name="here", password="right")
        await cloud.make("user", token, name="off", password="right", enabled=False)
        await cloud.make("user", token, name="mute")
        await cloud.make("user", token, name="locked", password="right")
        shut = await cloud.make("domain", token, name="shut", enabled=False)
        await cloud.make("user", token, name="inside", password="right", domain_id=shut["id"])
        for _ in range(2):
            await _try(cloud, "locked")
        steps = Steps(cloud, monkeypatch)
        seen = []
        for name, domain in (
            ("here", "default"), ("unknown", "default"), ("off", "default"), ("mute", "default"), ("locked", "default"),
            ("inside", shut["id"]), ("here", "no-such-domain"), ("here", shut["id"]),
        ):  # fmt: skip
            reply = await cloud.login(name, "wrong", None, domain)
            seen.append((reply.status, reply.body, steps.take()))
        assert all(one == seen[0] for one in seen), seen
        assert seen[0][2].count("hash") == 1
        off, inside = await _try(cloud, "off", "right"), await cloud.login("inside", "right", None, shut["id"])
        assert off.body == inside.body == seen[0][1], "nor with the right password"


async def test_secrets_stand_in_no_log(
    database: Database, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """A story with known secrets, some sent in the wrong place; then every log and the change log are searched."""
    from sqlalchemy import text

    known = ["Secret-1-first", "Secret-2-second", "Secret-3-wrong", "Secret-4-name", "Secret-5-app", "Secret-6-odd"]
    caplog.set_level(0)
    async with process(database, compliance={"unique_last_password_count": 3, "lockout_failure_attempts": 5}) as cloud:
        token = await cloud.token()
        user = await cloud.make("user", token, name="eve", password=known[0])
        await _try(cloud, "eve", known[2])
        mine = await cloud.token("eve", known[0], None)
        body = {"user": {"original_password": known[0], "password": known[1]}}
        assert (await cloud.call("POST", f"/v3/users/{user['id']}/password", body)).status == 204
        await cloud.call("POST", f"/v3/users/{user['id']}/password", body)
        await cloud.call("PATCH", f"/v3/users/{user['id']}", {"user": {"password": {"odd": known[5]}}}, token)
        admin = await cloud.named("user", "admin", token)
        credential = {"application_credential": {"name": "app", "secret": known[4]}}
        made = await cloud.call("POST", f"/v3/users/{admin['id']}/application_credentials", credential, token)
        assert made.status == 201
        identity = {"methods": ["application_credential"]}
        for secret in (known[4], known[2]):
            given = {"id": made.body["application_credential"]["id"], "secret": secret}
            await cloud.call(
                "POST", "/v3/auth/tokens", {"auth": {"identity": {**identity, "application_credential": given}}}
            )
        listed = await cloud.ok("GET", "/v3/users", token)
        changes = await cloud.db.read(
            lambda tx: [tuple(row) for row in tx.execute(text("SELECT * FROM kernel_events"))]
        )
        everything = "\n".join([caplog.text, *capfd.readouterr(), repr(changes), repr(listed.body)])
        assert user["id"] in everything
        found = [secret for secret in [*known, mine, token] if secret in everything]
        assert found == []


async def test_what_is_given_for_a_credential_that_is_not_there_is_remembered_in_few_words(database: Database) -> None:
    async with process(database, **BOUNDS) as cloud:
        near = cloud.near
        identity = {
            "methods": ["application_credential"],
            "application_credential": {"id": "x" * 50_000, "secret": "s"},
        }
        reply = await cloud.call("POST", "/v3/auth/tokens", {"auth": {"identity": identity}})
        assert reply.status == 401
        assert near.guard._accounts._levels
        assert max(map(len, near.guard._accounts._levels)) <= 300
