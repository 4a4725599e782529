"""`/v2.0/quotas`: limits of projects, what they use, and the defaults."""

from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.rest import Operation, Request
from pileus.kernel.types import Conflict, Invalid, NotFound
from pileus.services.network.api.attributes import BOOL, LIMIT
from pileus.services.network.core.neighbours import Near

_PATH = "/v2.0/quotas"
_ONE = _PATH + "/{project_id}"


def operations(near: Near) -> list[Operation]:
    told = _Told(near)
    return [
        Operation(method="GET", path=_PATH, name="list_quotas", asks="get_quota", decide=told.every),
        Operation(method="GET", path=f"{_PATH}/tenant", name="own_tenant", decide=told.own),
        Operation(method="GET", path=f"{_PATH}/project", name="own_project", decide=told.own),
        Operation(method="GET", path=_ONE, name="show_quota", asks="get_quota", decide=told.show),
        Operation(method="GET", path=_ONE + "/default", name="default_quota", asks="get_quota", decide=told.defaults),
        Operation(method="GET", path=_ONE + "/details", name="quota_details", asks="get_quota", decide=told.details),
        Operation(method="PUT", path=_ONE, name="update_quota", rule="update_quota", decide=told.update, body={}),
        Operation(method="DELETE", path=_ONE, name="delete_quota", rule="delete_quota", decide=told.reset, answers=204),
    ]


class _Told:
    """The decisions behind the paths."""

    def __init__(self, near: Near) -> None:
        self.quotas = near.quotas

    def every(self, tx: Tx, request: Request) -> Any:
        """Projects with limits of their own."""
        request.enforce("get_quota", {"project_id": ""})
        found = [(p, self.quotas.limits(tx, p)) for p in self.quotas.projects(tx)]
        return {"quotas": [{**limits, "tenant_id": p, "project_id": p} for p, limits in found]}

    def own(self, tx: Tx, request: Request) -> Any:
        """The caller's own project."""
        name = request.path.rsplit("/", 1)[1]
        return {name: {f"{name}_id": request.ctx.project_id}}

    def show(self, tx: Tx, request: Request) -> Any:
        """A project's limits."""
        return {"quota": self.quotas.limits(tx, _readable(request))}

    def defaults(self, tx: Tx, request: Request) -> Any:
        """The limits of projects that have none of their own."""
        _readable(request)
        return {"quota": self.quotas.defaults(tx)}

    def details(self, tx: Tx, request: Request) -> Any:
        """A project's limits and what it uses of them."""
        project_id = _readable(request)
        limits, used = self.quotas.limits(tx, project_id), self.quotas.usages(tx, project_id)
        return {"quota": {n: {"limit": limits[n], "used": used[n], "reserved": 0} for n in limits}}

    def update(self, tx: Tx, request: Request) -> Any:
        """Set limits of a project."""
        project_id = request.params["project_id"]
        limits, check = _limits(request.body, set(self.quotas.quotas))
        if check:
            _judge_used(self.quotas.usages(tx, project_id), limits)
        for name, limit in limits.items():
            self.quotas.set(tx, project_id, name, limit)
        return {"quota": self.quotas.limits(tx, project_id)}

    def reset(self, tx: Tx, request: Request) -> None:
        """Give a project the default limits again."""
        project_id = request.params["project_id"]
        if project_id not in self.quotas.projects(tx):
            raise NotFound(f"Quota for project {project_id} could not be found.", type="TenantQuotaNotFound")
        self.quotas.reset(tx, project_id)


def _readable(request: Request) -> str:
    project_id = request.params["project_id"]
    request.enforce("get_quota", {"project_id": project_id, "tenant_id": project_id})
    return project_id


def _limits(body: Any, known: set[str]) -> tuple[dict[str, int], bool]:
    quota = body.get("quota") if isinstance(body, dict) else None
    if not isinstance(quota, dict):
        raise Invalid("Unable to find 'quota' in request body", type="HTTPBadRequest")
    quota = {k: v for k, v in quota.items() if k not in ("tenant_id", "project_id")}
    check = BOOL.read(quota.pop("check_limit", False))
    force = BOOL.read(quota.pop("force", False))
    unknown = sorted(str(k) for k in quota if k not in known)
    if unknown:
        raise Invalid(f"Unrecognized attribute(s) '{', '.join(unknown)}'", type="HTTPBadRequest")
    made = {}
    for name, value in quota.items():
        try:
            made[name] = LIMIT.read(value)
        except ValueError as e:
            raise Invalid(f"Invalid input for {name}. Reason: {e}", type="HTTPBadRequest") from None
    return made, check and not force


def _judge_used(used: dict[str, int], limits: dict[str, int]) -> None:
    for name, limit in limits.items():
        if -1 < limit < used[name]:
            raise Conflict(
                f"Quota limit for resource {name} must be greater than or equal to already used {used[name]}.",
                type="QuotaLimitTooLow",
            )
