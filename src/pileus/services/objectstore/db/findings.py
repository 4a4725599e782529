"""What the scrubber found wrong. A row stays until the body is gone or sound again."""

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import BigInteger, Column, Table, Text, bindparam, delete, insert, select

from pileus.kernel.db import Query, Time, Tx, metadata
from pileus.kernel.types import Micros
from pileus.services.objectstore.db.bodies import bodies

findings = Table(
    "objectstore_findings",
    metadata,
    Column("body_id", BigInteger, primary_key=True, autoincrement=False),
    Column("place", Text, nullable=False),
    Column("blob", Text, nullable=False),
    Column("problem", Text, nullable=False),
    Column("objects", Text, nullable=False),
    Column("found_at", Time, nullable=False),
)


class FindingRow(Struct, frozen=True):
    body_id: int
    place: str
    blob: str
    problem: str
    objects: str
    """Some objects that are hit, `account/container/name`, a line each."""
    found_at: Micros


_ALL = Query(select(findings).order_by(findings.c.found_at, findings.c.body_id), into=FindingRow)
_INSERT = Query(insert(findings))
_DELETE_GONE = Query(delete(findings).where(findings.c.body_id.not_in(select(bodies.c.id))))
_DELETE = Query(delete(findings).where(findings.c.body_id == bindparam("body_id")))
_SOUND = Query(
    select(bodies.c.blob)
    .where(
        bodies.c.blob != "",
        bodies.c.place == bindparam("place"),
        bodies.c.id.not_in(select(findings.c.body_id)),
    )
    .order_by(bodies.c.checked_at.desc())
    .limit(bindparam("b_limit")),
    into=str,
)


def sound(tx: Tx, place: str, limit: int) -> list[str]:
    """Blobs of a policy with which nothing is wrong, as far as anybody knows; the last that were read first."""
    return tx.rows(_SOUND, place=place, b_limit=limit)


def every(tx: Tx) -> list[FindingRow]:
    return tx.rows(_ALL)


def forget_gone(tx: Tx) -> None:
    """Those whose body is no more."""
    tx.run(_DELETE_GONE)


def put(tx: Tx, row: FindingRow) -> None:
    forget(tx, row.body_id)
    tx.run(_INSERT, **asdict(row))


def forget(tx: Tx, body_id: int) -> None:
    tx.run(_DELETE, body_id=body_id)
