"""`/v2.0/tokens`: logging in, checking and revoking; and the change of one's own password, which answers with a token."""

from collections.abc import Mapping
from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Operation, Request
from pileus.kernel.types import Forbidden, Invalid, NotFound, Unauthorized
from pileus.services.identity.api.tokens import Around, Opened, Tokens, look_around
from pileus.services.identity.api.users import Users
from pileus.services.identity.api.v2 import shapes
from pileus.services.identity.api.v2.paths import HOME, op
from pileus.services.identity.core import refusals, revoking
from pileus.services.identity.core.asking import Asked
from pileus.services.identity.core.memory import Known
from pileus.services.identity.core.receipts import Partial
from pileus.services.identity.core.session import Session

_OBJECT = {"type": "object"}
_CHANGE = {
    "type": "object",
    "properties": {
        "user": {
            "type": "object",
            "properties": {"password": {"type": "string"}, "original_password": {"type": "string"}},
            "required": ["password", "original_password"],
        }
    },
    "required": ["user"],
}
_LONGEST = 4096


class TokensV2:
    """`tokens` and `people` are v3's, which do the work."""

    def __init__(self, tokens: Tokens, people: Users, ports: shapes.Ports) -> None:
        self.tokens, self.people, self.near, self.ports = tokens, people, tokens.near, ports

    def all_operations(self) -> list[Operation]:
        item = "/tokens/{token_id}"
        return [
            op("POST", "/tokens", "issue_token", "Log in, or trade a token for one of another tenant.", public=True, writes=False, body=_OBJECT, optional_body=True, handle=self._issue),
            op("GET", "/tokens/revoked", "revoked", "Gone with PKI tokens.", handle=_gone),
            op("GET", "/certificates/{name}", "certificate", "Gone with PKI tokens.", public=True, handle=_gone),
            op("GET", item, "show_token", "What a token is worth.", asks="identity:validate_token", handle=self._show),
            op("HEAD", item, "check_token", "Whether a token is good.", asks="identity:check_token", handle=self._check),
            op("GET", f"{item}/endpoints", "token_endpoints", "Where everything is, for a token's tenant.", asks="identity:validate_token", handle=self._endpoints),
            op("DELETE", item, "revoke_token", "Revoke a token.", asks="identity:revoke_token", gather=self._find, decide=self._revoke, answers=204),
            op("PATCH", "/OS-KSCRUD/users/{user_id}", "change_password", "Change one's own password: the answer is a new token.", body=_CHANGE, handle=self._change_password),
        ]  # fmt: skip

    # --- logging in -----------------------------------------------------------------------------------------------

    async def _issue(self, request: Request) -> Answer:
        auth = (request.body or {}).get("auth")
        if not isinstance(auth, dict):
            raise refusals.expected("auth", "request body")
        method, payload = _credentials(auth)
        return await self._open(request, method, payload, _scope(auth))

    async def _open(self, request: Request, method: str, payload: Mapping[str, Any], asked: Asked) -> Answer:
        proof = await self.tokens.prove(method, request, payload, asked)
        opened = await self.tokens.open([proof], asked)
        if isinstance(opened, Partial) or not _at_home(opened.session):
            raise refusals.unauthorized()
        return self._answer(opened)

    def _answer(self, opened: Opened) -> Answer:
        catalog = opened.around.catalog
        return Answer(200, {"access": shapes.access(opened.token, opened.session, catalog, self.ports)})

    async def _change_password(self, request: Request) -> Answer:
        """All older tokens of the user are worth nothing afterwards, the one of this request among them."""
        ctx, secret = request.ctx, request.body["user"]["password"]
        if ctx.user_id != request.params["user_id"]:
            raise Forbidden("Token belongs to another user")
        await self.people.check_passwords(request)
        await self.near.db.write(self.people.change_password, request)
        payload = {"user": {"id": ctx.user_id, "password": secret}}
        asked = Asked("project", {"id": ctx.project_id}) if ctx.project_id else Asked("")
        return await self._open(request, "password", payload, asked)

    # --- looking at one ---------------------------------------------------------------------------------------------

    async def _subject(self, request: Request, rule: str) -> tuple[str, Known]:
        """The token that the path names, if the caller may ask. Raises `NotFound` for one that is no good here.

        Nor is one that holds for some requests or for one certificate only: who asks by v2.0 would not heed that.
        """
        token = request.params["token_id"]
        try:
            known = await self.tokens.look_up(token)
        except Unauthorized:
            request.enforce(rule, {"target": {"token": {"user_id": request.ctx.user_id}}})
            raise NotFound("Could not find the token.") from None
        request.enforce(rule, {"target": {"token": {"user_id": known.session.user.id}}})
        if not _at_home(known.session) or known.ctx.reach is not None or known.ctx.bound_to:
            raise NotFound("Could not find the token.")
        project, belongs = known.session.project, request.query.one("belongsTo")
        if belongs is not None and (project is None or project.id != belongs):
            raise refusals.unauthorized()
        return token, known

    async def _show(self, request: Request) -> Answer:
        token, known = await self._subject(request, "identity:validate_token")
        return self._answer(Opened(token, known.session, await self._around(known.session)))

    async def _check(self, request: Request) -> Answer:
        await self._subject(request, "identity:check_token")
        return Answer(200)

    async def _endpoints(self, request: Request) -> Answer:
        _, known = await self._subject(request, "identity:validate_token")
        around = await self._around(known.session)
        found = shapes.endpoint_list(around.catalog or [], self.ports)
        return Answer(200, {"endpoints": found, "endpoints_links": []})

    async def _around(self, session: Session) -> Around:
        return await self.near.db.read(look_around, self.near, session, True)

    async def _find(self, request: Request) -> None:
        _, known = await self._subject(request, "identity:revoke_token")
        request.gathered = known.session.claims

    def _revoke(self, tx: Tx, request: Request) -> None:
        revoking.revoke(tx, self.near, request.ctx, request.gathered)


