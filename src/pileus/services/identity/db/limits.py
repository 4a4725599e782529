"""Registered limits (what a service counts, and how much of it everybody has) and limits (who has more or less)."""

from collections.abc import Iterable

from msgspec import Struct
from sqlalchemy import Column, Index, Integer, String, Table, Text, and_, bindparam, delete, or_, select

from pileus.kernel.db import Page, Query, Tx, metadata, page
from pileus.kernel.types import Listing
from pileus.services.identity.db.catalog import services
from pileus.services.identity.db.keyed import Keyed
from pileus.services.identity.db.projects import projects

registered_limits = Table(
    "identity_registered_limit",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("service_id", String(64), nullable=False),
    Column("region_id", String(255), nullable=False),
    Column("resource_name", String(255), nullable=False),
    Column("default_limit", Integer, nullable=False),
    Column("description", Text),
    Index("identity_registered_limit_key", "service_id", "region_id", "resource_name", unique=True),
)
limits = Table(
    "identity_limit",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("registered_limit_id", String(64), nullable=False),
    Column("project_id", String(64), nullable=False),
    Column("domain_id", String(64), nullable=False),
    Column("resource_limit", Integer, nullable=False),
    Column("description", Text),
    Index("identity_limit_key", "registered_limit_id", "project_id", "domain_id", unique=True),
    Index("identity_limit_project", "project_id"),
    Index("identity_limit_domain", "domain_id"),
)


class RegisteredLimitRow(Struct, frozen=True):
    """What everybody has of one resource; -1 is no bound. `region_id` is empty where the service has no regions."""

    id: str
    service_id: str
    region_id: str
    resource_name: str
    default_limit: int
    description: str | None


class LimitRow(Struct, frozen=True):
    """What one project (or one domain: the other id is empty) has instead. What is counted stands in the registered limit."""

    id: str
    registered_limit_id: str
    project_id: str
    domain_id: str
    resource_limit: int
    description: str | None
    service_id: str
    region_id: str
    resource_name: str


_r, _l = registered_limits.c, limits.c
_JOINED = select(limits, _r.service_id, _r.region_id, _r.resource_name).join(
    registered_limits, _r.id == _l.registered_limit_id
)
_KEY = ("service_id", "region_id", "resource_name")
REGISTERED_FIELDS = {name: _r[name] for name in ("id", *_KEY, "default_limit")}
LIMIT_FIELDS = {
    **{name: _l[name] for name in ("id", "project_id", "domain_id", "resource_limit")},
    **{name: _r[name] for name in _KEY},
}
_limits = Keyed(limits, LimitRow, LIMIT_FIELDS, _JOINED)
find, list_page, add, change, remove = _limits.find, _limits.page, _limits.add, _limits.change, _limits.remove
_registered = Keyed(registered_limits, RegisteredLimitRow, REGISTERED_FIELDS)
find_registered, list_registered, add_registered = _registered.find, _registered.page, _registered.add
change_registered, remove_registered = _registered.change, _registered.remove
_OF_TYPE = Query(
    select(_r.resource_name, _r.default_limit, _l.resource_limit)
    .join(services, services.c.id == _r.service_id)
    .outerjoin(limits, and_(_l.registered_limit_id == _r.id, _l.project_id == bindparam("project_id")))
    .where(services.c.type == bindparam("type"), _r.region_id.in_(bindparam("regions", expanding=True)))
    .order_by(_r.region_id)
)
_FIND_KEY = Query(
    select(registered_limits).where(*(_r[name] == bindparam(name) for name in _KEY)), into=RegisteredLimitRow
)
_OF_SERVICE = Query(select(_r.id).where(_r.service_id == bindparam("id")).limit(1))
_OF_REGION = Query(select(_r.id).where(_r.region_id == bindparam("id")).limit(1))
_FIND_ON = Query(
    _JOINED.where(
        _l.registered_limit_id == bindparam("registered_limit_id"),
        _l.project_id == bindparam("project_id"),
        _l.domain_id == bindparam("domain_id"),
    ),
    into=LimitRow,
)
_IN_USE = Query(select(_l.id).where(_l.registered_limit_id == bindparam("id")).limit(1))
_OF_PROJECTS = Query(
    _JOINED.where(
        _l.registered_limit_id == bindparam("registered_limit_id"),
        _l.project_id.in_(bindparam("ids", expanding=True)),
    ),
    into=LimitRow,
)
_ALL_OF_PROJECTS = Query(_JOINED.where(_l.project_id.in_(bindparam("ids", expanding=True))), into=LimitRow)
_DELETE_OF = Query(delete(limits).where(or_(_l.project_id == bindparam("id"), _l.domain_id == bindparam("id"))))


def of_service(tx: Tx, service_type: str, region_id: str, project_id: str) -> dict[str, int]:
    """What a project has of all that is registered with services of a type, in a region or in none."""
    rows = tx.rows(_OF_TYPE, type=service_type, regions=["", region_id], project_id=project_id)
    return {name: default if limit is None else limit for name, default, limit in rows}


def find_registered_for(tx: Tx, service_id: str, region_id: str, resource_name: str) -> RegisteredLimitRow | None:
    return tx.row(_FIND_KEY, service_id=service_id, region_id=region_id, resource_name=resource_name)


def service_counts(tx: Tx, service_id: str) -> bool:
    """Whether something is registered for a service."""
    return tx.row(_OF_SERVICE, id=service_id) is not None


def region_counts(tx: Tx, region_id: str) -> bool:
    """Whether something is registered for a region."""
    return tx.row(_OF_REGION, id=region_id) is not None


def find_on(tx: Tx, registered_limit_id: str, project_id: str, domain_id: str) -> LimitRow | None:
    return tx.row(_FIND_ON, registered_limit_id=registered_limit_id, project_id=project_id, domain_id=domain_id)


def of_projects(tx: Tx, registered_limit_id: str, ids: Iterable[str]) -> list[LimitRow]:
    wanted = list(ids)
    return tx.rows(_OF_PROJECTS, registered_limit_id=registered_limit_id, ids=wanted) if wanted else []


def all_of_projects(tx: Tx, ids: Iterable[str]) -> list[LimitRow]:
    wanted = list(ids)
    return tx.rows(_ALL_OF_PROJECTS, ids=wanted) if wanted else []


def is_in_use(tx: Tx, registered_limit_id: str) -> bool:
    return tx.row(_IN_USE, id=registered_limit_id) is not None


def list_of_domain(tx: Tx, listing: Listing, domain_id: str) -> Page[LimitRow]:
    """Those of a domain and of the projects in it."""
    inside = _l.project_id.in_(select(projects.c.id).where(projects.c.domain_id == domain_id))
    query = _JOINED.where(or_(_l.domain_id == domain_id, inside))
    return page(tx, query, LIMIT_FIELDS, listing, into=LimitRow, unique="id", scope=())


def remove_of(tx: Tx, target_id: str) -> None:
    """Those of a project or domain."""
    tx.run(_DELETE_OF, id=target_id)
