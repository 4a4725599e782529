"""Which endpoints are in which groups, and which a project is to see."""

from collections.abc import Iterable
from typing import Any

from pileus.kernel.db import Tx
from pileus.services.identity.db import catalog, endpoint_filters
from pileus.services.identity.db.catalog import EndpointRow
from pileus.services.identity.db.endpoint_filters import EndpointGroupRow


def members(tx: Tx, groups: Iterable[EndpointGroupRow]) -> list[EndpointRow]:
    """Endpoints that are in one of the groups."""
    wanted = [group.filters for group in groups]
    if not wanted:
        return []
    return [row for row in catalog.all_endpoints(tx) if any(_fits(row, filters) for filters in wanted)]


def chosen(tx: Tx, project_id: str) -> list[EndpointRow]:
    """Endpoints named for a project first, then those of its groups; none: it has no filter."""
    named = endpoint_filters.endpoints_of(tx, project_id)
    grouped = members(tx, endpoint_filters.groups_of(tx, project_id))
    return list({row.id: row for row in [*named, *grouped]}.values())


def _fits(row: EndpointRow, filters: dict[str, Any]) -> bool:
    return all(getattr(row, name) == value for name, value in filters.items())
