"""What the relying party refuses. A provider in this process signs whatever a test asks for."""

import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from pileus.drivers.federation.oidc import RelyingParty
from pileus.drivers.federation.oidc import provider as provider_module
from pileus.drivers.federation.oidc.attributes import attributes
from pileus.drivers.federation.protocol import OidcProvider, Refused, Silent, Visit

ISSUER = "https://op.example"
SETTINGS = OidcProvider(issuer=ISSUER, client_id="pileus", clients=("cli",), audiences=("https://cloud.example",))
VISIT = Visit(redirect_uri="https://cloud.example/cb", state="s", nonce="n", verifier="v" * 43)
GOOD = {"iss": ISSUER, "aud": "pileus", "sub": "alice", "nonce": "n"}
KEY, OTHER = (RSAKey.generate_key(2048, {"kid": kid, "alg": "RS256"}) for kid in ("one", "two"))


class Op:
    """Answers of a provider; tests change them."""

    def __init__(self) -> None:
        self.document: dict[str, Any] = {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/authorize?tenant=1",
            "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}/keys",
            "introspection_endpoint": f"{ISSUER}/introspect",
        }
        self.keys = [KEY.as_dict(private=False)]
        self.tokens: dict[str, Any] = {}
        self.introspection: dict[str, Any] = {"active": False}
        self.userinfo: dict[str, Any] | None = None
        self.asked: list[httpx.Request] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        found: Any = {
            "/.well-known/openid-configuration": self.document,
            "/keys": {"keys": self.keys},
            "/token": self.tokens,
            "/introspect": self.introspection,
            "/userinfo": self.userinfo,
        }[request.url.path]
        return found if isinstance(found, httpx.Response) else httpx.Response(200, json=found)

    def id_token(self, key: RSAKey = KEY, alg: str = "RS256", **claims: Any) -> None:
        now = int(time.time())
        told = {k: v for k, v in {**GOOD, "iat": now, "exp": now + 300, **claims}.items() if v is not None}
        self.tokens = {"id_token": jwt.encode({"alg": alg, "kid": key.kid}, told, key), "access_token": "opaque"}


@pytest.fixture
def op(monkeypatch: pytest.MonkeyPatch) -> Op:
    found, client = Op(), httpx.AsyncClient

    def make(**more: Any) -> httpx.AsyncClient:
        assert more["follow_redirects"] is False
        return client(transport=httpx.MockTransport(found.answer))

    monkeypatch.setattr(provider_module.httpx, "AsyncClient", make)
    return found


@pytest.fixture
def party(op: Op) -> RelyingParty:
    return RelyingParty({(ISSUER, "pileus"): "secret:&"})


async def test_where_a_browser_goes(party: RelyingParty) -> None:
    url = urlsplit(await party.authorization_url(SETTINGS, VISIT))
    asked = {name: values[0] for name, values in parse_qs(url.query).items()}
    assert (url.netloc, asked["tenant"]) == ("op.example", "1")
    assert asked["response_type"] == "code"
    assert asked["code_challenge_method"] == "S256"
    assert VISIT.verifier not in url.query
    assert (asked["state"], asked["nonce"], asked["scope"]) == ("s", "n", "openid profile email")


async def test_a_good_answer(op: Op, party: RelyingParty) -> None:
    op.id_token(email="a@x", groups=["a", "b"], verified=True, age=7, address={"x": 1})
    said = await party.redeem(SETTINGS, VISIT, "code")
    assert said.remote_id == ISSUER
    assert said.attributes["REMOTE_USER"] == ["alice"]
    assert said.attributes["OIDC-groups"] == said.attributes["HTTP_OIDC_GROUPS"] == ["a", "b"]
    assert said.attributes["OIDC-verified"] == ["1"]
    assert said.attributes["OIDC-age"] == ["7"]
    assert said.attributes["OIDC-address"] == ['{"x":1}']
    (sent,) = [r for r in op.asked if r.url.path == "/token"]
    assert parse_qs(sent.content.decode())["code_verifier"] == [VISIT.verifier]
    assert sent.headers["authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "other"}, {"nonce": None}, {"iss": "https://evil.example"}, {"iss": None}, {"aud": "other"}, {"aud": None},
        {"aud": ["pileus", "other"]}, {"aud": ["pileus", "other"], "azp": "other"}, {"azp": "other"}, {"sub": None},
        {"exp": 1}, {"exp": None}, {"iat": None}, {"nbf": 4_000_000_000},
    ],
)  # fmt: skip
async def test_claims_that_are_not_as_they_must_be(op: Op, party: RelyingParty, claims: dict[str, Any]) -> None:
    op.id_token(**claims)
    with pytest.raises(Refused):
        await party.redeem(SETTINGS, VISIT, "code")


async def test_several_audiences_with_us_as_the_party(op: Op, party: RelyingParty) -> None:
    op.id_token(aud=["pileus", "other"], azp="pileus")
    assert (await party.redeem(SETTINGS, VISIT, "code")).attributes["OIDC-aud"] == ["pileus", "other"]


def by_hand(header: dict[str, str], secret: bytes) -> str:
    """A token that no library would make: unsigned, or signed by what everybody knows."""
    now = int(time.time())
    parts = [
        urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=") for p in (header, {**GOOD, "iat": now, "exp": now + 300})
    ]
    signed = b".".join(parts)
    mac = urlsafe_b64encode(hmac.digest(secret, signed, "sha256")).rstrip(b"=") if secret else b""
    return b".".join([signed, mac]).decode()


