"""Answers in pieces over real sockets, to clients who read slowly, stop reading, or leave."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from cloud_runs import free_ports
from pileus.kernel.rest import Listeners, streamed

PIECE = b"x" * (1 << 18)
MANY = 4000
"""Pieces: a gigabyte, far more than any socket holds."""


class Source:
    """A body that counts what is asked of it."""

    def __init__(self, pieces: int = MANY) -> None:
        self.pieces, self.asked, self.closed = pieces, 0, asyncio.Event()

    async def __call__(self) -> AsyncIterator[bytes]:
        try:
            while self.asked < self.pieces:
                self.asked += 1
                yield PIECE
                await asyncio.sleep(0)
        finally:
            self.closed.set()


@asynccontextmanager
async def served(source: Source) -> AsyncIterator[int]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        length = str(source.pieces * len(PIECE)).encode()
        await streamed.send_stream(send, 200, [(b"content-length", length)], source())

    port = free_ports(1)[0]
    listeners = Listeners(app, [("127.0.0.1", port)])
    listeners.bind()
    await listeners.start()
    try:
        yield port
    finally:
        await listeners.close()


async def ask(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 16)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def settled(count: Callable[[], int]) -> int:
    """What a count stays at."""
    before = -1
    while before != (before := count()):
        await asyncio.sleep(0.2)
    return before


async def test_all_of_it_arrives() -> None:
    source = Source(pieces=40)
    async with served(source) as port:
        reader, writer = await ask(port)
        assert len(await reader.readexactly(40 * len(PIECE))) == 40 * len(PIECE)
        await asyncio.wait_for(source.closed.wait(), 5)
        writer.close()


@pytest.mark.parametrize("first", [0, 3 * len(PIECE)], ids=["at once", "in the middle"])
async def test_who_leaves_is_read_for_no_more(first: int) -> None:
    source = Source()
    async with served(source) as port:
        reader, writer = await ask(port)
        await reader.readexactly(first)
        asked = await settled(lambda: source.asked)
        assert asked < 100, "the server goes on although nobody reads"
        writer.transport.abort()
        await asyncio.wait_for(source.closed.wait(), 2)
        assert source.asked <= asked + 1


async def test_one_who_takes_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamed, "STALLED", 0.3)
    source = Source()
    async with served(source) as port:
        _, writer = await ask(port)
        begun = time.monotonic()
        await asyncio.wait_for(source.closed.wait(), 5)
        assert time.monotonic() - begun >= 0.3
        writer.close()


async def test_one_who_takes_little_is_not_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamed, "STALLED", 0.3)
    source = Source()
    async with served(source) as port:
        reader, writer = await ask(port)
        await settled(lambda: source.asked)
        for _ in range(12):
            await reader.readexactly(1 << 20)
            await asyncio.sleep(0.1)
        assert not source.closed.is_set()
        writer.transport.abort()
        await asyncio.wait_for(source.closed.wait(), 2)
