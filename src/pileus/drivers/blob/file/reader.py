"""One blob on its way out. All but `warm` blocks and runs in a thread, one call at a time."""

from pileus.drivers.blob.file.disk import Disk
from pileus.drivers.blob.protocol import BlobMissing

AHEAD = 1 << 20
"""Bytes that the system brings into memory behind those that the disk was asked for."""


class Reader:
    """A range of a file. The open descriptor outlives the blob's name, so a removed blob is still read to its end."""

    def __init__(self, disk: Disk, path: str, blob_id: str, offset: int, length: int | None) -> None:
        if offset < 0 or (length is not None and length < 0):
            raise ValueError(f"no such range: offset {offset}, length {length}")
        self._disk = disk
        self._path = path
        self._id = blob_id
        self._at = offset
        self._left = length
        self._fd = -1

    def next(self, most: int) -> bytes:
        """The next bytes, `most` at a time; empty at the end. Raises `BlobMissing` when the blob is not there."""
        if self._fd < 0:
            self._open()
        assert self._left is not None
        if self._left <= 0:
            return b""
        data = self._disk.read(self._fd, min(most, self._left), self._at)
        if not data:
            raise BlobMissing(f"blob {self._id} ends {self._left} bytes early")
        if self._left > len(data):
            self._disk.expect(self._fd, min(AHEAD, self._left - len(data)), self._at + len(data))
        self._taken(data)
        if not self._left:
            self.close()
        return data

    def warm(self, most: int) -> bytes | None:
        """The next bytes as far as they are in memory, at once; empty at the end. None: ask `next`, which also opens the file."""
        if self._left == 0:
            return b""
        if self._left is None or self._fd < 0:
            return None
        data = self._disk.read_warm(self._fd, min(most, self._left), self._at)
        return self._taken(data) if data else None

    @property
    def is_open(self) -> bool:
        return self._fd >= 0

    def _taken(self, data: bytes) -> bytes:
        assert self._left is not None
        self._at += len(data)
        self._left -= len(data)
        return data

    def close(self) -> None:
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            self._disk.close(fd)

    def _open(self) -> None:
        try:
            self._fd = self._disk.open(self._path)
        except FileNotFoundError:
            raise BlobMissing(f"no blob {self._id}") from None
        rest = max(0, self._disk.size(self._fd) - self._at)
        self._left = rest if self._left is None else min(self._left, rest)
