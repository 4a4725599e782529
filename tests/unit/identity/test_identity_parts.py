"""Passwords, keys, memory and bootstrap."""

import bcrypt
import pytest
from argon2 import extract_parameters
from msgspec.structs import replace

from identity_cloud import CATALOG, Cloud, process
from pileus.kernel.db import Database, Tx
from pileus.kernel.types import DAY, HOUR, SECOND, Invalid, Unauthorized, clock
from pileus.services.identity.core import keys
from pileus.services.identity.core import passwords as parts
from pileus.services.identity.core.passwords import LONGEST, Passwords
from pileus.services.identity.core.settings import IdentitySettings
from pileus.services.identity.db import keys as key_rows
from pileus.services.identity.db import users

QUICK = IdentitySettings(password_memory=8, password_passes=1)


class TestPasswords:
    def test_what_was_hashed_fits(self) -> None:
        passwords = Passwords(QUICK)
        hashed = passwords.hash_now("sésame")
        assert hashed.startswith("$argon2id$")
        assert passwords.verify_now(hashed, "sésame")
        assert not passwords.verify_now(hashed, "sesame")
        assert not passwords.is_dated(hashed)
        assert Passwords(IdentitySettings(password_memory=16)).is_dated(hashed)

    def test_imported_hashes_are_read(self) -> None:
        passwords = Passwords(QUICK)
        plain = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
        assert passwords.verify_now(plain, "secret")
        assert not passwords.verify_now(plain, "Secret")
        assert passwords.is_dated(plain)
        long = bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode()
        assert passwords.verify_now(long, "x" * 100), "Keystone cut at 72 bytes"

    def test_rubbish_fits_nothing(self) -> None:
        passwords = Passwords(QUICK)
        for hashed in ("", "x", "$2b$", "$argon2id$broken", "$bcrypt-sha256$v=2,t=2b,r=12$short$short"):
            assert not passwords.verify_now(hashed, "secret")

    async def test_nobody_costs_what_somebody_does(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """One look each, at hashes of the same cost. (The clock says little on a busy machine.)"""
        passwords = Passwords(QUICK)
        hashed = await passwords.hash("secret")
        looked: list[str] = []
        made: list[str] = []
        monkeypatch.setattr(parts, "_fits_argon2", lambda hasher, stored, secret: looked.append(stored))
        monkeypatch.setattr(passwords, "hash_now", made.append)
        for candidate in (hashed, None, None):
            await passwords.verify(candidate, "wrong")
        assert [extract_parameters(stored) for stored in looked] == [extract_parameters(hashed)] * 3
        assert made == []

    def test_endless_passwords_are_refused(self) -> None:
        passwords = Passwords(QUICK)
        with pytest.raises(Invalid):
            passwords.hash_now("x" * (LONGEST + 1))
        assert not passwords.verify_now(passwords.hash_now("x" * LONGEST), "x" * (LONGEST + 1))


async def test_an_imported_hash_is_renewed_at_login(cloud: Cloud, admin: str) -> None:
    user = await cloud.make("user", admin, name="old")
    old = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
    await cloud.db.write(users.change, user["id"], {"password_hash": old})
    for _ in range(2):
        assert (await cloud.login("old", "secret", scope=None)).status == 201
    row = await cloud.db.read(users.find, user["id"])
    assert row is not None
    assert row.password_hash is not None
    assert row.password_hash.startswith("$argon2id$")


class TestKeys:
    async def test_no_live_token_dies_of_a_rotation(self, cloud: Cloud) -> None:
        """Through a week of daily rotations every token lives exactly as long as it says."""
        start, day = clock(), 0
        sealed: list[tuple[int, str]] = []
        settings = cloud.near.settings
        longest = (settings.token_lifetime + settings.allow_expired_window) * SECOND
        while day <= 7 * 24:
            now = start + day * HOUR
            await cloud.db.write(_at(keys.rotate, now), cloud.near)
            await cloud.db.read(keys.load, cloud.near)
            claims = replace(cloud.near.keyring.open(await cloud.token()), issued_at=now)  # type: ignore[type-var]
            sealed.append((now, cloud.near.keyring.seal(claims)))  # type: ignore[arg-type]
            for made, token in sealed:
                if now - made <= longest:
                    assert cloud.near.keyring.open(token) is not None, f"dead after {(now - made) / HOUR} h"
            day += 12
        rows = await cloud.db.read(key_rows.everything, "token")
        assert 3 <= len(rows) <= 5, "keys that nothing needs are gone"

    async def test_rotation_waits_for_its_time(self, cloud: Cloud) -> None:
        assert not await cloud.db.write(keys.rotate, cloud.near)
        assert len(await cloud.db.read(key_rows.everything, "token")) == 1

    async def test_a_restart_knows_the_tokens_of_before(self, database: Database) -> None:
        async with process(database) as first:
            token = await first.token()
        async with process(database) as second:
            assert (await second.internal.authenticate(token)).user_name == "admin"


def _at(fn: object, now: int) -> object:
    """The same decision at another time."""

    def run(tx: Tx, *args: object) -> object:
        tx.now = now
        return fn(tx, *args)  # type: ignore[operator]

    return run


class TestMemory:
    async def test_it_is_bounded(self, database: Database) -> None:
        async with process(database, cache_tokens=10) as cloud:
            for _ in range(25):
                await cloud.token(scope=None)
            assert len(cloud.near.memory.tokens) <= 10

    async def test_an_ended_token_is_not_remembered_as_good(self, cloud: Cloud) -> None:
        token = await cloud.token()
        known = cloud.near.memory.recall(token)
        assert known is not None
        known.good_until = clock() - 1
        assert cloud.near.memory.recall(token) is None

    async def test_what_was_read_before_a_change_is_stale(self, cloud: Cloud) -> None:
        token = await cloud.token()
        known = cloud.near.memory.recall(token)
        assert known is not None
        before = cloud.near.memory.revision
        cloud.near.memory.bump()
        cloud.near.memory.remember(token, known.session, known.ctx, before)
        assert cloud.near.memory.recall(token) is None

    async def test_a_foreign_token_is_refused(self, cloud: Cloud) -> None:
        for token in ("", "x", "gAAAAA" + "A" * 180):
            with pytest.raises(Unauthorized):
                await cloud.internal.authenticate(token)


class TestBootstrap:
    async def test_random_passwords_are_told_once(self, database: Database) -> None:
        cloud = Cloud(database, admin_password="", demo_password="")
        await cloud.service.start()
        told = await cloud.db.write(cloud.internal.bootstrap, CATALOG)
        assert told.keys() == {"admin", "demo"}
        assert all(len(secret) == 20 for secret in told.values())
        assert await cloud.db.write(cloud.internal.bootstrap, CATALOG) == {}
        assert (await cloud.login(password=told["admin"])).status == 201
        assert (await cloud.login("demo", told["demo"], scope="demo")).status == 201

    async def test_it_is_all_there(self, cloud: Cloud, admin: str) -> None:
        roles = (await cloud.call("GET", "/v3/roles", None, admin)).body["roles"]
        assert {r["name"] for r in roles} == {"admin", "manager", "member", "reader", "service", "ResellerAdmin"}
        assert all(r["options"] == {"immutable": True} for r in roles)
        demo = (await cloud.login("demo", scope="demo")).body["token"]
        assert {r["name"] for r in demo["roles"]} == {"member", "reader"}
        domains = (await cloud.call("GET", "/v3/domains", None, admin)).body["domains"]
        assert [(d["id"], d["name"]) for d in domains] == [("default", "Default")]

    async def test_nothing_that_an_operator_did_is_undone(self, cloud: Cloud, admin: str) -> None:
        demo = await cloud.named("user", "demo", admin)
        await cloud.ok("DELETE", f"/v3/users/{demo['id']}", admin)
        me = await cloud.named("user", "admin", admin)
        await cloud.ok("PATCH", f"/v3/users/{me['id']}", admin, {"user": {"password": "mine"}})
        admin = await cloud.token(password="mine")
        volume = (await cloud.call("GET", "/v3/services?type=volumev3", None, admin)).body["services"][0]
        endpoints = (await cloud.call("GET", f"/v3/endpoints?service_id={volume['id']}", None, admin)).body["endpoints"]
        moved, gone = endpoints[0], endpoints[1]
        body = {"endpoint": {"url": "http://elsewhere/v3"}}
        await cloud.ok("PATCH", f"/v3/endpoints/{moved['id']}", admin, body)
        await cloud.ok("DELETE", f"/v3/endpoints/{gone['id']}", admin)
        new = [replace(service, url=service.url.replace("cloud", "other")) for service in CATALOG]
        assert await cloud.db.write(cloud.internal.bootstrap, new) == {}
        users = (await cloud.call("GET", "/v3/users", None, admin)).body["users"]
        assert [u["name"] for u in users] == ["admin"]
        after = (await cloud.call("GET", f"/v3/endpoints?service_id={volume['id']}", None, admin)).body["endpoints"]
        assert len(after) == 2
        urls = {e["id"]: e["url"] for e in after}
        assert urls.pop(moved["id"]) == "http://elsewhere/v3"
        assert set(urls.values()) == {"http://other:8776/v3/$(project_id)s"}, "what the cloud wrote follows the cloud"

    async def test_recovery_lets_admin_in_again(self, cloud: Cloud, admin: str) -> None:
        demo = await cloud.named("user", "demo", admin)
        await cloud.ok("DELETE", f"/v3/users/{demo['id']}", admin)
        me = await cloud.named("user", "admin", admin)
        await cloud.ok("PATCH", f"/v3/users/{me['id']}", admin, {"user": {"password": "lost"}})
        assert (await cloud.login()).status == 401
        await cloud.db.write(cloud.internal.recover)
        assert (await cloud.login()).status == 201
        assert (await cloud.login("demo", scope="demo")).status == 201
        assert (await cloud.login(password="lost")).status == 401

    async def test_a_new_service_comes_with_an_upgrade(self, cloud: Cloud, admin: str) -> None:
        more = [*CATALOG, replace(CATALOG[0], type="dns", name="designate")]
        await cloud.db.write(cloud.internal.bootstrap, more)
        found = (await cloud.call("GET", "/v3/services?type=dns", None, admin)).body["services"]
        assert [s["name"] for s in found] == ["designate"]

    async def test_a_locked_out_admin_comes_back(self, cloud: Cloud, admin: str) -> None:
        me = await cloud.named("user", "admin", admin)
        project = await cloud.named("project", "admin", admin)
        role = await cloud.named("role", "admin", admin)
        other = await cloud.named("user", "demo", admin)
        await cloud.ok("PUT", f"/v3/system/users/{other['id']}/roles/{role['id']}", admin)
        await cloud.ok("DELETE", f"/v3/system/users/{me['id']}/roles/{role['id']}", admin)
        await cloud.ok("PATCH", f"/v3/projects/{project['id']}", admin, {"project": {"enabled": False}})
        rescuer = await cloud.token("demo", scope={"system": {"all": True}})
        body = {"user": {"enabled": False, "password": "lost"}}
        await cloud.ok("PATCH", f"/v3/users/{me['id']}", rescuer, body)
        assert (await cloud.login()).status == 401
        await cloud.db.write(cloud.internal.recover)
        assert (await cloud.login()).status == 201
        assert (await cloud.login(scope={"system": {"all": True}})).status == 201
        await cloud.db.write(cloud.internal.recover)

    async def test_names_for_neighbours(self, cloud: Cloud, admin: str) -> None:
        project = await cloud.named("project", "demo", admin)
        exists, names = cloud.internal.project_exists, cloud.internal.project_names
        assert await cloud.db.read(exists, project["id"])
        assert not await cloud.db.read(exists, "default"), "a domain owns nothing"
        assert not await cloud.db.read(exists, "nowhere")
        assert await cloud.db.read(names, [project["id"], "nowhere"]) == {project["id"]: "demo"}


def test_days_are_days() -> None:
    assert IdentitySettings().key_rotation * SECOND == DAY
