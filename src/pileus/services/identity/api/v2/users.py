"""Users of the default domain, their passwords and roles."""

from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.rest import BOOLEAN, Operation, Request, Schema
from pileus.kernel.types import Invalid, NotBuilt
from pileus.services.identity.api.noun import NAME
from pileus.services.identity.api.users import Users, hash_password
from pileus.services.identity.api.v2 import shapes
from pileus.services.identity.api.v2.paths import HOME, at_home, body, given, named, only, op, paged
from pileus.services.identity.core import access, grants, projects, users
from pileus.services.identity.core.grants import Place
from pileus.services.identity.db.users import UserRow

_TEXT = {"type": ["string", "null"]}
_NAME = {**NAME, "type": ["string", "null"], "minLength": 0, "pattern": ""}
_BODY: dict[str, Schema] = {
    "name": _NAME,
    "username": _NAME,
    "password": _TEXT,
    "email": _TEXT,
    "tenantId": _TEXT,
    "enabled": BOOLEAN,
}
_NO_TENANT = "User roles not supported: tenant ID required"
_SPARED = ("name", "username", "password", "tenantId", "enabled")


class UsersV2:
    """`/v2.0/users`. `nouns` are v3's users."""

    def __init__(self, nouns: Users) -> None:
        self.nouns, self.near = nouns, nouns.near

    def all_operations(self) -> list[Operation]:
        item = "/users/{user_id}"
        update = {
            "asks": "identity:update_user",
            "body": body("user", _BODY),
            "gather": self._hash_update,
            "decide": self._update,
            "view": self._one,
        }
        found = [
            op("GET", "/users", "list_users", "Users, or with `name` one of them.", asks="identity:list_users", decide=self._list, view=self._many),
            op("GET", item, "show_user", "One user.", asks="identity:get_user", decide=self._show, view=self._one),
            op("POST", "/users", "create_user", "Make a user; with a tenant, a member of it.", asks="identity:create_user", body=body("user", _BODY), gather=self._hash_create, decide=self._create, view=self._one),
            op("PUT", item, "update_user", "Change a user.", **update),
            op("DELETE", item, "delete_user", "Remove a user.", asks="identity:delete_user", decide=self._delete, answers=204),
            op("GET", f"{item}/roles", "list_user_roles", "Needs a tenant.", handle=_needs_tenant),
            op("PUT", f"{item}/roles/OS-KSADM/{{role_id}}", "add_user_role", "Needs a tenant.", handle=_needs_tenant),
            op("DELETE", f"{item}/roles/OS-KSADM/{{role_id}}", "remove_user_role", "Needs a tenant.", handle=_needs_tenant),
        ]  # fmt: skip
        for part in ("password", "enabled", "tenant"):
            for path in (f"{item}/{part}", f"{item}/OS-KSADM/{part}"):
                found.append(op("PUT", path, f"set_{part}", f"Set the {part} of a user.", **update))
        return found

    # --- lists ------------------------------------------------------------------------------------------------------

    def _list(self, tx: Tx, request: Request) -> Any:
        self.nouns.enforce_list(request, "identity:list_users")
        listing, name = paged(request).also("domain_id", "eq", HOME), request.query.one("name")
        if name is not None:
            rows = users.list_page(tx, self.near, request.ctx, listing.also("name", "eq", name)).rows
            return only(rows, "user", name)
        return users.list_page(tx, self.near, request.ctx, listing)

    def _many(self, request: Request, found: Any) -> Any:
        if isinstance(found, UserRow):
            return self._one(request, found)
        return {"users": [shapes.user(row) for row in found.rows]}

    # --- one --------------------------------------------------------------------------------------------------------

    def _row(self, tx: Tx, request: Request, rule: str) -> UserRow:
        row: UserRow = at_home(self.nouns.row(tx, request, rule), "user")
        return row

    def _one(self, request: Request, row: UserRow) -> Any:
        return {"user": shapes.user(row)}

    def _show(self, tx: Tx, request: Request) -> Any:
        return self._row(tx, request, "identity:get_user")

    async def _hash_create(self, request: Request) -> None:
        request.enforce("identity:create_user", self.nouns.policy_target(None, request, {"domain_id": HOME}))
        want = self._want(request, "create")
        request.gathered = {**await hash_password(self.near, request.ctx, want), "domain_id": HOME}

    async def _hash_update(self, request: Request) -> None:
        """The rule is asked before a password is hashed too: nobody makes the cloud work for nothing."""
        row = await self.near.db.read(access.user_or_none, request.params["user_id"])
        if row is not None:
            request.enforce("identity:update_user", self.nouns.policy_target(None, request, row))
        request.gathered = await hash_password(self.near, request.ctx, self._want(request, "update"))

    def _want(self, request: Request, operation: str) -> dict[str, Any]:
        raw = given(request.body["user"], *_SPARED)
        for name in ("domain_id", "options", "default_project_id"):
            if name in raw:
                raise Invalid(f"{name} is not known to version 2.0 of this API.")
        name = raw.pop("username", None)
        if name is not None:
            raw.setdefault("name", name)
        if operation == "create" or "name" in raw:
            named(raw)
        raw.pop("OS-KSADM:password", None) if "password" in raw else raw.update(_prefixed(raw))
        home = raw.pop("tenantId", None)
        return self.nouns.want(request, operation, raw | ({"default_project_id": home} if home else {}))

    def _create(self, tx: Tx, request: Request) -> Any:
        row = users.create(tx, self.near, request.ctx, request.gathered)
        self._join(tx, request, row)
        return row

    def _update(self, tx: Tx, request: Request) -> Any:
        row = self._row(tx, request, "identity:update_user")
        want = request.gathered
        self.nouns.before(tx, request, row, want)
        after = users.update(tx, self.near, request.ctx, row, want)
        if after.default_project_id != row.default_project_id:
            self._join(tx, request, after)
        return after

    def _join(self, tx: Tx, request: Request, row: UserRow) -> None:
        """Who has a tenant is a member of it."""
        if not row.default_project_id:
            return
        at_home(projects.get(tx, self.near, request.ctx, row.default_project_id), "project")
        role = grants.member_role(tx)
        place = Place(
            actor="user", actor_id=row.id, target="project", target_id=row.default_project_id, role_id=role.id
        )
        parties = grants.find_parties(tx, place)
        request.enforce("identity:create_grant", grants.policy_target(place, parties))
        grants.give(tx, self.near, request.ctx, place, parties)

    def _delete(self, tx: Tx, request: Request) -> None:
        users.delete(tx, self.near, request.ctx, self._row(tx, request, "identity:delete_user"))


def _prefixed(raw: dict[str, Any]) -> dict[str, Any]:
    """The password under the name that an extension once gave it."""
    secret = raw.pop("OS-KSADM:password", None)
    return {} if secret is None else {"password": secret}


async def _needs_tenant(request: Request) -> Any:
    raise NotBuilt(_NO_TENANT)
