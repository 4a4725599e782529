"""`os-server-groups`."""

from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.policy import Rule
from pileus.kernel.policy.defaults import ADMIN, PROJECT_MEMBER_OR_ADMIN, PROJECT_READER_OR_ADMIN
from pileus.kernel.rest import Operation, Request, Schema, array, choice, integer, obj, text
from pileus.kernel.types import Invalid
from pileus.services.compute.core import groups as core
from pileus.services.compute.core.groups import Group
from pileus.services.compute.core.neighbours import Neighbours

_API = "os_compute_api:os-server-groups"
_PATH = "/v2.1/os-server-groups"
RULES = [
    *(Rule(f"{_API}:{n}", PROJECT_READER_OR_ADMIN, "See server groups.", scopes=()) for n in ("index", "show")),
    *(Rule(f"{_API}:{n}", PROJECT_MEMBER_OR_ADMIN, f"To {n} server groups.", scopes=()) for n in ("create", "delete")),
    Rule(f"{_API}:index:all_projects", ADMIN, "See the server groups of all projects.", scopes=()),
]
_NAME = text(255, 1, pattern=r"^(?! )[^\x00-\x1f\x7f]*(?<! )$")
_HARD, _SOFT = ("affinity", "anti-affinity"), ("soft-affinity", "soft-anti-affinity")
_NUMBER: Schema = {"type": "array", "items": text(32, pattern="^[0-9]+$")}
_QUERY: Schema = {
    "type": "object", "properties": {"all_projects": {"type": "array", "items": text()}, "limit": _NUMBER, "offset": _NUMBER},
}  # fmt: skip


def _bodies() -> dict[str, Schema]:
    def listed(*policies: str) -> Schema:
        one = obj({"name": _NAME, "policies": array(choice(*policies), maximum=1, minimum=1)}, ["name", "policies"])
        return obj({"server_group": one}, ["server_group"])

    most = {"oneOf": [integer(1), text(pattern="^[1-9][0-9]{0,8}$")]}
    named = {"name": _NAME, "policy": choice(*_HARD, *_SOFT), "rules": obj({"max_server_per_host": most})}
    newest = obj({"server_group": obj(named, ["name", "policy"])}, ["server_group"])
    return {"2.1": listed(*_HARD), "2.15": listed(*_HARD, *_SOFT), "2.64": newest}


class ServerGroups:
    def __init__(self, near: Neighbours) -> None:
        self.near = near

    def operations(self) -> list[Operation]:
        item = f"{_PATH}/{{server_group_id}}"
        common: dict[str, Any] = {"resource": "server_group"}
        return [
            Operation(method="GET", path=_PATH, name="list", decide=self._list, rule=f"{_API}:index", summary="Server groups",
                query={"2.1": _QUERY, "2.75": {**_QUERY, "additionalProperties": False}}, **common),
            Operation(method="POST", path=_PATH, name="create", decide=self._create, view=_shown, rule=f"{_API}:create", body=_bodies(), summary="Make a group", **common),
            Operation(method="GET", path=item, name="show", decide=self._show, asks=f"{_API}:show", view=_shown, summary="One group", **common),
            Operation(method="DELETE", path=item, name="delete", decide=self._delete, asks=f"{_API}:delete", answers=204, summary="Forget a group", **common),
        ]  # fmt: skip

    def _one(self, tx: Tx, request: Request, verb: str) -> Group:
        group = core.get(tx, request.ctx, request.params["server_group_id"])
        request.enforce(f"{_API}:{verb}", {"project_id": group.row.project_id})
        return group

    def _list(self, tx: Tx, request: Request) -> Any:
        everyone = request.query.has("all_projects") and "admin" in request.ctx.roles
        if everyone:
            request.enforce(f"{_API}:index:all_projects")
        found = core.every(tx, None if everyone else request.ctx.project_id)
        first, most = int(request.query.one("offset") or 0), int(request.query.one("limit") or 0)
        return {"server_groups": [_view(request, g) for g in found[first : first + min(most or 1000, 1000)]]}

    def _create(self, tx: Tx, request: Request) -> Group:
        body = request.body["server_group"]
        rules = {name: int(value) for name, value in body.get("rules", {}).items()}
        if any(value >= 1 << 31 for value in rules.values()):
            raise Invalid(
                "Invalid input for field/attribute max_server_per_host. It is greater than the maximum of 2147483647"
            )
        policy = body["policy"] if "policy" in body else body["policies"][0]
        return core.create(tx, self.near, request.ctx, body["name"], policy, rules)

    def _show(self, tx: Tx, request: Request) -> Group:
        return self._one(tx, request, "show")

    def _delete(self, tx: Tx, request: Request) -> None:
        core.delete(tx, request.ctx, self._one(tx, request, "delete"))


def _shown(request: Request, group: Group) -> Any:
    return {"server_group": _view(request, group)}


def _view(request: Request, group: Group) -> dict[str, Any]:
    row, at = group.row, request.version
    view: dict[str, Any] = {"id": row.id, "name": row.name, "members": list(group.members)}
    if at >= (2, 13):
        view |= {"project_id": row.project_id, "user_id": row.user_id}
    if at >= (2, 64):
        return {**view, "policy": row.policy, "rules": row.rules}
    return {**view, "policies": [row.policy], "metadata": {}}
