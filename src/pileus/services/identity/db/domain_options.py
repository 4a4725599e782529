"""Options that hold for one domain."""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import Column, Integer, String, Table, bindparam, delete, insert, select

from pileus.kernel.db import Flag, Json, Query, Tx, metadata

options = Table(
    "identity_domain_option",
    metadata,
    Column("domain_id", String(64), primary_key=True),
    Column("section", String(64), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("value", Json),
    Column("sensitive", Flag, nullable=False),
    Column("key_id", Integer),
)


class DomainOptionRow(Struct, frozen=True):
    """`sensitive` ones are used and never shown; their `value` is sealed, with the key `key_id`."""

    domain_id: str
    section: str
    name: str
    value: Any
    sensitive: bool
    key_id: int | None = None


_c = options.c
_OF_DOMAIN = Query(
    select(options).where(_c.domain_id == bindparam("domain_id")).order_by(_c.section, _c.name), into=DomainOptionRow
)
_WITH_DRIVER = Query(select(_c.domain_id).where(_c.section == "identity", _c.name == "driver").order_by(_c.domain_id))
_OLD = Query(
    select(options).where(_c.sensitive.is_(True), _c.key_id != bindparam("key")).order_by(_c.domain_id, _c.name),
    into=DomainOptionRow,
)
_INSERT = Query(insert(options))
_DELETE = Query(
    delete(options).where(
        _c.domain_id == bindparam("domain"), _c.section == bindparam("in_section"), _c.name == bindparam("named")
    )
)
_DELETE_ALL = Query(delete(options).where(_c.domain_id == bindparam("domain")))


def of_domain(tx: Tx, domain_id: str) -> list[DomainOptionRow]:
    return tx.rows(_OF_DOMAIN, domain_id=domain_id)


def domains_with_driver(tx: Tx) -> list[str]:
    return [row[0] for row in tx.rows(_WITH_DRIVER)]


def not_sealed_with(tx: Tx, key_id: int) -> list[DomainOptionRow]:
    return tx.rows(_OLD, key=key_id)


def put(tx: Tx, rows: Iterable[DomainOptionRow]) -> None:
    """Each in place of what the domain had under that name."""
    for row in rows:
        remove(tx, row.domain_id, row.section, row.name)
        tx.run(_INSERT, **asdict(row))


def remove(tx: Tx, domain_id: str, section: str, name: str) -> None:
    tx.run(_DELETE, domain=domain_id, in_section=section, named=name)


def remove_all(tx: Tx, domain_id: str) -> None:
    tx.run(_DELETE_ALL, domain=domain_id)
