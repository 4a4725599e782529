"""Role assignments as they were made, or as they take effect: groups, trees and implied roles followed through.

However deep the trees are, the number of queries stays the same: grants, memberships, projects, roles.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from pileus.kernel.db import Tx
from pileus.services.identity.core.inference import RoleGraph
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.db import assignments, groups, projects
from pileus.services.identity.db.assignments import SYSTEM, Actor, Grant, Target
from pileus.services.identity.db.projects import ProjectRow


class Question(Struct, frozen=True, kw_only=True):
    """Conditions on assignments; empty means any. `inherited` None means both kinds."""

    user_id: str = ""
    group_id: str = ""
    role_id: str = ""
    project_id: str = ""
    domain_id: str = ""
    system: bool = False
    inherited: bool | None = None
    subtree: bool = False


class Assignment(Struct, frozen=True, kw_only=True):
    """A role that somebody has somewhere, and by which way.

    `via_group`  the group through which a user has it.   `via_target`  where it is inherited from.
    `via_role`   the role that implies it.
    """

    actor: Actor
    actor_id: str
    target: Target
    target_id: str
    role_id: str
    inherited: bool = False
    via_group: str = ""
    via_target: tuple[Target, str] | None = None
    via_role: str = ""


def granted(tx: Tx, asked: Question) -> list[Assignment]:
    """Assignments as they were made."""
    actors: list[tuple[Actor, str]] | None = None
    if asked.user_id:
        actors = [("user", asked.user_id)]
    elif asked.group_id:
        actors = [("group", asked.group_id)]
    scope = _Scope(tx, asked)
    found = assignments.select_grants(
        tx,
        actors=actors,
        targets=scope.own if scope.bound else None,
        role_ids=[asked.role_id] if asked.role_id else None,
        inherited=asked.inherited,
    )
    return [_plain(grant) for grant in found]


def effective(tx: Tx, near: Near, asked: Question) -> list[Assignment]:
    """Assignments as they take effect: of users only, inherited ones where they reach, implied roles beside their priors.

    Roles that belong to a domain only serve to imply others, and are left out; so is the system, unless it is asked for.
    """
    scope = _Scope(tx, asked)
    actors: list[tuple[Actor, str]] | None = None
    if asked.user_id:
        actors = [("user", asked.user_id), *(("group", id) for id in groups.groups_of(tx, asked.user_id))]
    found: list[Grant] = []
    if asked.inherited is not True:
        direct = assignments.select_grants(
            tx, actors=actors, targets=scope.own if scope.bound else None, inherited=False
        )
        found += [grant for grant in direct if grant.target != "system" or asked.system]
    if asked.inherited is not False and not asked.domain_id and not asked.system:
        targets = scope.above if scope.bound else None
        found += assignments.select_grants(tx, actors=actors, targets=targets, inherited=True)
    members = _members(tx, found, asked.user_id)
    reached = [one for grant in found for one in _of_users(_plain(grant), members)]
    placed = _inherit(tx, reached, scope)
    implied = _imply(near.memory.graph(tx), placed)
    return [one for one in implied if not asked.role_id or one.role_id == asked.role_id]


class _Scope:
    """The targets that a question is about, and those above them."""

    def __init__(self, tx: Tx, asked: Question) -> None:
        self.bound = bool(asked.project_id or asked.domain_id or asked.system)
        self.projects: list[ProjectRow] = []
        self.own: list[tuple[Target, str]] = []
        if asked.project_id:
            root = projects.find(tx, asked.project_id)
            if root is not None:
                self.projects = [root, *(projects.subtree(tx, root) if asked.subtree else ())]
            self.own = [("project", row.id) for row in self.projects] or [("project", asked.project_id)]
        elif asked.domain_id:
            self.own = [("domain", asked.domain_id)]
        elif asked.system:
            self.own = [("system", SYSTEM)]

    @property
    def above(self) -> list[tuple[Target, str]]:
        found: dict[tuple[Target, str], None] = {}
        for row in self.projects:
            for n, id in enumerate(row.ancestors):
                found[("project" if n else "domain", id)] = None
        return list(found)


def _plain(grant: Grant) -> Assignment:
    return Assignment(
        actor=grant.actor,
        actor_id=grant.actor_id,
        target=grant.target,
        target_id=grant.target_id,
        role_id=grant.role_id,
        inherited=grant.inherited,
    )


def _members(tx: Tx, grants: Sequence[Grant], user_id: str) -> dict[str, list[str]]:
    ids = {grant.actor_id for grant in grants if grant.actor == "group"}
    return {id: [user_id] for id in ids} if user_id else groups.members_of_many(tx, ids)


def _of_users(one: Assignment, members: dict[str, list[str]]) -> Iterable[Assignment]:
    if one.actor == "user":
        return (one,)
    return (replace(one, actor="user", actor_id=id, via_group=one.actor_id) for id in members.get(one.actor_id, ()))


def _inherit(tx: Tx, found: Sequence[Assignment], scope: _Scope) -> list[Assignment]:
    """Put inherited assignments on the projects that they reach."""
    sources = {one.target_id for one in found if one.inherited}
    if not sources:
        return list(found)
    reached = scope.projects if scope.bound else _all_below(tx, sources)
    below: dict[str, list[ProjectRow]] = {}
    for row in reached:
        for id in row.ancestors:
            below.setdefault(id, []).append(row)
    placed: list[Assignment] = []
    for one in found:
        if not one.inherited:
            placed.append(one)
            continue
        origin = (one.target, one.target_id)
        placed += [
            replace(one, target="project", target_id=row.id, via_target=origin) for row in below.get(one.target_id, ())
        ]
    return placed


def _all_below(tx: Tx, sources: Iterable[str]) -> list[ProjectRow]:
    return projects.below(tx, [row.path for row in projects.find_many(tx, sources).values()])


def _imply(graph: RoleGraph, found: Iterable[Assignment]) -> list[Assignment]:
    result: list[Assignment] = []
    for one in found:
        result.append(one)
        pairs = dict.fromkeys(graph.steps(one.role_id))
        result += [replace(one, role_id=implied, via_role=prior) for prior, implied in pairs]
    return [one for one in result if one.role_id in graph.roles and not graph.roles[one.role_id].domain_id]


def within(tx: Tx, found: Sequence[Assignment], domain_id: str) -> list[Assignment]:
    """Those on a domain or on its projects."""
    rows = projects.find_many(tx, {one.target_id for one in found if one.target == "project"})
    home = {id for id, row in rows.items() if row.domain_id == domain_id} | {domain_id}
    return [one for one in found if one.target != "system" and one.target_id in home]
