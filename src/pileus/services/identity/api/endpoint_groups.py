"""`/v3/OS-EP-FILTER`: groups of endpoints, and which endpoints and groups a project sees."""

from typing import Any, ClassVar

from pileus.kernel.db import Tx
from pileus.kernel.rest import (
    BOOLEAN,
    Field,
    Operation,
    Request,
    choice,
    creates,
    deletes,
    lists,
    nullable,
    obj,
    one,
    shows,
    text,
    updates,
)
from pileus.services.identity.api.catalog import Endpoints
from pileus.services.identity.api.dialect import KeystoneDialect
from pileus.services.identity.api.noun import ID, NAME, TEXT, Noun, rules_of
from pileus.services.identity.api.projects import Projects
from pileus.services.identity.core import endpoint_filters, endpoint_groups
from pileus.services.identity.core.visible import members

_ROOT = "/v3/OS-EP-FILTER"
_NAME = {**NAME, "pattern": ""}
_FILTERS = {
    "type": "object",
    "properties": {
        "interface": choice("admin", "internal", "public"),
        "service_id": text(),
        "region_id": nullable(text()),
        "enabled": BOOLEAN,
    },
}
_QUERY = {name: one(text()) for name in ("limit", "marker", "sort_key", "sort_dir")} | {"name": one(_NAME)}


class EndpointGroups(Noun):
    """Endpoints that are alike."""

    member, plural, path = "endpoint_group", "endpoint_groups", f"{_ROOT}/endpoint_groups"
    rules: ClassVar[dict[str, str]] = rules_of("endpoint_group")
    strict: ClassVar[bool] = True
    id = Field(ID, on="show list")
    name = Field(_NAME, required=True, match=True, sort=True)
    description = Field(nullable(TEXT))
    filters = Field(_FILTERS, required=True)

    get = endpoint_groups.get
    list = lists(endpoint_groups.list_page, query=obj(_QUERY))
    show = shows()
    create = creates(endpoint_groups.create)
    update = updates(endpoint_groups.update)
    delete = deletes(endpoint_groups.delete)

    def extend(self, request: Request, row: Any, view: dict[str, Any]) -> None:
        view["links"] = {"self": self.link(request, row)}

    def facts(self, subject: Any) -> dict[str, Any]:
        return {}


