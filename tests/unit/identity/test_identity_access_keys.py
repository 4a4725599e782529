"""Access keys: signed requests in exchange for tokens, and the secret for neighbours who verify by themselves."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from keystoneclient.contrib.ec2.utils import Ec2Signer

from identity_cloud import Cloud, Reply, process
from pileus.kernel.db import Database
from pileus.kernel.types import NotFound, Unauthorized
from pileus.services.identity.core.signatures import ec2_fits


class Pair:
    """An access key of `demo` on its project."""

    def __init__(self, cloud: Cloud, admin: str, made: dict[str, Any]) -> None:
        self.cloud, self.admin = cloud, admin
        self.access, self.secret, self.user_id = made["access"], made["secret"], made["user_id"]
        self.project_id = made["tenant_id"]

    async def ec2(self, at: datetime | None = None, secret: str = "", **more: Any) -> Reply:
        moment = (at or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")
        params = {"SignatureVersion": "2", "AWSAccessKeyId": self.access, "Timestamp": moment, "Action": "X"}
        shown = {"access": self.access, "host": "cloud", "verb": "GET", "path": "/", "params": params}
        shown["signature"] = Ec2Signer(secret or self.secret).generate({**shown, "params": dict(params)})
        return await self.cloud.call("POST", "/v3/ec2tokens", {"credentials": {**shown, **more}}, self.admin)

    async def s3(self, secret: str = "", name: str = "credentials") -> Reply:
        text = b"GET\n\n\nMon, 23 Nov 2026 12:00:00 +0000\n/bucket/key"
        made = base64.b64encode(hmac.new((secret or self.secret).encode(), text, "sha1").digest()).decode()
        shown = {"access": self.access, "token": base64.b64encode(text).decode(), "signature": made}
        return await self.cloud.call("POST", "/v3/s3tokens", {name: shown}, self.admin)


async def made(cloud: Cloud, admin: str) -> Pair:
    user = await cloud.named("user", "demo", admin)
    project = await cloud.named("project", "demo", admin)
    reply = await cloud.ok("POST", f"/v3/users/{user['id']}/credentials/OS-EC2", admin, {"tenant_id": project["id"]})
    return Pair(cloud, admin, reply.body["credential"])


@pytest.fixture
async def pair(cloud: Cloud, admin: str) -> Pair:
    return await made(cloud, admin)


async def test_a_signed_request_is_worth_a_token(pair: Pair) -> None:
    reply = await pair.ec2()
    assert reply.status == 200, reply.body
    token = reply.body["token"]
    assert token["methods"] == ["ec2credential"]
    assert (token["user"]["id"], token["project"]["id"]) == (pair.user_id, pair.project_id)
    assert {role["name"] for role in token["roles"]} == {"member", "reader"}
    assert token["catalog"]
    seen = await pair.cloud.call("GET", "/v3/auth/tokens", None, pair.admin, {"x-subject-token": reply.token})
    assert seen.body["token"]["methods"] == ["ec2credential"]


@pytest.mark.parametrize("name", ["credentials", "credential", "ec2Credentials"])
async def test_so_is_a_signed_s3_request_without_a_token(pair: Pair, name: str) -> None:
    reply = await pair.s3(name=name)
    assert reply.status == 200, reply.body
    assert reply.body["token"]["project"]["id"] == pair.project_id
    assert "x-subject-token" not in reply.headers


async def test_wrong_signatures_are_refused(pair: Pair) -> None:
    for reply in (await pair.ec2(secret="other"), await pair.s3(secret="other"), await pair.ec2(signature=None)):
        assert reply.status == 401, reply.body
        assert reply.error == "The request you have made requires authentication."


@pytest.mark.parametrize("minutes", [-16, 16])
async def test_requests_of_another_time_are_refused(pair: Pair, minutes: int) -> None:
    assert (await pair.ec2(datetime.now(UTC) + timedelta(minutes=minutes))).status == 401
    assert (await pair.ec2(datetime.now(UTC) + timedelta(minutes=minutes * 7 // 8))).status == 200


async def test_an_old_request_is_not_made_young_by_a_parameter_that_nobody_signed(pair: Pair) -> None:
    """Version 4 signs no parameters of a POST."""
    request = AWSRequest(method="POST", url="http://cloud/", data=b"", headers={"Host": "cloud"})
    with freeze(datetime.now(UTC) - timedelta(hours=1)):
        SigV4Auth(Credentials(pair.access, pair.secret), "ec2", "RegionOne").add_auth(request)
    shown = {
        "access": pair.access,
        "host": "cloud",
        "verb": "POST",
        "path": "/",
        "params": {"Timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")},
        "headers": dict(request.headers.items()),
        "body_hash": hashlib.sha256(b"").hexdigest(),
        "signature": request.headers["Authorization"].rpartition("Signature=")[2],
    }
    assert ec2_fits(pair.secret, shown)
    reply = await pair.cloud.call("POST", "/v3/ec2tokens", {"credentials": shown}, pair.admin)
    assert reply.status == 401


@contextmanager
def freeze(at: datetime) -> Iterator[None]:
    """For botocore's signer, which asks its own module what time it is."""
    with patch("botocore.auth.get_current_datetime", lambda *_, **__: at.replace(tzinfo=None)):
        yield


