"""Answers in pieces over real sockets, to clients who read slowly, stop reading, or leave; on both event loops (conftest.py)."""

import asyncio
import os
import random
import ssl
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cloud_runs import free_ports
from pileus.kernel.rest import Listeners, Tls, streamed
from tls_proxy import Ca

PIECE = b"x" * (1 << 18)
MANY = 4000
"""Pieces: a gigabyte, far more than any socket holds."""


class Source:
    """A body that counts what is asked of it."""

    def __init__(self, pieces: int) -> None:
        self.pieces, self.asked, self.closed = pieces, 0, asyncio.Event()

    @property
    def whole(self) -> bytes:
        return PIECE * self.pieces

    def rewind(self) -> None:
        self.asked = 0

    async def __call__(self) -> AsyncIterator[bytes]:
        try:
            while self.asked < self.pieces:
                self.asked += 1
                yield PIECE
                await asyncio.sleep(0)
        finally:
            self.closed.set()


class Lender(Source):
    """The same as a stretch of a file. `warm`: of so many pieces the disk has to be asked for one; 0: for none."""

    def __init__(self, pieces: int, warm: int = 3) -> None:
        super().__init__(pieces)
        self.warm, self.sent, self.read_bytes = warm, 0, 0
        self.file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the last who has it
        self.file.truncate(pieces * len(PIECE))
        if pieces < 100:
            self.file.write(random.Random(pieces).randbytes(pieces * len(PIECE)))
            self.file.flush()

    async def __call__(self) -> AsyncIterator[Any]:
        try:
            yield self
        finally:
            self.closed.set()

    @property
    def whole(self) -> bytes:
        return os.pread(self.file.fileno(), self.pieces * len(PIECE), 0)

    def rewind(self) -> None:
        self.sent = self.read_bytes = 0

    @property
    def at(self) -> int:
        return self.sent + self.read_bytes

    def __len__(self) -> int:
        return self.pieces * len(PIECE) - self.at

    def send(self, socket: int) -> int:
        self.asked = self.at // len(PIECE) + 1
        if self.warm and self.asked % self.warm == 0:
            return 0
        try:
            count = os.sendfile(socket, self.file.fileno(), self.at, 3 * len(PIECE) // 2)
        except BlockingIOError:
            return 0
        self.sent += count
        return count

    async def read(self) -> bytes:
        data = os.pread(self.file.fileno(), min(len(PIECE), len(self)), self.at)
        self.read_bytes += len(data)
        self.asked = self.at // len(PIECE) + 1
        return data


KINDS: dict[str, Callable[[int], Source]] = {
    "pieces": Source,
    "extents": Lender,
    "extents on a cold disk": lambda pieces: Lender(pieces, warm=1),
}
kinds = pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)


@asynccontextmanager
async def served(source: Source, tls: Tls | None = None, *, chunked: bool = False) -> AsyncIterator[int]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        length = str(source.pieces * len(PIECE)).encode()
        await streamed.send_stream(send, 200, [] if chunked else [(b"content-length", length)], source())

    async with listening(app, tls) as port:
        yield port


@asynccontextmanager
async def listening(app: Any, tls: Tls | None = None) -> AsyncIterator[int]:
    port = free_ports(1)[0]
    listeners = Listeners(app, [("127.0.0.1", port)], tls=tls)
    listeners.bind()
    await listeners.start()
    try:
        yield port
    finally:
        await listeners.close()


async def ask(port: int, trust: ssl.SSLContext | None = None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, limit=1 << 16, ssl=trust, server_hostname="localhost" if trust else None
    )
    await ask_again(reader, writer)
    return reader, writer


