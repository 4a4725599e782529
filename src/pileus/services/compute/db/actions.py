"""What was done to servers: actions and their events. They outlive their server."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Index,
    Integer,
    String,
    Table,
    Text,
    bindparam,
    insert,
    select,
    update,
)

from pileus.kernel.db import Page, Query, Time, Tx, metadata, page
from pileus.kernel.types import Listing

actions = Table(
    "compute_actions",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("server_id", String(36), nullable=False),
    Column("action", String(255), nullable=False),
    Column("request_id", String(255), nullable=False),
    Column("user_id", String(64), nullable=False),
    Column("project_id", String(64), nullable=False),
    Column("start_time", Time, nullable=False),
    Column("updated_at", Time, nullable=False),
    Column("finish_time", Time),
    Column("message", Text),
    Index("ix_compute_actions_server", "server_id", "start_time"),
    Index("ix_compute_actions_request", "server_id", "request_id"),
)

steps = Table(
    "compute_action_events",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("server_id", String(36), nullable=False),
    Column("request_id", String(255), nullable=False),
    Column("event", String(255), nullable=False),
    Column("host", String(255)),
    Column("start_time", Time, nullable=False),
    Column("finish_time", Time),
    Column("result", String(16)),
    Column("details", Text),
    Index("ix_compute_action_events_request", "server_id", "request_id"),
)


class ActionRow(Struct, frozen=True):
    id: int
    server_id: str
    action: str
    request_id: str
    user_id: str
    project_id: str
    start_time: int
    updated_at: int
    finish_time: int | None
    message: str | None


class StepRow(Struct, frozen=True):
    """`result`: None while it runs, then `Success` or `Error`."""

    id: int
    server_id: str
    request_id: str
    event: str
    host: str | None
    start_time: int
    finish_time: int | None
    result: str | None
    details: str | None


FIELDS: Mapping[str, ColumnElement[Any]] = {c.name: c for c in actions.columns}
_INSERT = Query(insert(actions))
_INSERT_STEP = Query(insert(steps))
_FIND = Query(
    select(actions)
    .where(actions.c.server_id == bindparam("server_id"), actions.c.request_id == bindparam("request_id"))
    .order_by(actions.c.id.desc()),
    into=ActionRow,
)
_FIRST = Query(
    select(actions).where(actions.c.server_id == bindparam("server_id")).order_by(actions.c.id).limit(1), into=ActionRow
)
_STEPS = Query(
    select(steps)
    .where(steps.c.server_id == bindparam("server_id"), steps.c.request_id == bindparam("request_id"))
    .order_by(steps.c.id.desc()),
    into=StepRow,
)
_END = Query(
    update(steps)
    .where(
        steps.c.server_id == bindparam("sid"),
        steps.c.request_id == bindparam("rid"),
        steps.c.event == bindparam("what"),
        steps.c.finish_time.is_(None),
    )
    .values(finish_time=bindparam("at"), result=bindparam("outcome"), details=bindparam("why"))
)
_TOUCH = Query(
    update(actions)
    .where(actions.c.server_id == bindparam("sid"), actions.c.request_id == bindparam("rid"))
    .values(updated_at=bindparam("at"), finish_time=bindparam("done"), message=bindparam("why"))
)


def insert_action(tx: Tx, server_id: str, action: str, request_id: str, user_id: str, project_id: str) -> None:
    tx.run(
        _INSERT, server_id=server_id, action=action, request_id=request_id, user_id=user_id, project_id=project_id,
        start_time=tx.now, updated_at=tx.now,
    )  # fmt: skip


def insert_step(tx: Tx, server_id: str, request_id: str, event: str, host: str | None) -> None:
    tx.run(_INSERT_STEP, server_id=server_id, request_id=request_id, event=event, host=host, start_time=tx.now)


def end_step(tx: Tx, server_id: str, request_id: str, event: str, result: str, details: str | None) -> None:
    tx.run(_END, sid=server_id, rid=request_id, what=event, at=tx.now, outcome=result, why=details)


def end_action(tx: Tx, server_id: str, request_id: str, message: str | None) -> None:
    tx.run(_TOUCH, sid=server_id, rid=request_id, at=tx.now, done=tx.now, why=message)


def find(tx: Tx, server_id: str, request_id: str) -> ActionRow | None:
    return tx.row(_FIND, server_id=server_id, request_id=request_id)


def first(tx: Tx, server_id: str) -> ActionRow | None:
    """The creation of the server: by its project."""
    return tx.row(_FIRST, server_id=server_id)


def steps_of(tx: Tx, server_id: str, request_id: str) -> Sequence[StepRow]:
    return tx.rows(_STEPS, server_id=server_id, request_id=request_id)


def listing(tx: Tx, asked: Listing) -> Page[ActionRow]:
    return page(tx, select(actions), FIELDS, asked, into=ActionRow, unique="request_id", scope=("server_id",))
