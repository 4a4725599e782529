"""The few system calls that the store is made of, in one place, so that a test can watch or break each of them."""

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator

_COLD = frozenset({errno.EAGAIN, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS})
"""Not in memory; or a system that cannot tell."""
RUN = 1 << 16
"""Bytes, the least that the system reads ahead."""


class Disk:
    """Plain calls, each raising `OSError` as the system does."""

    def create(self, path: str) -> int:
        """A new file, open for writing and locked for as long as this descriptor lives."""
        fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        fcntl.flock(fd, fcntl.LOCK_EX)
        return fd

    def in_use(self, path: str) -> bool:
        """Whether somebody, in any process of this host, still holds what `create` made."""
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(fd)
        return False

    def open(self, path: str) -> int:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def write(self, fd: int, data: bytes) -> None:
        """All of `data`, however many calls that takes."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(fd, rest) :]

    def read(self, fd: int, length: int, offset: int) -> bytes:
        return os.pread(fd, length, offset)

    def is_warm(self, fd: int, length: int, offset: int) -> bool:
        """Whether all of it is in memory already: then nothing waits. Not when the disk has to be asked, or nobody can tell.

        One byte of every `RUN` is tried, the last among them: the system brings in and drops runs of pages, not pages.
        """
        byte = bytearray(1)
        try:
            for last in (*range(offset + RUN - 1, offset + length - 1, RUN), offset + length - 1):
                if not os.preadv(fd, [byte], last, os.RWF_NOWAIT):
                    return False
        except OSError as error:
            if error.errno in _COLD:
                return False
            raise
        return True

    def read_warm(self, fd: int, length: int, offset: int) -> bytes:
        """All of it, at once, if it is in memory already; else nothing."""
        return os.pread(fd, length, offset) if self.is_warm(fd, length, offset) else b""

    def send(self, socket: int, fd: int, length: int, offset: int) -> int:
        """From the system's memory to a socket, as far as it takes them at once."""
        return os.sendfile(socket, fd, offset, length)

    def expect(self, fd: int, length: int, offset: int) -> None:
        """Have the system bring these bytes into memory while others are used."""
        os.posix_fadvise(fd, offset, length, os.POSIX_FADV_WILLNEED)

    def size(self, fd: int) -> int:
        return os.fstat(fd).st_size

    def sync(self, fd: int) -> None:
        os.fsync(fd)

    def close(self, fd: int) -> None:
        os.close(fd)

    def link(self, old: str, new: str) -> None:
        """Raises `FileExistsError` where `new` is: that is what makes a name taken once, and atomically."""
        os.link(old, new)

    def rename(self, old: str, new: str) -> None:
        """Absent is success."""
        with contextlib.suppress(FileNotFoundError):
            os.rename(old, new)

    def exists(self, path: str) -> bool:
        return os.path.exists(path)

    def unlink(self, path: str) -> None:
        """Absent is success."""
        try:
            os.unlink(path)
        except FileNotFoundError:
            return

    def make_folder(self, path: str) -> None:
        os.makedirs(path, mode=0o700, exist_ok=True)

    def sync_folder(self, path: str) -> None:
        """The names in `path` survive power loss from here on."""
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self.sync(fd)
        finally:
            os.close(fd)

    def scan(self, path: str) -> Iterator[tuple[str, os.stat_result]]:
        """Name and state of each file in a folder; files that vanish meanwhile are left out."""
        with os.scandir(path) as entries:
            for entry in entries:
                try:
                    yield entry.name, entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue

    def space(self, path: str) -> tuple[int, int]:
        """Bytes that may still be written, and bytes altogether."""
        seen = os.statvfs(path)
        return seen.f_bavail * seen.f_frsize, seen.f_blocks * seen.f_frsize
