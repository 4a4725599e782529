"""Other clouds that trust this one's assertions."""

from collections.abc import Mapping

from msgspec import Struct
from sqlalchemy import Column, String, Table, Text, bindparam, delete, func, insert, select, update

from pileus.kernel.db import Flag, Page, Query, Tx, metadata, page
from pileus.kernel.types import Listing
from pileus.services.identity.db.filters import LOWER

providers = Table(
    "identity_service_provider",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("auth_url", String(256), nullable=False),
    Column("sp_url", String(256), nullable=False),
    Column("description", Text),
    Column("enabled", Flag, nullable=False),
    Column("relay_state_prefix", String(256), nullable=False),
)


class ServiceProviderRow(Struct, frozen=True):
    """A cloud that lets our users in.

    `auth_url`            where a login there goes.   `sp_url`  where an assertion is sent.
    `relay_state_prefix`  what its ECP relay states begin with.
    """

    id: str
    auth_url: str
    sp_url: str
    description: str | None
    enabled: bool
    relay_state_prefix: str


_c = providers.c
FIELDS = {"id": _c.id, "enabled": _c.enabled, "id" + LOWER: func.lower(_c.id, type_=String)}
_FIND = Query(select(providers).where(_c.id == bindparam("id")), into=ServiceProviderRow)
_ENABLED = Query(select(providers).where(_c.enabled.is_(True)).order_by(_c.id), into=ServiceProviderRow)
_INSERT = Query(insert(providers))
_DELETE = Query(delete(providers).where(_c.id == bindparam("id")))


def find(tx: Tx, id: str) -> ServiceProviderRow | None:
    return tx.row(_FIND, id=id)


def enabled(tx: Tx) -> list[ServiceProviderRow]:
    return tx.rows(_ENABLED)


def list_page(tx: Tx, listing: Listing) -> Page[ServiceProviderRow]:
    return page(tx, select(providers), FIELDS, listing, into=ServiceProviderRow, unique="id")


def add(tx: Tx, row: ServiceProviderRow) -> None:
    tx.run(_INSERT, **{name: getattr(row, name) for name in row.__struct_fields__})


def change(tx: Tx, id: str, values: Mapping[str, object]) -> None:
    tx.execute(update(providers).where(_c.id == id).values(**values))


def remove(tx: Tx, id: str) -> None:
    tx.run(_DELETE, id=id)
