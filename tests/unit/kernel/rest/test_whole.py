"""Answers on the wire: one write, and nothing in a header that could end a line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from pileus.kernel.rest.server import Listeners, Protocol
from pileus.kernel.rest.whole import send_whole


async def exchange(app: Any, asked: bytes, monkeypatch: pytest.MonkeyPatch) -> tuple[list[bytes], bytes]:
    """(what was written, one by one; what came)."""
    written: list[bytes] = []
    connected = Protocol.connection_made

    class Noting:
        def __init__(self, transport: Any) -> None:
            self._transport = transport

        def __getattr__(self, name: str) -> Any:
            return getattr(self._transport, name)

        def write(self, data: bytes) -> None:
            written.append(data)
            self._transport.write(data)

    monkeypatch.setattr(Protocol, "connection_made", lambda self, transport: connected(self, Noting(transport)))
    listeners = Listeners(app, [("127.0.0.1", 0)])
    listeners.bind()
    port = listeners._sockets[0].getsockname()[1]
    await listeners.start()
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(asked)
        came = await asyncio.wait_for(reader.read(), 60)
        writer.close()
    finally:
        await listeners.close()
    return written, came


def answering(status: int, headers: dict[str, str], body: bytes, **how: bool) -> Callable[..., Any]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send_whole(send, status, headers, body, **how)

    return app


LAST = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


async def test_head_and_body_go_out_together(monkeypatch: pytest.MonkeyPatch) -> None:
    written, came = await exchange(answering(200, {"Content-Length": "2", "X-A": "b"}, b"hi"), LAST, monkeypatch)
    assert len(written) == 1
    head, _, body = came.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert (lines[0], body) == (b"HTTP/1.1 200 OK", b"hi")
    assert {b"content-length: 2", b"x-a: b", b"connection: close"} < set(lines)
    assert sum(line.startswith(b"date: ") for line in lines) == 1


async def test_names_keep_their_capitals_where_that_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    _, came = await exchange(answering(404, {"Content-Length": "0", "X-A": "b"}, b"", cased=True), LAST, monkeypatch)
    assert b"\r\nX-A: b\r\n" in came
    assert came.startswith(b"HTTP/1.1 404 Not Found\r\n")


async def test_a_head_has_the_length_and_no_body(monkeypatch: pytest.MonkeyPatch) -> None:
    app = answering(200, {"Content-Length": "2"}, b"hi", head=True)
    _, came = await exchange(app, LAST.replace(b"GET", b"HEAD"), monkeypatch)
    assert came.endswith(b"\r\n\r\n")
    assert b"content-length: 2" in came


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nX-Evil: 1", "a\rX-Evil: 1", "a\0b", "a\x1fb", "\x7f"])
async def test_no_value_ends_its_line(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = {"Content-Length": "2", "X-A": value, "X-B": "ünï"}
    _, came = await exchange(answering(200, headers, b"hi"), LAST, monkeypatch)
    head, _, body = came.partition(b"\r\n\r\n")
    names = [line.partition(b":")[0] for line in head.split(b"\r\n")[1:]]
    assert sorted(names) == [b"connection", b"content-length", b"date", b"x-a", b"x-b"]
    assert (body, "x-b: ünï".encode() in head) == (b"hi", True)
    assert not set(head) & (set(range(32)) - {10, 13} | {127})


@pytest.mark.parametrize("name", ["X A", "X:A", "X\r\nA", "", "X\0"])
async def test_what_cannot_be_a_name_is_left_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _, came = await exchange(answering(200, {"Content-Length": "2", name: "x"}, b"hi"), LAST, monkeypatch)
    head, _, body = came.partition(b"\r\n\r\n")
    assert (len(head.split(b"\r\n")), body) == (4, b"hi")


async def test_pipelined_requests_are_answered_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0.05 if scope["path"] == "/slow" else 0)
        body = scope["path"].encode()
        await send_whole(send, 200, {"content-length": str(len(body))}, body)

    asked = b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\nGET /quick HTTP/1.1\r\nhost: x\r\n\r\n" + LAST
    _, came = await exchange(app, asked, monkeypatch)
    assert came.index(b"/slow") < came.index(b"/quick")
    assert came.count(b"HTTP/1.1 200 OK") == 3


async def test_another_servers_send_gets_messages() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await send_whole(send, 201, {"X-A": "b\n"}, b"hi")
    assert sent == [
        {"type": "http.response.start", "status": 201, "headers": [(b"x-a", b"b ")]},
        {"type": "http.response.body", "body": b"hi"},
    ]
