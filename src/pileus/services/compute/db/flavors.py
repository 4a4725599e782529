"""Flavors, their extra specs, and who may use the private ones."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import (
    Column,
    ColumnElement,
    Float,
    Integer,
    String,
    Table,
    Text,
    bindparam,
    delete,
    exists,
    insert,
    or_,
    select,
    update,
)

from pileus.kernel.db import Flag, Json, Page, Query, Time, Tx, metadata, page
from pileus.kernel.types import Listing

flavors = Table(
    "compute_flavors",
    metadata,
    Column("id", String(255), primary_key=True),
    Column("name", String(255), nullable=False, unique=True),
    Column("vcpus", Integer, nullable=False),
    Column("ram", Integer, nullable=False),
    Column("disk", Integer, nullable=False),
    Column("ephemeral", Integer, nullable=False, default=0),
    Column("swap", Integer, nullable=False, default=0),
    Column("rxtx_factor", Float, nullable=False, default=1.0),
    Column("is_public", Flag, nullable=False, default=True),
    Column("disabled", Flag, nullable=False, default=False),
    Column("description", Text),
    Column("extra_specs", Json(dict[str, str]), nullable=False),
    Column("created_at", Time, nullable=False),
    Column("updated_at", Time),
)

access = Table(
    "compute_flavor_access",
    metadata,
    Column("flavor_id", String(255), primary_key=True),
    Column("project_id", String(64), primary_key=True),
)


class FlavorRow(Struct, frozen=True):
    """Sizes: `ram` and `swap` in MiB, `disk` and `ephemeral` in GiB."""

    id: str
    name: str
    vcpus: int
    ram: int
    disk: int
    ephemeral: int
    swap: int
    rxtx_factor: float
    is_public: bool
    disabled: bool
    description: str | None
    extra_specs: dict[str, str]
    created_at: int
    updated_at: int | None


FIELDS: Mapping[str, ColumnElement[Any]] = {c.name: c for c in flavors.columns if not isinstance(c.type, Json)}
_FIND = Query(select(flavors).where(flavors.c.id == bindparam("id")), into=FlavorRow)
_BY_NAME = Query(select(flavors).where(flavors.c.name == bindparam("name")), into=FlavorRow)
_INSERT = Query(insert(flavors))
_UPDATE = Query(update(flavors).where(flavors.c.id == bindparam("flavor_id")))
_DELETE = Query(delete(flavors).where(flavors.c.id == bindparam("id")))
_ACCESS = Query(
    select(access.c.project_id).where(access.c.flavor_id == bindparam("flavor_id")).order_by(access.c.project_id)
)
_GRANT = Query(insert(access))
_REVOKE = Query(
    delete(access).where(access.c.flavor_id == bindparam("flavor_id"), access.c.project_id == bindparam("project_id"))
)
_REVOKE_ALL = Query(delete(access).where(access.c.flavor_id == bindparam("flavor_id")))


def find(tx: Tx, flavor_id: str) -> FlavorRow | None:
    return tx.row(_FIND, id=flavor_id)


def by_name(tx: Tx, name: str) -> FlavorRow | None:
    return tx.row(_BY_NAME, name=name)


def insert_flavor(tx: Tx, values: Mapping[str, Any]) -> None:
    tx.run(_INSERT, **values)


def change(tx: Tx, flavor_id: str, **values: Any) -> None:
    tx.run(_UPDATE, flavor_id=flavor_id, **{"updated_at": tx.now, **values})


def remove(tx: Tx, flavor_id: str) -> None:
    tx.run(_REVOKE_ALL, flavor_id=flavor_id)
    tx.run(_DELETE, id=flavor_id)


def projects_with_access(tx: Tx, flavor_id: str) -> Sequence[str]:
    return [p for (p,) in tx.rows(_ACCESS, flavor_id=flavor_id)]


def grant(tx: Tx, flavor_id: str, project_id: str) -> None:
    tx.run(_GRANT, flavor_id=flavor_id, project_id=project_id)


def revoke(tx: Tx, flavor_id: str, project_id: str) -> int:
    return tx.run(_REVOKE, flavor_id=flavor_id, project_id=project_id)


def listing(tx: Tx, asked: Listing, usable_by: str | None, is_public: bool | None) -> Page[FlavorRow]:
    """A page of flavors. `usable_by`: only public ones and those this project may use; None: any. `is_public` narrows."""
    statement = select(flavors)
    if usable_by is not None:
        mine = exists().where(access.c.flavor_id == flavors.c.id, access.c.project_id == usable_by)
        statement = statement.where(or_(flavors.c.is_public.is_(True), mine))
    if is_public is not None:
        statement = statement.where(flavors.c.is_public.is_(is_public))
    return page(tx, statement, FIELDS, asked, into=FlavorRow, unique="id")
