"""Application credentials: a secret that stands for a user in one project, with some of the user's roles."""

from collections.abc import Iterable

from msgspec import Struct
from sqlalchemy import Column, Index, String, Table, Text, and_, bindparam, delete, func, select

from pileus.kernel.db import Flag, Json, Query, Time, Tx, metadata
from pileus.services.identity.db.access_rules import uses
from pileus.services.identity.db.filters import by_name
from pileus.services.identity.db.keyed import Keyed

app_credentials = Table(
    "identity_app_credential",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("user_id", String(64), nullable=False),
    Column("project_id", String(64), nullable=False),
    Column("name", String(255), nullable=False),
    Column("description", Text),
    Column("secret_hash", Text, nullable=False),
    Column("expires_at", Time),
    Column("unrestricted", Flag, nullable=False),
    Column("role_ids", Json, nullable=False),
    Index("identity_app_credential_name", "user_id", "name", unique=True),
    Index("identity_app_credential_project", "project_id"),
)


class AppCredentialRow(Struct, frozen=True):
    id: str
    user_id: str
    project_id: str
    name: str
    description: str | None
    secret_hash: str
    expires_at: int | None
    unrestricted: bool
    role_ids: list[str]


_c = app_credentials.c
FIELDS = by_name(app_credentials, "id", "name", "user_id", "project_id", "expires_at")
_keyed = Keyed(app_credentials, AppCredentialRow, FIELDS)
find, list_page, add = _keyed.find, _keyed.page, _keyed.add
_FIND_NAMED = Query(
    select(app_credentials).where(_c.user_id == bindparam("user_id"), _c.name == bindparam("name")),
    into=AppCredentialRow,
)
_COUNT = Query(select(func.count()).where(_c.user_id == bindparam("user")), into=int)
_GONE = {
    "one": _c.id == bindparam("id"),
    "user": _c.user_id == bindparam("user"),
    "project": _c.project_id == bindparam("project"),
    "pair": and_(_c.user_id == bindparam("user"), _c.project_id == bindparam("project")),
}
_DELETE = {
    which: (
        Query(delete(uses).where(uses.c.app_credential_id.in_(select(_c.id).where(those)))),
        Query(delete(app_credentials).where(those)),
    )
    for which, those in _GONE.items()
}
"""Which ones go, and first what says that they use access rules."""


def find_named(tx: Tx, user_id: str, name: str) -> AppCredentialRow | None:
    return tx.row(_FIND_NAMED, user_id=user_id, name=name)


def count_of_user(tx: Tx, user_id: str) -> int:
    return tx.row(_COUNT, user=user_id) or 0


def remove(tx: Tx, id: str) -> None:
    _remove(tx, "one", id=id)


def remove_of_user(tx: Tx, user_id: str) -> None:
    _remove(tx, "user", user=user_id)


def remove_of_project(tx: Tx, project_id: str) -> None:
    _remove(tx, "project", project=project_id)


def remove_on(tx: Tx, pairs: Iterable[tuple[str, str]]) -> None:
    """Those of the (user, project) pairs."""
    for user, project in pairs:
        _remove(tx, "pair", user=user, project=project)


def _remove(tx: Tx, which: str, **those: str) -> None:
    for query in _DELETE[which]:
        tx.run(query, **those)
