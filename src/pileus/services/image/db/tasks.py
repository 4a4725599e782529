"""Tasks: the record of each import."""

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import Column, ColumnElement, Table, Text, bindparam, delete, insert, select, update

from pileus.kernel.db import Json, Page, Query, Time, Tx, metadata, page
from pileus.kernel.types import Listing, Micros

tasks = Table(
    "image_tasks",
    metadata,
    Column("id", Text, primary_key=True),
    Column("type", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("owner", Text, nullable=False, index=True),
    Column("image_id", Text, nullable=False, index=True),
    Column("user_id", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("input", Json(dict), nullable=False),
    Column("result", Json(dict)),
    Column("message", Text, nullable=False),
    Column("expires_at", Time, nullable=False, index=True),
    Column("created_at", Time, nullable=False, index=True),
    Column("updated_at", Time, nullable=False),
)


class TaskRow(Struct, frozen=True):
    id: str
    type: str
    status: str
    """pending, processing, success or failure."""
    owner: str
    image_id: str
    user_id: str
    request_id: str
    input: dict[str, object]
    result: dict[str, object] | None
    message: str
    expires_at: Micros
    created_at: Micros
    updated_at: Micros


FIELDS: Mapping[str, ColumnElement[object]] = {
    name: tasks.c[name] for name in ("id", "type", "status", "owner", "expires_at", "created_at", "updated_at")
}
_FIND = Query(select(tasks).where(tasks.c.id == bindparam("id")), into=TaskRow)
_OF = Query(
    select(tasks).where(tasks.c.image_id == bindparam("image_id")).order_by(tasks.c.created_at, tasks.c.id),
    into=TaskRow,
)
_INSERT = Query(insert(tasks))
_UPDATE = Query(update(tasks).where(tasks.c.id == bindparam("b_id")))
_EXPIRED = Query(delete(tasks).where(tasks.c.expires_at < bindparam("now")))


def find(tx: Tx, task_id: str) -> TaskRow | None:
    return tx.row(_FIND, id=task_id)


def of_image(tx: Tx, image_id: str) -> list[TaskRow]:
    return tx.rows(_OF, image_id=image_id)


def add(tx: Tx, row: TaskRow) -> None:
    tx.run(_INSERT, **asdict(row))


def change(tx: Tx, task_id: str, /, **values: object) -> None:
    tx.run(_UPDATE, b_id=task_id, updated_at=tx.now, **values)


def search(tx: Tx, listing: Listing) -> Page[TaskRow]:
    return page(tx, select(tasks), FIELDS, listing, into=TaskRow, scope=())


def forget_expired(tx: Tx) -> int:
    return tx.run(_EXPIRED, now=tx.now)
