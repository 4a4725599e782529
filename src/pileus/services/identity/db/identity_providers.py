"""Identity providers, the protocols that they speak, and the rules that map what they say."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import Column, Index, Integer, String, Table, Text, bindparam, delete, func, insert, select, update

from pileus.kernel.db import Flag, Json, Page, Query, Tx, metadata, page
from pileus.kernel.types import Listing
from pileus.services.identity.db.filters import LOWER
from pileus.services.identity.db.keyed import Keyed

providers = Table(
    "identity_provider",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("domain_id", String(64), nullable=False),
    Column("enabled", Flag, nullable=False),
    Column("description", Text),
    Column("remote_ids", Json, nullable=False),
    Column("authorization_ttl", Integer),
    Index("identity_provider_domain", "domain_id"),
)
remotes = Table(
    "identity_provider_remote",
    metadata,
    Column("remote_id", String(255), primary_key=True),
    Column("provider_id", String(64), nullable=False),
    Index("identity_provider_remote_provider", "provider_id"),
)
protocols = Table(
    "identity_protocol",
    metadata,
    Column("provider_id", String(64), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("mapping_id", String(64), nullable=False),
    Column("remote_id_attribute", String(64)),
)
mappings = Table(
    "identity_mapping",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("rules", Json, nullable=False),
    Column("schema_version", String(5), nullable=False),
)


class ProviderRow(Struct, frozen=True):
    """Somebody else who says who somebody is.

    `domain_id`          where its users live here.
    `remote_ids`         what it calls itself: an issuer, an entity id. Each belongs to one provider only.
    `authorization_ttl`  minutes that a group membership which it asserted outlives the login; None: not at all.
    """

    id: str
    domain_id: str
    enabled: bool
    description: str | None
    remote_ids: list[str]
    authorization_ttl: int | None


class ProtocolRow(Struct, frozen=True):
    """How a provider is spoken to, and by which mapping its words are read."""

    provider_id: str
    id: str
    mapping_id: str
    remote_id_attribute: str | None


class MappingRow(Struct, frozen=True):
    id: str
    rules: list[dict[str, Any]]
    schema_version: str


_p, _r, _o, _m = providers.c, remotes.c, protocols.c, mappings.c
PROVIDER_FIELDS = {"id": _p.id, "enabled": _p.enabled, "id" + LOWER: func.lower(_p.id, type_=String)}
PROTOCOL_FIELDS = {"id": _o.id}
MAPPING_FIELDS = {"id": _m.id}
_providers = Keyed(providers, ProviderRow, PROVIDER_FIELDS)
find, list_page = _providers.find, _providers.page
_mappings = Keyed(mappings, MappingRow, MAPPING_FIELDS)
find_mapping, list_mappings, add_mapping = _mappings.find, _mappings.page, _mappings.add
change_mapping, remove_mapping = _mappings.change, _mappings.remove
_OF_DOMAIN = Query(select(providers).where(_p.domain_id == bindparam("domain_id")), into=ProviderRow)
_OWNERS = Query(select(_r.remote_id, _r.provider_id).where(_r.remote_id.in_(bindparam("ids", expanding=True))))
_FORGET_REMOTES = Query(delete(remotes).where(_r.provider_id == bindparam("id")))
_INSERT_REMOTE = Query(insert(remotes))
_FIND_PROTOCOL = Query(
    select(protocols).where(_o.provider_id == bindparam("provider"), _o.id == bindparam("id")), into=ProtocolRow
)
_INSERT_PROTOCOL = Query(insert(protocols))
_DELETE_PROTOCOL = Query(delete(protocols).where(_o.provider_id == bindparam("provider"), _o.id == bindparam("id")))
_DELETE_PROTOCOLS = Query(delete(protocols).where(_o.provider_id == bindparam("provider")))


def of_domain(tx: Tx, domain_id: str) -> list[ProviderRow]:
    return tx.rows(_OF_DOMAIN, domain_id=domain_id)


def owners(tx: Tx, remote_ids: Sequence[str]) -> set[str]:
    """Ids of the providers that have one of these names."""
    return {row[1] for row in tx.rows(_OWNERS, ids=list(remote_ids))}


def add(tx: Tx, row: ProviderRow) -> None:
    _providers.add(tx, row)
    _set_remotes(tx, row.id, row.remote_ids)


def change(tx: Tx, id: str, values: Mapping[str, Any]) -> None:
    _providers.change(tx, id, values)
    if "remote_ids" in values:
        tx.run(_FORGET_REMOTES, id=id)
        _set_remotes(tx, id, values["remote_ids"])


def _set_remotes(tx: Tx, id: str, remote_ids: Sequence[str]) -> None:
    if remote_ids:
        tx.run_many(_INSERT_REMOTE, [{"remote_id": remote, "provider_id": id} for remote in remote_ids])


def remove(tx: Tx, id: str) -> None:
    """Its protocols go along."""
    tx.run(_DELETE_PROTOCOLS, provider=id)
    tx.run(_FORGET_REMOTES, id=id)
    _providers.remove(tx, id)


def find_protocol(tx: Tx, provider_id: str, id: str) -> ProtocolRow | None:
    return tx.row(_FIND_PROTOCOL, provider=provider_id, id=id)


def list_protocols(tx: Tx, provider_id: str, listing: Listing) -> Page[ProtocolRow]:
    query = select(protocols).where(_o.provider_id == provider_id)
    return page(tx, query, PROTOCOL_FIELDS, listing, into=ProtocolRow, unique="id")


def add_protocol(tx: Tx, row: ProtocolRow) -> None:
    tx.run(_INSERT_PROTOCOL, **asdict(row))


def change_protocol(tx: Tx, row: ProtocolRow, values: Mapping[str, Any]) -> None:
    tx.execute(update(protocols).where(_o.provider_id == row.provider_id, _o.id == row.id).values(**values))


def remove_protocol(tx: Tx, row: ProtocolRow) -> None:
    tx.run(_DELETE_PROTOCOL, provider=row.provider_id, id=row.id)
