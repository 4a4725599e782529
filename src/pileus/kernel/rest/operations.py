"""One thing that a client can ask for: where it stands, what it takes, who may, and the moves that answer it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.rest.request import Answer, Request
from pileus.kernel.rest.schemas import Schema, Versioned, VersionedValidator
from pileus.kernel.types import Version, version

Decide = Callable[[Tx, Request], Any]
"""The decision: sync, in one transaction. What it returns goes to the view."""
Gather = Callable[[Request], Awaitable[None]]
"""Reads the world before the decision; leaves what it found in `request.gathered` or `request.body`."""
View = Callable[[Request, Any], Any]
Handle = Callable[[Request], Awaitable[Answer]]
"""Full control: streams, websockets, documents that need no row."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Operation:
    """At most three moves (`gather`, `decide`, `view`), or one `handle` that does all.

    `path`     below the service's root, with its version prefix: `/v2.1/servers/{server_id}`.
    `writes`   whether `decide` gets a writing transaction; by default all methods but GET and HEAD do.
    `action`   the key of a body like `{"os-stop": null}`, for operations that share a path.
    `body`     schema of the whole JSON body; None: no JSON body is read.
    `query`    schema of the query string as lists (`one(text())`); None: the dialect's manner decides.
    `rule`     policy rule, checked against the caller's own project before `decide`; "" checks nothing.
    `public`   no token is asked for. With a token that is good, the caller is known all the same.
    `partly`   what it lacks, in a sentence; printed in the compatibility page.
    """

    method: str
    path: str
    name: str = ""
    decide: Decide | None = None
    gather: Gather | None = None
    view: View | None = None
    handle: Handle | None = None
    writes: bool | None = None
    answers: int = 200
    action: str = ""
    body: Schema | Versioned | None = None
    query: Schema | Versioned | None = None
    rule: str = ""
    asks: str = ""
    """The rule that the moves check themselves, once they know the row; only told: to tables and documents."""
    public: bool = False
    since: str = ""
    until: str = ""
    raw: bool = False
    """The body is bytes, read by `handle` through `request.stream()`."""
    optional_body: bool = False
    """An empty body is as good as none."""
    max_body: int = 0
    """Bytes; 0: the dialect's."""
    unbounded: bool = False
    """Who may make some requests only (`Ctx.reach`) may make this one all the same."""
    kept: bool = False
    """The answer depends on nothing but rows, caller, version and URL: it may be kept until one of its tables changes."""
    summary: str = ""
    partly: str = ""
    resource: str = ""

    @property
    def reads_only(self) -> bool:
        return self.method in ("GET", "HEAD") if self.writes is None else not self.writes


class Ready:
    """An operation with its schemas compiled and its versions parsed."""

    __slots__ = ("body", "first", "last", "op", "query")

    def __init__(self, op: Operation) -> None:
        self.op = op
        self.body = VersionedValidator(op.body) if op.body is not None else None
        self.query = VersionedValidator(op.query) if op.query is not None else None
        self.first = version(op.since) if op.since else Version(0, 0)
        self.last = version(op.until) if op.until else Version(1 << 30, 0)

    def serves(self, wanted: Version) -> bool:
        return wanted == (0, 0) or self.first <= wanted <= self.last


class Place:
    """All operations of one path and method: one for each range of versions, or one for each action."""

    __slots__ = ("actions", "plain", "public")

    def __init__(self) -> None:
        self.plain: list[Ready] = []
        self.actions: dict[str, list[Ready]] = {}
        self.public = False
        """Nobody has to say who he is."""

    def add(self, op: Operation) -> None:
        there = self.actions.setdefault(op.action, []) if op.action else self.plain
        new = Ready(op)
        for old in there:
            if new.first <= old.last and old.first <= new.last:
                raise ValueError(f"{op.method} {op.path} {op.action}: two operations serve the same versions")
        there.append(new)
        self.public = not self.actions and all(ready.op.public for ready in self.plain)

    def pick(self, wanted: Version) -> Ready | None:
        for ready in self.plain:
            if ready.serves(wanted):
                return ready
        return None

    def pick_action(self, action: str, wanted: Version) -> Ready | None:
        for ready in self.actions.get(action, ()):
            if ready.serves(wanted):
                return ready
        return None


Methods = Mapping[str, Place]
