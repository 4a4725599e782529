"""Requests whose ends can be read in two ways, and what becomes of the connection: never is a body taken for a request."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from object_server import Running, running

C = b"/v1/AUTH_p/c"
KNOWN = b"Host: x\r\nX-Auth-Token: u:p:member\r\n"
NEXT = b"GET /info HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path, inline_bytes=100) as found:
        assert await statuses(found, b"PUT " + C + b" HTTP/1.1\r\n" + KNOWN + b"Content-Length: 0\r\n\r\n") == [
            "201",
            "200",
        ]
        yield found


async def statuses(it: Running, request: bytes) -> list[str]:
    """Of all answers on one connection to a request and a GET right behind it; `closed` at the end where it was."""
    reader, writer = await asyncio.open_connection("127.0.0.1", it.port)
    writer.write(request + NEXT)
    said = b""
    try:
        async with asyncio.timeout(30):  # less than what the server waits for the rest of anything
            while piece := await reader.read(65536):
                said += piece
                if said.count(b"HTTP/1.1 ") == 2 and said.endswith(b"}"):
                    break
            else:
                said += b"\nHTTP/1.1 closed"
    except (TimeoutError, ConnectionError):
        said += b"\nHTTP/1.1 waits"
    writer.close()
    return [word.decode() for word in re.findall(rb"HTTP/1\.1 (\w+)", said)]


def put(headers: bytes, body: bytes = b"", token: bytes = KNOWN) -> bytes:
    return b"PUT " + C + b"/o HTTP/1.1\r\n" + token + headers + b"\r\n" + body


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (b"Content-Length: 3\r\nContent-Length: 5\r\n", b"abc"), (b"Content-Length: 3, 3\r\n", b"abc"), (b"Content-Length: +3\r\n", b"abc"),
        (b"Content-Length : 3\r\n", b"abc"), (b"Content-Length: 0x3\r\n", b"abc"), (b"Content-Length: 99999999999999999999999\r\n", b""),
        (b"Content-Length: 3\r\n" + CHUNKED, b"0\r\n\r\n"), (CHUNKED + b"Content-Length: 3\r\n", b"0\r\n\r\n"), (CHUNKED * 2, b"0\r\n\r\n"),
        (b"Transfer-Encoding: chunked, gzip\r\n", b"0\r\n\r\n"), (b"Transfer-Encoding: \x0bchunked\r\n", b"0\r\n\r\n"),
        (b"Transfer-Encoding:\r\n chunked\r\n", b"0\r\n\r\n"), (b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n"),
        (CHUNKED, b"FFFFFFFFFFFFFFFFFF\r\nabc"), (CHUNKED, b"-1\r\nabc\r\n0\r\n\r\n"), (CHUNKED, b"3\nabc\n0\n\n"), (CHUNKED, b"3\r\nabcX0\r\n\r\n"),
    ],
)  # fmt: skip
async def test_lengths_that_mean_two_things(it: Running, headers: bytes, body: bytes) -> None:
    assert await statuses(it, put(headers, body)) == ["400", "closed"]
    assert await statuses(it, b"HEAD " + C + b"/o HTTP/1.1\r\n" + KNOWN + b"\r\n") == ["404", "200"]


@pytest.mark.parametrize(
    ("request_", "wanted"),
    [
        (put(CHUNKED, b"3;a=b\r\nabc\r\n0\r\nX-Object-Meta-A: b\r\n\r\n"), ["201", "200"]),
        (put(b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"), ["501", "200"]),
        (put(b"Content-Length: 60\r\n", b"DELETE /v1/AUTH_p/c HTTP/1.1\r\n".ljust(60), b"Host: x\r\n"), ["401", "200"]),
        (put(b"Content-Length: 99999\r\n", b"x" * 99999, b"Host: x\r\n"), ["401", "closed"]),
        (put(CHUNKED, b"5\r\nhello\r\n0\r\n\r\n", b"Host: x\r\n"), ["401", "closed"]),
        (put(b"X-Symlink-Target: c/p\r\n" + CHUNKED, b"5\r\nhello\r\n0\r\n\r\n"), ["400", "200"]),
        (put(b"X-Symlink-Target: c/p\r\nContent-Length: 5\r\n", b"hello"), ["400", "200"]),
        (b"GET " + C + b" HTTP/1.1\r\n" + KNOWN + b"Content-Length: 5\r\n\r\nhello", ["204", "200"]),
        (b"HEAD " + C + b" HTTP/1.1\r\n" + KNOWN + b"Content-Length: 5\r\n\r\nhello", ["204", "200"]),
        (b"GET /info HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", ["400", "200"]),
        (b"GET /info HTTP/1.1\r\nHost: [\r\n\r\n", ["400", "200"]),
        (b"GET /info HTTP/1.1\r\nHost: a/../b\r\n\r\n", ["400", "200"]),
        (b"GET /info HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", ["200", "200"]),
        (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", ["400", "200"]),
        (b"GET /info HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * 3000 + b"\r\n", ["200", "200"]),
    ],
)  # fmt: skip
async def test_what_becomes_of_the_connection(it: Running, request_: bytes, wanted: list[str]) -> None:
    assert await statuses(it, request_) == wanted


async def test_a_header_that_comes_twice(it: Running) -> None:
    """It is one with a comma: neither of two readers sees another request."""
    head = (
        b"POST "
        + C
        + b" HTTP/1.1\r\n"
        + KNOWN
        + b"X-Container-Read: a:*\r\nX-Container-Read: b:*\r\nContent-Length: 0\r\n\r\n"
    )
    assert await statuses(it, head) == ["204", "200"]
    reader, writer = await asyncio.open_connection("127.0.0.1", it.port)
    writer.write(b"HEAD " + C + b" HTTP/1.1\r\n" + KNOWN + b"Connection: close\r\n\r\n")
    assert b"\r\nX-Container-Read: a:*,b:*\r\n" in await asyncio.wait_for(reader.read(), 60)
    writer.close()
