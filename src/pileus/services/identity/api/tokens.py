"""Tokens: logging in, checking, revoking."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Operation, Request, Schema
from pileus.kernel.types import SECOND, NotFound, Unauthorized, iso_micros, iso_naive
from pileus.services.identity.core import asking, keys, login, methods, places, receipts, refusals, revoking
from pileus.services.identity.core.asking import Asked
from pileus.services.identity.core.factors import Insufficient
from pileus.services.identity.core.memory import Known
from pileus.services.identity.core.methods.method import Attempt, Method, Proof, join
from pileus.services.identity.core.methods.schemas import DOMAIN, TEXT, named, open_object
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.core.receipts import Partial, Receipt
from pileus.services.identity.core.session import Session, context
from pileus.services.identity.core.validation import open_session
from pileus.services.identity.db.roles import RoleRow
from pileus.services.identity.db.service_providers import ServiceProviderRow

_encode = msgspec.json.Encoder().encode
_RECEIPT = "openstack-auth-receipt"
_SCOPE: Schema = {
    "type": ["object", "string"],
    "properties": {
        "project": named({"domain": DOMAIN}),
        "domain": DOMAIN,
        "system": open_object({"all": {"enum": [True, "true", "True", "TRUE", "1", "yes", "on"]}}, "all"),
        "unscoped": {"type": "object"},
        "OS-TRUST:trust": open_object({"id": TEXT}),
    },
}


def _body(known: Mapping[str, Method]) -> Schema:
    parts = {name: method.schema for name, method in known.items()}
    identity = open_object({"methods": {"type": "array", "items": TEXT}, **parts}, "methods")
    return open_object({"auth": open_object({"identity": identity, "scope": _SCOPE}, "identity")})


Look = Callable[[str], Awaitable[Known]]


class Around(Struct, frozen=True):
    """What a token's body tells besides the token: where services are, and which clouds let our users in."""

    catalog: list[dict[str, Any]] | None
    partners: Sequence[ServiceProviderRow]


class Opened(Struct, frozen=True):
    """A new token, or one that was looked up."""

    token: str
    session: Session
    around: Around


class Tokens:
    """`/v3/auth/tokens`. `look_up` is identity's own look at a token, from memory when it can."""

    def __init__(self, near: Near, look_up: Look) -> None:
        self.near, self.look_up = near, look_up
        self.methods = methods.build(near)

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
                body=_body(self.methods),
                optional_body=True,
                handle=self._issue,
                answers=201,
            ),
            Operation(method="GET", path=path, name="show", unbounded=True, asks="identity:validate_token", resource="token", summary="What a token is worth.", handle=self._show),
            Operation(method="HEAD", path=path, name="check", asks="identity:check_token", resource="token", summary="Whether a token is good.", handle=self._check),
            Operation(method="DELETE", path=path, name="revoke", asks="identity:revoke_token", resource="token", summary="Revoke a token.", gather=self._find, decide=self._revoke, answers=204),
            Operation(method="GET", path=f"{path}/OS-PKI/revoked", name="revoked", resource="token", summary="Gone with PKI tokens.", handle=_revoked),
        ]  # fmt: skip

    # --- logging in -----------------------------------------------------------------------------------------------

    async def _issue(self, request: Request) -> Answer:
        auth = (request.body or {}).get("auth")
        if auth is None:
            raise refusals.expected("auth", "request body")
        asking.check_form(auth, self.methods)
        asked = asking.read_scope(auth)
        proofs = [await self.prove(name, request, auth["identity"][name], asked) for name in _once(auth)]
        return await self.admit(request, proofs, asked, request.headers.get(_RECEIPT, ""))

    async def prove(self, name: str, request: Request, payload: Mapping[str, Any], asked: Asked) -> Proof:
        """Who somebody is, by one method; `payload` is its part of the body."""
        attempt = Attempt(
            payload=payload,
            asked=asked,
            address=request.ctx.address,
            method=request.method,
            url=request.link(request.path),
            headers=request.headers,
            body=request.body,
        )
        return await self.methods[name].prove(attempt)

    async def admit(self, request: Request, proofs: Sequence[Proof], asked: Asked, receipt: str = "") -> Answer:
        """A token for somebody who proved who he is, however the request came; a receipt when more must be proved.

        `receipt` is one that was given for earlier proofs.
        """
        with_catalog = not request.query.has("nocatalog")
        opened = await self.open(proofs, asked, receipt, with_catalog)
        if isinstance(opened, Partial):
            return Answer(401, _receipt_view(opened), {_RECEIPT.title(): receipts.seal(self.near, opened.receipt)})
        return Answer(201, {"token": token_view(opened.session, opened.around)}, {"X-Subject-Token": opened.token})

    async def open(
        self, proofs: Sequence[Proof], asked: Asked, receipt: str = "", with_catalog: bool = True
    ) -> Opened | Partial:
        """A new token with all that it tells, or what is still to be proved."""
        near, revision = self.near, self.near.memory.revision
        earlier = (receipt, await receipts.read(near, receipt)) if receipt else None
        uses_up = asked.trust_id or any(proof.writes for proof in proofs)
        transact = near.db.write if uses_up else near.db.read
        entered = await transact(self._enter, proofs, earlier, asked, with_catalog)
        if isinstance(entered, Partial):
            return entered
        session, around = entered
        token = near.keyring.seal(session.claims)
        near.memory.remember(token, session, context(session, token), revision)
        return Opened(token, session, around)

    def _enter(
        self, tx: Tx, proofs: Sequence[Proof], earlier: tuple[str, Receipt] | None, asked: Asked, with_catalog: bool
    ) -> tuple[Session, Around] | Partial:
        """Proofs are looked at again: what they rest on may have changed while secrets were held against hashes.

        Too few of them are an answer, not a refusal: a code that was shown is used up all the same.
        """
        sure = [self._confirm(tx, proof, asked) for proof in proofs]
        if earlier is not None:
            sure.append(receipts.confirm(tx, earlier[1], earlier[0], sure[0].user_id))
        try:
            session = login.enter(tx, self.near, join(sure), asked)
        except Insufficient as missing:
            return receipts.issue(tx, self.near, missing)
        return session, look_around(tx, self.near, session, with_catalog)

    def _confirm(self, tx: Tx, proof: Proof, asked: Asked) -> Proof:
        method = self.methods.get(proof.methods[0])
        return method.confirm(tx, proof, asked) if method is not None else proof

    # --- looking at one ---------------------------------------------------------------------------------------------

    async def _show(self, request: Request) -> Answer:
        token, known = await self._subject(request, "identity:validate_token")
        with_catalog = not request.query.has("nocatalog")
        body = known.bodies.get(with_catalog)
        if body is None:
            around = await self.near.db.read(look_around, self.near, known.session, with_catalog)
            body = known.bodies[with_catalog] = _encode({"token": token_view(known.session, around)})
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
        if known.ctx.reach is not None and not _heeds_rules(request):
            raise NotFound("Failed to validate token")
        return token, known

    async def _look(self, request: Request, token: str) -> Known:
        if not token:
            raise NotFound("No token in the request")
        claims = None
        try:
            return await self.look_up(token)
        except Unauthorized:
            claims = await keys.open_claims(self.near, token)
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


