"""Checksums that clients send or ask for beside MD5, in S3's form: base64."""

import base64
import binascii
from collections.abc import Mapping, MutableMapping, Sequence

from msgspec import Struct

from pileus.kernel.types import digest, joined
from pileus.services.objectstore.api.s3.faults import fault

HEADER = "x-amz-checksum-"
KEPT = "checksum-"
"""In `details.system`: `checksum-crc32`, and `checksum-type` (`FULL_OBJECT`, `COMPOSITE`)."""
ALGORITHMS = {
    "crc32": 4, "crc32c": 4, "crc64nvme": 8, "sha1": 20, "sha256": 32, "sha512": 64, "md5": 16,
    "xxhash64": 8, "xxhash3": 8, "xxhash128": 16,
}  # fmt: skip
"""By name, with the bytes of each."""
CYCLIC = frozenset({"crc32", "crc32c", "crc64nvme"})
"""Those of which a whole's follows from its parts': the others are composed of them."""
DEFAULT = "crc64nvme"
"""What an object has when its writer says nothing."""
TYPE = HEADER + "type"
FULL, COMPOSITE = "FULL_OBJECT", "COMPOSITE"


class Wanted(Struct, frozen=True):
    """`value` is base64; empty: it comes as a trailer, or only the algorithm was named."""

    algorithm: str
    value: str = ""


def wanted(headers: Mapping[str, str], *, of_parts: bool = False) -> Wanted | None:
    """The checksum that a request speaks of (`of_parts`: it may end with their number). Raises `InvalidRequest`."""
    known = (*ALGORITHMS, "algorithm", "mode", "type")
    if any(name.startswith(HEADER) and name.removeprefix(HEADER) not in known for name in headers):
        raise fault("InvalidRequest", "The algorithm type you specified in x-amz-checksum- header is invalid.")
    given, trailers = [name for name in ALGORITHMS if HEADER + name in headers], _trailers(headers)
    if len(given) > 1 or len(trailers) > 1:
        raise fault(
            "InvalidRequest", "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        )
    if given and trailers:
        raise fault("InvalidRequest", "Expecting a single x-amz-checksum- header")
    given += trailers
    named = algorithm(headers.get("x-amz-sdk-checksum-algorithm") or headers.get("x-amz-checksum-algorithm"))
    if not given and "x-amz-sdk-checksum-algorithm" in headers:
        raise fault(
            "InvalidRequest",
            "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.",
        )
    if not given:
        return Wanted(named) if named else None
    if named and named != given[0]:
        raise fault("InvalidRequest", "Value for x-amz-sdk-checksum-algorithm header is invalid.")
    value = headers.get(HEADER + given[0], "")
    if of_parts:
        value = value.partition("-")[0]
    if value and _size(value) != ALGORITHMS[given[0]]:
        raise fault("InvalidRequest", f"Value for {HEADER}{given[0]} header is invalid.")
    return Wanted(given[0], value)


def _trailers(headers: Mapping[str, str]) -> list[str]:
    """Algorithms of the checksums that are to come behind the body."""
    names = [name.strip().lower() for name in headers.get("x-amz-trailer", "").rstrip(", ").split(",")]
    found = [name.removeprefix(HEADER) for name in names if names != [""]]
    if any(name not in ALGORITHMS for name in found):
        raise fault("InvalidRequest", "The value specified in the x-amz-trailer header is not supported")
    return found


def _size(value: str) -> int:
    """Bytes; -1 for what is not base64 as everybody writes it."""
    try:
        raw = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return -1
    return len(raw) if base64.b64encode(raw).decode() == value else -1


def judge(asked: Wanted, computed: str, trailers: Mapping[str, str]) -> None:
    """Raises `BadDigest` when what came is not what was said, before or after the body; `InvalidRequest`."""
    said = asked.value or trailers.get(HEADER + asked.algorithm, "")
    if said and not asked.value and _size(said) != ALGORITHMS[asked.algorithm]:
        raise fault("InvalidRequest", f"Value for {HEADER}{asked.algorithm} trailing header is invalid.")
    if said and said != computed:
        raise fault("BadDigest", f"The {asked.algorithm.upper()} you specified did not match the calculated checksum.")


def of_hex(value: str) -> str:
    """As S3 writes what `kernel.types.digest` computed."""
    return base64.b64encode(bytes.fromhex(value)).decode()


def composite(algorithm: str, parts: Sequence[str]) -> str:
    """The checksum of a whole by parts: that of its parts' checksums, and their number."""
    running = digest(algorithm)
    running.update(b"".join(base64.b64decode(part) for part in parts))
    return f"{of_hex(running.hexdigest())}-{len(parts)}"


def whole(algorithm: str, parts: Sequence[tuple[str, int]]) -> str:
    """The CRC of a whole from its parts' (base64, bytes): no byte is read again."""
    found = base64.b64decode(parts[0][0]).hex()
    for value, size in parts[1:]:
        found = joined(algorithm, found, base64.b64decode(value).hex(), size)
    return of_hex(found)


def algorithm(name: str | None) -> str:
    """Of a header, in lower case; empty: none is named. Raises `InvalidRequest`."""
    found = (name or "").lower()
    if found and found not in ALGORITHMS:
        raise fault(
            "InvalidRequest",
            "Checksum algorithm provided is unsupported. Please try again with any of the valid types: "
            f"[{', '.join(one.upper() for one in ALGORITHMS)}]",
        )
    return found


def shown(system: Mapping[str, str], headers: MutableMapping[str, str]) -> None:
    """An object's checksum as headers, for readers with `x-amz-checksum-mode: ENABLED` and for writers."""
    for name in ALGORITHMS:
        if KEPT + name in system:
            headers[HEADER + name] = system[KEPT + name]
            headers[TYPE] = system.get("checksum-type", FULL)


def narrow(headers: MutableMapping[str, str], sums: Mapping[str, str]) -> None:
    """For an answer that is not the whole: its part's checksums (as headers) in the place of the whole's, or none."""
    whole = [name for name in headers if name.startswith(HEADER)]
    kind = headers.get(TYPE, FULL)
    for name in whole:
        del headers[name]
    if whole and sums:
        headers.update({**sums, TYPE: kind})


def of_part(checks: Mapping[str, str] | None) -> list[tuple[str, str | None]]:
    """A part's checksums as elements."""
    return [("Checksum" + name.upper(), value) for name, value in (checks or {}).items()]


def elements(system: Mapping[str, str]) -> list[tuple[str, str | None]]:
    """An object's checksum as elements of an answer's document."""
    found: list[tuple[str, str | None]] = [
        ("Checksum" + name.upper(), system[KEPT + name]) for name in ALGORITHMS if KEPT + name in system
    ]
    return [*found, ("ChecksumType", system.get("checksum-type", FULL))] if found else []


def kept(algorithm: str, value: str, kind: str = FULL) -> dict[str, str]:
    return {KEPT + algorithm: value, "checksum-type": kind}
