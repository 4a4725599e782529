"""Trusts: some of one user's roles in a project, lent to another."""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct
from sqlalchemy import Column, Index, Integer, String, Table, bindparam, delete, or_, select, update

from pileus.kernel.db import Flag, Json, Query, Time, Tx, metadata
from pileus.services.identity.db.filters import by_name
from pileus.services.identity.db.keyed import Keyed

trusts = Table(
    "identity_trust",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("trustor_user_id", String(64), nullable=False),
    Column("trustee_user_id", String(64), nullable=False),
    Column("project_id", String(64)),
    Column("impersonation", Flag, nullable=False),
    Column("expires_at", Time),
    Column("remaining_uses", Integer),
    Column("redelegated_trust_id", String(64)),
    Column("redelegation_count", Integer, nullable=False),
    Column("role_ids", Json, nullable=False),
    Column("extra", Json, nullable=False),
    Index("identity_trust_trustor", "trustor_user_id"),
    Index("identity_trust_trustee", "trustee_user_id"),
    Index("identity_trust_project", "project_id"),
    Index("identity_trust_redelegated", "redelegated_trust_id"),
)


class TrustRow(Struct, frozen=True):
    """A trust.

    `project_id`          None: nothing is lent (Keystone allows it), and nobody can log in by it.
    `remaining_uses`      logins left; None: any number.
    `redelegated_trust_id`  the trust by which its trustor gave on what was lent to him.
    `redelegation_count`  how often it may be given on; 0: not at all.
    """

    id: str
    trustor_user_id: str
    trustee_user_id: str
    project_id: str | None
    impersonation: bool
    expires_at: int | None
    remaining_uses: int | None
    redelegated_trust_id: str | None
    redelegation_count: int
    role_ids: list[str]
    extra: dict[str, Any]


_c = trusts.c
FIELDS = by_name(trusts, "id", "trustor_user_id", "trustee_user_id")
_keyed = Keyed(trusts, TrustRow, FIELDS)
find, list_page, add = _keyed.find, _keyed.page, _keyed.add
_SAME = Query(
    select(_c.id).where(
        _c.trustor_user_id == bindparam("trustor"),
        _c.trustee_user_id == bindparam("trustee"),
        _c.project_id == bindparam("project"),
        _c.impersonation == bindparam("impersonated"),
        _c.expires_at == bindparam("ends"),
    )
)
_CHILDREN = Query(select(_c.id).where(_c.redelegated_trust_id.in_(bindparam("ids", expanding=True))), into=str)
_OF_USER = Query(
    select(_c.id).where(or_(_c.trustor_user_id == bindparam("user"), _c.trustee_user_id == bindparam("user"))), into=str
)
_OF_PROJECT = Query(select(_c.id).where(_c.project_id == bindparam("project")), into=str)
_DELETE = Query(delete(trusts).where(_c.id.in_(bindparam("ids", expanding=True))))
_USE = Query(
    update(trusts)
    .where(_c.id == bindparam("trust"), _c.remaining_uses > 0)
    .values(remaining_uses=_c.remaining_uses - 1)
)


def same_exists(tx: Tx, row: TrustRow) -> bool:
    """Whether there is a trust between the same, on the same project, with the same end. Without an end none is the same."""
    found = tx.row(
        _SAME,
        trustor=row.trustor_user_id,
        trustee=row.trustee_user_id,
        project=row.project_id,
        impersonated=row.impersonation,
        ends=row.expires_at,
    )
    return found is not None


def use(tx: Tx, id: str) -> bool:
    """Take one of the uses that remain; False when none does."""
    return tx.run(_USE, trust=id) > 0


def with_children(tx: Tx, ids: Iterable[str]) -> list[str]:
    """These trusts, and all that were made out of them."""
    found = list(ids)
    seen, fresh = set(found), found
    while fresh:
        fresh = [id for id in tx.rows(_CHILDREN, ids=fresh) if id not in seen]
        seen.update(fresh)
        found = found + fresh
    return found


def remove(tx: Tx, ids: Iterable[str]) -> None:
    gone = list(ids)
    if gone:
        tx.run(_DELETE, ids=gone)


def of_user(tx: Tx, user_id: str) -> list[str]:
    """Ids of the trusts that he gave or got."""
    return tx.rows(_OF_USER, user=user_id)


def of_project(tx: Tx, project_id: str) -> list[str]:
    return tx.rows(_OF_PROJECT, project=project_id)
