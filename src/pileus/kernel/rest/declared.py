"""What a class body says of a noun's operations; `Resource.operations` turns it into `Operation`s."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pileus.kernel.rest.request import Answer, Request
from pileus.kernel.rest.schemas import NULL, Schema, Versioned


@dataclass(frozen=True, eq=False)
class Declared:
    """An operation as a class body states it; `Resource.operations` turns it into an `Operation`."""

    kind: str
    fn: Callable[..., Any] | None
    method: str = ""
    path: str = ""
    action: str = ""
    answers: int = 0
    rule: str | None = None
    """None: the class's `rules` say; "": no rule."""
    body: Schema | Versioned | None = None
    query: Schema | Versioned | None = None
    gather: Callable[..., Awaitable[Any]] | None = None
    view: Callable[[Request, Any], Any] | None = None
    since: str = ""
    until: str = ""
    bulk: bool = False
    public: bool = False
    writes: bool | None = None
    on_member: bool = True
    optional_body: bool = False
    max_body: int = 0
    kept: bool = False
    partly: str = ""
    summary: str = ""
    name: str = ""

    def __set_name__(self, owner: type, name: str) -> None:
        object.__setattr__(self, "name", self.name or name)


def lists(fn: Callable[..., Any], *, path: str = "", **more: Any) -> Any:
    """`GET` of the collection: `fn(tx, near, ctx, listing) -> Page`. `path` is appended (`/detail`)."""
    return Declared("list", fn, "GET", path, **more)


def shows(fn: Callable[..., Any] | None = None, **more: Any) -> Any:
    """`GET` of one: by the class's `get`, or `fn(tx, near, ctx, row) -> row` to read more."""
    return Declared("show", fn, "GET", **more)


def creates(fn: Callable[..., Any], **more: Any) -> Any:
    """`POST` of the collection: `fn(tx, near, ctx, want) -> row`; `gather(near, ctx, want) -> want` runs before, outside.

    With `bulk` a body of many makes all or none.
    """
    return Declared("create", fn, "POST", **{"answers": 201, **more})


def updates(fn: Callable[..., Any], **more: Any) -> Any:
    """`fn(tx, near, ctx, row, want) -> row`, by the dialect's method (PUT or PATCH)."""
    return Declared("update", fn, "", **more)


def deletes(fn: Callable[..., Any], **more: Any) -> Any:
    """`fn(tx, near, ctx, row) -> None`."""
    return Declared("delete", fn, "DELETE", **{"answers": 204, **more})


def action(key: str, fn: Callable[..., Any], **more: Any) -> Any:
    """`POST …/action` with `{key: …}`: `fn(tx, near, ctx, row, want) -> body | None`; `body` is the schema of the value."""
    return Declared("action", fn, "POST", "/action", key, **{"answers": 202, "body": NULL, **more})


def route(method: str, path: str, fn: Callable[..., Any], **more: Any) -> Any:
    """Anything else below the noun, in a transaction: `fn(tx, near, request) -> body`.

    A path that starts with the member's parameter finds its row in `request.target`.
    """
    return Declared("route", fn, method, path, **more)


def stream(method: str, path: str, fn: Callable[..., Awaitable[Answer]], **more: Any) -> Any:
    """Bytes in or out, outside any transaction: `async fn(near, request) -> Answer`. The row is not read beforehand."""
    return Declared("stream", fn, method, path, **more)