def _at_home(session: Session) -> bool:
    """Whether v2.0 can speak of a token: no other domain than the default one is in it, and no system."""
    if session.user_domain.id != HOME or session.claims.scope not in ("", "project"):
        return False
    return session.project is None or session.project.domain_id == HOME


def _credentials(auth: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The login method of v3 that is meant, and its payload."""
    token = auth.get("token")
    if token is not None:
        return "token", {"id": _text(token, "id", "token")}
    named = auth.get("passwordCredentials")
    if named is None:
        raise refusals.expected("passwordCredentials", "auth")
    secret = _text(named, "password", "passwordCredentials")
    if named.get("userId"):
        return "password", {"user": {"id": _text(named, "userId", "passwordCredentials"), "password": secret}}
    if not named.get("username"):
        raise refusals.expected("username or userId", "passwordCredentials")
    name = _text(named, "username", "passwordCredentials")
    return "password", {"user": {"name": name, "domain": {"id": HOME}, "password": secret}}


def _scope(auth: Mapping[str, Any]) -> Asked:
    if auth.get("trust_id"):
        return Asked("project", trust_id=_text(auth, "trust_id", "auth"))
    if auth.get("tenantId"):
        return Asked("project", {"id": _text(auth, "tenantId", "auth")})
    if auth.get("tenantName"):
        return Asked("project", {"name": _text(auth, "tenantName", "auth"), "domain": {"id": HOME}})
    return Asked("")


def _text(found: Any, name: str, where: str) -> str:
    value = found.get(name) if isinstance(found, dict) else None
    if not isinstance(value, str):
        raise refusals.expected(name, where)
    if len(value) > _LONGEST:
        raise Invalid(f"Request attribute {name} must be less than or equal to {_LONGEST}.")
    return value


async def _gone(request: Request) -> Answer:
    raise refusals.gone()
