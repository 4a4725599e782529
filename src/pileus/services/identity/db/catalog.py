"""Regions, services and endpoints: where everything is."""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct
from sqlalchemy import Column, Index, String, Table, Text, bindparam, delete, insert, select, update

from pileus.kernel.db import Flag, Json, Page, Query, Tx, metadata, page
from pileus.kernel.types import Listing
from pileus.services.identity.db.filters import by_name

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
_FIND_REGION = Query(select(regions).where(regions.c.id == bindparam("id")), into=RegionRow)
_ALL_REGIONS = Query(select(regions), into=RegionRow)
_FIND_SERVICE = Query(select(services).where(services.c.id == bindparam("id")), into=ServiceRow)
_ALL_SERVICES = Query(select(services).order_by(services.c.id), into=ServiceRow)
_FIND_ENDPOINT = Query(select(endpoints).where(endpoints.c.id == bindparam("id")), into=EndpointRow)
_ALL_ENDPOINTS = Query(select(endpoints).order_by(endpoints.c.id), into=EndpointRow)
_IN_REGION = Query(select(endpoints.c.id).where(endpoints.c.region_id == bindparam("id")))
_INSERT = {table.name: Query(insert(table)) for table in (regions, services, endpoints)}
_DELETE = {
    table.name: Query(delete(table).where(table.c.id == bindparam("id"))) for table in (regions, services, endpoints)
}
_DELETE_OF_SERVICE = Query(delete(endpoints).where(endpoints.c.service_id == bindparam("id")))


def find_region(tx: Tx, id: str) -> RegionRow | None:
    return tx.row(_FIND_REGION, id=id)


def all_regions(tx: Tx) -> list[RegionRow]:
    return tx.rows(_ALL_REGIONS)


def find_service(tx: Tx, id: str) -> ServiceRow | None:
    return tx.row(_FIND_SERVICE, id=id)


def all_services(tx: Tx) -> list[ServiceRow]:
    return tx.rows(_ALL_SERVICES)


def find_endpoint(tx: Tx, id: str) -> EndpointRow | None:
    return tx.row(_FIND_ENDPOINT, id=id)


def all_endpoints(tx: Tx) -> list[EndpointRow]:
    return tx.rows(_ALL_ENDPOINTS)


def region_in_use(tx: Tx, ids: Iterable[str]) -> bool:
    return any(tx.row(_IN_REGION, id=id) is not None for id in ids)


def list_regions(tx: Tx, listing: Listing) -> Page[RegionRow]:
    return page(tx, select(regions), REGION_FIELDS, listing, into=RegionRow, unique="id")


def list_services(tx: Tx, listing: Listing) -> Page[ServiceRow]:
    return page(tx, select(services), SERVICE_FIELDS, listing, into=ServiceRow, unique="id")


def list_endpoints(tx: Tx, listing: Listing) -> Page[EndpointRow]:
    return page(tx, select(endpoints), ENDPOINT_FIELDS, listing, into=EndpointRow, unique="id")


def add(tx: Tx, row: RegionRow | ServiceRow | EndpointRow) -> None:
    tx.run(_INSERT[_table(row).name], **{name: getattr(row, name) for name in row.__struct_fields__})


def change(tx: Tx, row: RegionRow | ServiceRow | EndpointRow, values: Mapping[str, object]) -> None:
    table = _table(row)
    tx.execute(update(table).where(table.c.id == row.id).values(**values))


def remove(tx: Tx, row: RegionRow | ServiceRow | EndpointRow) -> None:
    """A service takes its endpoints with it."""
    if isinstance(row, ServiceRow):
        tx.run(_DELETE_OF_SERVICE, id=row.id)
    tx.run(_DELETE[_table(row).name], id=row.id)


def _table(row: RegionRow | ServiceRow | EndpointRow) -> Table:
    return regions if isinstance(row, RegionRow) else services if isinstance(row, ServiceRow) else endpoints
