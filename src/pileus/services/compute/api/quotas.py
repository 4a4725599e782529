"""`os-quota-sets`, `os-quota-class-sets` and `limits`: what projects may have."""

from collections.abc import Callable, Mapping
from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.policy import Rule
from pileus.kernel.policy.defaults import ADMIN, ANYBODY, PROJECT_READER_OR_ADMIN
from pileus.kernel.rest import Operation, Request, Schema, obj, text
from pileus.kernel.types import Invalid, Version
from pileus.services.compute.api.server_bodies import BOOL, truth
from pileus.services.compute.core import quota as core
from pileus.services.compute.core.neighbours import Neighbours

_SETS, _CLASSES, _LIMITS = "os_compute_api:os-quota-sets", "os_compute_api:os-quota-class-sets", "os_compute_api:limits"
RULES = [
    *(Rule(f"{_SETS}:{n}", PROJECT_READER_OR_ADMIN, "See a project's quotas.", scopes=()) for n in ("show", "detail")),
    Rule(f"{_SETS}:defaults", ANYBODY, "See the quotas of projects that have none of their own.", scopes=()),
    *(Rule(f"{_SETS}:{n}", ADMIN, f"To {n} a project's quotas.", scopes=()) for n in ("update", "delete")),
    *(Rule(f"{_CLASSES}:{n}", ADMIN, f"To {n} quota classes.", scopes=()) for n in ("show", "update")),
    Rule(_LIMITS, ANYBODY, "See the limits of one's own project.", scopes=()),
    Rule(f"{_LIMITS}:other_project", ADMIN, "See the limits of another project.", scopes=()),
]
_MOST = 2147483647
_LIMIT: Schema = {
    "type": ["integer", "string"],
    "maxLength": 32,
    "pattern": "^-?[0-9]+$",
    "minimum": -1,
    "maximum": _MOST,
}
_PLAIN = ("instances", "cores", "ram", "metadata_items", "key_pairs")
_USER: Schema = {"type": "object", "properties": {"user_id": {"type": "array", "items": text()}}}
_STRICT: Schema = {**_USER, "additionalProperties": False}
_NO_INJECTION, _NO_NETWORK, _CLASS_GROUPS = Version(2, 57), Version(2, 36), Version(2, 50)


def names_of_set(at: Version) -> tuple[str, ...]:
    """The limits that a project's quota set shows in this version."""
    network = core.NETWORK_LIMITS if at < _NO_NETWORK else ()
    return (*_PLAIN, *core.GROUP_LIMITS, *(core.INJECTED_LIMITS if at < _NO_INJECTION else ()), *network)


def names_of_class(at: Version) -> tuple[str, ...]:
    """The same for a quota class; there the groups came late, and the network's limits left with them."""
    later = core.NETWORK_LIMITS if at < _CLASS_GROUPS else core.GROUP_LIMITS
    return (*_PLAIN, *(core.INJECTED_LIMITS if at < _NO_INJECTION else ()), *later)


def _bodies(key: str, names: Callable[[Version], tuple[str, ...]], **more: Schema) -> dict[str, Schema]:
    versions = [Version(2, minor) for minor in (1, 36, 50, 57)]
    return {
        str(at): obj({key: obj({**dict.fromkeys(names(at), _LIMIT), **more}, extra=False)}, [key]) for at in versions
    }


def _wanted(raw: Mapping[str, Any]) -> dict[str, int]:
    """Limits as numbers; text was checked for digits only."""
    found = {}
    for name, value in raw.items():
        if name in ("force", "tenant_id"):
            continue
        number = int(value)
        if not -1 <= number <= _MOST:
            side = "less than the minimum of -1" if number < -1 else f"greater than the maximum of {_MOST}"
            raise Invalid(f"Invalid input for field/attribute {name}. Value: {value}. {number} is {side}")
        found[name] = number
    return found


