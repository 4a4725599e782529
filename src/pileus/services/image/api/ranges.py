"""Parts of an image: the `Range` header, and `Content-Range` as some old clients misuse it."""

import re
from collections.abc import Mapping

from pileus.kernel.types import BadRange, Invalid

_RANGE = re.compile(r"bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*\Z", re.IGNORECASE)
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)\Z")


def wanted_range(headers: Mapping[str, str], size: int) -> tuple[int, int] | None:
    """`(offset, length)`, or None for the whole. Raises `BadRange`, and `Invalid` for several ranges."""
    text = headers.get("range")
    if text is not None:
        return _of_range(text.strip(), size)
    text = headers.get("content-range")
    return _of_content_range(text.strip(), size) if text is not None else None


def _of_range(text: str, size: int) -> tuple[int, int]:
    if "," in text:
        raise Invalid(
            "Requests with multiple ranges are not supported in Glance. You may make multiple single-range requests"
            " instead."
        )
    found = _RANGE.match(text)
    if found is None or not (found[1] or found[2]):
        raise _bad("Invalid Range header.", size)
    if not found[1]:
        length = min(int(found[2]), size)
        if length == 0:
            raise _bad("Invalid Range header.", size)
        return size - length, length
    start = int(found[1])
    end = min(int(found[2]), size - 1) if found[2] else size - 1
    if found[2] and int(found[2]) < start:
        raise _bad("Invalid Range header.", size)
    if start >= size:
        raise _beyond("Range", size)
    return start, end - start + 1


def _of_content_range(text: str, size: int) -> tuple[int, int]:
    found = _CONTENT_RANGE.match(text)
    if found is None or int(found[2]) < int(found[1]):
        raise _bad("Invalid Content-Range header.", size)
    start, end = int(found[1]), int(found[2])
    if start >= size:
        raise _beyond("Content-Range", size)
    if end >= size:
        raise _bad(
            f"Invalid stop position in Content-Range header. The stop position MUST be in the inclusive range"
            f" [0, {size - 1}].",
            size,
        )
    return start, end - start + 1


def _beyond(header: str, size: int) -> BadRange:
    return _bad(
        f"Invalid start position in {header} header. Start position MUST be in the inclusive range [0, {size - 1}].",
        size,
    )


def _bad(message: str, size: int) -> BadRange:
    fault = BadRange(message)
    fault.headers["Content-Range"] = f"bytes */{size}"
    return fault
