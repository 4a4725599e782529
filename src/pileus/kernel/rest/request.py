"""A request as operations see it, and what they answer."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import msgspec

from pileus.kernel.rest.certificates import read as read_certificate
from pileus.kernel.types import Ctx, Invalid, Pieces, TimedOut, TooLarge, Version, whole_number

if TYPE_CHECKING:
    from pileus.kernel.policy import Policy

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class Query:
    """The query string: names to their values in order. Values are text, not yet judged."""

    __slots__ = ("pairs",)

    def __init__(self, raw: bytes | str = b"") -> None:
        if not raw:
            self.pairs: list[tuple[str, str]] = []
            return
        text = raw.decode("latin-1") if isinstance(raw, bytes) else raw
        try:
            self.pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=1000, errors="strict")
        except ValueError as e:
            raise Invalid("The query string could not be read: it must be UTF-8 with at most 1000 parameters.") from e

    def one(self, name: str, default: str | None = None) -> str | None:
        """The last value given for `name`."""
        for n, value in reversed(self.pairs):
            if n == name:
                return value
        return default

    def all(self, name: str) -> list[str]:
        return [value for n, value in self.pairs if n == name]

    def has(self, name: str) -> bool:
        return any(n == name for n, _ in self.pairs)

    def names(self) -> list[str]:
        return list(dict.fromkeys(n for n, _ in self.pairs))

    def lists(self) -> dict[str, list[str]]:
        """All parameters as lists: the shape that query schemas describe."""
        found: dict[str, list[str]] = {}
        for n, value in self.pairs:
            found.setdefault(n, []).append(value)
        return found


class Answer(Exception):
    """What goes back. `body` becomes JSON; `raw` and `stream` go as they are. May also be raised.

    `media` is the content type of `raw`/`stream` (JSON has its own).
    """

    def __init__(
        self,
        status: int = 200,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
        stream: Pieces | None = None,
        media: str = "application/json",
    ) -> None:
        super().__init__(status)
        self.status = status
        self.body = body
        self.headers: dict[str, str] = dict(headers or {})
        self.raw = raw
        self.stream = stream
        self.media = media
        self.denial: tuple[str, Mapping[str, object]] | None = None
        """Of a refusal that is no `Fault`: the rule that said no, and the target it was asked about. For the log alone."""


class Request:
    """One request, from the front door or from `Front.call`.

    `base`     URL of the service's root as the client reached it, without a trailing slash.
    `target`   the row that the path names, once its resource has read it.
    `gathered` what the operation's `gather` brought.
    """

    __slots__ = (
        "_receive",
        "_taken",
        "base",
        "body",
        "body_limit",
        "body_timeout",
        "certificate_text",
        "consumed",
        "ctx",
        "gathered",
        "headers",
        "known",
        "memo",
        "method",
        "near",
        "params",
        "path",
        "policy",
        "query",
        "read_from",
        "scope",
        "target",
        "version",
    )

    def __init__(
        self,
        *,
        method: str,
        path: str,
        headers: Mapping[str, str],
        query: Query,
        base: str,
        receive: Receive | None = None,
        scope: Mapping[str, Any] | None = None,
    ) -> None:
        self.method, self.path, self.headers, self.query, self.base = method, path, headers, query, base
        self._receive = receive
        self._taken = 0
        self.consumed = receive is None
        self.scope: Mapping[str, Any] = scope or {}
        self.ctx: Ctx = Ctx()
        self.known: Ctx | None = None
        """The caller as identity keeps him, the same object for every request of his token."""
        self.read_from: tuple[tuple[str, ...], tuple[int, ...]] | None = None
        """Tables that a kept answer was read from, and their stamps."""
        self.certificate_text = ""
        """The client's certificate as a trusted proxy wrote it down."""
        self.version = Version(0, 0)
        self.params: dict[str, str] = {}
        self.body: Any = None
        self.near: Any = None
        self.target: Any = None
        self.gathered: Any = None
        self.memo: dict[Any, Any] = {}
        self.policy: Policy | None = None
        self.body_limit = 0
        self.body_timeout = 60.0

    def link(self, path: str) -> str:
        """An absolute URL below the service's root."""
        return self.base + path

    def own(self) -> dict[str, object]:
        """The target of a rule where no row is meant yet: the caller's own things."""
        ctx = self.ctx
        return {"project_id": ctx.project_id, "user_id": ctx.user_id, "domain_id": ctx.domain_id}

    def may(self, rule: str, target: Mapping[str, object] | None = None) -> bool:
        assert self.policy is not None
        return self.policy.allows(rule, self.ctx, self.own() if target is None else target)

    def enforce(self, rule: str, target: Mapping[str, object] | None = None) -> None:
        """Raises `Forbidden` naming the rule."""
        assert self.policy is not None
        self.policy.enforce(rule, self.ctx, self.own() if target is None else target)

    async def stream(self) -> AsyncIterator[bytes]:
        """The body as it comes. Raises `TimedOut` when the client stalls and `Invalid` when it goes away."""
        if self._receive is None or self.consumed:
            return
        while True:
            try:
                async with asyncio.timeout(self.body_timeout):
                    message = await self._receive()
            except TimeoutError:
                raise TimedOut(f"The request body did not go on for {self.body_timeout:g} seconds.") from None
            if message["type"] == "http.disconnect":
                raise ClientGone("The client went away before the body was complete.")
            chunk = message.get("body", b"")
            self.consumed = not message.get(
                "more_body", False
            )  # before the yield: who reads no further has read it all
            if chunk:
                self._taken += len(chunk)
                yield chunk
            if self.consumed:
                return

    async def left(self) -> None:
        """Returns once the client has gone away. What is left of the body is read and forgotten."""
        if self._receive is None:
            await asyncio.get_running_loop().create_future()
        else:
            while (await self._receive())["type"] != "http.disconnect":
                pass

    @property
    def certificate(self) -> bytes:
        """The client's certificate, DER; empty where none was shown, or none that can be read."""
        try:
            return read_certificate(self.certificate_text)
        except ValueError:
            return b""

    async def read(self, limit: int) -> bytes:
        """The whole body. Raises `TooLarge` past `limit` bytes."""
        declared = whole_number(self.headers.get("content-length", ""))
        if declared is not None and declared > limit:
            raise TooLarge(f"Request is too large: the body may have {limit} bytes at most.")
        parts: list[bytes] = []
        size = 0
        async for chunk in self.stream():
            size += len(chunk)
            if size > limit:
                raise TooLarge(f"Request is too large: the body may have {limit} bytes at most.")
            parts.append(chunk)
        return b"".join(parts)


