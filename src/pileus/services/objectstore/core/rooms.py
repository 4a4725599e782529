"""Accounts and containers as they stand, remembered: every request asks for both, and both seldom change."""

from pileus.kernel.db import Stamps, Tx
from pileus.services.objectstore.db import accounts, containers
from pileus.services.objectstore.db.accounts import AccountRow
from pileus.services.objectstore.db.containers import ContainerRow

MOST = 4096
TABLES = (accounts.accounts.name, containers.containers.name)
Room = tuple[AccountRow | None, ContainerRow | None]
"""An account, and a container of it. None: not there (yet)."""


class Rooms:
    """Where one process owns all writes; elsewhere nothing is kept."""

    def __init__(self, stamps: Stamps | None) -> None:
        self._stamps = stamps
        self._kept: dict[tuple[str, str], tuple[tuple[int, ...], Room]] = {}

    def recall(self, account: str, container: str) -> Room | None:
        """What was read before, while it holds. On the loop thread."""
        kept = self._kept.get((account, container))
        if kept is None or self._stamps is None or kept[0] != self._stamps.of(TABLES):
            return None
        return kept[1]

    def container(self, tx: Tx, account: str, container: str) -> ContainerRow | None:
        """Remembered with its account where that may be, else read alone."""
        if tx.stamps is None:
            return containers.find(tx, account, container)
        return self.read(tx, account, container)[1]

    def read(self, tx: Tx, account: str, container: str) -> Room:
        """Remembered where that may be, else read."""
        kept = self.recall(account, container) if tx.stamps is not None else None
        if kept is not None:
            return kept
        both = containers.standing(tx, account, container) if container else None
        found = (both[1], both[0]) if both is not None else (accounts.find(tx, account), None)
        if tx.stamps is not None and found[0] is not None and (found[1] is not None or not container):
            if len(self._kept) >= MOST:
                self._kept.clear()
            self._kept[account, container] = tx.stamps.of(TABLES), found
        return found
