"""A good token with all that it speaks of, and the caller that it makes."""

from msgspec import Struct

from pileus.kernel.types import Ctx, Micros
from pileus.services.identity.core.delegations import Held
from pileus.services.identity.core.tokens import Claims
from pileus.services.identity.db.projects import ProjectRow
from pileus.services.identity.db.roles import RoleRow
from pileus.services.identity.db.users import UserRow


class Session(Struct, frozen=True, kw_only=True):
    """A good token with all that it speaks of.

    `project`  of a project scope.   `domain`  that of the project, or the one of a domain scope.
    `roles`    global ones, implied ones included; none without a scope.
    `held`     the delegation that the token uses.
    `until`    when roles may end by themselves: the next end of a membership that an identity provider gave; None: never.
    """

    claims: Claims
    user: UserRow
    user_domain: ProjectRow
    project: ProjectRow | None
    domain: ProjectRow | None
    roles: tuple[RoleRow, ...]
    held: Held | None
    until: Micros | None = None


def context(session: Session, token: str) -> Ctx:
    """The caller that a token makes."""
    claims, project, domain = session.claims, session.project, session.domain
    scoped = domain if claims.scope == "domain" else None
    return Ctx(
        user_id=session.user.id,
        user_name=session.user.name,
        user_domain_id=session.user_domain.id,
        user_domain_name=session.user_domain.name,
        project_id=project.id if project else "",
        project_name=project.name if project else "",
        project_domain_id=domain.id if project and domain else "",
        project_domain_name=domain.name if project and domain else "",
        domain_id=scoped.id if scoped else "",
        domain_name=scoped.name if scoped else "",
        system_scope="all" if claims.scope == "system" else "",
        roles=frozenset(role.name.lower() for role in session.roles),
        app_credential_id=claims.app_credential_id,
        trust_id=claims.trust_id,
        bound_to=claims.thumbprint,
        reach=session.held.reach if session.held is not None else None,
        token=token,
        expires_at=claims.expires_at,
    )
