"""What services above the object store may ask of it."""

from collections.abc import AsyncIterable, AsyncIterator
from typing import Protocol


class Objects(Protocol):
    """Objects of a project, in the name of the cloud: no caller is checked, no quota of the caller's is asked."""

    async def put(
        self, project_id: str, container: str, name: str, chunks: AsyncIterable[bytes], content_type: str
    ) -> int:
        """Store an object; container and account are made when missing. Returns its bytes."""
        ...

    def open(
        self, project_id: str, container: str, name: str, first: int = 0, end: int | None = None
    ) -> AsyncIterator[bytes]:
        """Bytes `first` to `end` (exclusive). Raises `NotFound` before the first of them."""
        ...

    async def remove(self, project_id: str, container: str, name: str) -> None:
        """Absent is success."""
        ...