def _heeds_rules(request: Request) -> bool:
    """Whether who asks says that he will hold requests against access rules: else he hears of no token that has some."""
    try:
        return float(request.headers.get("openstack-identity-access-rules", "0")) >= 1.0
    except ValueError:
        return False


def _once(auth: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(auth["identity"]["methods"]))


def look_around(tx: Tx, near: Near, session: Session, with_catalog: bool) -> Around:
    catalog = None
    if with_catalog and session.claims.scope:
        owner = session.held.user_id if session.held is not None else session.user.id
        catalog = places.catalog(tx, near, owner, session.project.id if session.project else "")
    return Around(catalog, near.memory.partners(tx))


def _receipt_view(partial: Partial) -> dict[str, Any]:
    receipt, user, domain = partial.receipt, partial.user, partial.domain
    return {
        "receipt": {
            "methods": receipt.methods,
            "user": {"id": user.id, "name": user.name, "domain": {"id": domain.id, "name": domain.name}},
            "expires_at": iso_micros(receipt.expires_at),
            "issued_at": iso_micros(receipt.issued_at),
        },
        "required_auth_methods": partial.required,
    }


async def _revoked(request: Request) -> Answer:
    raise refusals.gone()


def _brief_role(role: RoleRow) -> dict[str, Any]:
    return {"id": role.id, "name": role.name}


def _whole_role(role: RoleRow) -> dict[str, Any]:
    """Tokens of trusts and of federated users tell all of a role."""
    more = {"domain_id": role.domain_id or None, "description": role.description, "options": role.options}
    return {**_brief_role(role), **more}


def _user_view(session: Session) -> dict[str, Any]:
    """Instead of a password's end, a federated user has who vouched and the groups that the mapping gave."""
    user, claims = session.user, session.claims
    domain = {"id": session.user_domain.id, "name": session.user_domain.name}
    view: dict[str, Any] = {"domain": domain, "id": user.id, "name": user.name}
    if claims.idp_id:
        view["OS-FEDERATION"] = {
            "groups": [{"id": id} for id in claims.group_ids],
            "identity_provider": {"id": claims.idp_id},
            "protocol": {"id": claims.protocol_id},
        }
    else:
        ends = user.password_expires_at
        view["password_expires_at"] = None if ends is None else iso_naive(ends)
    return view


def token_view(session: Session, around: Around) -> dict[str, Any]:
    """A token as the API shows it."""
    claims, project, domain = session.claims, session.project, session.domain
    view: dict[str, Any] = {
        "methods": list(claims.methods),
        "user": _user_view(session),
        "audit_ids": claims.audit_ids,
        "expires_at": iso_micros(claims.expires_at),
        "issued_at": iso_micros(claims.issued_at),
    }
    if claims.scope == "system":
        view["system"] = {"all": True}
    elif project is not None and domain is not None:
        view["project"] = {"domain": {"id": domain.id, "name": domain.name}, "id": project.id, "name": project.name}
        if not claims.trust_id:
            view["is_domain"] = False
    elif domain is not None:
        view["domain"] = {"id": domain.id, "name": domain.name}
    if claims.scope:
        shown = _whole_role if claims.trust_id or claims.idp_id else _brief_role
        view["roles"] = [shown(role) for role in session.roles]
    if around.catalog is not None:
        view["catalog"] = around.catalog
    if around.partners:
        view["service_providers"] = [
            {"auth_url": row.auth_url, "id": row.id, "sp_url": row.sp_url} for row in around.partners
        ]
    if session.held is not None:
        view.update(session.held.view)
    if claims.thumbprint:
        view["oauth2_credential"] = {"x5t#S256": claims.thumbprint}
    return view