class Quotas:
    """The operations; rules are asked with the project that the path names."""

    def __init__(self, near: Neighbours) -> None:
        self.near = near

    def operations(self) -> list[Operation]:
        return [*self._sets(), *self._classes(), self._limits()]

    def _sets(self) -> list[Operation]:
        item = "/v2.1/os-quota-sets/{tenant_id}"
        body = _bodies("quota_set", names_of_set, force=BOOL)
        user: dict[str, Any] = {"query": {"2.1": _USER, "2.75": _STRICT}, "resource": "quota_set"}
        return [
            Operation(method="GET", path=item, name="show", decide=self._show, asks=f"{_SETS}:show", summary="Quotas of a project", **user),
            Operation(method="GET", path=f"{item}/detail", name="detail", decide=self._detail, asks=f"{_SETS}:detail", summary="Quotas with what is used of them", **user),
            Operation(method="GET", path=f"{item}/defaults", name="defaults", decide=self._defaults, asks=f"{_SETS}:defaults", summary="Quotas of a project that has none of its own", resource="quota_set"),
            Operation(method="PUT", path=item, name="update", decide=self._update, asks=f"{_SETS}:update", body=body, summary="Set quotas", **user),
            Operation(method="DELETE", path=item, name="delete", decide=self._delete, asks=f"{_SETS}:delete", answers=202, summary="Back to the defaults", **user),
        ]  # fmt: skip

    def _classes(self) -> list[Operation]:
        item, body = "/v2.1/os-quota-class-sets/{id}", _bodies("quota_class_set", names_of_class)
        return [
            Operation(method="GET", path=item, name="show", decide=self._show_class, rule=f"{_CLASSES}:show", resource="quota_class_set", summary="Limits of a quota class"),
            Operation(method="PUT", path=item, name="update", decide=self._update_class, body=body, rule=f"{_CLASSES}:update", resource="quota_class_set", summary="Set the limits of a quota class"),
        ]  # fmt: skip

    # --- quota sets -----------------------------------------------------------------------------------------------

    def _project(self, tx: Tx, request: Request, operation: str) -> tuple[str, str]:
        """(project, user) that the request means, once the caller may and the project is there."""
        project_id = request.params["tenant_id"]
        request.enforce(f"{_SETS}:{operation}", {"project_id": project_id})
        if operation != "delete" and not self.near.identity.project_exists(tx, project_id):
            raise Invalid(f"Project ID {project_id} is not a valid project.")
        return project_id, request.query.one("user_id") or ""

    def _show(self, tx: Tx, request: Request) -> Any:
        project_id, user_id = self._project(tx, request, "show")
        found = core.limits(tx, self.near, project_id, user_id)
        return {"quota_set": {"id": project_id, **{n: found[n] for n in names_of_set(request.version)}}}

    def _detail(self, tx: Tx, request: Request) -> Any:
        project_id, user_id = self._project(tx, request, "detail")
        found = core.standing(tx, self.near, project_id, user_id)
        shown = {
            n: {"limit": found[n].limit, "in_use": found[n].used, "reserved": 0} for n in names_of_set(request.version)
        }
        return {"quota_set": {"id": project_id, **shown}}

    def _defaults(self, tx: Tx, request: Request) -> Any:
        project_id, _ = self._project(tx, request, "defaults")
        found = self.near.quotas.defaults(tx)
        return {"quota_set": {"id": project_id, **{n: found[n] for n in names_of_set(request.version)}}}

    def _update(self, tx: Tx, request: Request) -> Any:
        project_id, user_id = self._project(tx, request, "update")
        body = request.body["quota_set"]
        force = truth(body.get("force"))
        core.update(tx, self.near, request.ctx, project_id, user_id, _wanted(body), force)
        found = core.limits(tx, self.near, project_id, user_id)
        return {"quota_set": {n: found[n] for n in names_of_set(request.version)}}

    def _delete(self, tx: Tx, request: Request) -> None:
        project_id, user_id = self._project(tx, request, "delete")
        core.reset(tx, self.near, request.ctx, project_id, user_id)

    # --- classes --------------------------------------------------------------------------------------------------

    def _show_class(self, tx: Tx, request: Request) -> Any:
        name = request.params["id"]
        found = core.class_limits(tx, self.near, name)
        return {"quota_class_set": {"id": name, **{n: found[n] for n in names_of_class(request.version)}}}

    def _update_class(self, tx: Tx, request: Request) -> Any:
        name = request.params["id"]
        if len(name) > 64:
            raise Invalid("The name of a quota class has at most 64 characters.")
        core.set_class(tx, self.near, request.ctx, name, _wanted(request.body["quota_class_set"]))
        found = core.class_limits(tx, self.near, name)
        return {"quota_class_set": {n: found[n] for n in names_of_class(request.version)}}

    # --- limits ---------------------------------------------------------------------------------------------------

    def _limits(self) -> Operation:
        query = {"tenant_id": {"type": "array", "items": text()}, "reserved": {"type": "array", "items": text()}}
        strict: Schema = {"type": "object", "properties": query, "additionalProperties": False}
        return Operation(
            method="GET", path="/v2.1/limits", name="show", resource="limit", decide=self._show_limits, rule=_LIMITS,
            query={"2.1": {**strict, "additionalProperties": True}, "2.75": strict}, summary="Limits of a project and what is used",
        )  # fmt: skip

    def _show_limits(self, tx: Tx, request: Request) -> Any:
        project_id = request.query.one("tenant_id") or ""
        if project_id:
            request.enforce(f"{_LIMITS}:other_project", {"project_id": project_id})
        found = core.standing(tx, self.near, project_id or request.ctx.project_id)
        return {"limits": {"rate": [], "absolute": absolute(found, request.version)}}


def absolute(found: Mapping[str, core.Standing], at: Version) -> dict[str, int]:
    """The limits under the names that `GET /limits` gives them."""
    limit = {name: one.limit for name, one in found.items()}
    used = {name: one.used for name, one in found.items()}
    shown = {
        "maxServerMeta": limit["metadata_items"], "maxTotalInstances": limit["instances"], "maxTotalCores": limit["cores"], "maxTotalRAMSize": limit["ram"],
        "maxTotalKeypairs": limit["key_pairs"], "maxServerGroups": limit["server_groups"], "maxServerGroupMembers": limit["server_group_members"],
        "totalInstancesUsed": used["instances"], "totalCoresUsed": used["cores"], "totalRAMUsed": used["ram"], "totalServerGroupsUsed": used["server_groups"],
    }  # fmt: skip
    if at < _NO_NETWORK:
        shown |= {
            "maxTotalFloatingIps": limit["floating_ips"], "maxSecurityGroups": limit["security_groups"],
            "maxSecurityGroupRules": limit["security_group_rules"], "totalFloatingIpsUsed": 0, "totalSecurityGroupsUsed": 0,
        }  # fmt: skip
    if at < (2, 39):
        shown["maxImageMeta"] = limit["metadata_items"]
    if at < _NO_INJECTION:
        shown |= {"maxPersonality": limit["injected_files"], "maxPersonalitySize": limit["injected_file_content_bytes"]}
    return shown
