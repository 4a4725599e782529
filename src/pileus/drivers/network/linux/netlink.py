"""Netlink in the little we need: requests with acknowledgement, dumps, attributes.

Why not pyroute2: its import costs 125 ms and brings its own event loop; why not `ip`: a process per change. The numbers
are the kernel's stable ABI (linux/netlink.h, linux/rtnetlink.h)."""

import os
import socket
import struct
from collections.abc import Iterator

REQUEST, ACK = 0x1, 0x4
EXCL, CREATE, APPEND, REPLACE, DUMP = 0x200, 0x400, 0x800, 0x100, 0x300
ROUTE, NETFILTER = 0, 12

_ERROR, _DONE = 2, 3
_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_SOL_NETLINK, _CAP_ACK, _EXT_ACK = 270, 10, 11
_ACK_TLVS = 0x200
_NESTED = 0x8000


class NetlinkError(OSError):
    """The kernel refused; `errno` says why, `strerror` carries its words."""


def attribute(kind: int, value: bytes | int | str) -> bytes:
    """One attribute: bytes as they are, an int as 32 bits in host order, text with its closing zero."""
    if isinstance(value, int):
        value = struct.pack("=I", value)
    elif isinstance(value, str):
        value = value.encode() + b"\0"
    size = 4 + len(value)
    return _ATTRIBUTE.pack(size, kind) + value + b"\0" * (-size % 4)


def nested(kind: int, *attributes: bytes) -> bytes:
    return attribute(kind | _NESTED, b"".join(attributes))


def attributes(data: bytes) -> dict[int, bytes]:
    """Attributes by number; of repeated ones the last."""
    found: dict[int, bytes] = {}
    at = 0
    while at + 4 <= len(data):
        size, kind = _ATTRIBUTE.unpack_from(data, at)
        if size < 4:
            break
        found[kind & 0x3FFF] = data[at + 4 : at + size]
        at += size + (-size % 4)
    return found


class Netlink:
    """A netlink socket of the network namespace in which the calling thread stands when it is made."""

    def __init__(self, protocol: int) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        self._socket.setsockopt(_SOL_NETLINK, _EXT_ACK, 1)
        self._socket.setsockopt(_SOL_NETLINK, _CAP_ACK, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._socket.settimeout(10)
        self._socket.bind((0, 0))
        self._sequence = 0

    def close(self) -> None:
        self._socket.close()

    def request(self, kind: int, body: bytes, flags: int = 0) -> bytes | None:
        """Do one thing; returns the answer's body when the kernel sends one beside the acknowledgement."""
        answer: bytes | None = None
        for data in self._exchange(kind, body, REQUEST | ACK | flags):
            answer = data
        return answer

    def dump(self, kind: int, body: bytes) -> Iterator[bytes]:
        return self._exchange(kind, body, REQUEST | DUMP)

    def _exchange(self, kind: int, body: bytes, flags: int) -> Iterator[bytes]:
        self._sequence += 1
        sequence = self._sequence
        self._socket.sendto(_HEADER.pack(16 + len(body), kind, flags, sequence, 0) + body, (0, 0))
        while True:
            packet = self._socket.recv(1 << 18)
            at = 0
            while at + 16 <= len(packet):
                size, answer, answer_flags, answer_to, _ = _HEADER.unpack_from(packet, at)
                data = packet[at + 16 : at + size]
                at += size + (-size % 4)
                if answer_to != sequence:
                    continue
                if answer == _DONE:
                    return
                if answer == _ERROR:
                    _raise_refusal(data, answer_flags)
                    return
                yield data


def _raise_refusal(data: bytes, flags: int) -> None:
    number = -struct.unpack_from("=i", data)[0]
    if number == 0:
        return
    words = os.strerror(number)
    if flags & _ACK_TLVS:
        said = attributes(data[20:]).get(1, b"").rstrip(b"\0").decode(errors="replace")
        words = f"{words}: {said}" if said else words
    raise NetlinkError(number, words)