class EndpointFilters:
    """What a project sees, from both ends."""

    def __init__(
        self, groups: EndpointGroups, endpoints: Endpoints, projects: Projects, dialect: KeystoneDialect
    ) -> None:
        self.groups, self.endpoints, self.projects, self.dialect = groups, endpoints, projects, dialect
        self.near = groups.near

    def all_operations(self) -> list[Operation]:
        group, project = f"{_ROOT}/endpoint_groups/{{endpoint_group_id}}", f"{_ROOT}/projects/{{project_id}}"
        named, grouped = f"{project}/endpoints/{{endpoint_id}}", f"{group}/projects/{{project_id}}"
        return [
            _op("GET", f"{group}/endpoints", "list_endpoints_associated_with_endpoint_group", self._in_group, "Endpoints in a group.", view=self._endpoints),
            _op("GET", f"{group}/projects", "list_projects_associated_with_endpoint_group", self._group_projects, "Projects that see a group.", view=self._projects),
            _op("GET", grouped, "get_endpoint_group_in_project", self._check_group, "Whether a project sees a group."),
            _op("PUT", grouped, "add_endpoint_group_to_project", self._add_group, "Show a group to a project.", answers=204),
            _op("DELETE", grouped, "remove_endpoint_group_from_project", self._remove_group, "Show a group to a project no more.", answers=204),
            _op("GET", f"{project}/endpoint_groups", "list_endpoint_groups_for_project", self._project_groups, "Groups that a project sees.", view=self._groups),
            _op("GET", f"{project}/endpoints", "list_endpoints_for_project", self._project_endpoints, "Endpoints that a project sees, by name or group.", view=self._endpoints),
            _op("GET", named, "check_endpoint_in_project", self._check_endpoint, "Whether an endpoint is named for a project.", answers=204),
            _op("PUT", named, "add_endpoint_to_project", self._add_endpoint, "Show an endpoint to a project.", answers=204),
            _op("DELETE", named, "remove_endpoint_from_project", self._remove_endpoint, "Show an endpoint to a project no more.", answers=204),
            _op("GET", f"{_ROOT}/endpoints/{{endpoint_id}}/projects", "list_projects_for_endpoint", self._endpoint_projects, "Projects for which an endpoint is named.", view=self._projects),
        ]  # fmt: skip

    # --- groups -----------------------------------------------------------------------------------------------------

    def _in_group(self, tx: Tx, request: Request) -> Any:
        row = endpoint_groups.get(tx, self.near, request.ctx, request.params["endpoint_group_id"])
        return members(tx, [row])

    def _group_projects(self, tx: Tx, request: Request) -> Any:
        """An unknown group is shown to nobody, says Keystone."""
        return endpoint_filters.projects_in(tx, request.params["endpoint_group_id"])

    def _check_group(self, tx: Tx, request: Request) -> Any:
        project_id, group_id = self._pair(request)
        endpoint_filters.check_group(tx, self.near, request.ctx, project_id, group_id)
        link = f"/OS-EP-FILTER/endpoint_groups/{group_id}/projects/{project_id}"
        found = {"endpoint_group_id": group_id, "project_id": project_id, "links": {"self": link}}
        return {"project_endpoint_group": found}

    def _add_group(self, tx: Tx, request: Request) -> None:
        endpoint_filters.add_group(tx, self.near, request.ctx, *self._pair(request))

    def _remove_group(self, tx: Tx, request: Request) -> None:
        endpoint_filters.remove_group(tx, self.near, request.ctx, *self._pair(request))

    def _pair(self, request: Request) -> tuple[str, str]:
        return request.params["project_id"], request.params["endpoint_group_id"]

    def _project_groups(self, tx: Tx, request: Request) -> Any:
        return endpoint_filters.groups_of(tx, self.near, request.ctx, request.params["project_id"])

    # --- endpoints --------------------------------------------------------------------------------------------------

    def _project_endpoints(self, tx: Tx, request: Request) -> Any:
        return endpoint_filters.endpoints_of(tx, self.near, request.ctx, request.params["project_id"])

    def _endpoint_projects(self, tx: Tx, request: Request) -> Any:
        return endpoint_filters.projects_with(tx, self.near, request.ctx, request.params["endpoint_id"])

    def _check_endpoint(self, tx: Tx, request: Request) -> None:
        endpoint_filters.check_endpoint(tx, self.near, request.ctx, *self._named(request))

    def _add_endpoint(self, tx: Tx, request: Request) -> None:
        endpoint_filters.add_endpoint(tx, self.near, request.ctx, *self._named(request))

    def _remove_endpoint(self, tx: Tx, request: Request) -> None:
        endpoint_filters.remove_endpoint(tx, self.near, request.ctx, *self._named(request))

    def _named(self, request: Request) -> tuple[str, str]:
        return request.params["project_id"], request.params["endpoint_id"]

    # --- views ------------------------------------------------------------------------------------------------------

    def _endpoints(self, request: Request, rows: Any) -> Any:
        return self._listed(request, self.endpoints, rows)

    def _projects(self, request: Request, rows: Any) -> Any:
        return self._listed(request, self.projects, rows)

    def _groups(self, request: Request, rows: Any) -> Any:
        return self._listed(request, self.groups, rows)

    def _listed(self, request: Request, noun: Noun, rows: Any) -> Any:
        return self.dialect.collection(request, noun.plural, [noun.view(request, row, "list") for row in rows])


def _op(method: str, path: str, rule: str, decide: Any, summary: str, **more: Any) -> Operation:
    return Operation(
        method=method,
        path=path,
        name=rule,
        resource="endpoint_filter",
        rule=f"identity:{rule}",
        decide=decide,
        summary=summary,
        **more,
    )
