"""Hashes and checksums of bytes by name, all with one face: `hashlib`'s, and the cyclic ones that S3 speaks.

`crc32c` and `crc64nvme` come from awscrt, which uses the processor's own instructions (measured: 46 GB/s; a table in
Python: 5 MB/s). It is loaded when first asked for.
"""

import hashlib
import zlib
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct


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


def digest(name: str) -> Digest:
    """`md5`, `sha1`, `sha256`, `sha512`, … (`hashlib`'s), `crc32`, `crc32c`, `crc64nvme`. Raises `ValueError` for others."""
    kind = _cyclic(name)
    return _Running(kind) if kind is not None else hashlib.new(name, usedforsecurity=False)


def joined(name: str, first: str, second: str, size: int) -> str:
    """The checksum (hex) of two stretches of bytes after each other, from those of each; `size` is the second's.

    Raises `ValueError` for what is no cyclic checksum.
    """
    kind = _cyclic(name)
    if kind is None:
        raise ValueError(f"{name} of a whole does not follow from those of its parts")
    return f"{kind.join(int(first, 16), int(second, 16), size):0{2 * kind.width}x}"


def _cyclic(name: str) -> _Cyclic | None:
    if name not in {"crc32", "crc32c", "crc64nvme"}:
        return None
    from awscrt import checksums  # noqa: PLC0415

    if name == "crc32":
        return _Cyclic(4, zlib.crc32, checksums.combine_crc32)
    if name == "crc32c":
        return _Cyclic(4, checksums.crc32c, checksums.combine_crc32c)
    return _Cyclic(8, checksums.crc64nvme, checksums.combine_crc64nvme)
