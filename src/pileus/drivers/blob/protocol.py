"""What a blob store owes the cloud. Contract: `tests/drivers/test_blob.py`, tests named after the rules.

A blob is written once under a fresh id and never changed. A row elsewhere makes it exist for users; a blob that no row
names is garbage, and a reconciler removes it.

B1  `put` reads the chunks once, in constant memory, and returns only when the bytes are durable (power loss).
B2  A `put` that is cut (error, cancellation, SIGKILL) leaves nothing that `open` can see; leftovers appear in `observe`
    with `whole=False`.
B3  `put` under an id that exists raises `BlobExists`; the old bytes stay.
B4  `open` yields exactly the asked range; bytes come as they are read, never the whole blob at once.
B5  `remove` of what is not there succeeds. A reader that has begun may end with `BlobMissing`, never with wrong bytes.
B6  No space: `BlobFull`, and nothing is left.
B7  Ids are 1-64 of `[A-Za-z0-9_-]`; anything else raises `ValueError` and touches no file.
B8  Hashes named in `put` (those of `kernel.types.digest`) are made in the same pass, off the event loop.
B9  No call blocks the event loop for more than 5 ms.
B10 `portions` gives what `observe` gives, a bounded part at a time: a store of millions is never held in memory.
B11 `quarantine` takes a blob out of sight: `open` raises `BlobMissing`, `observe` does not tell it, its id stays taken. Its bytes
    are kept for people to look at, until `remove`. What is not there, or is there already, is success.
"""

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from typing import Protocol, runtime_checkable

from msgspec import Struct

from pileus.kernel.types import Pieces


class BlobError(Exception):
    """The store could not do it."""


class BlobMissing(BlobError):
    """No blob of that id."""


class BlobExists(BlobError):
    """That id is taken."""


class BlobFull(BlobError):
    """No space left."""


class BlobSeen(Struct, frozen=True, kw_only=True):
    id: str
    size: int
    """Bytes."""
    hashes: dict[str, str] = {}
    """Hex by algorithm name, as `put` was asked for; empty in `observe`."""
    whole: bool = True
    changed_at: int = 0
    """Microseconds since 1970."""


class BlobInfo(Struct, frozen=True, kw_only=True):
    driver: str
    free: int
    """Bytes that may still be written; -1 when the store cannot tell."""
    total: int
    abilities: frozenset[str] = frozenset()
    """`local`: `LocalBlobs` is implemented."""


class BlobStore(Protocol):
    async def info(self) -> BlobInfo: ...

    async def put(self, blob_id: str, chunks: AsyncIterable[bytes], hashes: Sequence[str] = ()) -> BlobSeen: ...

    def open(self, blob_id: str, offset: int = 0, length: int | None = None) -> AsyncIterator[bytes]: ...

    async def remove(self, blob_id: str) -> None: ...

    async def observe(self) -> list[BlobSeen]: ...

    def portions(self) -> AsyncIterator[Sequence[BlobSeen]]: ...

    async def quarantine(self, blob_id: str) -> None: ...

    async def start(self) -> None: ...

    async def close(self) -> None: ...


class LocalBlobs(Protocol):
    """Optional: blobs are files of this host, which other programs may read in place."""

    def path(self, blob_id: str) -> str: ...


@runtime_checkable
class LendingBlobs(Protocol):
    """Optional: the system can send blobs by itself."""

    def lend(self, blob_id: str, offset: int = 0, length: int | None = None) -> Pieces:
        """As `open`; what comes behind the first bytes may come as an extent, which the system can send."""
        ...


def lent(store: BlobStore, blob_id: str, offset: int = 0, length: int | None = None) -> Pieces:
    """As `open`, in the form that is the cheapest to pass on."""
    if isinstance(store, LendingBlobs):
        return store.lend(blob_id, offset, length)
    return store.open(blob_id, offset, length)