async def test_a_service_may_ask(pair: Pair) -> None:
    cloud, admin = pair.cloud, pair.admin
    user = await cloud.make("user", admin, name="rgw", password="rgw")
    project = await cloud.make("project", admin, name="service")
    role = await cloud.named("role", "service", admin)
    await cloud.ok("PUT", f"/v3/projects/{project['id']}/users/{user['id']}/roles/{role['id']}", admin)
    pair.admin = await cloud.token("rgw", "rgw", scope="service")
    assert (await pair.s3()).status == 200
    pair.admin = await cloud.token("demo", "demo", scope="demo")
    assert (await pair.s3()).status == 403


async def test_its_token_reaches_no_credentials(pair: Pair) -> None:
    cloud, token = pair.cloud, (await pair.ec2()).token
    own = f"/v3/users/{pair.user_id}/credentials/OS-EC2"
    for method, path, body in (
        ("GET", own, None),
        ("GET", f"{own}/{pair.access}", None),
        ("DELETE", f"{own}/{pair.access}", None),
        ("POST", own, {"tenant_id": pair.project_id}),
        ("POST", "/v3/credentials", {"credential": {"type": "x", "blob": "x", "user_id": pair.user_id}}),
    ):
        reply = await cloud.call(method, path, body, token)
        assert (reply.status, reply.error) == (
            403,
            "You are not authorized to perform the requested action: Delegated tokens cannot access credentials directly.",
        )
    assert (await cloud.call("GET", "/v3/credentials", None, token)).body["credentials"] == []


async def test_its_token_is_not_traded(pair: Pair) -> None:
    token = (await pair.ec2()).token
    body = {"auth": {"identity": {"methods": ["token"], "token": {"id": token}}}}
    assert (await pair.cloud.call("POST", "/v3/auth/tokens", body)).status == 403


async def test_a_key_bound_to_an_application_credential_has_its_roles(pair: Pair) -> None:
    cloud, admin = pair.cloud, pair.admin
    demo = await cloud.token("demo", "demo", scope="demo")
    path = f"/v3/users/{pair.user_id}/application_credentials"
    body = {"application_credential": {"name": "small", "roles": [{"name": "reader"}]}}
    id = (await cloud.ok("POST", path, demo, body)).body["application_credential"]["id"]
    blob = json.dumps({"access": "bound", "secret": "s", "app_cred_id": id})
    body = {"credential": {"type": "ec2", "blob": blob, "user_id": pair.user_id, "project_id": pair.project_id}}
    await cloud.ok("POST", "/v3/credentials", demo, body)
    pair.access, pair.secret = "bound", "s"
    reply = await pair.ec2()
    assert [role["name"] for role in reply.body["token"]["roles"]] == ["reader"]
    assert reply.body["token"]["application_credential"]["id"] == id
    await cloud.ok("DELETE", f"{path}/{id}", demo)
    assert (await pair.ec2()).status == 401
    assert admin


