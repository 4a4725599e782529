"""`/v3/OS-OAUTH2/token`: client credentials as RFC 6749 has them. What fails is told in that document's form."""

import base64
import binascii
from collections.abc import Mapping
from urllib.parse import parse_qsl

from pileus.kernel.rest import Answer, Operation, Request
from pileus.kernel.rest.certificates import thumbprint
from pileus.kernel.types import SECOND, Fault, Unauthorized
from pileus.services.identity.api.tokens import Tokens
from pileus.services.identity.core import client_certificates
from pileus.services.identity.core.asking import Asked
from pileus.services.identity.core.methods.method import Attempt, Proof

_PATH = "/v3/OS-OAUTH2/token"
_LONGEST = 65_536
_UNSTORED = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_UNKNOWN = "An unknown error occurred and failed to get an OAuth2.0 access token."
_FAILED = "Client authentication failed."


class OAuth2:
    """The client is an application credential, or a user who shows a certificate; it gets a bearer token."""

    def __init__(self, tokens: Tokens) -> None:
        self.tokens, self.near = tokens, tokens.near

    def all_operations(self) -> list[Operation]:
        return [
            Operation(
                method="POST",
                path=_PATH,
                name="issue",
                resource="oauth2",
                summary="A token for a client's credentials.",
                public=True,
                raw=True,
                handle=self._issue,
            )
        ]

    async def _issue(self, request: Request) -> Answer:
        form = _read_form(await request.read(_LONGEST))
        grant = form.get("grant_type")
        if grant is None:
            return _error(request, 400, "invalid_request", "The parameter grant_type is required.")
        if grant != "client_credentials":
            return _error(
                request, 400, "unsupported_grant_type", f"The parameter grant_type {grant[:255]} is not supported."
            )
        try:
            proof, asked = await self._prove(request, form)
            return self._told(await self.tokens.admit(request, [proof], asked), request)
        except Fault as fault:
            return _refusal(request, fault)

    async def _prove(self, request: Request, form: Mapping[str, str]) -> tuple[Proof, Asked]:
        """Raises `Unauthorized` for a client that is not known, or says nothing of himself."""
        id, secret = _read_basic(request.headers.get("authorization", "")) or (
            form.get("client_id", ""),
            form.get("client_secret", ""),
        )
        if id and not secret and request.certificate:
            return await self._prove_by_certificate(request, id)
        if not id or not secret:
            raise Unauthorized(_FAILED)
        asked = Asked("", given=False)
        attempt = Attempt(payload={"id": id, "secret": secret}, asked=asked, address=request.ctx.address)
        return await self.tokens.methods["application_credential"].prove(attempt), asked

    async def _prove_by_certificate(self, request: Request, user_id: str) -> tuple[Proof, Asked]:
        """The client is a user in its default project, and its token is bound to the certificate."""
        user = await self.near.db.read(client_certificates.check, self.near, user_id, request.certificate)
        proof = Proof(user_id=user.id, methods=("oauth2_credential",), thumbprint=thumbprint(request.certificate))
        return proof, Asked("project", {"id": user.default_project_id})

    def _told(self, answer: Answer, request: Request) -> Answer:
        if answer.status != 201:  # more must be proved, which this way cannot
            return _error(request, 401, "invalid_client", _FAILED)
        token = answer.headers["X-Subject-Token"]
        claims = self.near.keyring.open(token)
        assert claims is not None
        seconds = -(-(claims.expires_at - claims.issued_at) // SECOND)
        return Answer(200, {"access_token": token, "token_type": "Bearer", "expires_in": seconds}, _UNSTORED)


def _read_form(raw: bytes) -> dict[str, str]:
    return dict(parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True))


def _read_basic(header: str) -> tuple[str, str] | None:
    kind, _, packed = header.partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        name, colon, secret = base64.b64decode(packed, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return (name, secret) if colon else ("", "")


def _refusal(request: Request, fault: Fault) -> Answer:
    if fault.status == 401:
        return _error(request, 401, "invalid_client", fault.message)
    if fault.status == 400:
        return _error(request, 400, "invalid_request", fault.message)
    answer = _error(request, fault.status, "other_error", _UNKNOWN)
    answer.headers.update(fault.headers)
    return answer


def _error(request: Request, status: int, code: str, description: str) -> Answer:
    headers = dict(_UNSTORED)
    if status == 401:
        headers["WWW-Authenticate"] = f'Keystone uri="{request.base}/v3"'
    return Answer(status, {"error": code, "error_description": description}, headers)
