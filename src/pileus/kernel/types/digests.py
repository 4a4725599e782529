"""Hashes and checksums of bytes by name, all with one face: `hashlib`'s, and the cyclic and the quick ones that S3 speaks.

`crc32c`, `crc64nvme` and the xxhashes come from awscrt, which uses the processor's own instructions (measured: 46 GB/s; a
table in Python: 5 MB/s). It is loaded when first asked for.
"""

import hashlib
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from awscrt.checksums import XXHash


class Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def hexdigest(self) -> str: ...


class _Cyclic(Struct, frozen=True):
    width: int
    """Bytes."""
    step: Callable[[bytes, int], int]
    join: Callable[[int, int, int], int]


class _Running:
    def __init__(self, kind: _Cyclic) -> None:
        self._kind = kind
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = self._kind.step(data, self._value)

    def hexdigest(self) -> str:
        return f"{self._value:0{2 * self._kind.width}x}"


class _Quick:
    """awscrt's xxhashes: nothing can be added after `hexdigest`."""

    def __init__(self, made: "XXHash") -> None:
        self._hash = made
        self._ended = ""

    def update(self, data: bytes, /) -> None:
        self._hash.update(data)

    def hexdigest(self) -> str:
        if not self._ended:
            self._ended = self._hash.finalize().hex()
        return self._ended


def digest(name: str) -> Digest:
    """`md5`, `sha1`, `sha256`, `sha512`, … (`hashlib`'s), `crc32`, `crc32c`, `crc64nvme`, `xxhash64`, `xxhash3` (of 64 bits),
    `xxhash128`. Raises `ValueError` for others.
    """
    kind = _cyclic(name)
    if kind is not None:
        return _Running(kind)
    return _quick(name) if name in _QUICK else hashlib.new(name, usedforsecurity=False)


def joined(name: str, first: str, second: str, size: int) -> str:
    """The checksum (hex) of two stretches of bytes after each other, from those of each; `size` is the second's.

    Raises `ValueError` for what is no cyclic checksum.
    """
    kind = _cyclic(name)
    if kind is None:
        raise ValueError(f"{name} of a whole does not follow from those of its parts")
    return f"{kind.join(int(first, 16), int(second, 16), size):0{2 * kind.width}x}"


_QUICK = frozenset({"xxhash64", "xxhash3", "xxhash128"})


def _quick(name: str) -> Digest:
    from awscrt.checksums import XXHash  # noqa: PLC0415

    new = {"xxhash64": XXHash.new_xxhash64, "xxhash3": XXHash.new_xxhash3_64, "xxhash128": XXHash.new_xxhash3_128}
    return _Quick(new[name]())


def _cyclic(name: str) -> _Cyclic | None:
    if name not in {"crc32", "crc32c", "crc64nvme"}:
        return None
    from awscrt import checksums  # noqa: PLC0415

    if name == "crc32":
        return _Cyclic(4, zlib.crc32, checksums.combine_crc32)
    if name == "crc32c":
        return _Cyclic(4, checksums.crc32c, checksums.combine_crc32c)
    return _Cyclic(8, checksums.crc64nvme, checksums.combine_crc64nvme)
