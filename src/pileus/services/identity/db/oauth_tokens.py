"""OAuth1's request tokens (asked for, not yet granted) and access tokens (granted by a user). Their secrets are sealed."""

from msgspec import Struct
from sqlalchemy import Column, Index, Integer, String, Table, Text, bindparam, delete, update

from pileus.kernel.db import Json, Query, Time, Tx, metadata
from pileus.services.identity.db.filters import by_name
from pileus.services.identity.db.keyed import Keyed

request_tokens = Table(
    "identity_request_token",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("sealed", Text, nullable=False),
    Column("key_id", Integer, nullable=False),
    Column("consumer_id", String(64), nullable=False),
    Column("project_id", String(64), nullable=False),
    Column("expires_at", Time),
    Column("user_id", String(64)),
    Column("verifier", String(64)),
    Column("role_ids", Json, nullable=False),
    Index("identity_request_token_consumer", "consumer_id"),
    Index("identity_request_token_user", "user_id"),
)
access_tokens = Table(
    "identity_access_token",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("sealed", Text, nullable=False),
    Column("key_id", Integer, nullable=False),
    Column("consumer_id", String(64), nullable=False),
    Column("project_id", String(64), nullable=False),
    Column("expires_at", Time),
    Column("user_id", String(64), nullable=False),
    Column("role_ids", Json, nullable=False),
    Index("identity_access_token_consumer", "consumer_id"),
    Index("identity_access_token_user", "user_id"),
    Index("identity_access_token_project", "project_id"),
)


class RequestTokenRow(Struct, frozen=True):
    """`user_id` and `verifier` are None until somebody has granted it."""

    id: str
    sealed: str
    key_id: int
    consumer_id: str
    project_id: str
    expires_at: int | None
    user_id: str | None
    verifier: str | None
    role_ids: list[str]


class AccessTokenRow(Struct, frozen=True):
    """`user_id` is who granted it."""

    id: str
    sealed: str
    key_id: int
    consumer_id: str
    project_id: str
    expires_at: int | None
    user_id: str
    role_ids: list[str]


_r, _a = request_tokens.c, access_tokens.c
FIELDS = by_name(access_tokens, "id", "user_id", "project_id", "consumer_id")
_requests = Keyed(request_tokens, RequestTokenRow, {})
find_request, remove_request = _requests.find, _requests.remove
_access = Keyed(access_tokens, AccessTokenRow, FIELDS)
find_access, list_page, add_access, remove_access = _access.find, _access.page, _access.add, _access.remove
_GRANT = Query(
    update(request_tokens)
    .where(_r.id == bindparam("token"))
    .values(user_id=bindparam("granter"), verifier=bindparam("proof"), role_ids=bindparam("roles", type_=Json))
)
_DELETE = {
    (kind, by): Query(delete(table).where(table.c[by] == bindparam("value")))
    for kind, table in (("request", request_tokens), ("access", access_tokens))
    for by in ("consumer_id", "user_id", "project_id")
}
_END_ACCESS = Query(delete(access_tokens).where(_a.expires_at < bindparam("before")))
_END = Query(delete(request_tokens).where(_r.expires_at < bindparam("before")))


def add_request(tx: Tx, row: RequestTokenRow) -> None:
    """Beside it, requests that nobody granted in time are dropped."""
    tx.run(_END, before=tx.now)
    _requests.add(tx, row)


def grant(tx: Tx, id: str, user_id: str, verifier: str, role_ids: list[str]) -> None:
    tx.run(_GRANT, token=id, granter=user_id, proof=verifier, roles=role_ids)


def remove_of_consumer(tx: Tx, id: str) -> None:
    _remove(tx, "consumer_id", id)


def remove_of_user(tx: Tx, id: str) -> None:
    _remove(tx, "user_id", id)


def remove_of_project(tx: Tx, id: str) -> None:
    _remove(tx, "project_id", id)


def purge(tx: Tx, before: int) -> None:
    """Drop access tokens that ended before a time: nothing comes of them."""
    tx.run(_END_ACCESS, before=before)


def _remove(tx: Tx, by: str, id: str) -> None:
    for kind in ("request", "access"):
        tx.run(_DELETE[kind, by], value=id)
