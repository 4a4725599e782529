"""One table's rows in the order of its key, either way, fetched in stretches that fit how many of them are of use."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

P = TypeVar("P", bound=tuple[str, object])
R = TypeVar("R")
LEAST, MOST = 2, 4096
"""Rows of a stretch."""


class Cursor(Generic[R, P]):
    """A place is where a walk stands in the key's order; what comes next is greater, or less when `descending`."""

    def __init__(
        self,
        fetch: Callable[[P, int], Sequence[R]],
        place_of: Callable[[R], P],
        start: P,
        *,
        descending: bool = False,
        step: int = 64,
    ) -> None:
        """`fetch` gives so many rows behind a place, fewer only at the end."""
        self._fetch, self._place_of, self._down = fetch, place_of, descending
        self._start, self._step = start, step
        self._rows: Sequence[R] = ()
        self._at = self._used = 0
        self._more = True

    @property
    def head(self) -> R | None:
        """The next row; None at the end."""
        if self._at == len(self._rows) and self._more:
            if self._rows:
                last = self._place_of(self._rows[-1])
                self._start = last if self._behind(last, self._start) else self._start
                self._fit()
            self._rows, self._at, self._used = self._fetch(self._start, self._step), 0, 0
            self._more = len(self._rows) == self._step
        return self._rows[self._at] if self._at < len(self._rows) else None

    def take(self) -> None:
        self._at += 1
        self._used += 1

    def seek(self, place: P) -> None:
        """Go on behind that place; what was fetched already is not fetched again."""
        self._used += 1
        while self._at < len(self._rows) and not self._behind(self._place_of(self._rows[self._at]), place):
            self._at += 1
        if self._at == len(self._rows) and self._behind(place, self._start):
            self._start = place

    def _behind(self, one: P, other: P) -> bool:
        return one < other if self._down else one > other

    def _fit(self) -> None:
        self._step = fitting(self._step, self._used, len(self._rows))


def fitting(step: int, used: int, fetched: int) -> int:
    """How many rows to fetch next, when so many of those fetched were not jumped over."""
    if used * 2 < fetched:
        return LEAST
    return min(step * (4 if used >= fetched else 2), MOST)
