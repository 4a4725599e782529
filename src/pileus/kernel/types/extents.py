"""Bytes that the system can send from its own memory, without a copy of them in ours."""

from collections.abc import AsyncIterator
from typing import Protocol


class Extent(Protocol):
    """A stretch of a file, lent until the stream that gave it is asked for the next piece. Reading or sending uses it up."""

    def __len__(self) -> int:
        """Bytes that are left."""
        ...

    def send(self, socket: int) -> int:
        """Send what needs no wait to that non-blocking descriptor; how many bytes. 0: go on with `read`, which tells what is wrong."""
        ...

    async def read(self) -> bytes:
        """The next bytes; empty at the end. Raises what the stream raises."""
        ...


Pieces = AsyncIterator[bytes | Extent]


async def as_bytes(pieces: Pieces) -> AsyncIterator[bytes]:
    """For who wants to see the bytes."""
    try:
        async for piece in pieces:
            if isinstance(piece, bytes):
                yield piece
                continue
            while data := await piece.read():
                yield data
    finally:
        close = getattr(pieces, "aclose", None)
        if close is not None:
            await close()