async def ask_again(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")


async def settled(count: Callable[[], int]) -> int:
    """What a count stays at."""
    seen = [count()]
    while len(seen) < 10 or len(set(seen[-10:])) > 1:  # in each of so many rounds of the loop it could have gone on
        await asyncio.sleep(0.03)
        seen.append(count())
    return seen[-1]


@kinds
@pytest.mark.parametrize("pause", [0, 0.3])
async def test_all_of_it_arrives(make: Callable[[int], Source], pause: float) -> None:
    """To one who reads at once, and to one who first lets the socket fill; and again over the same connection."""
    source = make(40)
    async with served(source) as port:
        reader, writer = await ask(port)
        await asyncio.sleep(pause)
        assert await reader.readexactly(40 * len(PIECE)) == source.whole
        await asyncio.wait_for(source.closed.wait(), 60)
        source.rewind()
        await ask_again(reader, writer)
        assert await reader.readexactly(40 * len(PIECE)) == source.whole
        writer.close()


async def test_extents_leave_no_trace_in_our_memory() -> None:
    """What fits into the socket; more than that would fit or not as its reader happens to come to read."""
    source = Lender(1, warm=0)
    async with served(source) as port:
        reader, writer = await ask(port)
        await reader.readexactly(len(PIECE))
        for _ in range(20):
            assert (source.sent, source.read_bytes) == (len(PIECE), 0), "the system has not sent it by itself"
            await asyncio.wait_for(source.closed.wait(), 60)
            source.rewind()
            await ask_again(reader, writer)
            await reader.readexactly(len(PIECE))
        writer.close()


@pytest.mark.parametrize("chunked", [True, False])
async def test_what_must_be_wrapped_is_not_sent_as_it_lies(tmp_path: Path, chunked: bool) -> None:
    """In the records of TLS, or in chunks."""
    source, tls, trust = Lender(40), None, None
    if not chunked:
        ca = Ca(tmp_path)
        pem = str(ca.issue("server", "localhost"))
        tls, trust = Tls(pem, pem), ssl.create_default_context(cafile=str(ca.file))
    async with served(source, tls, chunked=chunked) as port:
        reader, writer = await ask(port, trust)
        got = b""
        while chunked and (size := int(await reader.readline(), 16)):
            got += await reader.readexactly(size)
            await reader.readline()
        assert (got if chunked else await reader.readexactly(40 * len(PIECE))) == source.whole
        assert source.sent == 0
        writer.close()


@kinds
@pytest.mark.parametrize("first", [0, 3 * len(PIECE)], ids=["at once", "in the middle"])
async def test_who_leaves_is_read_for_no_more(make: Callable[[int], Source], first: int) -> None:
    source = make(MANY)
    async with served(source) as port:
        reader, writer = await ask(port)
        await reader.readexactly(first)
        asked = await settled(lambda: source.asked)
        assert asked < 100, "the server goes on although nobody reads"
        writer.transport.abort()
        await asyncio.wait_for(source.closed.wait(), streamed.STALLED / 2)
        assert source.asked <= asked + 1


@kinds
async def test_one_who_takes_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch, make: Callable[[int], Source]) -> None:
    monkeypatch.setattr(streamed, "STALLED", 0.3)
    source = make(MANY)
    async with served(source) as port:
        _, writer = await ask(port)
        begun = time.monotonic()
        await asyncio.wait_for(source.closed.wait(), 60)
        assert time.monotonic() - begun >= 0.3
        writer.close()


class Spans:
    """Those in which a client has to take something: here they end when a test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._open: list[asyncio.Timeout] = []
        self._transport: Any = None
        self._told, self._waiting = 0, streamed._waiting
        monkeypatch.setattr(streamed, "_waiting", self._noted)
        monkeypatch.setattr(streamed, "asyncio", SimpleNamespace(timeout=self._span, sleep=asyncio.sleep))

    def _noted(self, transport: asyncio.Transport) -> int:
        self._transport, self._told = transport, self._waiting(transport)
        return self._told

    @asynccontextmanager
    async def _span(self, _: float) -> AsyncIterator[None]:
        async with asyncio.timeout(None) as span:
            self._open.append(span)
            try:
                yield
            finally:
                self._open.remove(span)

    def end(self) -> bool:
        """End the one that is under way, if the client took something in it."""
        if not self._open or self._waiting(self._transport) == self._told:
            return False
        self._open[0].reschedule(0)
        return True


@kinds
async def test_one_who_takes_little_is_not_let_go(
    monkeypatch: pytest.MonkeyPatch, make: Callable[[int], Source]
) -> None:
    spans, source = Spans(monkeypatch), make(MANY)
    async with served(source) as port:
        reader, writer = await ask(port)
        for _ in range(8):
            await settled(lambda: source.asked)
            while not spans.end():
                await reader.readexactly(1 << 14)
        await settled(lambda: source.asked)
        assert not source.closed.is_set()
        writer.transport.abort()
        await asyncio.wait_for(source.closed.wait(), 60)


async def test_a_source_that_fails_in_the_middle() -> None:
    """The connection ends before the body does, and whoever logs it is told of what, and how far it came."""
    told: list[streamed.BrokenOff] = []

    async def failing() -> AsyncIterator[bytes]:
        yield PIECE
        raise ValueError("in the middle")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await streamed.send_stream(send, 200, [(b"content-length", b"%d" % (2 * len(PIECE)))], failing())
        except streamed.BrokenOff as broken:
            told.append(broken)

    async with listening(app) as port:
        reader, writer = await ask(port)
        got = await reader.read(-1)
        writer.close()
    assert got == PIECE
    assert [(one.sent, type(one.__cause__)) for one in told] == [(len(PIECE), ValueError)]
