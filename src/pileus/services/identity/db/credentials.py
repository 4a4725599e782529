"""Credentials: secrets that users keep here, and that requests are signed or logins are proved with."""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct
from sqlalchemy import Column, Index, Integer, String, Table, Text, bindparam, delete, func, select, update

from pileus.kernel.db import Json, Query, Tx, metadata
from pileus.services.identity.db.filters import LOWER, by_name
from pileus.services.identity.db.keyed import Keyed

credentials = Table(
    "identity_credential",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("user_id", String(64), nullable=False),
    Column("project_id", String(64)),
    Column("type", String(255), nullable=False),
    Column("sealed", Text, nullable=False),
    Column("key_id", Integer, nullable=False),
    Column("last_step", Integer),
    Column("extra", Json, nullable=False),
    Index("identity_credential_user", "user_id", "type"),
    Index("identity_credential_project", "project_id"),
    Index("identity_credential_key", "key_id"),
)


class CredentialRow(Struct, frozen=True):
    """`sealed`  the secret, sealed with the key `key_id`.   `last_step`  the newest time step of which a one-time code was used."""

    id: str
    user_id: str
    project_id: str | None
    type: str
    sealed: str
    key_id: int
    last_step: int | None
    extra: dict[str, Any]


_c = credentials.c
FIELDS = {
    **by_name(credentials, "id", "user_id", "project_id", "type"),
    **{name + LOWER: func.lower(credentials.c[name], type_=String) for name in ("user_id", "type")},
}
_keyed = Keyed(credentials, CredentialRow, FIELDS)
find, list_page, add, remove = _keyed.find, _keyed.page, _keyed.add, _keyed.remove
_OF_USER = Query(
    select(credentials).where(_c.user_id == bindparam("user"), _c.type == bindparam("type")).order_by(_c.id),
    into=CredentialRow,
)
_COUNT = Query(select(func.count()).where(_c.user_id == bindparam("user")), into=int)
_OLD = Query(
    select(credentials).where(_c.key_id != bindparam("key")).order_by(_c.id).limit(bindparam("most")),
    into=CredentialRow,
)
_KEYS = Query(select(_c.key_id).distinct(), into=int)
_SEAL = Query(
    update(credentials)
    .where(_c.id == bindparam("credential"))
    .values(sealed=bindparam("new_sealed"), key_id=bindparam("new_key"))
)
_USE = Query(
    update(credentials)
    .where(_c.id == bindparam("credential"), func.coalesce(_c.last_step, -1) < bindparam("step"))
    .values(last_step=bindparam("step"))
)
_DELETE_OF_USER = Query(delete(credentials).where(_c.user_id == bindparam("id")))
_DELETE_OF_PROJECT = Query(delete(credentials).where(_c.project_id == bindparam("id")))


def of_user(tx: Tx, user_id: str, type: str) -> list[CredentialRow]:
    return tx.rows(_OF_USER, user=user_id, type=type)


def count_of_user(tx: Tx, user_id: str) -> int:
    return tx.row(_COUNT, user=user_id) or 0


def reseal(tx: Tx, sealed: Iterable[tuple[str, str, int]]) -> None:
    """Each an id, the sealed secret and the key's id."""
    tx.run_many(_SEAL, [{"credential": id, "new_sealed": text, "new_key": key} for id, text, key in sealed])


def use_step(tx: Tx, id: str, step: int) -> bool:
    """Mark a time step as used; False when it, or a later one, was used before."""
    return tx.run(_USE, credential=id, step=step) == 1


def not_sealed_with(tx: Tx, key_id: int, most: int) -> list[CredentialRow]:
    return tx.rows(_OLD, key=key_id, most=most)


def keys_used(tx: Tx) -> set[int]:
    return set(tx.rows(_KEYS))


def remove_of_user(tx: Tx, user_id: str) -> None:
    tx.run(_DELETE_OF_USER, id=user_id)


def remove_of_project(tx: Tx, project_id: str) -> None:
    tx.run(_DELETE_OF_PROJECT, id=project_id)
