"""Checksums that clients send or ask for beside MD5, in S3's form: base64."""

import base64
import binascii
import hashlib
import zlib
from collections.abc import AsyncIterator, Callable, Mapping, MutableMapping, Sequence

from msgspec import Struct

from pileus.services.objectstore.api.s3.faults import fault

HEADER = "x-amz-checksum-"
KEPT = "checksum-"
"""In `details.system`: `checksum-crc32`, and `checksum-type` (`FULL_OBJECT`, `COMPOSITE`)."""
ALGORITHMS = {"crc32": 4, "crc32c": 4, "crc64nvme": 8, "sha1": 20, "sha256": 32}
"""By name, with the bytes of each."""


class Wanted(Struct, frozen=True):
    """`value` is base64; empty: it comes as a trailer, or only the algorithm was named."""

    algorithm: str
    value: str = ""


def wanted(headers: Mapping[str, str]) -> Wanted | None:
    """The checksum that a request speaks of. Raises `InvalidRequest` for several or unknown ones."""
    given = [name for name in ALGORITHMS if HEADER + name in headers]
    if "x-amz-trailer" in headers:
        trailer = headers["x-amz-trailer"].strip().lower().removeprefix(HEADER)
        if trailer not in ALGORITHMS:
            raise fault("InvalidRequest", "The value specified in the x-amz-trailer header is not supported")
        given += [trailer] if trailer not in given else []
    if len(given) > 1:
        raise fault(
            "InvalidRequest", "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        )
    named = (headers.get("x-amz-sdk-checksum-algorithm") or headers.get("x-amz-checksum-algorithm") or "").lower()
    if named and named not in ALGORITHMS:
        raise fault(
            "InvalidRequest",
            "Checksum algorithm provided is unsupported. Please try again with any of the valid types: "
            "[CRC32, CRC32C, CRC64NVME, SHA1, SHA256]",
        )
    if not given:
        return Wanted(named) if named else None
    if named and named != given[0]:
        raise fault("InvalidRequest", "Value for x-amz-sdk-checksum-algorithm header is invalid.")
    value = headers.get(HEADER + given[0], "")
    if value and _size(value) != ALGORITHMS[given[0]]:
        raise fault("InvalidRequest", f"Value for {HEADER}{given[0]} header is invalid.")
    return Wanted(given[0], value)


def _size(value: str) -> int:
    try:
        return len(base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError):
        return -1


class Running:
    """A checksum over bytes as they pass. CRCs run at GB/s, so that they need no thread; SHAs come from the intake."""

    def __init__(self, algorithm: str) -> None:
        self.algorithm = algorithm
        self._crc = 0
        self._step: Callable[[bytes, int], int] | None = _steps().get(algorithm)

    @property
    def hashes(self) -> tuple[str, ...]:
        """What the intake is to compute."""
        return () if self._step is not None else (self.algorithm,)

    async def over(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        step = self._step
        async for chunk in chunks:
            if step is not None:
                self._crc = step(chunk, self._crc)
            yield chunk

    def value(self, hashes: Mapping[str, str]) -> str:
        """Base64, when all has passed; `hashes` are the intake's, hex."""
        if self._step is None:
            raw = bytes.fromhex(hashes[self.algorithm])
        else:
            raw = self._crc.to_bytes(ALGORITHMS[self.algorithm], "big")
        return base64.b64encode(raw).decode()


def _steps() -> dict[str, Callable[[bytes, int], int]]:
    from awscrt import checksums  # noqa: PLC0415 - some MiB, and most clients send MD5

    return {"crc32": zlib.crc32, "crc32c": checksums.crc32c, "crc64nvme": checksums.crc64nvme}


def judge(asked: Wanted, computed: str, trailers: Mapping[str, str]) -> None:
    """Raises `BadDigest` when what came is not what was said, before or after the body."""
    said = asked.value or trailers.get(HEADER + asked.algorithm, "")
    if said and said != computed:
        raise fault("BadDigest", f"The {asked.algorithm.upper()} you specified did not match the calculated checksum.")


def composite(algorithm: str, parts: list[str]) -> str:
    """The checksum of a whole by parts: that of its parts' checksums, and their number."""
    raw = b"".join(base64.b64decode(part) for part in parts)
    if algorithm in ("sha1", "sha256"):
        digest = hashlib.new(algorithm, raw, usedforsecurity=False).digest()
    else:
        digest = _steps()[algorithm](raw, 0).to_bytes(ALGORITHMS[algorithm], "big")
    return f"{base64.b64encode(digest).decode()}-{len(parts)}"


def joined(algorithm: str, parts: Sequence[tuple[str, int]]) -> str:
    """The CRC of a whole from its parts' (base64, bytes): no byte is read again."""
    from awscrt import checksums  # noqa: PLC0415

    combine = {
        "crc32": checksums.combine_crc32, "crc32c": checksums.combine_crc32c, "crc64nvme": checksums.combine_crc64nvme,
    }[algorithm]  # fmt: skip
    whole = 0
    for value, size in parts:
        whole = combine(whole, int.from_bytes(base64.b64decode(value), "big"), size)
    return base64.b64encode(whole.to_bytes(ALGORITHMS[algorithm], "big")).decode()


def shown(system: Mapping[str, str], headers: MutableMapping[str, str]) -> None:
    """An object's checksum as headers, for readers with `x-amz-checksum-mode: ENABLED` and for writers."""
    for name in ALGORITHMS:
        if KEPT + name in system:
            headers[HEADER + name] = system[KEPT + name]
            headers["x-amz-checksum-type"] = system.get("checksum-type", "FULL_OBJECT")


def elements(system: Mapping[str, str]) -> list[tuple[str, str | None]]:
    """An object's checksum as elements of an answer's document."""
    found: list[tuple[str, str | None]] = [
        ("Checksum" + name.upper(), system[KEPT + name]) for name in ALGORITHMS if KEPT + name in system
    ]
    return [*found, ("ChecksumType", system.get("checksum-type", "FULL_OBJECT"))] if found else []


def kept(algorithm: str, value: str, kind: str = "FULL_OBJECT") -> dict[str, str]:
    return {KEPT + algorithm: value, "checksum-type": kind}
