"""Directory entries made durable, many at a time."""

from threading import Lock

from pileus.drivers.blob.file.disk import Disk


class _Turn:
    """The syncs of one folder, numbered as they begin."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.begun = 0
        self.ended = 0


class FolderSyncs:
    """Callers who wait for a running sync of their folder share the one that follows it.

    A sync that began before the caller's name was made proves nothing about that name; one that began after does.
    """

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._turns: dict[str, _Turn] = {}

    def sync(self, folder: str) -> None:
        """Returns when every name that was in `folder` at the call is durable. Blocks: call it in a thread."""
        turn = self._turns.setdefault(folder, _Turn())
        asked_at = turn.begun
        with turn.lock:
            if turn.ended > asked_at:
                return
            turn.begun += 1
            number = turn.begun
            self._disk.sync_folder(folder)
            turn.ended = number
