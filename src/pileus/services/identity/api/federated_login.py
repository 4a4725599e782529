"""Logging in by another's word: with a bearer token, or by a browser that is sent to the provider and back."""

from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from msgspec.structs import replace

from pileus.drivers.federation.protocol import Said, SamlSelf
from pileus.kernel.rest import Answer, Operation, Request
from pileus.kernel.types import SECOND, Invalid, clock
from pileus.services.identity.api import enhanced, pages
from pileus.services.identity.api.tokens import Tokens
from pileus.services.identity.core import protocols, refusals, visits
from pileus.services.identity.core.asking import Asked
from pileus.services.identity.core.federation import heard, method_of
from pileus.services.identity.core.methods.mapped import admitted, bearer
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.core.visits import PATIENCE, Pending
from pileus.services.identity.core.vouching import enabled_provider

_PROVIDER = "/v3/OS-FEDERATION/identity_providers/{idp_id}/protocols/{protocol_id}"
_AUTH = "/v3/auth/OS-FEDERATION"
OIDC_CALLBACK = f"{_AUTH}/oidc/callback"
"""Where providers of OpenID Connect send browsers back to: the redirect URI to register there."""
SAML_CONSUMER = f"{_AUTH}/saml2/acs"
SAML_ENTITY = f"{_AUTH}/identity_providers/{{idp_id}}/protocols/{{protocol_id}}/saml2/metadata"
_PAOS = "application/vnd.paos+xml"
_LARGEST_FORM = 1 << 20
_COOKIE = "pileus_login_"
UNSCOPED = Asked("")


