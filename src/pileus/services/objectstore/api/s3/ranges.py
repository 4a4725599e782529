"""The `Range` header as S3 takes it: one range, or none."""

import re
from collections.abc import Mapping

from pileus.services.objectstore.api.s3.faults import fault

_FORM = re.compile(r"bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*\Z")


def read_range(headers: Mapping[str, str], size: int, etag: str = "") -> tuple[int, int] | None:
    """First byte and the one behind the last; None: all of it. What is not one range is not heard, as S3 does.

    Raises `InvalidRange` for one that lies outside.
    """
    text = headers.get("range")
    found = _FORM.match(text.strip()) if text is not None and len(text) < 100 else None
    if text is None or found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        first, end = max(size - int(found[2]), 0), size
        outside = int(found[2]) == 0 or size == 0
    else:
        first = int(found[1])
        end = min(int(found[2]) + 1, size) if found[2] else size
        if found[2] and int(found[2]) < first:
            return None
        outside = first >= size
    if outside:
        refusal = fault("InvalidRange", RangeRequested=text, ActualObjectSize=size)
        refusal.headers["Content-Range"] = f"bytes */{size}"
        raise refusal
    return first, end
