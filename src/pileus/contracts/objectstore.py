"""What services above the object store may ask of it."""

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from typing import Protocol

from msgspec import Struct


class Stored(Struct, frozen=True, kw_only=True):
    """An object of the cloud's own."""

    name: str
    size: int
    """Bytes."""
    hashes: dict[str, str] = {}
    """Hex by name, as `put` was asked for; empty in `page`."""
    changed_at: int = 0
    """Microseconds since 1970."""


class Objects(Protocol):
    """Objects in the name of the cloud: no caller is checked, no quota asked. `owner` stands for a project's id."""

    async def put(
        self, owner: str, container: str, name: str, chunks: AsyncIterable[bytes], hashes: Sequence[str] = ()
    ) -> Stored:
        """Store a new object of any size; container and account are made when missing.

        `hashes` are those of `kernel.types.digest`. Raises `Stale` when there is one of that name, `OutOfSpace`, `Unavailable`.
        """
        ...

    def open(
        self, owner: str, container: str, name: str, first: int = 0, end: int | None = None
    ) -> AsyncIterator[bytes]:
        """Bytes `first` to `end` (exclusive). Raises `NotFound` before the first of them."""
        ...

    async def remove(self, owner: str, container: str, name: str) -> None:
        """Absent is success."""
        ...

    async def rename(self, owner: str, container: str, name: str, other: str) -> None:
        """Into another container, under its name there; no byte is moved. Absent is success."""
        ...

    async def has(self, owner: str, container: str, name: str) -> bool: ...

    async def page(self, owner: str, container: str, after: str = "", limit: int = 1000) -> list[Stored]:
        """Objects in the order of their names, those behind `after`. A container that is not there has none."""
        ...

    async def space(self) -> tuple[int, int]:
        """Bytes that may still be written, and bytes altogether; -1 when nobody can tell."""
        ...
