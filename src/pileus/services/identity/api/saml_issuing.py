"""This cloud as a SAML identity provider: assertions for other clouds that trust it."""

from typing import Any
from xml.sax.saxutils import escape

from pileus.kernel.rest import Answer, Operation, Request, Schema
from pileus.kernel.types import NotFound, new_hex
from pileus.services.identity.core import asserting, keys
from pileus.services.identity.core.asserting import Told
from pileus.services.identity.core.federation import heard
from pileus.services.identity.core.methods.schemas import TEXT, open_object
from pileus.services.identity.core.neighbours import Near


def _strict(properties: dict[str, Schema], *required: str) -> Schema:
    return {**open_object(properties, *required), "additionalProperties": False}


_ID = _strict({"id": TEXT}, "id")
_IDENTITY = _strict({"token": _ID, "methods": {"type": "array"}}, "token")
_SCOPE = _strict({"service_provider": _ID}, "service_provider")
_BODY = open_object({"auth": _strict({"identity": _IDENTITY, "scope": _SCOPE}, "identity", "scope")}, "auth")
_SOAP, _ECP = "http://schemas.xmlsoap.org/soap/envelope/", "urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp"
_NEXT = "http://schemas.xmlsoap.org/soap/actor/next"


class SamlIssuing:
    def __init__(self, near: Near) -> None:
        self.near = near

    def all_operations(self) -> list[Operation]:
        return [
            _op("POST", "/v3/auth/OS-FEDERATION/saml2", "assert", "An assertion for a service provider.", self._assert, body=_BODY),
            _op("POST", "/v3/auth/OS-FEDERATION/saml2/ecp", "assert_enhanced", "The same in an envelope for enhanced clients.", self._assert_enhanced, body=_BODY),
            _op("GET", "/v3/OS-FEDERATION/saml2/metadata", "metadata", "Metadata of the identity provider that this cloud is.", self._describe, raw=True),
        ]  # fmt: skip

    def _base(self, request: Request) -> str:
        return self.near.federation.settings.base_url.rstrip("/") or request.base

    async def _told(self, request: Request) -> tuple[Told, str]:
        """What is asserted, and the signed response that says it."""
        near, auth = self.near, request.body["auth"]
        claims = await keys.open_claims(near, auth["identity"]["token"]["id"])
        if claims is None:
            raise NotFound("Could not recognize Fernet token")
        told = await near.db.read(asserting.tell, near, claims, auth["scope"]["service_provider"]["id"])
        issuer = asserting.issuer_of(near.federation.settings, self._base(request))
        recipient = told.partner.sp_url
        signed = await heard(
            "itself", near.federation.saml.vouch(issuer, told.user, told.attributes, recipient, told.until)
        )
        return told, signed

    async def _assert(self, request: Request) -> Answer:
        told, signed = await self._told(request)
        return _xml(told, signed)

    async def _assert_enhanced(self, request: Request) -> Answer:
        told, signed = await self._told(request)
        relay_state = escape(told.partner.relay_state_prefix + new_hex())
        return _xml(
            told,
            f'<soap:Envelope xmlns:soap="{_SOAP}"><soap:Header><ecp:RelayState xmlns:ecp="{_ECP}" '
            f'soap:mustUnderstand="1" soap:actor="{_NEXT}">{relay_state}</ecp:RelayState></soap:Header>'
            f"<soap:Body>{signed}</soap:Body></soap:Envelope>",
        )

    async def _describe(self, request: Request) -> Answer:
        base = self._base(request)
        issuer = asserting.issuer_of(self.near.federation.settings, base)
        content = await self.near.federation.saml.describe_issuer(issuer, f"{base}/v3/OS-FEDERATION/saml2/sso")
        return Answer(200, None, raw=content, media="text/xml")


def _xml(told: Told, text: str) -> Answer:
    headers = {"X-sp-url": told.partner.sp_url, "X-auth-url": told.partner.auth_url, "Cache-Control": "no-store"}
    return Answer(200, None, headers, raw=text.encode(), media="text/xml")


def _op(method: str, path: str, name: str, summary: str, handle: Any, **more: Any) -> Operation:
    return Operation(
        method=method,
        path=path,
        name=name,
        resource="federation",
        summary=summary,
        public=True,
        writes=False,
        handle=handle,
        **more,
    )
