"""Credentials, EC2 keys and logins of several factors with the stock command and library."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest
from botocore.auth import HmacV1Auth, S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from keystoneauth1 import exceptions
from keystoneauth1.identity import v3
from keystoneauth1.session import Session
from keystoneclient.v3 import client as keystone

from cloud import PASSWORD, LiveCloud
from pileus.kernel.types import clock
from pileus.services.identity.core.methods.totp import codes

SEED = base64.b32encode(b"a seed for the tests").decode()


def test_openstack_credential(stock: Any) -> None:
    made = stock("credential", "create", "--type", "cert", "admin", "a secret")
    assert (made["type"], made["blob"]) == ("cert", "a secret")
    assert made["id"] in {one["ID"] for one in stock("credential", "list", "--type", "cert", "--user", "admin")}
    stock.say("credential", "set", "--type", "cert", "--user", "admin", "--data", "another", made["id"])
    assert stock("credential", "show", made["id"])["blob"] == "another"
    stock.say("credential", "delete", made["id"])
    assert "Could not find credential" in stock.say("credential", "show", made["id"], code=1)


def test_openstack_ec2_credentials(stock: Any) -> None:
    made = stock("ec2", "credentials", "create")
    assert {"access", "secret", "project_id", "user_id"} <= set(made)
    assert made["access"] in {one["Access"] for one in stock("ec2", "credentials", "list")}
    assert stock("ec2", "credentials", "show", made["access"])["secret"] == made["secret"]
    stock.say("ec2", "credentials", "delete", made["access"])
    assert made["access"] not in {one["Access"] for one in stock("ec2", "credentials", "list")}


class Mona:
    """A user with a password and a one-time-code device, of whom both are asked."""

    def __init__(self, live: LiveCloud) -> None:
        self.url = f"http://127.0.0.1:{5000 + live.shift}/v3"
        auth = v3.Password(self.url, username="admin", password=PASSWORD, project_name="admin",
                           user_domain_id="default", project_domain_id="default")  # fmt: skip
        self.admin = keystone.Client(session=Session(auth))
        rules = {"multi_factor_auth_rules": [["password", "totp"]], "multi_factor_auth_enabled": True}
        self.user = self.admin.users.create("mona", password=PASSWORD, options=rules)
        self.project = self.admin.projects.create("monas", "default")
        self.admin.roles.grant(self.admin.roles.find(name="member"), user=self.user, project=self.project)
        self.admin.credentials.create(self.user, "totp", SEED)

    @property
    def code(self) -> str:
        return next(iter(codes(SEED, clock(), 0).values()))


@pytest.fixture(scope="module")
def mona(live: LiveCloud) -> Mona:
    return Mona(live)


def test_two_factors_with_v3multifactor(mona: Mona) -> None:
    auth = v3.MultiFactor(mona.url, ["v3password", "v3totp"], username="mona", password=PASSWORD, passcode=mona.code,
                          user_domain_id="default", project_name="monas", project_domain_id="default")  # fmt: skip
    access = auth.get_access(Session())
    assert access.project_id == mona.project.id
    assert set(access._data["token"]["methods"]) == {"password", "totp"}


def test_two_factors_with_the_command(stock: Any, mona: Mona) -> None:
    """As docs/howto/credentials.md says it."""
    seed = base64.b32encode(b"a seed for the command").decode()
    stock("user", "create", "--password", PASSWORD, "cora")
    stock("credential", "create", "--type", "totp", "cora", seed)
    stock.say("user", "set", "cora", "--enable-multi-factor-auth", "--multi-factor-auth-rule", "password,totp")
    stock.say("role", "add", "--user", "cora", "--project", "admin", "member")
    code = next(iter(codes(seed, clock(), 0).values()))
    who = ("--os-auth-type", "v3multifactor", "--os-auth-methods", "v3password,v3totp", "--os-username", "cora",
           "--os-passcode", code)  # fmt: skip
    assert stock(*who, "token", "issue")["user_id"]
    assert "required auth rules" in stock.say("--os-username", "cora", "token", "issue", code=1)


def test_two_factors_one_after_the_other(mona: Mona) -> None:
    device = mona.admin.credentials.create(mona.user, "totp", base64.b32encode(b"yet another seed").decode())
    auth = v3.Password(mona.url, username="mona", password=PASSWORD, user_domain_id="default",
                       project_name="monas", project_domain_id="default")  # fmt: skip
    with pytest.raises(exceptions.MissingAuthMethods) as missing:
        auth.get_access(Session())
    assert missing.value.required_auth_methods == [["password", "totp"]]
    code = next(iter(codes(device.blob, clock(), 0).values()))
    auth.add_method(v3.TOTPMethod(username="mona", passcode=code, user_domain_id="default"))
    auth.auth_methods = [method for method in auth.auth_methods if isinstance(method, v3.TOTPMethod)]
    auth.auth_methods.append(v3.ReceiptMethod(receipt=missing.value.receipt))
    assert auth.get_access(Session()).project_id == mona.project.id


def test_v3totp_alone(mona: Mona) -> None:
    user = mona.admin.users.create("solo", password=PASSWORD)
    mona.admin.credentials.create(user, "totp", SEED)
    access = v3.TOTP(mona.url, username="solo", passcode=mona.code, user_domain_id="default", unscoped=True).get_access(
        Session()
    )
    assert access.user_id == user.id
    with pytest.raises(exceptions.Unauthorized):
        v3.TOTP(mona.url, username="solo", passcode="000000", user_domain_id="default").get_access(Session())


def test_keystoneclient_ec2(mona: Mona) -> None:
    made = mona.admin.ec2.create(mona.user.id, mona.project.id)
    assert mona.admin.ec2.get(mona.user.id, made.access).secret == made.secret
    assert [one.access for one in mona.admin.ec2.list(mona.user.id)] == [made.access]
    mona.admin.ec2.delete(mona.user.id, made.access)
    assert mona.admin.ec2.list(mona.user.id) == []


@pytest.mark.parametrize("signer", [S3SigV4Auth, HmacV1Auth])
def test_what_amazons_library_signs(live: LiveCloud, mona: Mona, signer: Any) -> None:
    """A store hands the string to sign and the signature to `/v3/s3tokens`, as Ceph and Swift do."""
    made = mona.admin.ec2.create(mona.user.id, mona.project.id)
    request = AWSRequest(
        method="GET", url="http://store/bucket/key", headers={"Host": "store", "Date": "Mon, 23 Nov 2026 12:00:00 GMT"}
    )
    seen: list[str] = []

    class Watched(signer):  # type: ignore[misc]
        def signature(self, text: str, request: Any) -> Any:
            seen.append(text)
            return super().signature(text, request)

        def sign_string(self, text: str) -> Any:
            seen.append(text)
            return super().sign_string(text)

    keys = Credentials(made.access, made.secret)
    (Watched(keys, "s3", "RegionOne") if signer is S3SigV4Auth else Watched(keys)).add_auth(request)
    signature = (
        request.headers["Authorization"]
        .replace(":", "=")
        .rpartition("=" if signer is S3SigV4Auth else f"{made.access}=")[2]
    )
    shown = {"access": made.access, "token": base64.b64encode(seen[0].encode()).decode(), "signature": signature}
    token = live.token("admin", {"project": {"name": "admin", "domain": {"id": "default"}}})
    answer = httpx.post(f"{mona.url}/s3tokens", json={"credentials": shown}, headers={"X-Auth-Token": token})
    assert answer.status_code == 200, answer.text
    assert answer.json()["token"]["user"]["name"] == "mona"
    assert json.dumps(answer.json()).find(made.secret) < 0
    mona.admin.ec2.delete(mona.user.id, made.access)
