"""One-time codes, and logins of several factors with the receipts between them."""

import base64
from typing import Any

import pytest

from identity_cloud import Cloud, Reply, process
from pileus.kernel.db import Database
from pileus.kernel.types import SECOND, clock
from pileus.services.identity.core import keys
from pileus.services.identity.core.methods import totp
from pileus.services.identity.core.methods.totp import codes

SEED = base64.b32encode(b"12345678901234567890").decode()
RULES = [["password", "totp"], ["token", "totp"]]


class Person:
    """A user with a one-time-code device."""

    def __init__(self, cloud: Cloud, admin: str, id: str) -> None:
        self.cloud, self.admin, self.id = cloud, admin, id

    def code(self, back: int = 0, seed: str = SEED) -> str:
        """The code of `back` time steps ago."""
        return list(codes(seed, clock(), 3).values())[back]

    async def login(self, receipt: str = "", scope: Any = None, **payloads: Any) -> Reply:
        identity = {"methods": list(payloads)}
        for name, secret in payloads.items():
            field = {"password": "password", "totp": "passcode"}.get(name)
            identity[name] = {"user": {"id": self.id, field: secret}} if field else {"id": secret}
        auth = {"identity": identity, **({"scope": scope} if scope else {})}
        headers = {"openstack-auth-receipt": receipt} if receipt else {}
        return await self.cloud.call("POST", "/v3/auth/tokens", {"auth": auth}, headers=headers)

    async def device(self, seed: str = SEED) -> str:
        body = {"credential": {"type": "totp", "blob": seed, "user_id": self.id}}
        return str((await self.cloud.ok("POST", "/v3/credentials", self.admin, body)).body["credential"]["id"])


async def someone(cloud: Cloud, admin: str, rules: Any = None) -> Person:
    options = {"multi_factor_auth_rules": rules, "multi_factor_auth_enabled": True} if rules else {}
    user = await cloud.make("user", admin, name="mona", password="mona", options=options)
    return Person(cloud, admin, user["id"])


@pytest.fixture
async def mona(cloud: Cloud, admin: str) -> Person:
    found = await someone(cloud, admin, RULES)
    await found.device()
    return found


