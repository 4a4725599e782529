"""What goes over the wire inside a body: frames of one byte of kind, four of length, and that many bytes.

A request is an ITEM (the arguments) and, if the method takes a stream, its ITEMs and an END. An answer is any number
of ALIVEs and one ITEM, or ITEMs and an END for a stream, or an ERROR at any point. What is cut short has no END.
"""

from struct import Struct

ITEM, END, ERROR, ALIVE = range(4)
LARGEST = 64 << 20
_HEAD = Struct(">BI")


class BadFrame(Exception):
    """The other side speaks something else."""


def frame(kind: int, payload: bytes = b"") -> bytes:
    return _HEAD.pack(kind, len(payload)) + payload


class Frames:
    """Cuts bytes as they come into frames."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """The frames that are whole now. Raises `BadFrame`."""
        self._bytes += data
        found: list[tuple[int, bytes]] = []
        at = 0
        while len(self._bytes) - at >= _HEAD.size:
            kind, size = _HEAD.unpack_from(self._bytes, at)
            if kind > ALIVE or size > LARGEST:
                raise BadFrame(f"a frame of kind {kind} and {size} bytes")
            end = at + _HEAD.size + size
            if len(self._bytes) < end:
                break
            found.append((kind, bytes(self._bytes[at + _HEAD.size : end])))
            at = end
        del self._bytes[:at]
        return found
