"""What data really are, found out while they stream by.

An image that lies about its format, or refers to other files, would have a hypervisor read what its owner may not.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import IO, TYPE_CHECKING, Any, cast

from msgspec import Struct, to_builtins

from pileus.kernel.types import Unsupported

if TYPE_CHECKING:
    from oslo_utils.imageutils import format_inspector


@functools.cache
def _inspectors() -> Any:
    """The library, at the first image: its import takes 75 ms that no start should pay."""
    from oslo_utils.imageutils import format_inspector  # noqa: PLC0415

    return format_inspector


class Finding(Struct, frozen=True, kw_only=True):
    """The outcome of one inspection; kept with staged data until the import judges it."""

    formats: tuple[str, ...]
    """What the data look like; more than one is suspicious, `raw` means like nothing known."""
    size: int
    virtual_size: int
    """Bytes that a guest would see; of `raw` data their own size."""
    unsafe: tuple[str, ...] = ()
    """Names of the safety checks that failed."""


class Inspection:
    """Feed it every chunk in order, then ask `finding`. Costs about 15 µs a chunk, and no copy."""

    def __init__(self) -> None:
        self._feed = _Feed()
        self._wrapper = _inspectors().InspectWrapper(cast(IO[bytes], self._feed))
        self._size = 0

    def see(self, chunk: bytes) -> None:
        self._size += len(chunk)
        self._feed.chunk = chunk
        next(self._wrapper)

    def finding(self) -> Finding:
        self._wrapper.close()
        found = {str(inspector): inspector for inspector in self._wrapper.formats or []}
        if found.keys() == {"iso", "gpt"}:  # a bootable ISO may well carry a partition table in front
            del found["gpt"]
        chosen = next(iter(found.values())) if len(found) == 1 else None
        return Finding(
            formats=tuple(sorted(found)),
            size=self._size,
            virtual_size=self._virtual_size(chosen),
            unsafe=tuple(sorted({name for one in found.values() for name in _failures(one)})),
        )

    def _virtual_size(self, inspector: format_inspector.FileInspector | None) -> int:
        if inspector is None or str(inspector) in {"raw", "gpt"}:
            return self._size
        try:
            return max(0, int(inspector.virtual_size))
        except Exception:  # a header that promises more than it holds; `unsafe` or the formats tell the rest
            return 0


class _Feed(Iterator[bytes]):
    """The inspector pulls; data are pushed. This is the turnstile between the two."""

    chunk = b""

    def __next__(self) -> bytes:
        return self.chunk

    def close(self) -> None:
        """Nothing to close."""


def _failures(inspector: format_inspector.FileInspector) -> set[str]:
    try:
        inspector.safety_check()
    except _inspectors().SafetyCheckFailed as error:
        return set(error.failures)
    except Exception:  # an inspector that stumbles over the data has not found them safe
        return {"inspection"}
    return set()


def judge(
    finding: Finding, disk_format: str, container_format: str, *, must_match: bool, nonfatal: tuple[str, ...]
) -> int | None:
    """The virtual size of data that may be what they are said to be. Raises `Unsupported` for those that may not.

    Data in a container (`ova`, `compressed` …) cannot be seen into; only what is there in plain sight is judged.
    """
    kind = finding.formats[0] if len(finding.formats) == 1 else ""
    if container_format != "bare":
        if kind == disk_format and kind != "raw":
            _check_safety(finding, disk_format, kind, nonfatal)
        return None
    if not kind:
        if must_match or disk_format != "raw":
            raise Unsupported(f"Multiple formats detected: {','.join(finding.formats)}")
        return finding.size
    if disk_format == "raw":
        _check_safety(finding, disk_format, kind, nonfatal)
        return finding.size
    if kind == disk_format:
        _check_safety(finding, disk_format, kind, nonfatal)
        return finding.virtual_size
    if (
        kind in {"raw", "gpt"} and disk_format not in _inspectors().ALL_FORMATS
    ):  # ami, aki, ari, ploop: nothing to recognise them by
        _check_safety(finding, disk_format, kind, nonfatal)
        return None
    if must_match:
        raise Unsupported(f"Image disk_format {disk_format} does not match stream data {kind}")
    _check_safety(finding, disk_format, kind, nonfatal)
    return None


def _check_safety(finding: Finding, disk_format: str, kind: str, nonfatal: tuple[str, ...]) -> None:
    fatal = set(finding.unsafe)
    if kind == "gpt":
        fatal -= set(nonfatal)
        if disk_format in {"aki", "ari"}:  # kernels may begin with what looks like a boot record
            fatal.discard("mbr")
    if fatal:
        raise Unsupported("Image failed safety checks", details={"checks": sorted(fatal)})


def kept(finding: Finding) -> Mapping[str, object]:
    """As it goes into a row."""
    plain: Mapping[str, object] = to_builtins(finding)
    return plain