async def test_a_key_bound_by_access_rules_opens_no_store(pair: Pair) -> None:
    """A token carries the rules to whoever heeds them; a store that hears of no token could not."""
    cloud = pair.cloud
    demo = await cloud.token("demo", "demo", scope="demo")
    rules = [{"service": "compute", "method": "GET", "path": "/v2.1/servers"}]
    body = {"application_credential": {"name": "ruled", "access_rules": rules}}
    path = f"/v3/users/{pair.user_id}/application_credentials"
    id = (await cloud.ok("POST", path, demo, body)).body["application_credential"]["id"]
    blob = json.dumps({"access": "ruled", "secret": "s", "app_cred_id": id})
    body = {"credential": {"type": "ec2", "blob": blob, "user_id": pair.user_id, "project_id": pair.project_id}}
    await cloud.ok("POST", "/v3/credentials", demo, body)
    pair.access, pair.secret = "ruled", "s"
    assert (await pair.s3()).status == 401
    with pytest.raises(Unauthorized):
        await cloud.internal.access_key("ruled")
    reply = await pair.ec2()
    assert reply.status == 200, reply.body
    assert reply.body["token"]["application_credential"]["access_rules"]
    assert (await cloud.call("GET", "/v3/auth/projects", None, reply.token)).status == 401


async def test_a_key_bound_to_somebody_elses_application_credential_is_worth_nothing(pair: Pair) -> None:
    cloud, admin = pair.cloud, pair.admin
    me = (await cloud.call("GET", "/v3/auth/tokens", None, admin, {"x-subject-token": admin})).body["token"]
    path = f"/v3/users/{me['user']['id']}/application_credentials"
    id = (await cloud.ok("POST", path, admin, {"application_credential": {"name": "big"}})).body[
        "application_credential"
    ]["id"]
    blob = json.dumps({"access": "forged", "secret": "s", "app_cred_id": id})
    demo = await cloud.token("demo", "demo", scope="demo")
    body = {"credential": {"type": "ec2", "blob": blob, "user_id": pair.user_id, "project_id": me["project"]["id"]}}
    await cloud.ok("POST", "/v3/credentials", demo, body)
    pair.access, pair.secret = "forged", "s"
    assert (await pair.ec2()).status == 401


async def test_a_key_for_a_project_where_one_has_no_role_is_worth_nothing(pair: Pair) -> None:
    cloud = pair.cloud
    project = await cloud.named("project", "admin", pair.admin)
    demo = await cloud.token("demo", "demo", scope="demo")
    path = f"/v3/users/{pair.user_id}/credentials/OS-EC2"
    made = (await cloud.ok("POST", path, demo, {"tenant_id": project["id"]})).body["credential"]
    pair.access, pair.secret = made["access"], made["secret"]
    assert (await pair.ec2()).status == 401


