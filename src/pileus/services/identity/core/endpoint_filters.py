"""Endpoints and groups of endpoints that are shown to a project. A project without any sees them all."""

from pileus.kernel.db import Tx
from pileus.kernel.types import Ctx, NotFound
from pileus.services.identity.core import endpoint_groups, endpoints, projects, refusals
from pileus.services.identity.core.changes import changed
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.core.visible import chosen
from pileus.services.identity.db import endpoint_filters
from pileus.services.identity.db.catalog import EndpointRow
from pileus.services.identity.db.endpoint_filters import EndpointGroupRow
from pileus.services.identity.db.projects import ProjectRow


def endpoints_of(tx: Tx, near: Near, ctx: Ctx, project_id: str) -> list[EndpointRow]:
    """All that a project is to see: endpoints named for it first, then those of its groups."""
    projects.get(tx, near, ctx, project_id)
    return chosen(tx, project_id)


def groups_of(tx: Tx, near: Near, ctx: Ctx, project_id: str) -> list[EndpointGroupRow]:
    projects.get(tx, near, ctx, project_id)
    return endpoint_filters.groups_of(tx, project_id)


def projects_with(tx: Tx, near: Near, ctx: Ctx, endpoint_id: str) -> list[ProjectRow]:
    endpoints.get(tx, near, ctx, endpoint_id)
    return endpoint_filters.projects_with(tx, endpoint_id)


def projects_in(tx: Tx, group_id: str) -> list[ProjectRow]:
    return endpoint_filters.projects_in(tx, group_id)


def check_endpoint(tx: Tx, near: Near, ctx: Ctx, project_id: str, endpoint_id: str) -> None:
    endpoints.get(tx, near, ctx, endpoint_id)
    projects.get(tx, near, ctx, project_id)
    _check_named(tx, project_id, endpoint_id)


def add_endpoint(tx: Tx, near: Near, ctx: Ctx, project_id: str, endpoint_id: str) -> None:
    endpoints.get(tx, near, ctx, endpoint_id)
    projects.get(tx, near, ctx, project_id)
    if endpoint_filters.has_endpoint(tx, project_id, endpoint_id):
        raise refusals.conflict("project_endpoint", "Duplicate entry")
    endpoint_filters.add_endpoint(tx, project_id, endpoint_id)
    changed(tx, near, ctx, "endpoint.show_to_project", endpoint_id, data={"project_id": project_id})


def remove_endpoint(tx: Tx, near: Near, ctx: Ctx, project_id: str, endpoint_id: str) -> None:
    _check_named(tx, project_id, endpoint_id)
    endpoint_filters.drop_endpoint(tx, project_id, endpoint_id)
    changed(tx, near, ctx, "endpoint.hide_from_project", endpoint_id, data={"project_id": project_id})


def _check_named(tx: Tx, project_id: str, endpoint_id: str) -> None:
    if not endpoint_filters.has_endpoint(tx, project_id, endpoint_id):
        raise NotFound(f"Endpoint {endpoint_id} not found in project {project_id}")


def check_group(tx: Tx, near: Near, ctx: Ctx, project_id: str, group_id: str) -> None:
    """Raises `NotFound` when one of them is not there, or the two have nothing to do with one another."""
    _check_both(tx, near, ctx, project_id, group_id)
    if not endpoint_filters.has_group(tx, project_id, group_id):
        raise NotFound("Endpoint Group Project Association not found")


def add_group(tx: Tx, near: Near, ctx: Ctx, project_id: str, group_id: str) -> None:
    _check_both(tx, near, ctx, project_id, group_id)
    if endpoint_filters.has_group(tx, project_id, group_id):
        raise refusals.conflict("project_endpoint_group", "Duplicate entry")
    endpoint_filters.add_to_group(tx, project_id, group_id)
    changed(tx, near, ctx, "endpoint_group.show_to_project", group_id, data={"project_id": project_id})


def remove_group(tx: Tx, near: Near, ctx: Ctx, project_id: str, group_id: str) -> None:
    check_group(tx, near, ctx, project_id, group_id)
    endpoint_filters.drop_from_group(tx, project_id, group_id)
    changed(tx, near, ctx, "endpoint_group.hide_from_project", group_id, data={"project_id": project_id})


def _check_both(tx: Tx, near: Near, ctx: Ctx, project_id: str, group_id: str) -> None:
    projects.get(tx, near, ctx, project_id)
    endpoint_groups.get(tx, near, ctx, group_id)
