"""What a token is worth now: its claims held against users, projects, grants and revocations as they stand."""

import logging

from pileus.kernel.db import Tx
from pileus.kernel.types import Micros
from pileus.services.identity.core import compliance
from pileus.services.identity.core.delegations import DELEGATIONS, Held
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.core.refusals import not_authorized, unauthorized
from pileus.services.identity.core.session import Session
from pileus.services.identity.core.tokens import Claims
from pileus.services.identity.db import assignments, groups, identity_providers, projects, revocations, users
from pileus.services.identity.db.projects import ProjectRow
from pileus.services.identity.db.roles import RoleRow

log = logging.getLogger(__name__)


def open_session(tx: Tx, near: Near, claims: Claims, grace: Micros = 0) -> Session:
    """Raises `Unauthorized`, always in the same words, for claims that do not hold (any more).

    A trust whose giver lost what he lent is `Forbidden`, as in Keystone.
    `grace` lets tokens pass that ended less than so many microseconds ago.
    """
    if tx.now >= claims.expires_at + grace:
        raise _refuse(claims, "it has expired")
    if revocations.is_revoked(tx, claims.audit_id, claims.chain_id):
        raise _refuse(claims, "it was revoked")
    user = users.find(tx, claims.user_id)
    if user is None or not compliance.is_enabled(near, user, tx.now):
        raise _refuse(claims, "the user is gone or disabled")
    if user.epoch != claims.epoch:
        raise _refuse(claims, "the user's password or state changed since")
    user_domain = projects.find(tx, user.domain_id)
    if user_domain is None or not user_domain.enabled:
        raise _refuse(claims, "the user's domain is gone or disabled")
    if claims.idp_id:
        provider = identity_providers.find(tx, claims.idp_id)
        if provider is None or not provider.enabled:
            raise _refuse(claims, "the identity provider is gone or disabled")
    project, domain = _scope(tx, claims)
    held = _held(tx, near, claims)
    roles = _roles(tx, near, claims, project, held)
    if claims.scope and not roles:
        raise _refuse(claims, f"the user has no role on {claims.scope} {claims.target_id}")
    return Session(
        claims=claims,
        user=user,
        user_domain=user_domain,
        project=project,
        domain=domain,
        roles=roles,
        held=held,
        until=groups.next_end(tx, held.user_id if held is not None else user.id) if claims.scope else None,
    )


def _scope(tx: Tx, claims: Claims) -> tuple[ProjectRow | None, ProjectRow | None]:
    if claims.scope == "project":
        project = projects.find(tx, claims.target_id)
        if project is None or project.is_domain or not project.enabled:
            raise _refuse(claims, "the project is gone or disabled")
        domain = projects.find(tx, project.domain_id)
        if domain is None or not domain.enabled:
            raise _refuse(claims, "the project's domain is gone or disabled")
        return project, domain
    if claims.scope == "domain":
        domain = projects.find(tx, claims.target_id)
        if domain is None or not domain.is_domain or not domain.enabled:
            raise _refuse(claims, "the domain is gone or disabled")
        return None, domain
    return None, None


def _held(tx: Tx, near: Near, claims: Claims) -> Held | None:
    for mark, delegation in DELEGATIONS.items():
        if id := getattr(claims, mark):
            held = delegation.hold(tx, near.memory.graph(tx), id, claims, claims.user_id)
            if held is None:
                raise _refuse(claims, f"the delegation of its {mark} does not stand")
            return held
    return None


def _roles(tx: Tx, near: Near, claims: Claims, project: ProjectRow | None, held: Held | None) -> tuple[RoleRow, ...]:
    if not claims.scope:
        return ()
    above = project.ancestors if project is not None else ()
    owner = held.user_id if held is not None else claims.user_id
    granted = assignments.roles_on(tx, owner, claims.scope, claims.target_id, above)
    if claims.group_ids and held is None:
        granted |= assignments.roles_of_groups(tx, claims.group_ids, claims.scope, claims.target_id, above)
    graph = near.memory.graph(tx)
    roles = graph.effective(granted)
    if held is None:
        return tuple(roles)
    if held.every and not held.role_ids <= {implied for id in granted for implied in graph.closure(id)}:
        log.debug("token %s refused: a role that was delegated is no longer its giver's", claims.audit_id)
        raise not_authorized()
    return tuple(role for role in roles if role.id in held.role_ids)


def _refuse(claims: Claims, reason: str) -> Exception:
    log.debug("token %s of user %s refused: %s", claims.audit_id, claims.user_id, reason)
    return unauthorized()
