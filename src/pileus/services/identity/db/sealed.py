"""Secrets of OAuth1, wherever they stand: to be sealed anew when keys change."""

from collections.abc import Iterable

from msgspec import Struct
from sqlalchemy import bindparam, literal, select, union_all, update

from pileus.kernel.db import Query, Tx
from pileus.services.identity.db.consumers import consumers
from pileus.services.identity.db.oauth_tokens import access_tokens, request_tokens

_TABLES = {table.name: table for table in (consumers, request_tokens, access_tokens)}


class SealedRow(Struct, frozen=True):
    """`table` is its name; `sealed` the secret, sealed with the key `key_id`."""

    table: str
    id: str
    sealed: str
    key_id: int


_OLD = Query(
    union_all(
        *(
            select(literal(name).label("of"), table.c.id, table.c.sealed, table.c.key_id).where(
                table.c.key_id != bindparam("key")
            )
            for name, table in _TABLES.items()
        )
    ).limit(bindparam("most")),
    into=SealedRow,
)
_SEAL = {
    name: Query(
        update(table)
        .where(table.c.id == bindparam("row"))
        .values(sealed=bindparam("new_sealed"), key_id=bindparam("new_key"))
    )
    for name, table in _TABLES.items()
}


def not_sealed_with(tx: Tx, key_id: int, most: int) -> list[SealedRow]:
    return tx.rows(_OLD, key=key_id, most=most)


def reseal(tx: Tx, rows: Iterable[SealedRow]) -> None:
    for row in rows:
        tx.run(_SEAL[row.table], row=row.id, new_sealed=row.sealed, new_key=row.key_id)
