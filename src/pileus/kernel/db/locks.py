"""One process owns an SQLite file's writes: whoever holds the lock on `<file>.lock`."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pileus.kernel.types import Unavailable


def take(path: Path) -> int:
    """Lock; to be released with `os.close`, or by the end of the process. Raises `Unavailable` naming the owner."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Unavailable(f"{path} cannot be opened: {error.strerror}.") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        owner = os.pread(lock, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(lock)
        raise Unavailable(f"{path} is in use by another process (pid {owner}); one process owns the writes.") from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock


@contextmanager
def owned(path: Path) -> Iterator[None]:
    """Hold the lock for a while."""
    lock = take(path)
    try:
        yield
    finally:
        os.close(lock)