async def test_signatures(op: Op, party: RelyingParty) -> None:
    op.id_token(key=OTHER)
    with pytest.raises(Refused, match="not signed"):
        await party.redeem(SETTINGS, VISIT, "code")
    for alg, secret in (("none", b""), ("HS256", KEY.as_pem(private=False)), ("HS256", b"secret:&")):
        op.tokens = {"id_token": by_hand({"alg": alg, "kid": "one"}, secret)}
        with pytest.raises(Refused, match="not signed"):
            await party.redeem(SETTINGS, VISIT, "code")
    for nothing in ("", "a.b.c", "x"):
        op.tokens = {"id_token": nothing}
        with pytest.raises(Refused):
            await party.redeem(SETTINGS, VISIT, "code")


async def test_keys_are_fetched_again_but_not_for_every_bad_token(
    op: Op, party: RelyingParty, monkeypatch: pytest.MonkeyPatch
) -> None:
    op.id_token()
    await party.redeem(SETTINGS, VISIT, "code")
    op.id_token(key=OTHER)
    for _ in range(5):
        with pytest.raises(Refused):
            await party.redeem(SETTINGS, VISIT, "code")
    assert len([r for r in op.asked if r.url.path == "/keys"]) == 1
    op.keys = [OTHER.as_dict(private=False)]
    monkeypatch.setattr(provider_module, "KEYS_AGE", 0.0)
    await party.redeem(SETTINGS, VISIT, "code")


async def test_userinfo_adds_but_never_overrules(op: Op, party: RelyingParty) -> None:
    op.document["userinfo_endpoint"] = f"{ISSUER}/userinfo"
    op.id_token(email="true@x")
    op.userinfo = {"sub": "alice", "email": "false@x", "ISS": "https://evil.example", "phone": "1"}
    said = await party.redeem(SETTINGS, VISIT, "code")
    assert said.attributes["OIDC-email"] == ["true@x"]
    assert said.attributes["OIDC-phone"] == ["1"]
    assert said.attributes["HTTP_OIDC_ISS"] == [ISSUER]
    op.userinfo = {"sub": "mallory"}
    with pytest.raises(Refused, match="somebody else"):
        await party.redeem(SETTINGS, VISIT, "code")


ACTIVE = {"active": True, "client_id": "cli", "sub": "alice"}


@pytest.mark.parametrize(
    ("told", "good"),
    [
        (ACTIVE, True),
        ({**ACTIVE, "active": False}, False),
        ({**ACTIVE, "active": "true"}, False),
        ({**ACTIVE, "client_id": "stranger"}, False),
        ({**ACTIVE, "client_id": "stranger", "aud": "https://cloud.example"}, True),
        ({**ACTIVE, "client_id": "stranger", "aud": ["x", "pileus"]}, True),
        ({**ACTIVE, "iss": "https://evil.example"}, False),
        ({**ACTIVE, "exp": 1}, False),
        ({"active": True, "sub": "alice"}, False),
    ],
)
async def test_introspection(op: Op, party: RelyingParty, told: dict[str, Any], good: bool) -> None:
    op.introspection = told
    if good:
        assert (await party.inspect(SETTINGS, "opaque")).attributes["REMOTE_USER"] == ["alice"]
    else:
        with pytest.raises(Refused):
            await party.inspect(SETTINGS, "opaque")


async def test_access_tokens_that_are_jwts(op: Op, party: RelyingParty) -> None:
    def made(typ: str = "at+jwt", key: RSAKey = KEY, **claims: Any) -> str:
        told = {"iss": ISSUER, "sub": "alice", "azp": "cli", "exp": int(time.time()) + 300, **claims}
        return jwt.encode({"alg": "RS256", "kid": key.kid, "typ": typ}, told, key)

    assert (await party.inspect(SETTINGS, made())).attributes["OIDC-azp"] == ["cli"]
    for bad in (
        made(nonce="n"), made(typ="logout+jwt"), made(key=OTHER), made(azp="stranger"), made(exp=1), made(iss="https://evil.example"),
        "é", "", "x" * 20000,
    ):  # fmt: skip
        with pytest.raises(Refused):
            await party.inspect(SETTINGS, bad)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda op: op.document.update(issuer="https://evil.example"),
        lambda op: op.document.update(token_endpoint="http://169.254.169.254/latest"),
        lambda op: op.document.update(token_endpoint="file:///etc/passwd"),
        lambda op: op.document.pop("token_endpoint"),
        lambda op: setattr(op, "document", httpx.Response(302, headers={"location": "http://127.0.0.1:1/"})),
        lambda op: setattr(op, "document", httpx.Response(200, content=b"x" * (2 << 20))),
        lambda op: setattr(op, "document", httpx.Response(200, content=b"[]")),
        lambda op: setattr(op, "tokens", httpx.Response(200, content=b"<html>")),
    ],
)
async def test_providers_that_answer_nonsense(op: Op, party: RelyingParty, spoil: Callable[[Op], None]) -> None:
    op.id_token()
    spoil(op)
    with pytest.raises(Silent):
        await party.redeem(SETTINGS, VISIT, "code")


async def test_only_https_is_asked() -> None:
    with pytest.raises(Silent, match="https only"):
        await RelyingParty({}).inspect(OidcProvider(issuer="http://op.example", client_id="c"), "t")


def test_no_claim_takes_the_name_of_a_checked_one() -> None:
    found = attributes({"SUB": "root", "sub": "alice", "email.verified": True, "e mail": None}, "sub")
    assert found["HTTP_OIDC_SUB"] == ["alice"]
    assert found["OIDC-SUB"] == ["root"]
    assert found["HTTP_OIDC_EMAIL_VERIFIED"] == ["1"]
    assert "OIDC-e mail" not in found
