"""Which blobs this process is taking in just now: the one thing that no row can tell."""

from collections.abc import Iterator
from contextlib import contextmanager


class Arrivals:
    def __init__(self) -> None:
        self._alive: set[str] = set()

    @contextmanager
    def running(self, blob: str) -> Iterator[None]:
        """Until the row that names the blob is committed, or nothing will."""
        self._alive.add(blob)
        try:
            yield
        finally:
            self._alive.discard(blob)

    def alive(self) -> frozenset[str]:
        return frozenset(self._alive)
