"""From a proof of who somebody is to claims: whom a secret belongs to, what scope is asked for, what may be rescoped."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from pileus.kernel.db import Tx
from pileus.kernel.types import SECOND, Micros, NotFound, Unauthorized
from pileus.services.identity.core import refusals
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.core.session import Session
from pileus.services.identity.core.tokens import METHODS, Claims, Scope, new_audit_id
from pileus.services.identity.core.validation import open_session
from pileus.services.identity.db import app_credentials, projects, users
from pileus.services.identity.db.projects import ProjectRow

BUILT = ("password", "token", "application_credential")
"""Methods that a login may name."""
_SCOPES = ("system", "project", "domain", "unscoped")


class Candidate(Struct, frozen=True):
    """Whose secret is to be verified: the hash it must fit (None: nobody is meant, and nothing fits)."""

    hash: str | None
    user_id: str = ""
    app_credential_id: str = ""


class Proof(Struct, frozen=True, kw_only=True):
    """Who somebody proved to be. `expires_at` and `parent_id` come from a token that was shown."""

    user_id: str
    methods: tuple[str, ...]
    expires_at: Micros | None = None
    parent_id: str = ""
    app_credential_id: str = ""
    hash: str | None = None
    """The hash that the secret fitted: it must still stand when the session opens."""


class Asked(Struct, frozen=True):
    """The scope that a login asks for; `given` is False when it says nothing of one."""

    scope: Scope
    target: Mapping[str, Any] = {}
    given: bool = True


def check_form(auth: Mapping[str, Any]) -> None:
    """What the schema cannot say of a login. Raises `Invalid`, or `Unauthorized` for a method that is not here."""
    identity = auth["identity"]
    for method in identity["methods"]:
        if method not in identity:
            raise refusals.expected(method, "identity")
    for method in identity["methods"]:
        if method not in BUILT:
            raise Unauthorized(
                "Attempted to authenticate with an unsupported method.", details={"identity": {"methods": list(BUILT)}}
            )
    if not identity["methods"]:
        raise refusals.unauthorized()
    if "application_credential" in identity["methods"] and "scope" in auth:
        raise Unauthorized(
            "Error authenticating with application credential: Application credentials cannot request a scope.",
            details={"identity": {}},
        )


def read_scope(auth: Mapping[str, Any]) -> Asked:
    """Raises `Invalid` for a scope that names none or several, or a project by name without its domain."""
    if "scope" not in auth:
        return Asked("", given=False)
    scope = auth["scope"]
    named = ["unscoped"] if scope == "unscoped" else [s for s in _SCOPES if not isinstance(scope, str) and s in scope]
    trust = not isinstance(scope, str) and "OS-TRUST:trust" in scope
    if len(named) + trust != 1:
        raise refusals.expected("system, project, domain, OS-TRUST:trust or unscoped", "scope")
    if trust:
        raise refusals.unauthorized()
    kind = named[0]
    if kind == "unscoped":
        return Asked("")
    if kind == "system":
        return Asked("system")
    target = scope[kind]
    if kind == "project" and target.get("name") and "domain" not in target:
        raise refusals.expected("domain", "project")
    return Asked("project" if kind == "project" else "domain", target)


def find_user(tx: Tx, near: Near, payload: Mapping[str, Any]) -> Candidate:
    """The user that a password login names. An unknown one is not told apart from a wrong password."""
    user = payload.get("user")
    if user is None:
        raise refusals.expected("user", "password")
    if "id" in user:
        row = users.find(tx, user["id"])
    else:
        if "domain" not in user:
            raise refusals.expected("domain", "user")
        domain = find_domain(tx, user["domain"])
        row = users.find_named(tx, user["name"], domain.id) if domain else None
    return Candidate(row.password_hash, row.id) if row else Candidate(None)


def find_app_credential(tx: Tx, near: Near, payload: Mapping[str, Any]) -> Candidate:
    """The application credential that a login names, by id, or by name and user."""
    if payload.get("id"):
        row = app_credentials.find(tx, str(payload["id"]))
        return Candidate(row.secret_hash, row.user_id, row.id) if row else Candidate(None)
    name, user = payload.get("name"), payload.get("user")
    if not name:
        raise refusals.expected("name or ID", "application credential")
    if not user:
        raise refusals.expected("user", "application credential")
    user_id = user.get("id")
    if not user_id:
        if "domain" not in user:
            raise refusals.expected("domain", "user")
        domain = find_domain(tx, user["domain"])
        owner = users.find_named(tx, str(user.get("name")), domain.id) if domain else None
        user_id = owner.id if owner else ""
    row = app_credentials.find_named(tx, user_id, str(name))
    return Candidate(row.secret_hash, row.user_id, row.id) if row else Candidate(None)


def find_domain(tx: Tx, named: Mapping[str, Any]) -> ProjectRow | None:
    row = projects.find_domain_named(tx, named["name"]) if named.get("name") else projects.find(tx, named.get("id", ""))
    return row if row is not None and row.is_domain else None


def rescope(tx: Tx, near: Near, token: str, asked: Asked) -> Proof:
    """What a shown token proves. Raises `NotFound` for one that is no good and `Forbidden` for one that may not be traded."""
    claims = near.keyring.open(token)
    if claims is None:
        raise NotFound("Could not recognize Fernet token")
    try:
        session = open_session(tx, near, claims)
    except Unauthorized:
        raise NotFound("Failed to validate token") from None
    if claims.scope == "system" and asked.scope in ("project", "domain"):
        raise refusals.forbidden(
            "Using a system-scoped token to create a project-scoped or domain-scoped token is not allowed."
        )
    if session.app_credential is not None:
        raise refusals.forbidden("Using a delegated token to create another token is not allowed.")
    return Proof(
        user_id=claims.user_id,
        methods=_in_order("token", *claims.methods),
        expires_at=claims.expires_at,
        parent_id=claims.chain_id,
    )


def join(proofs: Sequence[Proof]) -> Proof:
    """Several proofs of one login as one: all must be of the same user, and the earliest end counts."""
    first = proofs[0]
    if any(p.user_id != first.user_id for p in proofs):
        raise refusals.unauthorized()
    ends = [p.expires_at for p in proofs if p.expires_at is not None]
    return Proof(
        user_id=first.user_id,
        methods=_in_order(*(m for p in proofs for m in p.methods)),
        expires_at=min(ends) if ends else None,
        parent_id=next((p.parent_id for p in proofs if p.parent_id), ""),
        app_credential_id=next((p.app_credential_id for p in proofs if p.app_credential_id), ""),
        hash=next((p.hash for p in proofs if p.hash), None),
    )


def enter(tx: Tx, near: Near, proof: Proof, asked: Asked) -> Session:
    """Open a session for somebody who proved who he is. Raises `Unauthorized` when he may not go there."""
    user = users.find(tx, proof.user_id)
    if user is None or not user.enabled:
        raise refusals.unauthorized()
    if proof.hash is not None and not proof.app_credential_id and user.password_hash != proof.hash:
        raise refusals.unauthorized()
    if not _rules_met(user.options, proof.methods):
        raise refusals.unauthorized()
    expires = proof.expires_at
    if expires is None:
        expires = (tx.now // SECOND + near.settings.token_lifetime) * SECOND
    if proof.app_credential_id:
        scope, target_id, expires = _credential_scope(tx, proof.app_credential_id, expires)
    else:
        scope, target_id = _find_target(tx, asked)
    claims = Claims(
        user_id=user.id,
        methods=proof.methods,
        scope=scope,
        target_id=target_id,
        issued_at=tx.now,
        expires_at=expires,
        audit_id=new_audit_id(),
        parent_id=proof.parent_id,
        epoch=user.epoch,
        app_credential_id=proof.app_credential_id,
    )
    if not asked.given and not scope and user.default_project_id:
        home = _as_project(claims, user.default_project_id)
        try:
            return open_session(tx, near, home)
        except Unauthorized:  # a default that leads nowhere is no reason to keep somebody out
            pass
    return open_session(tx, near, claims)


def _credential_scope(tx: Tx, id: str, expires: Micros) -> tuple[Scope, str, Micros]:
    row = app_credentials.find(tx, id)
    if row is None:
        raise refusals.unauthorized()
    if row.expires_at is not None:
        expires = min(expires, row.expires_at // SECOND * SECOND)
    return ("project", row.project_id, expires) if row.project_id else ("", "", expires)


def _find_target(tx: Tx, asked: Asked) -> tuple[Scope, str]:
    if asked.scope in ("", "system"):
        return asked.scope, "all" if asked.scope else ""
    target = asked.target
    if asked.scope == "domain":
        row = find_domain(tx, target)
    elif target.get("name"):
        domain = find_domain(tx, target["domain"])
        row = projects.find_named(tx, target["name"], domain.id) if domain else None
    else:
        row = projects.find(tx, target.get("id", ""))
    if row is None:
        raise refusals.unauthorized()
    return asked.scope, row.id


def _as_project(claims: Claims, project_id: str) -> Claims:
    return Claims(
        user_id=claims.user_id,
        methods=claims.methods,
        scope="project",
        target_id=project_id,
        issued_at=claims.issued_at,
        expires_at=claims.expires_at,
        audit_id=claims.audit_id,
        parent_id=claims.parent_id,
        epoch=claims.epoch,
    )


def _rules_met(options: Mapping[str, Any], methods: Sequence[str]) -> bool:
    """Whether the methods shown satisfy one of the user's `multi_factor_auth_rules`."""
    rules = options.get("multi_factor_auth_rules") or []
    if not rules or not options.get("multi_factor_auth_enabled", True):
        return True
    possible = [known for known in (set(rule) & set(METHODS) for rule in rules) if known]
    return not possible or any(rule <= set(methods) for rule in possible)


def _in_order(*methods: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(methods))
