"""Members: the projects that a shared image is offered to."""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import Column, Table, Text, bindparam, delete, func, insert, select, update

from pileus.kernel.db import Query, Time, Tx, metadata
from pileus.kernel.types import Micros

members = Table(
    "image_members",
    metadata,
    Column("image_id", Text, primary_key=True),
    Column("member_id", Text, primary_key=True, index=True),
    Column("status", Text, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("updated_at", Time, nullable=False),
)


class MemberRow(Struct, frozen=True):
    image_id: str
    member_id: str
    status: str
    """pending, accepted or rejected."""
    created_at: Micros
    updated_at: Micros


_OF = Query(
    select(members)
    .where(members.c.image_id == bindparam("image_id"))
    .order_by(members.c.created_at, members.c.member_id),
    into=MemberRow,
)
_FIND = Query(
    select(members).where(members.c.image_id == bindparam("image_id"), members.c.member_id == bindparam("member_id")),
    into=MemberRow,
)
_COUNT = Query(select(func.count()).where(members.c.image_id == bindparam("image_id")))
_INSERT = Query(insert(members))
_UPDATE = Query(
    update(members)
    .where(members.c.image_id == bindparam("b_image"), members.c.member_id == bindparam("b_member"))
    .values(status=bindparam("b_status"), updated_at=bindparam("b_now"))
)
_DELETE = Query(
    delete(members).where(members.c.image_id == bindparam("image_id"), members.c.member_id == bindparam("member_id"))
)
_DELETE_ALL = Query(delete(members).where(members.c.image_id == bindparam("image_id")))


def members_of(tx: Tx, image_id: str) -> Sequence[MemberRow]:
    return tx.rows(_OF, image_id=image_id)


def find(tx: Tx, image_id: str, member_id: str) -> MemberRow | None:
    return tx.row(_FIND, image_id=image_id, member_id=member_id)


def count(tx: Tx, image_id: str) -> int:
    row = tx.row(_COUNT, image_id=image_id)
    return int(row[0]) if row else 0


def add(tx: Tx, row: MemberRow) -> None:
    tx.run(_INSERT, **asdict(row))


def answer(tx: Tx, image_id: str, member_id: str, status: str) -> None:
    tx.run(_UPDATE, b_image=image_id, b_member=member_id, b_status=status, b_now=tx.now)


def remove(tx: Tx, image_id: str, member_id: str) -> None:
    tx.run(_DELETE, image_id=image_id, member_id=member_id)


def forget(tx: Tx, image_id: str) -> None:
    tx.run(_DELETE_ALL, image_id=image_id)
