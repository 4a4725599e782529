"""OAuth 2.0 with mutual TLS: a client certificate that a proxy hands on, held against a user, and bound to the token."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from identity_cloud import Cloud, Reply
from pileus.kernel.rest.certificates import read, thumbprint

FORM = {"content-type": "application/x-www-form-urlencoded"}
RULES = [
    {
        "local": [{"user": {"name": "{0}", "email": "{1}", "domain": {"name": "Default"}}}],
        "remote": [
            {"type": "SSL_CLIENT_SUBJECT_DN_CN"},
            {"type": "SSL_CLIENT_SUBJECT_DN_EMAILADDRESS"},
            {"type": "SSL_CLIENT_ISSUER_DN_O", "any_one_of": ["Trusted"]},
        ],
    }
]


def certificate(name: str, email: str = "bot@example.com", issuer: str = "Trusted") -> bytes:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, name), x509.NameAttribute(NameOID.EMAIL_ADDRESS, email)]
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
    )
    return made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


class Client:
    def __init__(self, cloud: Cloud, admin: str, user: str, project: str) -> None:
        self.cloud, self.admin, self.user, self.project = cloud, admin, user, project

    async def ask(self, pem: bytes | None, user: str = "", header: str = "x-client-cert", **form: str) -> Reply:
        fields = {"grant_type": "client_credentials", "client_id": user or self.user, **form}
        body = "&".join(f"{name}={value}" for name, value in fields.items()).encode()
        shown = {header: quote(pem)} if pem else {}
        return await self.cloud.call("POST", "/v3/OS-OAUTH2/token", body, headers={**FORM, **shown})


@pytest.fixture
async def client(cloud: Cloud, admin: str) -> Client:
    cloud._entry.settings.certificate_header = "x-client-cert"
    project = await cloud.make("project", admin, name="bots")
    user = await cloud.make("user", admin, name="bot", email="bot@example.com", default_project_id=project["id"])
    role = await cloud.named("role", "member", admin)
    await cloud.ok("PUT", f"/v3/projects/{project['id']}/users/{user['id']}/roles/{role['id']}", admin)
    await cloud.ok("PUT", "/v3/OS-FEDERATION/mappings/oauth2_mapping", admin, {"mapping": {"rules": RULES}})
    return Client(cloud, admin, user["id"], project["id"])


async def test_a_token_bound_to_the_certificate(client: Client) -> None:
    pem = certificate("bot")
    reply = await client.ask(pem)
    assert reply.status == 200, reply.body
    token = reply.body["access_token"]
    shown = {"x-client-cert": quote(pem)}
    subject = {"x-subject-token": token}
    body = (await client.cloud.call("GET", "/v3/auth/tokens", None, client.admin, subject)).body["token"]
    assert body["methods"] == ["oauth2_credential"]
    assert body["oauth2_credential"] == {"x5t#S256": thumbprint(read(pem.decode()))}
    assert body["user"]["id"] == client.user
    assert body["project"]["id"] == client.project
    assert (await client.cloud.call("GET", "/v3/auth/projects", None, token, shown)).status == 200
    assert (await client.cloud.call("GET", "/v3/auth/projects", None, token)).status == 401
    other = {"x-client-cert": quote(certificate("bot"))}
    assert (await client.cloud.call("GET", "/v3/auth/projects", None, token, other)).status == 401
    bearer = {"authorization": f"Bearer {token}"}
    assert (await client.cloud.call("GET", "/v3/auth/projects", None, headers={**bearer, **shown})).status == 200
    auth = {"auth": {"identity": {"methods": ["token"], "token": {"id": token}}}}
    assert (await client.cloud.call("POST", "/v3/auth/tokens", auth, headers=shown)).status == 403


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "other"},
        {"name": "bot", "email": "x@example.com"},
        {"name": "bot", "issuer": "Nobody"},
    ],
)
async def test_who_does_not_fit(client: Client, wrong: dict[str, str]) -> None:
    reply = await client.ask(certificate(**wrong))
    assert (reply.status, reply.body["error"]) == (401, "invalid_client")


async def test_who_is_not_there(client: Client) -> None:
    pem = certificate("bot")
    assert (await client.ask(pem, user="nobody")).status == 401
    assert (await client.ask(None)).status == 401
    assert (await client.ask(pem, header="x-other")).status == 401
    assert (await client.ask(b"nonsense")).status == 401
    assert (await client.ask(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")).status == 401
    homeless = await client.cloud.make("user", client.admin, name="homeless", email="bot@example.com")
    assert (await client.ask(certificate("homeless"), user=homeless["id"])).status == 401


async def test_only_proxies_are_believed(client: Client) -> None:
    client.cloud._entry.settings.certificate_peers = ("192.0.2.1",)
    assert (await client.ask(certificate("bot"))).status == 401


async def test_without_a_mapping_nobody_comes_in(client: Client) -> None:
    empty: list[dict[str, Any]] = [
        {"local": [{"user": {"domain": {"name": "Default"}}}], "remote": [{"type": "SSL_CLIENT_SUBJECT_DN_CN"}]}
    ]
    path = "/v3/OS-FEDERATION/mappings/oauth2_mapping"
    await client.cloud.ok("PATCH", path, client.admin, {"mapping": {"rules": empty}})
    assert (await client.ask(certificate("bot"))).status == 401, "a mapping that names no user fits nobody"
    await client.cloud.ok("DELETE", path, client.admin)
    assert (await client.ask(certificate("bot"))).status == 401


def test_the_forms_in_which_proxies_write_it() -> None:
    pem = certificate("bot").decode()
    der = read(pem)
    packed = base64.b64encode(der).decode()
    for text in (quote(pem), pem.replace("\n", " "), pem.replace("\n", "\t"), packed, f":{packed}:"):
        assert read(text) == der
    with pytest.raises(ValueError, match="Only"):
        read("not a certificate!")
