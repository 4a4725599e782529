"""Roles, and who has which in a tenant."""

from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.rest import Operation, Request
from pileus.kernel.types import Conflict
from pileus.services.identity.api.noun import NAME
from pileus.services.identity.api.roles import Roles
from pileus.services.identity.api.v2 import shapes
from pileus.services.identity.api.v2.paths import HOME, body, named, op, paged
from pileus.services.identity.core import effective, grants, refusals, roles
from pileus.services.identity.core.effective import Question
from pileus.services.identity.core.grants import Parties, Place
from pileus.services.identity.db.roles import RoleRow


class RolesV2:
    """`/v2.0/OS-KSADM/roles` and `/v2.0/tenants/{}/users/{}/roles`. `nouns` are v3's roles."""

    def __init__(self, nouns: Roles) -> None:
        self.nouns, self.near = nouns, nouns.near

    def all_operations(self) -> list[Operation]:
        many, one = "/OS-KSADM/roles", "/OS-KSADM/roles/{role_id}"
        held = "/tenants/{project_id}/users/{user_id}/roles"
        grant = f"{held}/OS-KSADM/{{role_id}}"
        return [
            op("GET", many, "list_roles", "Roles.", asks="identity:list_roles", decide=self._list, view=self._many),
            op("POST", many, "create_role", "Make a role.", asks="identity:create_role", body=body("role", {"name": {**NAME, "minLength": 0, "pattern": ""}}), decide=self._create, view=self._one),
            op("GET", one, "show_role", "One role.", asks="identity:get_role", decide=self._show, view=self._one),
            op("DELETE", one, "delete_role", "Remove a role.", asks="identity:delete_role", decide=self._delete, answers=204),
            op("GET", held, "list_roles_in_tenant", "Roles of a user in a tenant.", asks="identity:list_grants", decide=self._held, view=self._many),
            op("PUT", grant, "add_role_in_tenant", "Give a user a role in a tenant.", asks="identity:create_grant", decide=self._give, view=self._one),
            op("DELETE", grant, "remove_role_in_tenant", "Take a role in a tenant from a user.", asks="identity:revoke_grant", decide=self._take, answers=204),
        ]  # fmt: skip

    def _list(self, tx: Tx, request: Request) -> Any:
        self.nouns.enforce_list(request, "identity:list_roles")
        return roles.list_page(tx, self.near, request.ctx, paged(request)).rows

    def _many(self, request: Request, rows: list[RoleRow]) -> Any:
        return {"roles": [shapes.role(row) for row in rows]}

    def _one(self, request: Request, row: RoleRow) -> Any:
        return {"role": shapes.role(row)}

    def _create(self, tx: Tx, request: Request) -> Any:
        raw = {name: value for name, value in request.body["role"].items() if name not in ("domain_id", "options")}
        want = self.nouns.want(request, "create", named(raw))
        request.enforce("identity:create_role", self.nouns.policy_target(tx, request, want))
        return roles.create(tx, self.near, request.ctx, want)

    def _row(self, tx: Tx, request: Request, rule: str) -> RoleRow:
        row: RoleRow = self.nouns.row(tx, request, rule)
        if row.domain_id:
            raise refusals.missing("role", row.id)
        return row

    def _show(self, tx: Tx, request: Request) -> Any:
        return self._row(tx, request, "identity:get_role")

    def _delete(self, tx: Tx, request: Request) -> None:
        roles.delete(tx, self.near, request.ctx, self._row(tx, request, "identity:delete_role"))

    # --- in tenants ---------------------------------------------------------------------------------------------------

    def _parties(self, tx: Tx, request: Request, rule: str) -> tuple[Place, Parties]:
        """Rows of the default domain only, after the rule saw them."""
        params = request.params
        place = Place(
            actor="user",
            actor_id=params["user_id"],
            target="project",
            target_id=params["project_id"],
            role_id=params.get("role_id", ""),
        )
        found = grants.find_parties(tx, place)
        actor, target, role = found.actor, found.target, found.role
        parties = Parties(
            actor if actor is not None and actor.domain_id == HOME else None,
            target if target is not None and target.domain_id == HOME else None,
            role if role is not None and not role.domain_id else None,
        )
        request.enforce(rule, grants.policy_target(place, parties))
        grants.check_parties(place, parties)
        return place, parties

    def _held(self, tx: Tx, request: Request) -> Any:
        place, _ = self._parties(tx, request, "identity:list_grants")
        asked = Question(user_id=place.actor_id, project_id=place.target_id)
        held = effective.effective(tx, self.near, asked)
        return roles.find_many(tx, {one.role_id for one in held})

    def _give(self, tx: Tx, request: Request) -> Any:
        place, parties = self._parties(tx, request, "identity:create_grant")
        if grants.is_given(tx, place):
            raise Conflict(
                f"Conflict occurred attempting to store role grant - User {place.actor_id} already has role "
                f"{place.role_id} in tenant {place.target_id}."
            )
        grants.give(tx, self.near, request.ctx, place, parties)
        return parties.role

    def _take(self, tx: Tx, request: Request) -> None:
        place, _ = self._parties(tx, request, "identity:revoke_grant")
        grants.take(tx, self.near, request.ctx, place)
