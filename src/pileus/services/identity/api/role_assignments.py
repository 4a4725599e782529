"""`GET /v3/role_assignments`: who is what, where."""

from typing import Any

from msgspec import Struct

from pileus.kernel.db import Tx
from pileus.kernel.rest import Operation, Request
from pileus.kernel.types import Invalid
from pileus.services.identity.api.dialect import KeystoneDialect
from pileus.services.identity.api.projects import is_asked
from pileus.services.identity.core import effective, naming, projects
from pileus.services.identity.core.effective import Assignment, Question
from pileus.services.identity.core.naming import Named
from pileus.services.identity.core.neighbours import Near

_INHERITED = "scope.OS-INHERIT:inherited_to"


class _Found(Struct, frozen=True):
    rows: list[Assignment]
    names: Named | None


class RoleAssignments:
    def __init__(self, near: Near, dialect: KeystoneDialect) -> None:
        self.near, self.dialect = near, dialect

    def all_operations(self) -> list[Operation]:
        return [
            Operation(
                method="GET",
                path="/v3/role_assignments",
                name="list",
                resource="role_assignment",
                asks="identity:list_role_assignments",
                summary="Role assignments, as they were made or as they take effect.",
                decide=self._decide,
                view=self._view,
                kept=True,
            )
        ]

    def _decide(self, tx: Tx, request: Request) -> _Found:
        asked = _question(request)
        home = self._enforce(tx, request, asked)
        if is_asked(request, "effective"):
            rows = effective.effective(tx, self.near, asked)
        else:
            rows = effective.granted(tx, asked)
        if home and not asked.subtree:
            rows = effective.within(tx, rows, home)
        return _Found(rows, naming.look_up(tx, rows) if is_asked(request, "include_names") else None)

    def _enforce(self, tx: Tx, request: Request, asked: Question) -> str:
        """Judges by the domain that the answer will be about; returns the domain to which the caller's token bounds it."""
        home = request.ctx.domain_id
        domain_id, rule = home or None, "identity:list_role_assignments"
        if asked.subtree:
            rule = "identity:list_role_assignments_for_tree"
            if asked.project_id:
                domain_id = projects.get(tx, self.near, request.ctx, asked.project_id).domain_id or None
        request.enforce(rule, {"target": {"domain_id": domain_id}})
        return home

    def _view(self, request: Request, found: _Found) -> Any:
        return self.dialect.collection(
            request, "role_assignments", [_shown(request, one, found.names) for one in found.rows]
        )


def _question(request: Request) -> Question:
    """Raises `Invalid` for conditions that contradict each other."""
    query = request.query
    user, group = query.one("user.id", "") or "", query.one("group.id", "") or ""
    project, domain = query.one("scope.project.id", "") or "", query.one("scope.domain.id", "") or ""
    system = query.one("scope.system", "") == "all"
    inherited = None if not query.has(_INHERITED) else query.one(_INHERITED) == "projects"
    if is_asked(request, "include_subtree") and not project:
        raise Invalid("'scope.project.id' is a dependency of 'include_subtree'")
    for first, second, what in ((domain, project, "domain or project"), (system, domain, "system or domain"), (system, project, "system or project"), (user, group, "user or group")):  # fmt: skip
        if first and second:
            raise Invalid(f"Specify a {what}, not both" if what[0] != "s" else f"Specify {what}, not both")
    if is_asked(request, "effective"):
        if group:
            raise Invalid("Combining effective and group filter will always result in an empty list.")
        if inherited and domain:
            raise Invalid("Combining effective, domain and inherited filters will always result in an empty list.")
    return Question(
        user_id=user,
        group_id=group,
        role_id=query.one("role.id", "") or "",
        project_id=project,
        domain_id=domain,
        system=system,
        inherited=inherited,
        subtree=is_asked(request, "include_subtree"),
    )


def _shown(request: Request, one: Assignment, names: Named | None) -> dict[str, Any]:
    scope: dict[str, Any] = {"system": {"all": True}} if one.target == "system" else {one.target: _place(one, names)}
    if one.inherited:
        scope["OS-INHERIT:inherited_to"] = "projects"
    view: dict[str, Any] = {"links": {}, "scope": scope, one.actor: _actor(one, names), "role": _role(one, names)}
    if one.via_group:
        view["links"]["membership"] = request.link(f"/v3/groups/{one.via_group}/users/{one.actor_id}")
    view["links"]["assignment"] = request.link(_grant_path(one))
    if one.via_role:
        view["links"]["prior_role"] = request.link(f"/v3/prior_role/{one.role_id}/implies/{one.via_role}")
    return view


def _grant_path(one: Assignment) -> str:
    """The path of the grant that an assignment comes from."""
    kind, id = one.via_target or (one.target, one.target_id)
    where = "/system" if kind == "system" else f"/{kind}s/{id}"
    actor = f"/groups/{one.via_group}" if one.via_group else f"/{one.actor}s/{one.actor_id}"
    path = f"{where}{actor}/roles/{one.via_role or one.role_id}"
    return f"/v3/OS-INHERIT{path}/inherited_to_projects" if one.inherited else f"/v3{path}"


def _place(one: Assignment, names: Named | None) -> dict[str, Any]:
    row = names.places.get(one.target_id) if names else None
    if names is None or row is None:
        return {"id": one.target_id}
    found: dict[str, Any] = {"id": row.id, "name": row.name}
    if one.target == "project":
        found["domain"] = _domain(row.domain_id, names)
    return found


def _actor(one: Assignment, names: Named | None) -> dict[str, Any]:
    row = names.actors.get(one.actor_id) if names else None
    if names is None or row is None:
        return {"id": one.actor_id}
    return {"id": row.id, "name": row.name, "domain": _domain(row.domain_id, names)}


def _role(one: Assignment, names: Named | None) -> dict[str, Any]:
    row = names.roles.get(one.role_id) if names else None
    if names is None or row is None:
        return {"id": one.role_id}
    found: dict[str, Any] = {"id": row.id, "name": row.name}
    if row.domain_id:
        found["domain"] = _domain(row.domain_id, names)
    return found


def _domain(id: str, names: Named) -> dict[str, str]:
    row = names.places.get(id)
    return {"id": id, "name": row.name if row else ""}
