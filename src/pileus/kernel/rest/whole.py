"""A whole answer in one write.

Of an answer that is ready the server would make two writes to the socket, and judge every header by itself. Here head and body go
out together, and the head is judged as one text: a sixth of what a small request costs.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
JOINED = 1 << 16
"""Bodies up to so many bytes are copied behind their head; of a longer one the copy costs more than a second write."""
_STATUS = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
_IN_NAMES = re.compile(r'[\x00-\x20\x7f()<>@,;:\[\]={}\\"]')
_IN_VALUES = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_IN_HEAD = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_KNOWN_NAMES = 4096
_lines: dict[tuple[str, bool], str] = {}
"""How a header's line begins, by its name and whether it goes out as it is written; empty for what cannot be a name."""
_standard: dict[str, Any] = {"given": None, "text": ""}
"""The server's own headers (the date), which it makes anew every second, and their text."""


async def send_whole(
    send: Send, status: int, headers: Mapping[str, str], body: bytes, *, cased: bool = False, head: bool = False
) -> None:
    """`headers` are complete, lengths and types too. `head`: of an answer to HEAD, which has no body."""
    cycle = getattr(send, "__self__", None)
    if type(cycle) is not RequestResponseCycle or "connection" in headers:
        # another server's `send`, or an answer after which the connection is not kept
        await send({"type": "http.response.start", "status": status, "headers": plain(headers, cased)})
        return await send({"type": "http.response.body", "body": b"" if head else body})
    if cycle.flow.write_paused and not cycle.disconnected:
        await cycle.flow.drain()
    if cycle.disconnected:
        return None
    text = _head(cycle, status, headers, cased)
    if head or not body:
        cycle.transport.write(text)
    elif len(body) <= JOINED:
        cycle.transport.write(text + body)
    else:
        cycle.transport.write(text)
        cycle.transport.write(body)
    _end(cycle)
    return None


def _head(cycle: RequestResponseCycle, status: int, headers: Mapping[str, str], cased: bool) -> bytes:
    parts = [_STATUS.get(status) or f"HTTP/1.1 {status} \r\n", _own_headers(cycle.default_headers)]
    ends = 1 + parts[1].count("\n")
    for name, value in headers.items():
        line = _lines.get((name, cased))
        if line is None:
            line = _begun(name, cased)
        if line:
            parts += (line, value, "\r\n")
            ends += 1
    if not cycle.keep_alive:
        parts.append("connection: close\r\n")
        ends += 1
    text = "".join(parts)
    if text.count("\n") != ends or text.count("\r") != ends or _IN_HEAD.search(text):
        return _head(cycle, status, {name: clean(value) for name, value in headers.items()}, cased)
    return (text + "\r\n").encode()


def _own_headers(given: list[tuple[bytes, bytes]]) -> str:
    if _standard["given"] is not given:
        text = "".join(f"{name.decode()}: {value.decode()}\r\n" for name, value in given)
        _standard.update(given=given, text=text)
    return str(_standard["text"])


def _begun(name: str, cased: bool) -> str:
    if len(_lines) >= _KNOWN_NAMES:
        _lines.clear()
    line = "" if not name or _IN_NAMES.search(name) else f"{name if cased else name.lower()}: "
    return _lines.setdefault((name, cased), line)


def _end(cycle: RequestResponseCycle) -> None:
    """What the server does behind the last byte."""
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()


def clean(value: str) -> str:
    """A header's value without what ends a line, or could."""
    return _IN_VALUES.sub(" ", value)


class _Cased(bytes):
    """A header's name that goes out as it is written, although servers put names into lower case.

    It compares as its lower case does, so that a server still knows the names that mean something to it.
    """

    def lower(self) -> "_Cased":
        return self

    def __eq__(self, other: object) -> bool:
        return bytes.lower(self) == other

    def __hash__(self) -> int:
        return hash(bytes.lower(self))


def plain(headers: Mapping[str, str], cased: bool) -> list[tuple[bytes, bytes]]:
    """Headers as ASGI has them, without those whose names cannot stand there."""
    name = _Cased if cased else bytes.lower
    return [(name(n.encode()), clean(v).encode()) for n, v in headers.items() if n and not _IN_NAMES.search(n)]
