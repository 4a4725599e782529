"""Tenants: the projects of the default domain."""

from typing import Any

from pileus.kernel.db import Page, Tx
from pileus.kernel.rest import BOOLEAN, Operation, Request, Schema
from pileus.kernel.types import Invalid
from pileus.services.identity.api.noun import SHORT_NAME
from pileus.services.identity.api.projects import Projects
from pileus.services.identity.api.users import Users
from pileus.services.identity.api.v2 import shapes
from pileus.services.identity.api.v2.paths import HOME, at_home, body, given, named, only, op, paged
from pileus.services.identity.core import access, effective, projects, users
from pileus.services.identity.core.effective import Question
from pileus.services.identity.db.projects import ProjectRow

_NAME = {**SHORT_NAME, "type": ["string", "null"], "minLength": 0, "pattern": ""}
_BODY: dict[str, Schema] = {"name": _NAME, "enabled": BOOLEAN}


class Tenants:
    """`/v2.0/tenants`.

    At the admin's port the list has all of them, for those who may see them all; at the other one those that the caller
    may enter. A cloud without a port for the admin shows them all to whom it may at the one that there is.
    """

    def __init__(self, nouns: Projects, people: Users, ports: shapes.Ports) -> None:
        self.nouns, self.people, self.near, self.admin_port = nouns, people, nouns.near, ports.get("identity_admin")

    def all_operations(self) -> list[Operation]:
        item = "/tenants/{project_id}"
        update = {"body": body("tenant", _BODY), "decide": self._update, "view": self._one}
        asks = {"asks": "identity:update_project"}
        return [
            op("GET", "/tenants", "list_tenants", "Tenants: the caller's, or at the admin's port all.", decide=self._list, view=self._many),
            op("GET", item, "show_tenant", "One tenant.", asks="identity:get_project", decide=self._show, view=self._one),
            op("POST", "/tenants", "create_tenant", "Make a tenant.", asks="identity:create_project", body=body("tenant", _BODY), decide=self._create, view=self._one),
            op("POST", item, "update_tenant", "Change a tenant.", **asks, **update),
            op("PUT", item, "replace_tenant", "Change a tenant.", **asks, **update),
            op("DELETE", item, "delete_tenant", "Remove a tenant.", asks="identity:delete_project", decide=self._delete, answers=204),
            op("GET", f"{item}/users", "list_tenant_users", "Users that have a role in a tenant.", asks="identity:list_role_assignments", decide=self._users, view=self._people),
        ]  # fmt: skip

    # --- lists ------------------------------------------------------------------------------------------------------

    def _list(self, tx: Tx, request: Request) -> Any:
        name = request.query.one("name")
        if name is not None:
            self.nouns.enforce_list(request, "identity:list_projects")
            listing = paged(request).also("domain_id", "eq", HOME).also("name", "eq", name)
            return only(projects.list_page(tx, self.near, request.ctx, listing).rows, "project", name)
        if not self._sees_all(request):
            return Page(_slice(access.enterable(tx, self.near, request.ctx.user_id), request))
        return projects.list_page(tx, self.near, request.ctx, paged(request).also("domain_id", "eq", HOME))

    def _sees_all(self, request: Request) -> bool:
        home = {"domain_id": request.ctx.domain_id or None}
        if self.admin_port and (request.scope.get("server") or ("", 0))[1] == self.admin_port:
            self.nouns.enforce_list(request, "identity:list_projects")
            return True
        return not self.admin_port and request.may("identity:list_projects", {"target": {"project": home, **home}})

    def _many(self, request: Request, found: Any) -> Any:
        if isinstance(found, ProjectRow):
            return {"tenant": shapes.tenant(found)}
        return {"tenants": [shapes.tenant(row) for row in found.rows], "tenants_links": []}

    def _users(self, tx: Tx, request: Request) -> Any:
        row = self._row(tx, request, "identity:get_project")
        target = {"target": {"project": {"id": row.id, "domain_id": row.domain_id}, "domain_id": row.domain_id}}
        request.enforce("identity:list_role_assignments", target)
        there = effective.effective(tx, self.near, Question(project_id=row.id))
        return users.find_many(tx, {one.actor_id for one in there})

    def _people(self, request: Request, rows: Any) -> Any:
        return {"users": [shapes.user(row) for row in rows if row.domain_id == HOME]}

    # --- one --------------------------------------------------------------------------------------------------------

    def _row(self, tx: Tx, request: Request, rule: str) -> ProjectRow:
        row: ProjectRow = at_home(self.nouns.row(tx, request, rule), "project")
        return row

    def _one(self, request: Request, row: ProjectRow) -> Any:
        return {"tenant": shapes.tenant(row)}

    def _show(self, tx: Tx, request: Request) -> Any:
        return self._row(tx, request, "identity:get_project")

    def _create(self, tx: Tx, request: Request) -> Any:
        want = self._want(request, "create")
        request.enforce("identity:create_project", self.nouns.policy_target(tx, request, want))
        return projects.create(tx, self.near, request.ctx, want)

    def _update(self, tx: Tx, request: Request) -> Any:
        row = self._row(tx, request, "identity:update_project")
        want = self._want(request, "update")
        self.nouns.before(tx, request, row, want)
        del want["domain_id"]
        return projects.update(tx, self.near, request.ctx, row, want)

    def _want(self, request: Request, operation: str) -> dict[str, Any]:
        raw = given(request.body["tenant"], "description", "enabled", "name")
        for name in ("is_domain", "domain_id", "parent_id", "tags", "options"):
            if name in raw:
                raise Invalid(f"{name} is not known to version 2.0 of this API.")
        if operation == "create" or "name" in raw:
            named(raw)
        return {**self.nouns.want(request, operation, raw), "domain_id": HOME}

    def _delete(self, tx: Tx, request: Request) -> None:
        projects.delete(tx, self.near, request.ctx, self._row(tx, request, "identity:delete_project"))


def _slice(rows: list[ProjectRow], request: Request) -> list[ProjectRow]:
    """A page of the caller's own tenants, which stand in the order of their ids."""
    listing = paged(request)
    found = [row for row in rows if row.domain_id == HOME]
    if listing.marker is not None:
        if listing.marker not in {row.id for row in found}:
            raise Invalid("Marker could not be found")
        found = [row for row in found if row.id > listing.marker]
    return found[: listing.limit]
