"""Policies (texts that services may fetch) and what they are for."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from sqlalchemy import Column, Index, String, Table, Text, bindparam, delete, insert, select, update

from pileus.kernel.db import Json, Page, Query, Tx, metadata, page
from pileus.kernel.types import Listing

policies = Table(
    "identity_policy",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("blob", Text, nullable=False),
    Column("type", String(255), nullable=False),
    Column("extra", Json, nullable=False),
)
associations = Table(
    "identity_policy_association",
    metadata,
    Column("endpoint_id", String(64), primary_key=True),
    Column("service_id", String(64), primary_key=True),
    Column("region_id", String(255), primary_key=True),
    Column("policy_id", String(64), nullable=False),
    Index("identity_policy_association_policy", "policy_id"),
)


class PolicyRow(Struct, frozen=True):
    id: str
    blob: str
    type: str
    extra: dict[str, Any]


class Place(Struct, frozen=True, kw_only=True):
    """What a policy is for: an endpoint, a service, or a service in a region. What is not meant is empty."""

    endpoint_id: str = ""
    service_id: str = ""
    region_id: str = ""


_p, _a = policies.c, associations.c
FIELDS = {name: _p[name] for name in ("id", "type")}
_FIND = Query(select(policies).where(_p.id == bindparam("id")), into=PolicyRow)
_INSERT = Query(insert(policies))
_DELETE = Query(delete(policies).where(_p.id == bindparam("id")))
_KEY = ("endpoint_id", "service_id", "region_id")
_AT = tuple(_a[name] == bindparam(name) for name in _KEY)
_POLICY_AT = Query(select(_a.policy_id).where(*_AT), into=str)
_PLACES_OF = Query(
    select(_a.endpoint_id, _a.service_id, _a.region_id).where(_a.policy_id == bindparam("id")),
    into=lambda e, s, r: Place(endpoint_id=e, service_id=s, region_id=r),
)
_PUT = Query(insert(associations))
_TAKE = Query(delete(associations).where(*_AT))
_FORGET = {name: Query(delete(associations).where(_a[name] == bindparam("id"))) for name in (*_KEY, "policy_id")}


def find(tx: Tx, id: str) -> PolicyRow | None:
    return tx.row(_FIND, id=id)


def list_page(tx: Tx, listing: Listing) -> Page[PolicyRow]:
    return page(tx, select(policies), FIELDS, listing, into=PolicyRow, unique="id")


def add(tx: Tx, row: PolicyRow) -> None:
    tx.run(_INSERT, **{name: getattr(row, name) for name in row.__struct_fields__})


def change(tx: Tx, id: str, values: Mapping[str, object]) -> None:
    tx.execute(update(policies).where(_p.id == id).values(**values))


def remove(tx: Tx, id: str) -> None:
    tx.run(_FORGET["policy_id"], id=id)
    tx.run(_DELETE, id=id)


def policy_at(tx: Tx, place: Place) -> str | None:
    """Id of the policy for exactly this place."""
    return tx.row(_POLICY_AT, **_key(place))


def places_of(tx: Tx, policy_id: str) -> list[Place]:
    return tx.rows(_PLACES_OF, id=policy_id)


def associate(tx: Tx, place: Place, policy_id: str) -> None:
    """A place has one policy: a new one takes over."""
    tx.run(_TAKE, **_key(place))
    tx.run(_PUT, policy_id=policy_id, **_key(place))


def dissociate(tx: Tx, place: Place) -> None:
    tx.run(_TAKE, **_key(place))


def forget(tx: Tx, *, endpoint_id: str = "", service_id: str = "", region_id: str = "") -> None:
    """Something is gone for which there may have been policies."""
    for name, id in (("endpoint_id", endpoint_id), ("service_id", service_id), ("region_id", region_id)):
        if id:
            tx.run(_FORGET[name], id=id)


def _key(place: Place) -> dict[str, str]:
    return {name: getattr(place, name) for name in _KEY}
