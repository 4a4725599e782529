"""`BlobStore`, `LocalBlobs` and `LendingBlobs` over a folder of any file system that has hard links and honours fsync."""

import asyncio
import contextlib
import errno
import os
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import ParamSpec, TypeVar

from pileus.drivers.blob.file.disk import Disk
from pileus.drivers.blob.file.draft import Draft
from pileus.drivers.blob.file.folders import FolderSyncs
from pileus.drivers.blob.file.layout import Layout
from pileus.drivers.blob.file.reader import Reader
from pileus.drivers.blob.file.threads import Threads, settled
from pileus.drivers.blob.protocol import BlobError, BlobExists, BlobFull, BlobInfo, BlobSeen
from pileus.kernel.types import Pieces, as_bytes

P = ParamSpec("P")
T = TypeVar("T")
BUFFER = 1 << 20
"""Bytes per hop into a thread: smaller ones cost more in hops than in hashing."""
READ = 1 << 18
"""Bytes of a read: a reader that is slow to take them holds so many, and there may be many readers."""
SENT = 1 << 20
"""Bytes that the system is asked to send at once."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class FileExtent:
    """What is left of a file that is being read."""

    def __init__(self, reader: Reader, next_of: Callable[[Reader], Awaitable[bytes]]) -> None:
        self._reader = reader
        self._next_of = next_of

    def __len__(self) -> int:
        return self._reader.left

    def send(self, socket: int) -> int:
        return self._reader.send(socket, SENT)

    async def read(self) -> bytes:
        return await self._next_of(self._reader)


class FileBlobs:
    """Blobs under `root`, which is made when it is missing. `threads` bounds what goes on at once on the disk.

    `reserve`: bytes of the disk that blobs leave free, for whoever else writes there.
    """

    def __init__(
        self, root: str | os.PathLike[str], *, threads: int = 16, disk: Disk | None = None, reserve: int = 0
    ) -> None:
        self._reserve = reserve
        self._root = os.path.abspath(root)
        self._disk = disk or Disk()
        self._layout = Layout(self._root)
        self._syncs = FolderSyncs(self._disk)
        self._threads = Threads(threads)
        self._cuts: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        await self._run(self._prepare)

    async def close(self) -> None:
        if self._cuts:
            await asyncio.wait(self._cuts)
        self._threads.close()

    async def info(self) -> BlobInfo:
        free, total = await self._run(self._disk.space, self._root)
        free = max(0, free - self._reserve)
        return BlobInfo(driver="file", free=free, total=total, abilities=frozenset({"local"}))

    async def put(self, blob_id: str, chunks: AsyncIterable[bytes], hashes: Sequence[str] = ()) -> BlobSeen:
        draft = Draft(self._disk, self._layout, self._syncs, blob_id, hashes, self._reserve)
        try:
            return await self._fill(draft, chunks)
        except FileExistsError:
            await self._discard(draft)
            raise BlobExists(f"blob {blob_id} is there already") from None
        except BaseException:
            await self._discard(draft)
            raise

    def open(self, blob_id: str, offset: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        return as_bytes(self.lend(blob_id, offset, length))

    def lend(self, blob_id: str, offset: int = 0, length: int | None = None) -> Pieces:
        return self._lend(Reader(self._disk, self._layout.blob(blob_id), blob_id, offset, length))

    async def remove(self, blob_id: str) -> None:
        await self._run(self._remove, blob_id, self._layout.blob(blob_id))

    async def observe(self) -> list[BlobSeen]:
        return await self._run(lambda: [*self._blobs(), *self._leftovers()])

    async def portions(self) -> AsyncIterator[Sequence[BlobSeen]]:
        for folder in self._layout.folders:
            yield await self._run(self._listed, folder)
        yield await self._run(lambda: list(self._leftovers()))

    async def quarantine(self, blob_id: str) -> None:
        await self._run(self._put_aside, self._layout.blob(blob_id), self._layout.aside(blob_id))

    def path(self, blob_id: str) -> str:
        return self._layout.blob(blob_id)

    async def _fill(self, draft: Draft, chunks: AsyncIterable[bytes]) -> BlobSeen:
        """While one buffer is written and hashed, each in its thread, the next is gathered: two are alive at most."""
        parts: list[bytes] = []
        size = 0
        writing: asyncio.Future[None] | None = None
        try:
            async for chunk in chunks:
                parts.append(chunk)
                size += len(chunk)
                if size >= BUFFER:
                    if writing is not None:
                        with _told():
                            await settled(writing)
                    writing = asyncio.ensure_future(self._threads.together(draft.work(parts)))
                    parts, size = [], 0
        finally:
            if writing is not None:
                with _told():
                    await settled(writing)
        return await self._run(draft.publish, parts)

    async def _discard(self, draft: Draft) -> None:
        """Finished even when the caller is cancelled once more."""
        cut = asyncio.ensure_future(self._threads.run(draft.discard))
        self._cuts.add(cut)
        cut.add_done_callback(self._cuts.discard)
        with contextlib.suppress(OSError):
            await asyncio.shield(cut)

    async def _lend(self, reader: Reader) -> Pieces:
        """The first bytes are read, so that what is wrong is known with them."""
        try:
            data = await self._run(reader.next, READ)
            if data:
                yield data
            if reader.left:
                yield FileExtent(reader, self._next)
        finally:
            if reader.is_open:
                await self._threads.run(reader.close)

    async def _next(self, reader: Reader) -> bytes:
        """A hop into a thread costs as much as reading 400 KiB that are in memory: those are read where we are."""
        await asyncio.sleep(0)  # what is in memory comes without a wait, and the loop is others' as well
        with _told():
            warm = reader.warm(READ)
        return await self._run(reader.next, READ) if warm is None else warm

    async def _run(self, call: Callable[P, T], *args: P.args, **kw: P.kwargs) -> T:
        with _told():
            return await self._threads.run(call, *args, **kw)

    def _prepare(self) -> None:
        there = os.path.dirname(self._root)
        while not self._disk.exists(there):
            there = os.path.dirname(there)
        for folder in (*self._layout.folders, self._layout.drafts, self._layout.quarantine):
            self._disk.make_folder(folder)
        for folder in (*self._layout.parents, *_above(self._root, there)):
            self._disk.sync_folder(folder)
        for name, seen in self._disk.scan(self._layout.drafts):
            if seen.st_nlink > 1:  # killed between link and unlink: the blob is whole, this is its second name
                self._disk.unlink(os.path.join(self._layout.drafts, name))

    def _remove(self, blob_id: str, path: str) -> None:
        self._disk.unlink(path)
        self._disk.unlink(self._layout.aside(blob_id))
        for name, _ in self._disk.scan(self._layout.drafts):
            draft = os.path.join(self._layout.drafts, name)
            if self._layout.draft_owner(name) == blob_id and not self._disk.in_use(draft):
                self._disk.unlink(draft)

    def _put_aside(self, path: str, aside: str) -> None:
        """First durable where it goes, then where it was: on power loss it may have both names, never none."""
        self._disk.rename(path, aside)
        self._disk.sync_folder(self._layout.quarantine)
        self._disk.sync_folder(os.path.dirname(path))

    def _blobs(self) -> Iterator[BlobSeen]:
        for folder in self._layout.folders:
            yield from self._in(folder)

    def _listed(self, folder: str) -> list[BlobSeen]:
        return list(self._in(folder))

    def _in(self, folder: str) -> Iterator[BlobSeen]:
        for name, seen in self._disk.scan(folder):
            # Whichever is later: bytes may have come long before the name, which alone changes the inode.
            changed_at = max(seen.st_mtime_ns, seen.st_ctime_ns) // 1000
            yield BlobSeen(id=name, size=seen.st_size, changed_at=changed_at)

    def _leftovers(self) -> Iterator[BlobSeen]:
        for name, seen in self._disk.scan(self._layout.drafts):
            owner = self._layout.draft_owner(name)
            if owner is not None and seen.st_nlink == 1:
                yield BlobSeen(id=owner, size=seen.st_size, changed_at=seen.st_mtime_ns // 1000, whole=False)


def _above(root: str, there: str) -> Iterator[str]:
    """The folders above `root` up to `there`: those that have got a new name in them."""
    folder = os.path.dirname(root)
    while folder != there:
        yield folder
        folder = os.path.dirname(folder)
    yield there


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """The system's errors in the protocol's words. `FileExistsError` is the caller's to explain."""
    try:
        yield
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno in _FULL:
            raise BlobFull("no space left for blobs") from error
        raise BlobError(f"the blob store's disk failed: {error.strerror}") from error
