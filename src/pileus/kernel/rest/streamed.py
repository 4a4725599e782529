"""An answer that comes in pieces, for as long as somebody takes them."""

import asyncio
import contextlib
import fcntl
import sys
import termios
from collections.abc import AsyncIterator

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from pileus.kernel.rest.request import ClientGone
from pileus.kernel.rest.whole import Send

STALLED = 60.0
"""Seconds in which a client takes nothing at all; then it is let go."""


async def send_stream(
    send: Send, status: int, headers: list[tuple[bytes, bytes]], stream: AsyncIterator[bytes], *, head: bool = False
) -> int:
    """Returns the body's bytes. The stream is closed as soon as the client is gone: the server itself would read it to its end
    and throw all of it away. The next piece is asked for when the last has left: a slow reader holds one.
    """
    found = getattr(send, "__self__", None)
    cycle = found if type(found) is RequestResponseCycle else None  # else another server's `send`
    sent = 0
    try:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        while not head and (chunk := await anext(stream, None)) is not None:
            sent += len(chunk)
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            if cycle is not None and not await _taken(cycle):
                return sent
        await send({"type": "http.response.body", "body": b""})
    except ClientGone:
        pass
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()
    return sent


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
