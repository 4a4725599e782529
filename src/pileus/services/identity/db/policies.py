"""Policies (texts that services may fetch) and what they are for."""

from typing import Any

from msgspec import Struct
from sqlalchemy import Column, Index, String, Table, Text, bindparam, delete, insert, select

from pileus.kernel.db import Json, Query, Tx, metadata
from pileus.services.identity.db.keyed import Keyed

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
_keyed = Keyed(policies, PolicyRow, FIELDS)
find, list_page, add, change = _keyed.find, _keyed.page, _keyed.add, _keyed.change
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


def remove(tx: Tx, id: str) -> None:
    tx.run(_FORGET["policy_id"], id=id)
    _keyed.remove(tx, id)


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
