"""OAuth1's consumers: programs to which users may hand out access tokens. And the requests they have signed lately."""

from typing import Any

from msgspec import Struct
from sqlalchemy import Column, Index, Integer, String, Table, Text, bindparam, delete, insert

from pileus.kernel.db import Duplicate, Json, Query, Tx, metadata
from pileus.services.identity.db.filters import by_name
from pileus.services.identity.db.keyed import Keyed

consumers = Table(
    "identity_consumer",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("description", Text),
    Column("sealed", Text, nullable=False),
    Column("key_id", Integer, nullable=False),
    Column("extra", Json, nullable=False),
)
nonces = Table(
    "identity_oauth_nonce",
    metadata,
    Column("consumer_id", String(64), primary_key=True),
    Column("token_id", String(64), primary_key=True),
    Column("signed_at", Integer, primary_key=True),
    Column("nonce", String(255), primary_key=True),
    Index("identity_oauth_nonce_time", "signed_at"),
)
"""`signed_at` is the signature's own time in seconds; `token_id` empty where no token signed along."""


class ConsumerRow(Struct, frozen=True):
    """A consumer. Its secret signs, so it is kept as it is, `sealed` with the key `key_id`."""

    id: str
    description: str | None
    sealed: str
    key_id: int
    extra: dict[str, Any]


_c, _n = consumers.c, nonces.c
FIELDS = by_name(consumers, "id", "description")
_keyed = Keyed(consumers, ConsumerRow, FIELDS)
find, list_page, add, change, remove = _keyed.find, _keyed.page, _keyed.add, _keyed.change, _keyed.remove
_SIGN = Query(insert(nonces))
_FORGET = Query(delete(nonces).where(_n.signed_at < bindparam("before")))


def note_signature(tx: Tx, consumer_id: str, token_id: str, signed_at: int, nonce: str) -> bool:
    """Remember a signature; False when it was seen before."""
    try:
        with tx.savepoint():
            tx.run(_SIGN, consumer_id=consumer_id, token_id=token_id, signed_at=signed_at, nonce=nonce)
    except Duplicate:
        return False
    return True


def forget_signatures(tx: Tx, before: int) -> None:
    """Drop those of before a second: they are too old to be shown again."""
    tx.run(_FORGET, before=before)
