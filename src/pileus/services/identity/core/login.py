"""From a proof of who somebody is to a session: the scope that is asked for, or that a delegation brings."""

from msgspec.structs import replace

from pileus.kernel.db import Tx
from pileus.kernel.types import SECOND, Unauthorized
from pileus.services.identity.core import compliance, factors, refusals
from pileus.services.identity.core.asking import Asked
from pileus.services.identity.core.delegations import DELEGATIONS, Entry
from pileus.services.identity.core.finding import find_domain, find_project
from pileus.services.identity.core.methods.method import Proof
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.core.session import Session
from pileus.services.identity.core.tokens import Claims, new_audit_id
from pileus.services.identity.core.validation import open_session
from pileus.services.identity.db import users


def enter(tx: Tx, near: Near, proof: Proof, asked: Asked) -> Session:
    """Open a session for somebody who proved who he is. Raises `Unauthorized` when he may not go there."""
    user = users.find(tx, proof.user_id)
    if user is None or not compliance.is_enabled(near, user, tx.now):
        raise refusals.unauthorized()
    if proof.hash is not None and user.password_hash != proof.hash:
        raise refusals.unauthorized()
    factors.check(user, proof.methods)
    marks = proof.marks()
    if asked.trust_id and not any(mark in marks for mark in DELEGATIONS):
        marks["trust_id"] = asked.trust_id
    entry = _entry(tx, proof.user_id, asked, marks)
    if entry.user_id != user.id:
        user = users.find(tx, entry.user_id)
        if user is None:
            raise refusals.unauthorized()
    expires = proof.expires_at
    if expires is None:
        expires = (tx.now // SECOND + near.settings.token_lifetime) * SECOND
    if entry.expires_at is not None:
        expires = min(expires, entry.expires_at // SECOND * SECOND)
    claims = Claims(
        user_id=user.id,
        methods=proof.methods,
        scope=entry.scope,
        target_id=entry.target_id,
        issued_at=tx.now,
        expires_at=expires,
        audit_id=new_audit_id(),
        parent_id=proof.parent_id,
        epoch=user.epoch,
        **{**marks, **entry.marks},
    )
    if not asked.given and not claims.scope and user.default_project_id:
        home = replace(claims, scope="project", target_id=user.default_project_id)
        try:
            return open_session(tx, near, home)
        except Unauthorized:  # a default that leads nowhere is no reason to keep somebody out
            pass
    return open_session(tx, near, claims)


def _entry(tx: Tx, user_id: str, asked: Asked, marks: dict[str, str]) -> Entry:
    for mark, delegation in DELEGATIONS.items():
        if id := marks.get(mark):
            entry = delegation.enter(tx, id, user_id)
            if entry is None:
                raise refusals.unauthorized()
            return entry
    if asked.trust_id:
        raise refusals.unauthorized()
    if asked.scope in ("", "system"):
        return Entry(user_id=user_id, scope=asked.scope, target_id="all" if asked.scope else "")
    row = find_domain(tx, asked.target) if asked.scope == "domain" else find_project(tx, asked.target)
    if row is None:
        raise refusals.unauthorized()
    return Entry(user_id=user_id, scope=asked.scope, target_id=row.id)
