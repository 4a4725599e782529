"""The caller's end: HTTP/1.1 over TLS to one agent, on connections that are kept."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from typing import Any

import httptools
import msgspec

from pileus.kernel.nodes.families import Family, Method, Refusal
from pileus.kernel.nodes.frames import ALIVE, END, ERROR, ITEM, BadFrame, Frames, frame
from pileus.kernel.types import NotBuilt, Unavailable

CONNECT_SECONDS = 5.0
SILENT_SECONDS = 20.0
"""An agent says every five seconds that it is alive; after this much silence it is not."""
IDLE_SECONDS = 30.0
"""Kept connections older than this are not used again: the agent may be closing them just now."""
IDLE_MOST = 8
_REFUSAL = msgspec.msgpack.Decoder(Refusal).decode


class NodeUnreachable(Unavailable):
    """A host does not answer, or hung up before it did. Whether the call arrived is unknown."""

    def __init__(self, host: str, reason: str) -> None:
        super().__init__(f"Host {host} cannot be reached: {reason}.", details={"host": host})
        self.host = host


class _Stale(Exception):
    """A kept connection was dead before any of the answer came."""


class Connection:
    """One connection; one exchange at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._sending: asyncio.Task[None] | None = None
        self._broken = self._kept_open = False
        self.used_at = time.monotonic()
        self._fresh()

    def _fresh(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self._frames = Frames()
        self._ready: list[tuple[int, bytes]] = []
        self._plain = bytearray()
        self.begun = self.whole = False

    # --- told by the parser ---

    def on_message_begin(self) -> None:
        self.begun = True

    def on_body(self, data: bytes) -> None:
        if self.parser.get_status_code() == 200:
            self._ready += self._frames.feed(data)
        else:
            self._plain += data

    def on_message_complete(self) -> None:
        self.whole = True
        self._kept_open = bool(self.parser.should_keep_alive())

    # --- the exchange ---

    async def send(self, path: str, host: str, first: bytes, stream: AsyncIterable[bytes] | None) -> None:
        self._fresh()
        head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\n"
        body = frame(ITEM, first)
        if stream is None:
            self._writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            await self._writer.drain()
            return
        self._writer.write(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + _chunk(body))
        self._sending = asyncio.create_task(self._stream(stream))

    async def _stream(self, stream: AsyncIterable[bytes]) -> None:
        async for data in stream:
            self._writer.write(_chunk(frame(ITEM, data)))
            await self._writer.drain()
        self._writer.write(_chunk(frame(END)) + b"0\r\n\r\n")
        await self._writer.drain()

    async def next(self) -> tuple[int, bytes]:
        """The next frame that says something. Raises `OSError`, `TimeoutError`, `BadFrame`, or what the stream raised."""
        while True:
            while self._ready:
                kind, payload = self._ready.pop(0)
                if kind != ALIVE:
                    return kind, payload
            if self.whole:
                raise BadFrame(self._plain.decode(errors="replace") or "the answer is cut short")
            await self._read()

    async def _read(self) -> None:
        reading = asyncio.ensure_future(self._reader.read(1 << 18))
        try:
            async with asyncio.timeout(SILENT_SECONDS):
                if self._sending is not None:
                    await asyncio.wait({reading, self._sending}, return_when=asyncio.FIRST_COMPLETED)
                    if self._sending.done():
                        self._sent(self._sending)
                data = await reading
        finally:
            reading.cancel()
        if not data:
            raise ConnectionResetError("the connection was closed")
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError as error:
            raise BadFrame(str(error)) from error

    def _sent(self, sending: asyncio.Task[None]) -> None:
        """The stream is sent, or came to grief. An agent that stopped reading may still have said why: read on."""
        self._sending = None
        try:
            sending.result()
        except ConnectionError:
            self._broken = True

    async def finish(self) -> bool:
        """Read to the end of the answer. True when the connection may be used again."""
        while not self.whole:
            await self._read()
        self.used_at = time.monotonic()
        return self._sending is None and not self._broken and self._kept_open

    @property
    def status(self) -> int:
        return int(self.parser.get_status_code()) if self.begun else 0

    def close(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
        self._writer.close()


class Channel:
    """Calls to one host. Cheap until used: ten thousand share one TLS context."""

    def __init__(self, host: str, address: str, port: int, tls: ssl.SSLContext) -> None:
        self.host = host
        """The name that the agent's certificate must bear."""
        self.address = address
        self.port = port
        self._tls = tls
        self._idle: list[Connection] = []

    async def call(self, of: Family, method: Method, first: bytes, stream: AsyncIterable[bytes] | None) -> Any:
        """One call, one answer. Raises the protocol's exceptions, `NodeUnreachable`, `NotBuilt` for a method too new."""
        connection, kind, payload = await self._begin(of, method, first, stream)
        with self._guard(connection, of, method):
            refusal = _REFUSAL(payload) if kind == ERROR else None
            result = None if refusal else method.decode(payload)
            await self._keep(connection)
        if refusal is not None:
            raise of.raised(refusal, self.host)
        return result

    async def stream(self, of: Family, method: Method, first: bytes) -> AsyncIterator[Any]:
        """One call, many answers. Closing the iterator hangs up, which ends the work over there."""
        connection, kind, payload = await self._begin(of, method, first, None)
        with self._guard(connection, of, method):
            while kind == ITEM:
                yield method.decode(payload)
                kind, payload = await connection.next()
            refusal = _REFUSAL(payload) if kind == ERROR else None
            await self._keep(connection)
        if refusal is not None:
            raise of.raised(refusal, self.host)

    async def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    @contextlib.contextmanager
    def _guard(self, connection: Connection, of: Family, method: Method) -> Iterator[None]:
        """What goes wrong on the way becomes `NodeUnreachable`; a connection in the middle of an answer is closed."""
        try:
            yield
        except (OSError, EOFError, BadFrame, msgspec.MsgspecError) as error:
            connection.close()
            raise self._told(error, connection, of, method) from error
        except BaseException:
            if connection not in self._idle:
                connection.close()
            raise

    def _told(self, error: Exception, connection: Connection, of: Family, method: Method) -> Exception:
        if isinstance(error, TimeoutError):
            return NodeUnreachable(self.host, f"silent for {SILENT_SECONDS:g} s")
        if isinstance(error, BadFrame) and connection.status == 404:
            return NotBuilt(f"Host {self.host}: {error}.")
        return NodeUnreachable(self.host, f"{of.name}.{method.name}: {error or type(error).__name__}")

    async def _begin(
        self, of: Family, method: Method, first: bytes, stream: AsyncIterable[bytes] | None
    ) -> tuple[Connection, int, bytes]:
        """Send, and wait for the first frame. Sent again on a new connection only where that does no harm."""
        kept = self._kept()
        if kept is not None:
            try:
                return await self._exchange(kept, of, method, first, stream)
            except _Stale as stale:
                if stream is not None or not method.idempotent:
                    raise NodeUnreachable(self.host, f"{of.name}.{method.name}: {stale}") from stale
        try:
            return await self._exchange(await self._connect(), of, method, first, stream)
        except _Stale as stale:
            raise NodeUnreachable(self.host, f"{of.name}.{method.name}: {stale}") from stale

    async def _exchange(
        self, connection: Connection, of: Family, method: Method, first: bytes, stream: AsyncIterable[bytes] | None
    ) -> tuple[Connection, int, bytes]:
        with self._guard(connection, of, method):
            try:
                await connection.send(f"/{of.name}/{method.name}", self.host, first, stream)
                kind, payload = await connection.next()
            except ConnectionError as error:
                if connection.begun:
                    raise
                raise _Stale(str(error) or "the connection was closed") from error
        return connection, kind, payload

    def _kept(self) -> Connection | None:
        limit = time.monotonic() - IDLE_SECONDS
        while self._idle:
            connection = self._idle.pop()
            if connection.used_at > limit:
                return connection
            connection.close()
        return None

    async def _keep(self, connection: Connection) -> None:
        if await connection.finish() and len(self._idle) < IDLE_MOST:
            self._idle.append(connection)
        else:
            connection.close()

    async def _connect(self) -> Connection:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                return Connection(
                    *await asyncio.open_connection(
                        self.address, self.port, ssl=self._tls, server_hostname=self.host, limit=1 << 18
                    )
                )
        except TimeoutError as error:
            raise NodeUnreachable(self.host, f"no connection within {CONNECT_SECONDS:g} s") from error
        except OSError as error:
            raise NodeUnreachable(self.host, str(error)) from error


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)
