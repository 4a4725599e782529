"""A toy service that uses every part of `kernel.rest`."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from msgspec import Struct
from sqlalchemy import BigInteger, Column, Integer, String, Table, bindparam, delete, insert, select, update

from pileus.kernel.db import Database, Flag, Json, Page, Query, Tx, metadata, page
from pileus.kernel.policy import Policy, Rule
from pileus.kernel.rest import (
    BOOLEAN,
    MOMENT,
    NULL,
    Answer,
    Dialect,
    Face,
    Field,
    Operation,
    Request,
    Resource,
    Socket,
    absent,
    action,
    creates,
    deletes,
    integer,
    lists,
    nullable,
    obj,
    one,
    route,
    shows,
    stream,
    text,
    updates,
)
from pileus.kernel.types import Conflict, Ctx, Fault, Forbidden, Listing, NotFound, Unauthorized, new_id

widgets = Table(
    "toy_widgets",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", String(255)),
    Column("size", Integer),
    Column("project_id", String(64)),
    Column("secret", String(64)),
    Column("shiny", Flag),
    Column("extra", Json),
    Column("created_at", BigInteger),
)


class Widget(Struct, frozen=True):
    id: str
    name: str
    size: int
    project_id: str
    secret: str
    shiny: bool
    extra: Any
    created_at: int


FIND = Query(select(widgets).where(widgets.c.id == bindparam("id")), into=Widget)
INSERT = Query(insert(widgets))
UPDATE = Query(
    update(widgets).where(widgets.c.id == bindparam("wid")).values(name=bindparam("name"), size=bindparam("size"))
)
DELETE = Query(delete(widgets).where(widgets.c.id == bindparam("id")))
FIELDS: Mapping[str, Any] = {c.name: c for c in widgets.columns}


def find(tx: Tx, near: Any, ctx: Ctx, widget_id: str) -> Widget:
    row = tx.row(FIND, id=widget_id)
    if row is None:
        raise NotFound(f"Widget {widget_id} could not be found.")
    return row


def listing(tx: Tx, near: Any, ctx: Ctx, asked: Listing) -> Page[Widget]:
    return page(tx, select(widgets), FIELDS, asked, into=Widget, unique="id")


def create(tx: Tx, near: Any, ctx: Ctx, want: dict[str, Any]) -> Widget:
    if want["name"] == "taken":
        raise Conflict("taken")
    if want["name"] == "boom":
        raise RuntimeError("secret detail")
    row = {
        "id": new_id(), "name": want["name"], "size": want["size"], "project_id": want.get("project_id", ctx.project_id), "secret": "s3cret",
        "shiny": want.get("shiny", False), "extra": want.get("extra", {}), "created_at": tx.now,
    }  # fmt: skip
    tx.run(INSERT, **row)
    return find(tx, near, ctx, row["id"])


def change(tx: Tx, near: Any, ctx: Ctx, row: Widget, want: dict[str, Any]) -> Widget:
    tx.run(UPDATE, wid=row.id, name=want.get("name", row.name), size=want.get("size", row.size))
    return find(tx, near, ctx, row.id)


def remove(tx: Tx, near: Any, ctx: Ctx, row: Widget) -> None:
    tx.run(DELETE, id=row.id)


def polish(tx: Tx, near: Any, ctx: Ctx, row: Widget, want: Any) -> None:
    change(tx, near, ctx, row, {"name": row.name + " polished"})


def grow(tx: Tx, near: Any, ctx: Ctx, row: Widget, want: Any) -> dict[str, int]:
    return {"size": row.size + want["by"]}


def extra(tx: Tx, near: Any, request: Request) -> Any:
    return {"extra": request.target.extra}


async def upload(near: Any, request: Request) -> Answer:
    total = 0
    async for chunk in request.stream():
        total += len(chunk)
    return Answer(200, {"bytes": total})


async def download(near: Any, request: Request) -> Answer:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b"x" * 65536

    return Answer(200, stream=chunks(), media="application/octet-stream")


class Widgets(Resource[None]):
    member, plural, path = "widget", "widgets", "/v1/widgets"
    rules = {"show": "toy:show", "update": "toy:own", "delete": "toy:own", "polish": "toy:own"}
    id = Field({"type": "string"}, on="show list")
    name = Field(text(20, 1), required=True, sort=True, match="eq in")
    size = Field(integer(0, 1000), default=1, sort=True, match=True)
    shiny = Field(BOOLEAN, on="show create list", since="1.5", match=True)
    project_id = Field(text(64), on="show list create", alias="tenant_id", guard={"create": "toy:admin"}, match=True)
    secret = Field(text(), on="show", wire="OS-SECRET:secret", rule="toy:admin")
    created_at = Field(MOMENT, on="show", wire="created")
    note = Field(nullable(text(10)), on="create", until="1.2")

    get = find
    list = lists(listing, kept=True)
    show = shows(kept=True)
    create = creates(create, bulk=True)
    update = updates(change)
    delete = deletes(remove)
    polish = action("polish", polish, body=NULL)
    grow = action("grow", grow, answers=200, body=obj({"by": integer()}, ["by"]), since="1.3")
    extra = route("GET", "/{widget_id}/extra", extra)
    upload = stream("PUT", "/{widget_id}/file", upload)
    download = stream("GET", "/{widget_id}/file", download)

    def location(self, request: Request, row: Any) -> str:
        return request.link(f"/v1/widgets/{row.id}")


class ToyDialect(Dialect):
    name, lowest, highest = "toy", "1.0", "1.9"
    legacy_version_header = "X-Toy-Version"
    request_id_headers = ("x-toy-request-id",)
    page_size = 5

    def denied(self, request: Request, resource: Resource[Any], fault: Fault, row: Any) -> Fault:
        return fault if row.project_id == request.ctx.project_id else NotFound(f"Widget {row.id} could not be found.")


CALLERS = {
    "admin": Ctx(user_id="u0", project_id="p0", roles=frozenset({"admin"})),
    "anna": Ctx(user_id="u1", project_id="p1", roles=frozenset({"member"})),
    "bert": Ctx(user_id="u2", project_id="p2", roles=frozenset({"reader"})),
}


async def authenticate(token: str, service_token: str) -> Ctx:
    if token not in CALLERS:
        raise Unauthorized("Who are you?")
    return CALLERS[token]


async def hello(request: Request) -> Answer:
    return Answer(200, {"hello": request.ctx.user_id or "stranger", "self": request.link("/v1")})


async def echo(request: Request) -> Answer:
    socket: Socket = request.gathered
    await socket.accept()
    while (message := await socket.receive()) is not None:
        await socket.send(message)
    return Answer(200)


async def forbidden(request: Request) -> Answer:
    raise Forbidden("never")


def face(db: Database) -> Face:
    rules = [
        Rule("toy:admin", "role:admin", scopes=()),
        Rule("toy:own", "role:admin or (role:member and project_id:%(project_id)s)", scopes=()),
        Rule("toy:show", "role:admin or project_id:%(project_id)s", scopes=()),
    ]
    items = [
        Widgets(None),
        Operation(method="GET", path="/", handle=hello, public=True),
        Operation(method="WEBSOCKET", path="/echo", handle=echo, public=True),
        Operation(method="GET", path="/strict", handle=hello, query=obj({"n": one(text(3))})),
        Operation(method="GET", path="/tail/{account}/{name:path}", handle=hello),
        absent("GET", "/v1/gadgets"),
    ]
    return Face("toy", ToyDialect(), Policy(rules), db, items, authenticate, suffixes=(".json",))
