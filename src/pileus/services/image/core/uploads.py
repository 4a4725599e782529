"""Which data this process is taking in just now."""

from collections.abc import Iterator
from contextlib import contextmanager

from pileus.kernel.types import new_hex


class Uploads:
    """The one thing that only the process itself can know: a row that says `saving` may be alive or long dead."""

    def __init__(self) -> None:
        self.writer = new_hex()
        """This process, as its rows name it."""
        self._alive: set[str] = set()

    @contextmanager
    def running(self, blob_id: str) -> Iterator[None]:
        self._alive.add(blob_id)
        try:
            yield
        finally:
            self._alive.discard(blob_id)

    def alive(self) -> list[str]:
        """Blobs being filled."""
        return sorted(self._alive)
