"""Whom identity providers know by which name."""

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import Column, Index, String, Table, bindparam, delete, insert, select

from pileus.kernel.db import Flag, Query, Tx, metadata

links = Table(
    "identity_federated_user",
    metadata,
    Column("provider_id", String(64), primary_key=True),
    Column("protocol_id", String(64), primary_key=True),
    Column("unique_id", String(255), primary_key=True),
    Column("user_id", String(64), nullable=False),
    Column("shadow", Flag, nullable=False),
    Index("identity_federated_user_user", "user_id"),
)


class LinkRow(Struct, frozen=True):
    """A user as a provider knows it; `shadow` says that the user is here by the provider's word alone."""

    provider_id: str
    protocol_id: str
    unique_id: str
    user_id: str
    shadow: bool


_c = links.c
_FIND = Query(
    select(links).where(
        _c.provider_id == bindparam("provider"),
        _c.protocol_id == bindparam("protocol"),
        _c.unique_id == bindparam("unique"),
    ),
    into=LinkRow,
)
_OF_USER = Query(
    select(links).where(_c.user_id == bindparam("user")).order_by(_c.provider_id, _c.protocol_id, _c.unique_id),
    into=LinkRow,
)
_OF_PROVIDER = Query(select(links).where(_c.provider_id == bindparam("provider")), into=LinkRow)
_INSERT = Query(insert(links))
_FORGET_USER = Query(delete(links).where(_c.user_id == bindparam("user")))
_FORGET_PROVIDER = Query(delete(links).where(_c.provider_id == bindparam("provider")))
_FORGET_PROTOCOL = Query(
    delete(links).where(_c.provider_id == bindparam("provider"), _c.protocol_id == bindparam("protocol"))
)


def find(tx: Tx, provider_id: str, protocol_id: str, unique_id: str) -> LinkRow | None:
    return tx.row(_FIND, provider=provider_id, protocol=protocol_id, unique=unique_id)


def of_user(tx: Tx, user_id: str) -> list[LinkRow]:
    return tx.rows(_OF_USER, user=user_id)


def of_provider(tx: Tx, provider_id: str) -> list[LinkRow]:
    return tx.rows(_OF_PROVIDER, provider=provider_id)


def users_where(tx: Tx, provider_id: str, protocol_id: str, unique_id: str) -> set[str]:
    """Ids of users with a link that fits all that is given; empty means any."""
    given = ((_c.provider_id, provider_id), (_c.protocol_id, protocol_id), (_c.unique_id, unique_id))
    found = tx.execute(select(_c.user_id).where(*(column == value for column, value in given if value)))
    return {row[0] for row in found}


def add(tx: Tx, row: LinkRow) -> None:
    tx.run(_INSERT, **asdict(row))


def forget_user(tx: Tx, user_id: str) -> None:
    tx.run(_FORGET_USER, user=user_id)


def forget_provider(tx: Tx, provider_id: str) -> None:
    tx.run(_FORGET_PROVIDER, provider=provider_id)


def forget_protocol(tx: Tx, provider_id: str, protocol_id: str) -> None:
    tx.run(_FORGET_PROTOCOL, provider=provider_id, protocol=protocol_id)
