"""Where a user may go: projects, domains, the system."""

from collections.abc import Sequence

from pileus.kernel.db import Page, Tx
from pileus.kernel.types import Listing
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.db import assignments, projects, users
from pileus.services.identity.db.assignments import Grant
from pileus.services.identity.db.projects import ProjectRow
from pileus.services.identity.db.users import UserRow


def user_or_none(tx: Tx, id: str) -> UserRow | None:
    return users.find(tx, id)


def grants_of(tx: Tx, near: Near, user_id: str, group_ids: Sequence[str] = ()) -> list[Grant]:
    """Grants that reach a user, also by groups that a federated token bears, and are good for a token.

    A domain's own role alone is not: no token bears it, only what it implies.
    """
    found = assignments.grants_of_user(tx, user_id)
    if group_ids:
        found = found + assignments.select_grants(tx, actors=[("group", id) for id in group_ids])
    graph = near.memory.graph(tx)
    return [grant for grant in found if graph.effective([grant.role_id])]


def project_ids(tx: Tx, near: Near, user_id: str, group_ids: Sequence[str] = ()) -> set[str]:
    """Ids of the projects on which a user has a role, by inheritance too."""
    grants = grants_of(tx, near, user_id, group_ids)
    found = {g.target_id for g in grants if g.target == "project" and not g.inherited}
    sources = [g.target_id for g in grants if g.inherited]
    if sources:
        paths = [row.path for row in projects.find_many(tx, sources).values()]
        found.update(row.id for row in projects.below(tx, paths))
    return found


def projects_of(tx: Tx, near: Near, user_id: str, listing: Listing) -> Page[ProjectRow]:
    return projects.list_among(tx, listing, project_ids(tx, near, user_id))


def enterable(tx: Tx, near: Near, user_id: str, group_ids: Sequence[str] = ()) -> list[ProjectRow]:
    """Projects that a user could get a token for: enabled ones in enabled domains."""
    rows = projects.find_many(tx, project_ids(tx, near, user_id, group_ids))
    homes = projects.find_many(tx, {row.domain_id for row in rows.values()})
    open_rows = [r for r in rows.values() if r.enabled and r.domain_id in homes and homes[r.domain_id].enabled]
    return sorted(open_rows, key=lambda row: row.id)


def domains_of(tx: Tx, near: Near, user_id: str, group_ids: Sequence[str] = ()) -> list[ProjectRow]:
    """Domains that a user could get a token for."""
    ids = {g.target_id for g in grants_of(tx, near, user_id, group_ids) if g.target == "domain" and not g.inherited}
    return sorted((row for row in projects.find_many(tx, ids).values() if row.enabled), key=lambda row: row.id)


def may_system(tx: Tx, near: Near, user_id: str, group_ids: Sequence[str] = ()) -> bool:
    return any(g.target == "system" for g in grants_of(tx, near, user_id, group_ids))
