"""Subnet pools: prefixes from which subnets are cut."""

from functools import partial
from typing import Any

from msgspec import Struct
from sqlalchemy import Column, Index, Integer, Table, Text, bindparam, delete, func, insert, or_, select, true, update

from pileus.kernel.db import Flag, Json, Page, Query, Time, Tx, metadata, page
from pileus.kernel.types import Listing
from pileus.services.network.db.subnets import subnets
from pileus.services.network.db.tags import tag_conditions

subnetpools = Table(
    "network_subnetpools",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("prefixes", Json(tuple[str, ...]), nullable=False),
    Column("ip_version", Integer, nullable=False),
    Column("min_prefixlen", Integer, nullable=False),
    Column("max_prefixlen", Integer, nullable=False),
    Column("default_prefixlen", Integer, nullable=False),
    Column("default_quota", Integer),
    Column("shared", Flag, nullable=False),
    Column("is_default", Flag, nullable=False),
    Column("revision_number", Integer, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("updated_at", Time, nullable=False),
    Index("ix_network_subnetpools_project", "project_id"),
)


class PoolRow(Struct, frozen=True):
    """A subnet pool. `default_quota` counts addresses (IPv4) or /64 blocks (IPv6) of each project; `tags` are no column."""

    id: str
    project_id: str
    name: str
    description: str
    prefixes: tuple[str, ...]
    ip_version: int
    min_prefixlen: int
    max_prefixlen: int
    default_prefixlen: int
    default_quota: int | None
    shared: bool
    is_default: bool
    revision_number: int
    created_at: int
    updated_at: int
    tags: tuple[str, ...] = ()


made = partial(PoolRow)
_ALL = select(subnetpools)
FIELDS: dict[str, Any] = {c.name: c for c in subnetpools.c}

GET = Query(_ALL.where(subnetpools.c.id == bindparam("id")), into=made)
DEFAULT = Query(
    _ALL.where(subnetpools.c.is_default == true(), subnetpools.c.ip_version == bindparam("ip_version")), into=made
)
CUT = Query(select(subnets.c.cidr, subnets.c.project_id).where(subnets.c.subnetpool_id == bindparam("id")))
"""What has been cut from a pool, and by whom."""
INSERT = Query(insert(subnetpools))
UPDATE = Query(update(subnetpools).where(subnetpools.c.id == bindparam("the_id")))
DELETE = Query(delete(subnetpools).where(subnetpools.c.id == bindparam("id")))
COUNT = Query(select(func.count()).select_from(subnetpools).where(subnetpools.c.project_id == bindparam("project_id")))


def list_pools(tx: Tx, listing: Listing, project_id: str | None) -> Page[PoolRow]:
    """Pools that match; `project_id` narrows to its own and shared ones."""
    wanted: Any = _ALL
    if project_id is not None:
        wanted = wanted.where(or_(subnetpools.c.project_id == project_id, subnetpools.c.shared))
    rest, conditions = tag_conditions(listing, "subnetpools", subnetpools.c.id)
    return page(tx, wanted.where(*conditions), FIELDS, rest, into=made, scope=("project_id",))