class FederatedLogin:
    def __init__(self, near: Near, tokens: Tokens) -> None:
        self.near, self.tokens = near, tokens

    def all_operations(self) -> list[Operation]:
        one = f"{_AUTH}/identity_providers/{{idp_id}}/protocols/{{protocol_id}}/websso"
        old = f"{_AUTH}/identity_providers/{{idp_id}}/protocol/{{protocol_id}}/websso"
        return [
            *(_op(m, f"{_PROVIDER}/auth", "authenticate", "An unscoped token for who bears a provider's access token.", self._auth) for m in ("GET", "POST")),
            *(_op(m, f"{_AUTH}/websso/{{protocol_id}}", "websso", "Begin a browser's login; it chooses among several providers.", self._choose) for m in ("GET", "POST")),
            *(_op(m, path, "websso_of", "Begin a browser's login at one provider.", self._begin) for path in (one, old) for m in ("GET", "POST")),
            _op("POST", SAML_CONSUMER, "saml_consumer", "Where a browser brings what a SAML identity provider says.", self._saml_back),
            _op("GET", SAML_ENTITY, "saml_entity", "Metadata of the SAML service provider that this cloud is, for one identity provider.", self._describe),
            _op("POST", enhanced.CONSUMER, "enhanced_consumer", "Where an enhanced client brings what a SAML identity provider says.", self._consume),
            _op("GET", OIDC_CALLBACK, "oidc_callback", "Where a provider of OpenID Connect sends a browser back to.", self._oidc_back),
        ]  # fmt: skip

    # --- bearer tokens ----------------------------------------------------------------------------------------------

    async def _auth(self, request: Request) -> Answer:
        provider_id, protocol_id = request.params["idp_id"], request.params["protocol_id"]
        await self.near.db.read(enabled_provider, self.near, provider_id)
        if self.near.federation.saml_of(provider_id, protocol_id) is not None:
            came = enhanced.arrival(self.near, _cookies(request).get(enhanced.COOKIE, ""), provider_id, protocol_id)
            if came is not None:
                return await self._admit(request, provider_id, protocol_id, came.said)
            return await self._enhanced(request, provider_id, protocol_id)
        token = bearer(request.headers.get("authorization", ""))
        said = await self.near.federation.inspect(provider_id, protocol_id, token)
        return await self._admit(request, provider_id, protocol_id, said)

    async def _admit(self, request: Request, provider_id: str, protocol_id: str, said: Said) -> Answer:
        proof = await admitted(self.near, method_of(protocol_id), provider_id, protocol_id, said)
        return await self.tokens.admit(request, [proof], UNSCOPED)

    # --- enhanced clients -------------------------------------------------------------------------------------------

    async def _enhanced(self, request: Request, provider_id: str, protocol_id: str) -> Answer:
        """ECP: a client that carries a request to its provider itself, and brings the answer to the same URL."""
        near, federation = self.near, self.near.federation
        saml, me = federation.settings.saml[provider_id], itself(self._base(request))
        if request.method == "POST" and request.headers.get("content-type", "").partition(";")[0].strip() == _PAOS:
            envelope = await request.read(_LARGEST_FORM)
            relay_state = await heard(provider_id, federation.saml.unwrap(envelope))
            errand = visits.open_errand(near.keyring, relay_state, clock())
            if errand is not None and (errand.provider_id, errand.protocol_id) != (provider_id, protocol_id):
                raise refusals.unauthorized()
            request_id = errand.request_id if errand is not None else ""
            me = replace(me, paos_url=self._base(request) + auth_path(provider_id, protocol_id))
            said = await heard(provider_id, federation.saml.read_enhanced(saml, me, envelope, request_id))
            return await self._admit(request, provider_id, protocol_id, said)
        if _PAOS not in request.headers.get("accept", "") or "paos" not in request.headers:
            raise refusals.unauthorized()
        errand = visits.new_errand(provider_id, protocol_id)
        sealed = visits.seal(near.keyring, errand)
        asked = await heard(provider_id, federation.saml.ask_enhanced(saml, me, errand.request_id, sealed))
        return Answer(200, None, {"Cache-Control": "no-store"}, raw=asked.envelope, media=_PAOS)

    async def _consume(self, request: Request) -> Answer:
        base = self._base(request)
        return await enhanced.consume(self.near, request, itself(base), base, f"{_PROVIDER}/auth")

    # --- browsers ---------------------------------------------------------------------------------------------------

    async def _choose(self, request: Request) -> Answer:
        origin, protocol_id = self._origin(request), request.params["protocol_id"]
        known = self.near.federation.speaking(protocol_id)
        if not known:
            raise refusals.unauthorized()
        if len(known) == 1:
            return await self._send(request, next(iter(known)), protocol_id, origin)
        below = f"{self._base(request)}{_AUTH}/identity_providers"
        query = urlencode({"origin": origin})
        return pages.choice(
            {
                title: f"{below}/{quote(id, safe='')}/protocols/{quote(protocol_id, safe='')}/websso?{query}"
                for id, title in known.items()
            }
        )

    async def _begin(self, request: Request) -> Answer:
        origin = self._origin(request)
        return await self._send(request, request.params["idp_id"], request.params["protocol_id"], origin)

    def _origin(self, request: Request) -> str:
        """The dashboard that the token will go to. Raises unless an operator trusts exactly this one."""
        origin = request.query.one("origin")
        if not origin:
            raise Invalid("Request must have an origin query parameter")
        if origin not in self.near.federation.settings.trusted_dashboards:
            raise refusals.unauthorized()
        return origin

    def _base(self, request: Request) -> str:
        return self.near.federation.settings.base_url.rstrip("/") or request.base

    async def _send(self, request: Request, provider_id: str, protocol_id: str, origin: str) -> Answer:
        await self.near.db.read(enabled_provider, self.near, provider_id)
        federation, base = self.near.federation, self._base(request)
        oidc, saml = federation.oidc_of(provider_id, protocol_id), federation.saml_of(provider_id, protocol_id)
        visit, request_id = visits.new_visit(base + OIDC_CALLBACK), ""
        if oidc is not None:
            url = await heard(provider_id, federation.oidc.authorization_url(oidc, visit))
        elif saml is not None:
            me = itself(base)
            asked = await heard(provider_id, federation.saml.ask(saml, me, visit.state))
            url, request_id = asked.url, asked.id
        else:
            raise refusals.unauthorized()
        pending = Pending(
            provider_id=provider_id,
            protocol_id=protocol_id,
            origin=origin,
            visit=visit,
            ends_at=clock() + PATIENCE,
            request_id=request_id,
        )
        cookie = _cookie(visit.state, visits.seal(self.near.keyring, pending), base, PATIENCE // SECOND)
        return Answer(302, None, {"Location": url, "Set-Cookie": cookie, "Cache-Control": "no-store"}, raw=b"")

    async def _oidc_back(self, request: Request) -> Answer:
        pending = self._pending(request, request.query.one("state") or "")
        code, federation = request.query.one("code"), self.near.federation
        oidc = federation.oidc_of(pending.provider_id, pending.protocol_id)
        if not code or oidc is None:
            raise refusals.unauthorized()
        said = await heard(pending.provider_id, federation.oidc.redeem(oidc, pending.visit, code))
        return await self._go_home(request, pending, said)

    async def _saml_back(self, request: Request) -> Answer:
        form = dict(parse_qsl((await request.read(_LARGEST_FORM)).decode("latin-1")))
        state, response = form.get("RelayState", ""), form.get("SAMLResponse", "")
        if _name(state) not in _cookies(request) and "again" not in form:
            # The form came from the provider's page. Our cookie only comes with one from ours.
            again = {"RelayState": state, "SAMLResponse": response, "again": "1"}
            return pages.once_more(self._base(request) + SAML_CONSUMER, again)
        pending, federation = self._pending(request, state), self.near.federation
        saml = federation.saml_of(pending.provider_id, pending.protocol_id)
        if saml is None:
            raise refusals.unauthorized()
        me = itself(self._base(request))
        asked = federation.saml.read(saml, me, response, pending.request_id)
        return await self._go_home(request, pending, await heard(pending.provider_id, asked))

    async def _describe(self, request: Request) -> Answer:
        provider_id, protocol_id = request.params["idp_id"], request.params["protocol_id"]
        if self.near.federation.saml_of(provider_id, protocol_id) is None:
            raise protocols.missing(provider_id, protocol_id)
        me = itself(self._base(request))
        return Answer(200, None, raw=await self.near.federation.saml.describe(me), media="text/xml")

    def _pending(self, request: Request, state: str) -> Pending:
        """The login that this browser began under this state. Raises `Unauthorized` when it began none."""
        sealed = _cookies(request).get(_name(state), "")
        pending = visits.open_pending(self.near.keyring, sealed, clock()) if state and sealed else None
        if pending is None or pending.visit.state != state:
            raise refusals.unauthorized()
        return pending

    async def _go_home(self, request: Request, pending: Pending, said: Said) -> Answer:
        answer = await self._admit(request, pending.provider_id, pending.protocol_id, said)
        gone = _cookie(pending.visit.state, "", self._base(request), 0)
        return pages.way_back(pending.origin, answer.headers["X-Subject-Token"], {"Set-Cookie": gone})


def itself(base: str) -> SamlSelf:
    """The service provider that this cloud is, one to all identity providers."""
    consumer = base + enhanced.CONSUMER
    return SamlSelf(entity_id=f"{base}{_AUTH}/saml2/sp", post_url=base + SAML_CONSUMER, paos_url=consumer)


def auth_path(provider_id: str, protocol_id: str) -> str:
    one = _PROVIDER.format(idp_id=quote(provider_id, safe=""), protocol_id=quote(protocol_id, safe=""))
    return f"{one}/auth"


def _name(state: str) -> str:
    """One cookie for each login on its way: several tabs do not disturb each other."""
    return _COOKIE + "".join(c for c in state[:12] if c.isalnum())


def _cookie(state: str, value: str, base: str, seconds: int) -> str:
    secure = "; Secure" if base.startswith("https:") else ""
    return f"{_name(state)}={value}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Lax{secure}"


def _cookies(request: Request) -> Mapping[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(request.headers.get("cookie", "")).items()}
    except CookieError:
        return {}


def _op(method: str, path: str, name: str, summary: str, handle: Any) -> Operation:
    return Operation(
        method=method,
        path=path,
        name=f"{name}_{method.lower()}",
        resource="federation",
        summary=summary,
        public=True,
        raw=True,
        writes=False,
        handle=handle,
    )
