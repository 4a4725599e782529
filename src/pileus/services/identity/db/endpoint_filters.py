"""Which endpoints a project sees: those named for it, and those of the groups named for it."""

from typing import Any

from msgspec import Struct
from sqlalchemy import Column, Index, String, Table, Text, bindparam, delete, insert, literal, select

from pileus.kernel.db import Json, Query, Tx, metadata
from pileus.services.identity.db.catalog import EndpointRow, endpoints
from pileus.services.identity.db.filters import by_name
from pileus.services.identity.db.keyed import Keyed
from pileus.services.identity.db.projects import ProjectRow, projects

endpoint_groups = Table(
    "identity_endpoint_group",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(255), nullable=False),
    Column("description", Text),
    Column("filters", Json, nullable=False),
)
project_endpoints = Table(
    "identity_project_endpoint",
    metadata,
    Column("project_id", String(64), primary_key=True),
    Column("endpoint_id", String(64), primary_key=True),
    Index("identity_project_endpoint_of", "endpoint_id"),
)
project_groups = Table(
    "identity_project_endpoint_group",
    metadata,
    Column("project_id", String(64), primary_key=True),
    Column("endpoint_group_id", String(64), primary_key=True),
    Index("identity_project_endpoint_group_of", "endpoint_group_id"),
)


class EndpointGroupRow(Struct, frozen=True):
    """Endpoints that have all that `filters` says: any of service_id, region_id and interface."""

    id: str
    name: str
    description: str | None
    filters: dict[str, Any]


_g, _e, _m = endpoint_groups.c, project_endpoints.c, project_groups.c
FIELDS = by_name(endpoint_groups, "id", "name")
_keyed = Keyed(endpoint_groups, EndpointGroupRow, FIELDS)
find_group, list_groups, add_group, change_group = _keyed.find, _keyed.page, _keyed.add, _keyed.change
_ANY = Query(
    select(literal(1)).select_from(project_endpoints).union_all(select(literal(1)).select_from(project_groups)).limit(1)
)
_ENDPOINTS_OF = Query(
    select(endpoints)
    .join(project_endpoints, _e.endpoint_id == endpoints.c.id)
    .where(_e.project_id == bindparam("id"))
    .order_by(endpoints.c.id),
    into=EndpointRow,
)
_GROUPS_OF = Query(
    select(endpoint_groups)
    .join(project_groups, _m.endpoint_group_id == _g.id)
    .where(_m.project_id == bindparam("id"))
    .order_by(_g.id),
    into=EndpointGroupRow,
)
_PROJECTS_WITH = Query(
    select(projects).join(project_endpoints, _e.project_id == projects.c.id).where(_e.endpoint_id == bindparam("id")),
    into=ProjectRow,
)
_PROJECTS_IN = Query(
    select(projects)
    .join(project_groups, _m.project_id == projects.c.id)
    .where(_m.endpoint_group_id == bindparam("id")),
    into=ProjectRow,
)
_HAS_ENDPOINT = Query(
    select(_e.project_id).where(_e.project_id == bindparam("project"), _e.endpoint_id == bindparam("endpoint"))
)
_HAS_GROUP = Query(
    select(_m.project_id).where(_m.project_id == bindparam("project"), _m.endpoint_group_id == bindparam("group"))
)
_ADD_ENDPOINT = Query(insert(project_endpoints))
_ADD_GROUP = Query(insert(project_groups))
_DROP_ENDPOINT = Query(
    delete(project_endpoints).where(_e.project_id == bindparam("project"), _e.endpoint_id == bindparam("endpoint"))
)
_DROP_GROUP = Query(
    delete(project_groups).where(_m.project_id == bindparam("project"), _m.endpoint_group_id == bindparam("group"))
)
_FORGET_ENDPOINT = Query(delete(project_endpoints).where(_e.endpoint_id == bindparam("id")))
_FORGET_GROUP = Query(delete(project_groups).where(_m.endpoint_group_id == bindparam("id")))
_FORGET_PROJECT = (
    Query(delete(project_endpoints).where(_e.project_id == bindparam("id"))),
    Query(delete(project_groups).where(_m.project_id == bindparam("id"))),
)


def remove_group(tx: Tx, id: str) -> None:
    tx.run(_FORGET_GROUP, id=id)
    _keyed.remove(tx, id)


def any_filter(tx: Tx) -> bool:
    """Whether any project has endpoints of its own choice."""
    return tx.row(_ANY) is not None


def endpoints_of(tx: Tx, project_id: str) -> list[EndpointRow]:
    """Endpoints named for a project."""
    return tx.rows(_ENDPOINTS_OF, id=project_id)


def groups_of(tx: Tx, project_id: str) -> list[EndpointGroupRow]:
    """Groups named for a project."""
    return tx.rows(_GROUPS_OF, id=project_id)


def projects_with(tx: Tx, endpoint_id: str) -> list[ProjectRow]:
    return tx.rows(_PROJECTS_WITH, id=endpoint_id)


def projects_in(tx: Tx, group_id: str) -> list[ProjectRow]:
    return tx.rows(_PROJECTS_IN, id=group_id)


def has_endpoint(tx: Tx, project_id: str, endpoint_id: str) -> bool:
    return tx.row(_HAS_ENDPOINT, project=project_id, endpoint=endpoint_id) is not None


def has_group(tx: Tx, project_id: str, group_id: str) -> bool:
    return tx.row(_HAS_GROUP, project=project_id, group=group_id) is not None


def add_endpoint(tx: Tx, project_id: str, endpoint_id: str) -> None:
    tx.run(_ADD_ENDPOINT, project_id=project_id, endpoint_id=endpoint_id)


def add_to_group(tx: Tx, project_id: str, group_id: str) -> None:
    tx.run(_ADD_GROUP, project_id=project_id, endpoint_group_id=group_id)


def drop_endpoint(tx: Tx, project_id: str, endpoint_id: str) -> None:
    tx.run(_DROP_ENDPOINT, project=project_id, endpoint=endpoint_id)


def drop_from_group(tx: Tx, project_id: str, group_id: str) -> None:
    tx.run(_DROP_GROUP, project=project_id, group=group_id)


def forget_endpoint(tx: Tx, endpoint_id: str) -> None:
    tx.run(_FORGET_ENDPOINT, id=endpoint_id)


def forget_project(tx: Tx, project_id: str) -> None:
    for query in _FORGET_PROJECT:
        tx.run(query, id=project_id)
