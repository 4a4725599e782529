"""Tokens: logging in, checking, revoking."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Operation, Request, Schema
from pileus.kernel.types import SECOND, NotFound, Unauthorized, iso_micros, iso_naive
from pileus.services.identity.core import login, places, refusals, revoking
from pileus.services.identity.core.login import Candidate, Proof
from pileus.services.identity.core.memory import Known
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.core.session import Session, context
from pileus.services.identity.core.tokens import Claims
from pileus.services.identity.core.validation import open_session
from pileus.services.identity.db import users

log = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode


def _object(properties: Mapping[str, Schema], *required: str) -> Schema:
    return {"type": "object", "properties": dict(properties), "required": list(required)}


def _named(properties: Mapping[str, Schema], **more: Schema) -> Schema:
    """An object that is meant by id or name."""
    both = {"id": _TEXT, "name": _TEXT}
    return {**_object({**both, **properties, **more}), "anyOf": [{"required": ["id"]}, {"required": ["name"]}]}


_TEXT: Schema = {"type": "string"}
_DOMAIN = _named({})
_USER = _named({"password": _TEXT, "domain": _DOMAIN})
_IDENTITY = _object(
    {
        "methods": {"type": "array", "items": _TEXT},
        "password": _object({"user": _USER}),
        "token": _object({"id": _TEXT}, "id"),
        "application_credential": _object(
            {"id": _TEXT, "name": _TEXT, "secret": _TEXT, "user": _named({"domain": _DOMAIN})}
        ),
    },
    "methods",
)
_SCOPE: Schema = {
    "type": ["object", "string"],
    "properties": {
        "project": _named({"domain": _DOMAIN}),
        "domain": _DOMAIN,
        "system": _object({"all": {"enum": [True, "true", "True", "TRUE", "1", "yes", "on"]}}, "all"),
        "unscoped": {"type": "object"},
        "OS-TRUST:trust": _object({"id": _TEXT}),
    },
}
_BODY = _object({"auth": _object({"identity": _IDENTITY, "scope": _SCOPE}, "identity")})

Open = Callable[[str], Awaitable[Claims | None]]
Look = Callable[[str], Awaitable[Known]]


class _Opened(Struct, frozen=True):
    session: Session
    catalog: list[dict[str, Any]] | None


class Tokens:
    """`/v3/auth/tokens`. `open_token` and `look_up` are identity's own look at a token, from memory when it can."""

    def __init__(self, near: Near, open_token: Open, look_up: Look) -> None:
        self.near, self.open_token, self.look_up = near, open_token, look_up

    def all_operations(self) -> list[Operation]:
        path = "/v3/auth/tokens"
        return [
            Operation(
                method="POST",
                path=path,
                name="issue",
                resource="token",
                summary="Log in, or trade a token for one of another scope.",
                public=True,
                writes=False,
                body=_BODY,
                optional_body=True,
                gather=self._prove,
                decide=self._enter,
                view=self._issued,
                answers=201,
            ),
            Operation(method="GET", path=path, name="show", asks="identity:validate_token", resource="token", summary="What a token is worth.", handle=self._show),
            Operation(method="HEAD", path=path, name="check", asks="identity:check_token", resource="token", summary="Whether a token is good.", handle=self._check),
            Operation(method="DELETE", path=path, name="revoke", asks="identity:revoke_token", resource="token", summary="Revoke a token.", gather=self._find, decide=self._revoke, answers=204),
            Operation(method="GET", path=f"{path}/OS-PKI/revoked", name="revoked", resource="token", summary="Gone with PKI tokens.", handle=_revoked),
        ]  # fmt: skip

    # --- logging in -----------------------------------------------------------------------------------------------

    async def _prove(self, request: Request) -> None:
        """The slow part: secrets against hashes. Tokens are looked at later, in the transaction that makes the new one."""
        auth = (request.body or {}).get("auth")
        if auth is None:
            raise refusals.expected("auth", "request body")
        login.check_form(auth)
        asked = login.read_scope(auth)
        identity, proofs = auth["identity"], []
        if "password" in identity["methods"]:
            user = identity["password"].get("user") or {}
            candidate = await self.near.db.read(login.find_user, self.near, identity["password"])
            proofs.append(await self._verify("password", candidate, user.get("password")))
        if "application_credential" in identity["methods"]:
            payload = identity["application_credential"]
            candidate = await self.near.db.read(login.find_app_credential, self.near, payload)
            proofs.append(await self._verify("application_credential", candidate, payload.get("secret")))
        token = None
        if "token" in identity["methods"]:
            token = identity["token"]["id"]
            await self.open_token(token)
        request.gathered = proofs, token, asked
        request.memo["revision"] = self.near.memory.revision

    async def _verify(self, method: str, candidate: Candidate, secret: str | None) -> Proof:
        """Takes the same time whoever is meant, and fails in the same words."""
        fits = await self.near.passwords.verify(candidate.hash, secret or "")
        if not fits or not secret or candidate.hash is None:
            log.info("login refused: %s of user %r does not fit", method, candidate.user_id or "unknown")
            raise refusals.unauthorized()
        if method == "password" and self.near.passwords.is_dated(candidate.hash):
            better = await self.near.passwords.hash(secret)
            await self.near.db.write(users.rehash, candidate.user_id, candidate.hash, better)
            candidate = Candidate(better, candidate.user_id)
        return Proof(
            user_id=candidate.user_id,
            methods=(method,),
            app_credential_id=candidate.app_credential_id,
            hash=candidate.hash,
        )

    def _enter(self, tx: Tx, request: Request) -> _Opened:
        proofs, token, asked = request.gathered
        if token is not None:
            proofs = [login.rescope(tx, self.near, token, asked), *proofs]
        session = login.enter(tx, self.near, login.join(proofs), asked)
        return _Opened(session, None if request.query.has("nocatalog") else _catalog(tx, self.near, session))

    def _issued(self, request: Request, opened: _Opened) -> Answer:
        session = opened.session
        token = self.near.keyring.seal(session.claims)
        self.near.memory.remember(token, session, context(session, token), request.memo["revision"])
        return Answer(201, {"token": token_view(session, opened.catalog)}, {"X-Subject-Token": token})

    # --- looking at one ---------------------------------------------------------------------------------------------

    async def _show(self, request: Request) -> Answer:
        token, known = await self._subject(request, "identity:validate_token")
        with_catalog = not request.query.has("nocatalog")
        body = known.bodies.get(with_catalog)
        if body is None:
            catalog = None
            if with_catalog:
                catalog = await self.near.db.read(_catalog, self.near, known.session)
            body = known.bodies[with_catalog] = _encode({"token": token_view(known.session, catalog)})
        return Answer(200, None, {"X-Subject-Token": token}, raw=body)

    async def _check(self, request: Request) -> Answer:
        token, _ = await self._subject(request, "identity:check_token")
        return Answer(200, None, {"X-Subject-Token": token})

    async def _subject(self, request: Request, rule: str) -> tuple[str, Known]:
        """The token that is asked about, if the caller may ask. Raises `NotFound` for one that is no good."""
        token = request.headers.get("x-subject-token", "")
        try:
            known = await self._look(request, token)
        except NotFound:
            request.enforce(rule, {"target": {"token": {"user_id": request.ctx.user_id}}})
            raise
        request.enforce(rule, {"target": {"token": {"user_id": known.session.user.id}}})
        return token, known

    async def _look(self, request: Request, token: str) -> Known:
        if not token:
            raise NotFound("No token in the request")
        claims = None
        try:
            return await self.look_up(token)
        except Unauthorized:
            claims = await self.open_token(token)
        if claims is None:
            raise NotFound("Could not recognize Fernet token")
        if (request.query.one("allow_expired") or "").lower() in ("1", "t", "true", "on", "y", "yes"):
            grace = self.near.settings.allow_expired_window * SECOND
            try:
                session = await self.near.db.read(open_session, self.near, claims, grace)
            except Unauthorized:
                raise NotFound("Failed to validate token") from None
            return Known(session, context(session, token), -1, 0)
        raise NotFound("Failed to validate token")

    # --- revoking ---------------------------------------------------------------------------------------------------

    async def _find(self, request: Request) -> None:
        _, known = await self._subject(request, "identity:revoke_token")
        request.gathered = known.session.claims

    def _revoke(self, tx: Tx, request: Request) -> None:
        chain = (request.query.one("cascade", "true") or "").lower() not in ("0", "f", "false", "off", "n", "no")
        revoking.revoke(tx, self.near, request.ctx, request.gathered, chain)