class TestCodes:
    def test_those_of_the_standard(self) -> None:
        """RFC 6238, appendix B: the last six digits of its SHA-1 column."""
        for second, code in ((59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (2000000000, "279037")):
            assert codes(SEED, second * SECOND, 0) == {second // 30: code}

    async def test_one_is_enough_without_rules(self, cloud: Cloud, admin: str) -> None:
        person = await someone(cloud, admin)
        await person.device()
        reply = await person.login(totp=person.code())
        assert (reply.status, reply.body["token"]["methods"]) == (201, ["totp"])

    async def test_none_counts_twice(self, cloud: Cloud, admin: str) -> None:
        person = await someone(cloud, admin)
        await person.device()
        code, older = person.code(), person.code(1)
        assert (await person.login(totp=code)).status == 201
        assert (await person.login(totp=code)).status == 401
        assert (await person.login(totp=older)).status == 401, "nor does one from before it"

    async def test_one_may_be_a_step_late_and_no_more(
        self, cloud: Cloud, admin: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = clock()
        monkeypatch.setattr(totp, "clock", lambda: now)
        person = await someone(cloud, admin)
        await person.device()
        steps = list(codes(SEED, now, 3).values())
        assert (await person.login(totp=steps[3])).status == 401
        assert (await person.login(totp=steps[1])).status == 201

    async def test_any_device_of_the_user_will_do(self, cloud: Cloud, admin: str) -> None:
        person = await someone(cloud, admin)
        other = base64.b32encode(b"another seed").decode().rstrip("=").lower()
        await person.device("no base32 at all!")
        await person.device()
        await person.device(other)
        assert (await person.login(totp=person.code(seed=other))).status == 201

    @pytest.mark.parametrize("code", ["000000", "", None, "x" * 5000])
    async def test_wrong_ones(self, mona: Person, code: Any) -> None:
        reply = await mona.login(totp=code)
        assert reply.status == (400 if code is None else 401), reply.body
        assert "receipt" not in reply.body

    async def test_nobody_is_not_told_from_somebody(self, mona: Person) -> None:
        known = await mona.login(totp="000000")
        mona.id = "0" * 32
        nobody = await mona.login(totp="000000")
        assert (known.status, known.body) == (nobody.status, nobody.body)

    async def test_guessing_is_slowed(self, mona: Person) -> None:
        seen = {
            (await mona.login(totp="000000")).status for _ in range(mona.cloud.near.settings.login_failures_account + 2)
        }
        assert 429 in seen


class TestReceipts:
    async def test_the_first_factor_gives_one(self, mona: Person) -> None:
        reply = await mona.login(password="mona")
        assert reply.status == 401
        assert reply.body["required_auth_methods"] == [["password", "totp"]]
        assert reply.body["receipt"]["methods"] == ["password"]
        assert reply.body["receipt"]["user"] == {
            "id": mona.id,
            "name": "mona",
            "domain": {"id": "default", "name": "Default"},
        }
        assert set(reply.body["receipt"]) == {"methods", "user", "expires_at", "issued_at"}
        assert "www-authenticate" not in reply.headers

    async def test_the_second_opens_with_it(self, mona: Person) -> None:
        receipt = (await mona.login(password="mona")).headers["openstack-auth-receipt"]
        reply = await mona.login(receipt, totp=mona.code())
        assert reply.status == 201, reply.body
        assert set(reply.body["token"]["methods"]) == {"password", "totp"}

    async def test_both_at_once_need_none(self, mona: Person) -> None:
        assert (await mona.login(password="mona", totp=mona.code())).status == 201

    async def test_a_code_that_got_one_is_used_up(self, mona: Person) -> None:
        code = mona.code()
        first = await mona.login(totp=code)
        assert first.body["required_auth_methods"] == RULES
        assert (await mona.login(password="mona", totp=code)).status == 401
        receipt = first.headers["openstack-auth-receipt"]
        assert (await mona.login(receipt, password="mona")).status == 201

    async def test_the_same_factor_again_is_not_another(self, mona: Person) -> None:
        receipt = (await mona.login(password="mona")).headers["openstack-auth-receipt"]
        reply = await mona.login(receipt, password="mona")
        assert (reply.status, reply.body["receipt"]["methods"]) == (401, ["password"])

    async def test_it_is_its_users_only(self, mona: Person) -> None:
        receipt = (await mona.login(password="mona")).headers["openstack-auth-receipt"]
        reply = await mona.cloud.call(
            "POST",
            "/v3/auth/tokens",
            {"auth": {"identity": {"methods": ["token"], "token": {"id": mona.admin}}}},
            headers={"openstack-auth-receipt": receipt},
        )
        assert (reply.status, reply.error[:28]) == (401, "Could not find auth receipt:")

    async def test_it_ends(self, database: Database) -> None:
        async with process(database, receipt_lifetime=0) as cloud:
            person = await someone(cloud, await cloud.token(), RULES)
            await person.device()
            receipt = (await person.login(password="mona")).headers["openstack-auth-receipt"]
            assert (await person.login(receipt, totp=person.code())).status == 401

    async def test_a_new_password_ends_it(self, mona: Person) -> None:
        receipt = (await mona.login(password="mona")).headers["openstack-auth-receipt"]
        await mona.cloud.ok("PATCH", f"/v3/users/{mona.id}", mona.admin, {"user": {"password": "new"}})
        assert (await mona.login(receipt, totp=mona.code())).status == 401

    async def test_a_token_is_none_and_it_is_no_token(self, mona: Person) -> None:
        assert (await mona.login(mona.admin, totp=mona.code())).status == 401
        assert (await mona.login("x", totp=mona.code())).status == 401
        receipt = (await mona.login(password="mona")).headers["openstack-auth-receipt"]
        assert (await mona.cloud.call("GET", "/v3/auth/projects", None, receipt)).status == 401

    async def test_another_process_takes_it(self, database: Database) -> None:
        async with process(database) as one, process(database) as other:
            person = await someone(one, await one.token(), RULES)
            await person.device()
            await one.db.write(keys.rotate, one.near)
            receipt = (await person.login(password="mona")).headers["openstack-auth-receipt"]
            person.cloud = other
            assert (await person.login(receipt, totp=person.code())).status == 201

    async def test_rules_that_are_switched_off_ask_for_nothing(self, mona: Person) -> None:
        options = {"user": {"options": {"multi_factor_auth_enabled": False}}}
        await mona.cloud.ok("PATCH", f"/v3/users/{mona.id}", mona.admin, options)
        assert (await mona.login(password="mona")).status == 201

    async def test_unknown_methods_lock_nobody_out(self, mona: Person) -> None:
        options = {"user": {"options": {"multi_factor_auth_rules": [["password", "retina"]]}}}
        await mona.cloud.ok("PATCH", f"/v3/users/{mona.id}", mona.admin, options)
        assert (await mona.login(password="mona")).status == 201