class ClientGone(Invalid):
    """Nobody is left to read the answer."""


_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_decode = msgspec.json.Decoder().decode
encode = msgspec.json.Encoder(enc_hook=str).encode
"""Any body as JSON bytes."""


def decode(raw: bytes) -> Any:
    """JSON bytes to plain objects. Raises `Invalid` for anything else (also for nesting without end), and for the
    character NUL, which one database keeps and the other does not.
    """
    try:
        value = _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise Invalid(f"The request body is not valid JSON: {e}", type="MalformedRequestBody") from None
    if b"\\u0000" in raw and _NUL.search(raw):
        raise Invalid("The request body has the character NUL (\\u0000) in a text.")
    return value


class Target(Mapping[str, object]):
    """A row as the target of policy rules: `%(project_id)s` reads the attribute `project_id`."""

    __slots__ = ("_more", "_row")

    def __init__(self, row: Any, more: Mapping[str, object] | None = None) -> None:
        self._row, self._more = row, more

    def __getitem__(self, key: str) -> object:
        if self._more is not None and key in self._more:
            return self._more[key]
        row = self._row
        if isinstance(row, Mapping):
            return row[key]
        try:
            return getattr(row, key)
        except (AttributeError, TypeError):
            raise KeyError(key) from None

    def __iter__(self) -> Any:
        row = self._row
        keys: Sequence[str] = tuple(row) if isinstance(row, Mapping) else getattr(row, "__struct_fields__", ())
        return iter({**dict.fromkeys(keys), **(self._more or {})})

    def __len__(self) -> int:
        return sum(1 for _ in self)
