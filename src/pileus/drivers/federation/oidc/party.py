"""A relying party of OpenID Connect."""

import base64
import hashlib
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpx
from joserfc.errors import JoseError
from joserfc.jwt import JWTClaimsRegistry

from pileus.drivers.federation.oidc.attributes import attributes
from pileus.drivers.federation.oidc.provider import Described, decoded
from pileus.drivers.federation.protocol import OidcProvider, Refused, Said, Silent, Visit

Claims = dict[str, Any]
_LEEWAY = 60
"""Seconds that clocks may differ."""
_OF_ID_TOKENS = ("nonce", "at_hash", "c_hash")


class RelyingParty:
    """Implements `OidcClient`. `secrets` are those of our clients, by issuer and client id."""

    def __init__(self, secrets: Mapping[tuple[str, str], str]) -> None:
        self._secrets = secrets
        self._known: dict[OidcProvider, Described] = {}

    def _of(self, provider: OidcProvider) -> Described:
        found = self._known.get(provider)
        if found is None:
            found = self._known[provider] = Described(
                provider, self._secrets.get((provider.issuer, provider.client_id), "")
            )
        return found

    async def close(self) -> None:
        for known in self._known.values():
            await known.http.aclose()

    # --- browsers ---------------------------------------------------------------------------------------------------

    async def authorization_url(self, provider: OidcProvider, visit: Visit) -> str:
        url = await self._of(provider).endpoint("authorization_endpoint")
        digest = hashlib.sha256(visit.verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": provider.client_id,
            "redirect_uri": visit.redirect_uri,
            "scope": " ".join(provider.scopes),
            "state": visit.state,
            "nonce": visit.nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(asked)}"

    async def redeem(self, provider: OidcProvider, visit: Visit, code: str) -> Said:
        known = self._of(provider)
        answer = await _post(
            known,
            await known.endpoint("token_endpoint"),
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": visit.redirect_uri,
                "code_verifier": visit.verifier,
            },
        )
        if answer.status_code != 200:
            raise Refused(f"the provider does not take the code: {_reason(answer)}")
        tokens = decoded(answer)
        claims = await _read_id_token(known, str(tokens.get("id_token", "")), visit.nonce)
        access_token = tokens.get("access_token")
        if isinstance(access_token, str):
            claims = {**await _userinfo(known, access_token, str(claims["sub"])), **claims}
        return _said(provider, claims)

    # --- bearer tokens ----------------------------------------------------------------------------------------------

    async def inspect(self, provider: OidcProvider, access_token: str) -> Said:
        known = self._of(provider)
        if not access_token or len(access_token) > 1 << 14 or not access_token.isascii():
            raise Refused("this is no access token")
        claims = await _read_access_token(known, access_token)
        if claims is None:
            claims = await _introspect(known, access_token)
        _check_addressee(provider, claims)
        if isinstance(claims.get("sub"), str):
            claims = {**await _userinfo(known, access_token, claims["sub"]), **claims}
        return _said(provider, {**claims, "iss": provider.issuer})


def _said(provider: OidcProvider, claims: Claims) -> Said:
    return Said(remote_id=provider.issuer, attributes=attributes(claims, provider.remote_user))


async def _read_id_token(known: Described, id_token: str, nonce: str) -> Claims:
    if not id_token:
        raise Refused("the provider gave no ID token")
    claims = (await known.verify(id_token)).claims
    client_id = known.settings.client_id
    _check_claims(
        claims,
        iss={"essential": True, "value": known.settings.issuer},
        aud={"essential": True, "value": client_id},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
        nonce={"essential": True, "value": nonce},
    )
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if claims.get("azp", None if several else client_id) != client_id:
        raise Refused("the ID token was given to another client")
    return claims


async def _read_access_token(known: Described, token: str) -> Claims | None:
    """The claims of a JWT that the provider signed; None for what is no JWT. An ID token is no access token."""
    if token.count(".") != 2:
        return None
    opened = await known.verify(token)
    claims = opened.claims
    kind = str(opened.header.get("typ", "")).lower()
    if any(name in claims for name in _OF_ID_TOKENS) or claims.get("typ") == "ID" or kind not in ("", "jwt", "at+jwt"):
        raise Refused("this is no access token")
    _check_claims(claims, iss={"essential": True, "value": known.settings.issuer}, exp={"essential": True})
    return claims


async def _introspect(known: Described, token: str) -> Claims:
    url = await known.endpoint("introspection_endpoint")
    answer = await _post(known, url, {"token": token, "token_type_hint": "access_token"})
    if answer.status_code != 200:
        raise Silent(f"introspection answers {answer.status_code}")
    claims = decoded(answer)
    if claims.get("active") is not True:
        raise Refused("the provider says that the access token is not active")
    if claims.get("iss", known.settings.issuer) != known.settings.issuer:
        raise Refused("the access token is of another issuer")
    if isinstance(claims.get("exp"), int) and claims["exp"] < time.time() - _LEEWAY:
        raise Refused("the access token has expired")
    return {name: value for name, value in claims.items() if name != "active"}


def _check_addressee(provider: OidcProvider, claims: Claims) -> None:
    """A token that somebody gave to any other application of the provider must not open this one."""
    clients = {provider.client_id, *provider.clients}
    given_to = {claims[name] for name in ("azp", "client_id") if isinstance(claims.get(name), str)}
    aud = claims.get("aud")
    meant_for = {a for a in (aud if isinstance(aud, list) else [aud]) if isinstance(a, str)}
    if not given_to & clients and not meant_for & {provider.client_id, *provider.audiences}:
        raise Refused("the access token is neither for this cloud nor of one of its clients")


async def _userinfo(known: Described, access_token: str, subject: str) -> Claims:
    """More about the subject, where the provider tells it with this token."""
    if not isinstance((await known.document()).get("userinfo_endpoint"), str):
        return {}
    url = await known.endpoint("userinfo_endpoint")
    answer = await known.fetch("GET", url, headers={"Authorization": f"Bearer {access_token}"})
    if answer.status_code in (401, 403):
        return {}
    if answer.status_code != 200:
        raise Silent(f"userinfo answers {answer.status_code}")
    if "jwt" in answer.headers.get("content-type", ""):
        claims: Claims = (await known.verify(answer.text)).claims
    else:
        claims = decoded(answer)
    if claims.get("sub") != subject:
        raise Refused("userinfo tells of somebody else")
    return claims


async def _post(known: Described, url: str, form: dict[str, str]) -> httpx.Response:
    """A form, in our client's name: by header, or in the form where the provider takes nothing else."""
    client_id, secret = known.settings.client_id, known.secret
    taken = (await known.document()).get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    if not secret:
        return await known.fetch("POST", url, data={**form, "client_id": client_id})
    if "client_secret_basic" not in taken and "client_secret_post" in taken:
        return await known.fetch("POST", url, data={**form, "client_id": client_id, "client_secret": secret})
    pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}".encode()
    header = {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
    return await known.fetch("POST", url, data=form, headers=header)


def _check_claims(claims: Claims, **wanted: Any) -> None:
    try:
        JWTClaimsRegistry(now=lambda: int(time.time()), leeway=_LEEWAY, **wanted).validate(claims)
    except (JoseError, ValueError, TypeError) as error:
        raise Refused(f"a claim of the token is not as it must be: {error}") from None


def _reason(answer: httpx.Response) -> str:
    """The provider's own word for its refusal, bounded."""
    try:
        return str(decoded(answer).get("error", answer.status_code))[:100]
    except Silent:
        return str(answer.status_code)