def _catalog(tx: Tx, near: Near, session: Session) -> list[dict[str, Any]] | None:
    if not session.claims.scope:
        return None
    return places.catalog(tx, near, session.user.id, session.project.id if session.project else "")


async def _revoked(request: Request) -> Answer:
    raise refusals.gone()


def token_view(session: Session, catalog: list[dict[str, Any]] | None) -> dict[str, Any]:
    """A token as the API shows it."""
    claims, user, project, domain = session.claims, session.user, session.project, session.domain
    ends = user.password_expires_at
    view: dict[str, Any] = {
        "methods": list(claims.methods),
        "user": {
            "domain": {"id": session.user_domain.id, "name": session.user_domain.name},
            "id": user.id,
            "name": user.name,
            "password_expires_at": None if ends is None else iso_naive(ends),
        },
        "audit_ids": claims.audit_ids,
        "expires_at": iso_micros(claims.expires_at),
        "issued_at": iso_micros(claims.issued_at),
    }
    if claims.scope == "system":
        view["system"] = {"all": True}
    elif project is not None and domain is not None:
        view["project"] = {"domain": {"id": domain.id, "name": domain.name}, "id": project.id, "name": project.name}
        view["is_domain"] = False
    elif domain is not None:
        view["domain"] = {"id": domain.id, "name": domain.name}
    if claims.scope:
        view["roles"] = [{"id": role.id, "name": role.name} for role in session.roles]
    if catalog is not None:
        view["catalog"] = catalog
    if session.app_credential is not None:
        row = session.app_credential
        view["application_credential"] = {"id": row.id, "name": row.name, "restricted": not row.unrestricted}
    return view
