"""One blob on its way out. All but `warm` and `send` blocks and runs in a thread, one call at a time."""

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
        self._taken(len(data))
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
        self._taken(len(data))
        return data or None

    def send(self, socket: int, most: int) -> int:
        """The next bytes to a socket, as far as they are in memory and it takes them at once. 0: ask `next`, which tells errors."""
        if not self._left or self._fd < 0:
            return 0
        length = min(most, self._left)
        try:
            if not self._disk.is_warm(self._fd, length, self._at):
                return 0
            sent = self._disk.send(socket, self._fd, length, self._at)
        except OSError:  # the socket is full or closed, or the disk is sick: who reads and writes instead is told which
            return 0
        self._taken(sent)
        return sent

    @property
    def is_open(self) -> bool:
        return self._fd >= 0

    @property
    def left(self) -> int:
        """Bytes to come; 0 before the file is open."""
        return self._left or 0 if self._fd >= 0 else 0

    def _taken(self, count: int) -> None:
        assert self._left is not None
        self._at += count
        self._left -= count

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