class TestByTrust:
    """`demo` lends a role to `tess`, whose key is bound to the trust."""

    async def lend(self, pair: Pair, **more: Any) -> str:
        cloud = pair.cloud
        tess = (await cloud.make("user", pair.admin, name="tess", password="tess"))["id"]
        trust = {
            "trustor_user_id": pair.user_id,
            "trustee_user_id": tess,
            "project_id": pair.project_id,
            "roles": [{"name": "reader"}],
            **more,
        }
        demo = await cloud.token("demo", "demo", scope="demo")
        id = (await cloud.ok("POST", "/v3/OS-TRUST/trusts", demo, {"trust": trust})).body["trust"]["id"]
        blob = json.dumps({"access": "lent", "secret": "s", "trust_id": id})
        body = {"credential": {"type": "ec2", "blob": blob, "user_id": tess, "project_id": pair.project_id}}
        await cloud.ok("POST", "/v3/credentials", await cloud.token("tess", "tess", scope=None), body)
        pair.access, pair.secret = "lent", "s"
        return str(id)

    @pytest.mark.parametrize("impersonation", [True, False])
    async def test_it_has_the_roles_that_were_lent(self, pair: Pair, impersonation: bool) -> None:
        id = await self.lend(pair, impersonation=impersonation)
        reply = await pair.ec2()
        assert reply.status == 200, reply.body
        token = reply.body["token"]
        assert [role["name"] for role in token["roles"]] == ["reader"]
        assert token["user"]["name"] == ("demo" if impersonation else "tess")
        assert token["OS-TRUST:trust"]["id"] == id
        assert (await pair.cloud.internal.access_key("lent")).ctx.trust_id == id

    async def test_it_dies_with_the_trust(self, pair: Pair) -> None:
        id = await self.lend(pair, impersonation=True)
        await pair.cloud.internal.access_key("lent")
        demo = await pair.cloud.token("demo", "demo", scope="demo")
        await pair.cloud.ok("DELETE", f"/v3/OS-TRUST/trusts/{id}", demo)
        assert (await pair.ec2()).status == 401
        with pytest.raises(Unauthorized):
            await pair.cloud.internal.access_key("lent")

    async def test_one_of_so_many_uses_makes_no_key(self, pair: Pair) -> None:
        await self.lend(pair, impersonation=True, remaining_uses=5)
        assert (await pair.ec2()).status == 401

    async def test_nobody_else_may_bind_his_to_it(self, pair: Pair) -> None:
        id = await self.lend(pair, impersonation=True)
        blob = json.dumps({"access": "stolen", "secret": "s", "trust_id": id})
        thief = (await pair.cloud.make("user", pair.admin, name="thief", password="thief"))["id"]
        body = {"credential": {"type": "ec2", "blob": blob, "user_id": thief, "project_id": pair.project_id}}
        await pair.cloud.ok("POST", "/v3/credentials", await pair.cloud.token("thief", "thief", scope=None), body)
        pair.access = "stolen"
        assert (await pair.ec2()).status == 403
        with pytest.raises(Unauthorized):
            await pair.cloud.internal.access_key("stolen")


class TestForNeighbours:
    async def test_the_secret_and_the_caller(self, pair: Pair) -> None:
        found = await pair.cloud.internal.access_key(pair.access)
        assert found.secret == pair.secret
        assert (found.ctx.user_id, found.ctx.project_id) == (pair.user_id, pair.project_id)
        assert found.ctx.roles == {"member", "reader"}
        assert (await pair.cloud.internal.authenticate(found.ctx.token)).user_id == pair.user_id
        assert await pair.cloud.internal.access_key(pair.access) is found, "it is remembered"

    async def test_nobodys_key(self, cloud: Cloud) -> None:
        with pytest.raises(NotFound):
            await cloud.internal.access_key("nope")

    async def test_a_changed_secret_counts_at_once(self, pair: Pair) -> None:
        await pair.cloud.internal.access_key(pair.access)
        listed = (await pair.cloud.call("GET", "/v3/credentials?type=ec2", None, pair.admin)).body["credentials"]
        blob = json.dumps({"access": pair.access, "secret": "new", "trust_id": None})
        await pair.cloud.ok("PATCH", f"/v3/credentials/{listed[0]['id']}", pair.admin, {"credential": {"blob": blob}})
        assert (await pair.cloud.internal.access_key(pair.access)).secret == "new"

    async def test_a_deleted_one_is_gone_at_once(self, pair: Pair) -> None:
        await pair.cloud.internal.access_key(pair.access)
        path = f"/v3/users/{pair.user_id}/credentials/OS-EC2/{pair.access}"
        await pair.cloud.ok("DELETE", path, pair.admin)
        with pytest.raises(NotFound):
            await pair.cloud.internal.access_key(pair.access)

    async def test_a_disabled_user_is_out_at_once(self, pair: Pair) -> None:
        await pair.cloud.internal.access_key(pair.access)
        await pair.cloud.ok("PATCH", f"/v3/users/{pair.user_id}", pair.admin, {"user": {"enabled": False}})
        with pytest.raises(Unauthorized):
            await pair.cloud.internal.access_key(pair.access)

    async def test_another_process_hears_of_it(self, database: Database) -> None:
        async with process(database) as one, process(database) as other:
            pair = await made(one, await one.token())
            assert (await other.internal.access_key(pair.access)).secret == pair.secret
