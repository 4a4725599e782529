"""Rules for passwords and accounts, each with its option on, on either database."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from identity_cloud import Cloud, Reply, process
from pileus.kernel.config import ConfigError
from pileus.kernel.db import Database, Tx
from pileus.kernel.types import DAY, clock
from pileus.services.identity.db import attempts, histories, users

NOT_IN = "The request you have made requires authentication."


async def someone(cloud: Cloud, token: str, name: str = "eve", **more: Any) -> dict[str, Any]:
    return await cloud.make("user", token, name=name, password="first", **more)


async def change(cloud: Cloud, id: str, old: str, new: str) -> Reply:
    return await cloud.call("POST", f"/v3/users/{id}/password", {"user": {"original_password": old, "password": new}})


async def log_in(cloud: Cloud, password: str, name: str = "eve") -> Reply:
    return await cloud.login(name, password, None)


async def age(cloud: Cloud, id: str, **columns: int) -> None:
    """Put times of a user so many days back."""

    def back(tx: Tx) -> None:
        users.change(tx, id, {name: tx.now - days * DAY for name, days in columns.items()})

    await cloud.db.write(back)


async def test_off_by_default(database: Database) -> None:
    async with process(database) as cloud:
        token = await cloud.token()
        user = await someone(cloud, token)
        assert user["password_expires_at"] is None
        for _ in range(5):
            assert (await log_in(cloud, "wrong")).status == 401
        assert (await change(cloud, user["id"], "first", "first")).status == 204
        assert (await log_in(cloud, "first")).status == 201


async def test_expired_passwords_open_nothing_and_can_be_changed(database: Database) -> None:
    async with process(database, compliance={"password_expires_days": 90}) as cloud:
        token = await cloud.token()
        user = await someone(cloud, token)
        assert user["password_expires_at"] is not None
        good = await log_in(cloud, "first")
        assert good.body["token"]["user"]["password_expires_at"] == user["password_expires_at"]
        await age(cloud, user["id"], password_expires_at=1)
        refused = await log_in(cloud, "first")
        assert (refused.status, refused.error) == (
            401, f"The password is expired and needs to be changed for user: {user['id']}."
        )  # fmt: skip
        assert (await log_in(cloud, "wrong")).error == NOT_IN
        assert (await cloud.call("GET", "/v3/auth/tokens", None, token, {"x-subject-token": good.token})).status == 200
        path = f"/v3/users/{user['id']}"
        await cloud.ok("PATCH", path, token, {"user": {"options": {"ignore_password_expiry": True}}})
        assert (await log_in(cloud, "first")).status == 201
        await cloud.ok("PATCH", path, token, {"user": {"options": {"ignore_password_expiry": None}}})
        assert (await change(cloud, user["id"], "first", "second")).status == 204
        assert (await log_in(cloud, "second")).status == 201


async def test_lists_know_when_passwords_expire(database: Database) -> None:
    async with process(database, compliance={"password_expires_days": 90}) as cloud:
        token = await cloud.token()
        user = await someone(cloud, token)
        await age(cloud, user["id"], password_expires_at=1)
        moment = "2001-01-01T00:00:00Z"
        past = await cloud.ok("GET", f"/v3/users?password_expires_at=gt:{moment}&name=eve", token)
        assert [u["id"] for u in past.body["users"]] == [user["id"]]
        none = await cloud.ok("GET", f"/v3/users?password_expires_at=lt:{moment}", token)
        assert none.body["users"] == []
        for bad in ("lt:yesterday", "before:2001-01-01T00:00:00Z", moment):
            assert (await cloud.call("GET", f"/v3/users?password_expires_at={bad}", None, token)).status == 400


async def test_history(database: Database) -> None:
    async with process(database, compliance={"unique_last_password_count": 2}) as cloud:
        token = await cloud.token()
        user = await someone(cloud, token)
        message = (
            "The new password cannot be identical to a previous password. The total number which includes the new "
            "password must be unique is 2."
        )
        same = await change(cloud, user["id"], "first", "first")
        assert (same.status, same.error) == (400, message)
        assert (await change(cloud, user["id"], "first", "second")).status == 204
        assert (await change(cloud, user["id"], "second", "first")).error == message
        assert (await change(cloud, user["id"], "second", "third")).status == 204
        assert (await change(cloud, user["id"], "third", "first")).status == 204
        assert len(await cloud.db.read(histories.newest, user["id"], 10)) == 2
        reset = {"user": {"password": "first"}}
        await cloud.ok("PATCH", f"/v3/users/{user['id']}", token, reset)
        await cloud.ok("DELETE", f"/v3/users/{user['id']}", token)
        assert await cloud.db.read(histories.newest, user["id"], 10) == []


async def test_strength(database: Database) -> None:
    rules = {"password_regex": r"^(?=.*\d)(?=.*[a-z]).{7,}$", "password_regex_description": "seven, one a digit"}
    async with process(database, compliance=rules) as cloud:
        token = await cloud.token()
        message = "The password does not match the requirements: seven, one a digit."
        refused = await cloud.call("POST", "/v3/users", {"user": {"name": "eve", "password": "short"}}, token)
        assert (refused.status, refused.error) == (400, message)
        user = await cloud.make("user", token, name="eve", password="longer77")
        refused = await cloud.call("PATCH", f"/v3/users/{user['id']}", {"user": {"password": "x"}}, token)
        assert (refused.status, refused.error) == (400, message)
        assert (await change(cloud, user["id"], "longer77", "x")).error == message
        assert (await change(cloud, user["id"], "wrong", "x")).status == 401
        assert (await change(cloud, user["id"], "longer77", "longer88")).status == 204


@pytest.mark.parametrize(
    ("rules", "named"),
    [
        ({"password_regex": "(("}, "password_regex"),
        ({"password_expires_days": 3, "minimum_password_age": 3}, "minimum_password_age"),
    ],
)
async def test_rules_that_cannot_be_meant(database: Database, rules: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        Cloud(database, compliance=rules)


async def test_minimum_age(database: Database) -> None:
    async with process(database, compliance={"minimum_password_age": 2}) as cloud:
        token = await cloud.token()
        user = await someone(cloud, token)
        assert (await change(cloud, user["id"], "first", "second")).status == 204, "an admin chose the first"
        early = await change(cloud, user["id"], "second", "third")
        assert early.status == 400
        assert early.error == (
            "You cannot change your password at this time due to the minimum password age. Once you change your "
            "password, it must be used for 2 day(s) before it can be changed. Please try again in 1 day(s) or contact "
            "your administrator to reset your password."
        )
        await age(cloud, user["id"], password_created_at=2)
        assert (await change(cloud, user["id"], "second", "third")).status == 204
        await cloud.ok("PATCH", f"/v3/users/{user['id']}", token, {"user": {"password": "fourth"}})
        assert (await change(cloud, user["id"], "fourth", "fifth")).status == 204


async def test_change_upon_first_use(database: Database) -> None:
    async with process(database, compliance={"change_password_upon_first_use": True}) as cloud:
        token = await cloud.token()
        user = await someone(cloud, token)
        assert "expired" in (await log_in(cloud, "first")).error
        assert (await change(cloud, user["id"], "first", "second")).status == 204
        assert (await log_in(cloud, "second")).status == 201
        await cloud.ok("PATCH", f"/v3/users/{user['id']}", token, {"user": {"password": "third"}})
        assert "expired" in (await log_in(cloud, "third")).error
        options = {"ignore_change_password_upon_first_use": True}
        await someone(cloud, token, "robot", options=options)
        assert (await log_in(cloud, "first", "robot")).status == 201
        locked = await someone(cloud, token, "locked", options={**options, "lock_password": True})
        assert (await change(cloud, locked["id"], "first", "second")).status == 400


async def test_users_long_away_are_disabled(database: Database) -> None:
    async with process(database, compliance={"disable_user_account_days_inactive": 30}) as cloud:
        token = await cloud.token()
        user, path = await someone(cloud, token), "/v3/users/{id}"
        path = path.format(**user)
        before = (await log_in(cloud, "first")).token
        await age(cloud, user["id"], last_active_at=30)
        cloud.near.memory.bump()
        refused = await log_in(cloud, "first")
        assert (refused.status, refused.error) == (401, NOT_IN)
        assert (await cloud.call("GET", "/v3/auth/projects", None, before)).status == 401
        assert (await cloud.ok("GET", path, token)).body["user"]["enabled"] is False
        await cloud.ok("PATCH", path, token, {"user": {"options": {"ignore_user_inactivity": True}}})
        assert (await cloud.ok("GET", path, token)).body["user"]["enabled"] is True
        await cloud.ok("PATCH", path, token, {"user": {"options": {"ignore_user_inactivity": None}}})
        await cloud.ok("PATCH", path, token, {"user": {"enabled": True}})
        assert (await log_in(cloud, "first")).status == 201
        await age(cloud, user["id"], last_active_at=29)
        assert (await log_in(cloud, "first")).status == 201
        row = await cloud.db.read(users.find, user["id"])
        assert row is not None
        assert row.last_active_at is not None
        assert clock() - row.last_active_at < DAY


LOCK = {"lockout_failure_attempts": 3, "lockout_duration": 60}


async def test_lockout(database: Database) -> None:
    async with process(database, compliance=LOCK) as cloud:
        token = await cloud.token()
        user = await someone(cloud, token)
        for _ in range(2):
            assert (await log_in(cloud, "wrong")).status == 401
        assert (await log_in(cloud, "first")).status == 201, "a success counts from the beginning again"
        for _ in range(3):
            assert (await log_in(cloud, "wrong")).status == 401
        locked = await log_in(cloud, "first")
        assert (locked.status, locked.error) == (401, NOT_IN)
        assert (await change(cloud, user["id"], "first", "second")).status == 401
        await cloud.db.write(_past_lock, user["id"])
        assert (await log_in(cloud, "first")).status == 201
        for _ in range(3):
            await log_in(cloud, "wrong")
        await cloud.ok("PATCH", f"/v3/users/{user['id']}", token, {"user": {"enabled": True}})
        assert (await log_in(cloud, "first")).status == 201
        options = {"ignore_lockout_failure_attempts": True}
        await someone(cloud, token, "robot", options=options)
        for _ in range(4):
            assert (await log_in(cloud, "wrong", "robot")).status == 401
        assert (await log_in(cloud, "first", "robot")).status == 201


def _past_lock(tx: Tx, id: str) -> None:
    row = attempts.find(tx, id)
    attempts.store(tx, attempts.AttemptRow(id, row.failures, tx.now - 61_000_000, 0, None))


async def test_fifty_guesses_at_once(database: Database) -> None:
    """No more passwords are looked at than the rule allows, and the right one among them is worth nothing."""
    async with process(database, compliance=LOCK, login_failures_account=0, password_threads=8) as cloud:
        token = await cloud.token()
        user = await someone(cloud, token)
        guesses = [f"guess {n}" for n in range(49)] + ["first"]
        replies = await asyncio.gather(*(log_in(cloud, guess) for guess in guesses))
        assert {reply.status for reply in replies} == {401}
        row = await cloud.db.read(attempts.find, user["id"])
        assert (row.failures, row.pending) == (3, 0)


async def test_crowds_with_the_right_password_are_no_attack(database: Database) -> None:
    async with process(database, compliance=LOCK, password_threads=4) as cloud:
        await someone(cloud, await cloud.token())
        replies = await asyncio.gather(*(log_in(cloud, "first") for _ in range(20)))
        assert {reply.status for reply in replies} == {201}


async def test_a_login_whose_process_died_counts_as_failed(database: Database) -> None:
    async with process(database, compliance=LOCK) as cloud:
        user = await someone(cloud, await cloud.token())

        def died(tx: Tx) -> None:
            attempts.store(tx, attempts.AttemptRow(user["id"], 2, tx.now, 1, tx.now - 31_000_000))

        await cloud.db.write(died)
        assert (await log_in(cloud, "first")).status == 401


async def test_the_lock_stands_in_the_change_log(database: Database) -> None:
    async with process(database, compliance=LOCK) as cloud:
        user = await someone(cloud, await cloud.token())
        for _ in range(5):
            await log_in(cloud, "wrong")
        kinds = await cloud.db.read(_kinds, user["id"])
        assert kinds.count("user.lock") == 1


def _kinds(tx: Tx, id: str) -> list[str]:
    from sqlalchemy import text

    return [row[0] for row in tx.execute(text("SELECT kind FROM kernel_events WHERE resource_id = :id"), {"id": id})]


@pytest.mark.parametrize("named", [{"name": "eve", "domain": {"id": "default"}}, {"id": "nobody"}])
async def test_nobody_is_asked_for_twice(database: Database, named: Mapping[str, Any]) -> None:
    """A login that names nobody ends as others do."""
    async with process(database, compliance=LOCK) as cloud:
        for _ in range(5):
            reply = await cloud.call(
                "POST",
                "/v3/auth/tokens",
                {"auth": {"identity": {"methods": ["password"], "password": {"user": {**named, "password": "x"}}}}},
            )
            assert (reply.status, reply.error) == (401, NOT_IN)


async def test_guesses_through_two_processes(database: Database) -> None:
    if not database.multi_process:
        pytest.skip("SQLite has one process")
    async with process(database, compliance=LOCK, login_failures_account=0) as one:
        user = await someone(one, await one.token())
        async with process(database, compliance=LOCK, login_failures_account=0) as two:
            guesses = [(cloud, f"guess {n}") for n in range(15) for cloud in (one, two)] + [
                (one, "first"),
                (two, "first"),
            ]
            replies = await asyncio.gather(*(log_in(cloud, guess) for cloud, guess in guesses))
            assert {reply.status for reply in replies} == {401}
            row = await one.db.read(attempts.find, user["id"])
            assert (row.failures, row.pending) == (3, 0)
            await one.ok("PATCH", f"/v3/users/{user['id']}", await one.token(), {"user": {"enabled": True}})
            crowd = [log_in(cloud, "first") for _ in range(10) for cloud in (one, two)]
            assert {reply.status for reply in await asyncio.gather(*crowd)} == {201}
