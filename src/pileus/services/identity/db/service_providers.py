"""Other clouds that trust this one's assertions."""

from msgspec import Struct
from sqlalchemy import Column, String, Table, Text, func, select

from pileus.kernel.db import Flag, Query, Tx, metadata
from pileus.services.identity.db.filters import LOWER
from pileus.services.identity.db.keyed import Keyed

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
_keyed = Keyed(providers, ServiceProviderRow, FIELDS)
find, list_page, add, change, remove = _keyed.find, _keyed.page, _keyed.add, _keyed.change, _keyed.remove
_ENABLED = Query(select(providers).where(_c.enabled.is_(True)).order_by(_c.id), into=ServiceProviderRow)


def enabled(tx: Tx) -> list[ServiceProviderRow]:
    return tx.rows(_ENABLED)
