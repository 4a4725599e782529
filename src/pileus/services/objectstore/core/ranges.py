"""`Range: bytes=0-9,-5`: what it asks for, and which bytes of a body that is."""

import re
from typing import NamedTuple

MOST, OVERLAPS, UNORDERED = 50, 2, 8
"""Of the ranges in one header: how many, how many may overlap others, from how many on they must ascend."""
_ONE = re.compile(r"\s*(\d*)\s*-\s*(\d*)\s*\Z", re.ASCII)


class Span(NamedTuple):
    """Bytes from `start` to `end`, which is not one of them."""

    start: int
    end: int

    @property
    def size(self) -> int:
        return self.end - self.start


Asked = tuple[tuple[int | None, int | None], ...]
"""First and last byte; no first: the last so many; no last: to the end."""


def parsed(header: str) -> Asked | None:
    """None for a header that is not there, or means nothing: it is as if it were not there."""
    unit, equals, text = header.partition("=")
    if not equals or unit.strip().lower() != "bytes":
        return None
    found: list[tuple[int | None, int | None]] = []
    for word in text.split(","):
        one = _ONE.match(word)
        if one is None or not (one[1] or one[2]) or len(word) > 64:
            return None
        first, last = int(one[1]) if one[1] else None, int(one[2]) if one[2] else None
        if first is not None and last is not None and last < first:
            return None
        found.append((first, last))
    return tuple(found)


def planned(asked: Asked, size: int) -> list[Span] | None:
    """The spans of a body of `size` bytes in the order asked for. Empty: none can be given. None: the whole."""
    found = []
    for first, last in asked:
        if first is None:
            assert last is not None
            if last == 0:
                continue
            if size == 0:
                return None
            found.append(Span(max(0, size - last), size))
        elif first < size:
            found.append(Span(first, size if last is None else min(last + 1, size)))
    return [] if _greedy(found) else found


def _greedy(spans: list[Span]) -> bool:
    """Whether so many ranges, or such, are asked for that giving them would serve nobody but an attacker."""
    if len(spans) > MOST:
        return True
    ordered = sorted(set(spans))
    if len(spans) >= UNORDERED and spans != sorted(spans):
        return True
    reached, overlaps = 0, 0
    for span in ordered:
        overlaps += span.start < reached
        reached = max(reached, span.end)
    return overlaps > OVERLAPS
