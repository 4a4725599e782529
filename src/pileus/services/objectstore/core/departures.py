"""Which bodies in pieces this process is giving out just now: their pieces are opened one after the other, and may not go meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager


class Departures:
    def __init__(self) -> None:
        self._alive: list[int] = []

    @contextmanager
    def running(self, whole_id: int) -> Iterator[None]:
        self._alive.append(whole_id)
        try:
            yield
        finally:
            self._alive.remove(whole_id)

    def alive(self) -> frozenset[int]:
        return frozenset(self._alive)
