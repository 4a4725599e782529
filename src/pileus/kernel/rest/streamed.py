"""An answer that comes in pieces, for as long as somebody takes them."""

import asyncio
import contextlib
import fcntl
import sys
import termios

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from pileus.kernel.rest.request import ClientGone
from pileus.kernel.rest.whole import Send
from pileus.kernel.types import Extent, Pieces

STALLED = 60.0
"""Seconds in which a client takes nothing at all; then it is let go."""


class BrokenOff(Exception):
    """An answer whose status was out when its body failed, by what is its cause; its connection is cut. `sent`: bytes of the body."""

    def __init__(self, sent: int) -> None:
        super().__init__(f"broke off after {sent} bytes")
        self.sent = sent


async def send_stream(
    send: Send, status: int, headers: list[tuple[bytes, bytes]], stream: Pieces, *, head: bool = False
) -> int:
    """Returns the body's bytes. The stream is closed as soon as the client is gone: the server itself would read it to its end
    and throw all of it away. The next piece is asked for when the last has left: a slow reader holds one. Raises `BrokenOff`.
    """
    outlet = _Outlet(send)
    try:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        while not head and (piece := await anext(stream, None)) is not None:
            if not await (outlet.bytes(piece) if isinstance(piece, bytes) else outlet.extent(piece)):
                return outlet.sent
        await send({"type": "http.response.body", "body": b""})
    except ClientGone:
        pass
    except Exception as problem:
        if not outlet.cut():
            raise
        raise BrokenOff(outlet.sent) from problem
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()
    return outlet.sent


class _Outlet:
    """Where the pieces go. Its methods are False when nobody takes them any more."""

    def __init__(self, send: Send) -> None:
        found = getattr(send, "__self__", None)
        self._send = send
        self._cycle = found if type(found) is RequestResponseCycle else None  # else another server's `send`
        self.sent = 0

    def cut(self) -> bool:
        """End the connection, so that nobody takes what was sent for the whole. False where that is the server's to do."""
        if self._cycle is None or not self._cycle.response_started:
            return False
        self._cycle.transport.close()
        self._cycle.disconnected = True  # else the server complains of an answer without an end, as of an error of ours
        return True

    async def bytes(self, data: bytes) -> bool:
        self.sent += len(data)
        await self._send({"type": "http.response.body", "body": data, "more_body": True})
        return self._cycle is None or await _taken(self._cycle)

    async def extent(self, extent: Extent) -> bool:
        """What is in the system's memory, and fits into the socket, never comes into ours."""
        cycle = self._cycle
        while extent:
            if cycle is not None and (count := _passed(cycle, extent)):
                self.sent += count
                await asyncio.sleep(0)
            elif not await self.bytes(await extent.read()):
                return False
        return True


def _passed(cycle: RequestResponseCycle, extent: Extent) -> int:
    """Bytes that the system sent by itself: only behind all that was written before, only as they are, and only while the
    descriptor is still this connection's.
    """
    transport = cycle.transport
    if cycle.disconnected or transport.is_closing() or transport.get_write_buffer_size():
        return 0
    if cycle.chunked_encoding or len(extent) > cycle.expected_content_length or transport.get_extra_info("ssl_object"):
        return 0
    count = extent.send(transport.get_extra_info("socket").fileno())
    cycle.expected_content_length -= count
    return count


async def _taken(cycle: RequestResponseCycle) -> bool:
    """Wait until what was sent has left; False when nobody takes it any more."""
    waiting = -1
    while cycle.flow.write_paused and not cycle.disconnected:
        if cycle.transport.is_closing():
            return False
        before, waiting = waiting, _waiting(cycle.transport)
        if waiting == before:
            cycle.transport.abort()
            return False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STALLED):
                await cycle.flow.drain()
    return not cycle.disconnected


def _waiting(transport: asyncio.Transport) -> int:
    """Bytes that the client has not got: ours, and the system's, which takes megabytes before it is ready for more."""
    told = fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, bytes(4))
    return transport.get_write_buffer_size() + int.from_bytes(told, sys.byteorder)
