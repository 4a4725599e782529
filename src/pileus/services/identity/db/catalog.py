"""Regions, services and endpoints: where everything is."""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct
from sqlalchemy import Column, Index, String, Table, Text, bindparam, delete, select

from pileus.kernel.db import Flag, Json, Query, Tx, metadata
from pileus.services.identity.db.filters import by_name
from pileus.services.identity.db.keyed import Keyed

regions = Table(
    "identity_region",
    metadata,
    Column("id", String(255), primary_key=True),
    Column("parent_region_id", String(255)),
    Column("description", Text, nullable=False),
    Column("extra", Json, nullable=False),
)
services = Table(
    "identity_service",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("type", String(255), nullable=False),
    Column("name", String(255), nullable=False),
    Column("enabled", Flag, nullable=False),
    Column("extra", Json, nullable=False),
)
endpoints = Table(
    "identity_endpoint",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("service_id", String(64), nullable=False),
    Column("interface", String(8), nullable=False),
    Column("region_id", String(255)),
    Column("url", Text, nullable=False),
    Column("enabled", Flag, nullable=False),
    Column("extra", Json, nullable=False),
    Column("origin", Text),
    Column("legacy_id", String(64)),
    Index("identity_endpoint_service", "service_id"),
)


class RegionRow(Struct, frozen=True):
    id: str
    parent_region_id: str | None
    description: str
    extra: dict[str, Any]


class ServiceRow(Struct, frozen=True):
    """A service; a description is an extra, so that one without it shows none."""

    id: str
    type: str
    name: str
    enabled: bool
    extra: dict[str, Any]


class EndpointRow(Struct, frozen=True):
    """An endpoint.

    `origin`     the URL that the cloud itself once wrote: while it still stands, the cloud may move it.
    `legacy_id`  what v2.0 calls the endpoints that were made there together.
    """

    id: str
    service_id: str
    interface: str
    region_id: str | None
    url: str
    enabled: bool
    extra: dict[str, Any]
    origin: str | None = None
    legacy_id: str | None = None


class Offer(Struct, frozen=True):
    """One endpoint of the catalog with its service."""

    service_id: str
    type: str
    name: str
    endpoint_id: str
    interface: str
    region_id: str | None
    url: str


REGION_FIELDS = by_name(regions, "id", "parent_region_id", "description")
SERVICE_FIELDS = by_name(services, "id", "type", "name", "enabled")
ENDPOINT_FIELDS = by_name(endpoints, "id", "service_id", "interface", "region_id", "url", "enabled")
_regions = Keyed(regions, RegionRow, REGION_FIELDS)
_services = Keyed(services, ServiceRow, SERVICE_FIELDS)
_endpoints = Keyed(endpoints, EndpointRow, ENDPOINT_FIELDS)
find_region, list_regions, add_region, change_region = _regions.find, _regions.page, _regions.add, _regions.change
find_service, list_services, add_service, change_service = (
    _services.find,
    _services.page,
    _services.add,
    _services.change,
)
find_endpoint, list_endpoints, add_endpoint = _endpoints.find, _endpoints.page, _endpoints.add
change_endpoint, remove_endpoint, remove_region = _endpoints.change, _endpoints.remove, _regions.remove
_ALL_REGIONS = Query(select(regions), into=RegionRow)
_ALL_SERVICES = Query(select(services).order_by(services.c.id), into=ServiceRow)
_ALL_ENDPOINTS = Query(select(endpoints).order_by(endpoints.c.id), into=EndpointRow)
_IN_REGION = Query(select(endpoints.c.id).where(endpoints.c.region_id.in_(bindparam("ids", expanding=True))).limit(1))
_DELETE_OF_SERVICE = Query(delete(endpoints).where(endpoints.c.service_id == bindparam("id")))


def all_regions(tx: Tx) -> list[RegionRow]:
    return tx.rows(_ALL_REGIONS)


def all_services(tx: Tx) -> list[ServiceRow]:
    return tx.rows(_ALL_SERVICES)


def all_endpoints(tx: Tx) -> list[EndpointRow]:
    return tx.rows(_ALL_ENDPOINTS)


def region_in_use(tx: Tx, ids: Iterable[str]) -> bool:
    return tx.row(_IN_REGION, ids=list(ids)) is not None


def remove_service(tx: Tx, id: str) -> None:
    """It takes its endpoints with it."""
    tx.run(_DELETE_OF_SERVICE, id=id)
    _services.remove(tx, id)
