"""Directories compared with the rows of their people and groups."""

from pileus.services.identity.core import consulting
from pileus.services.identity.core.neighbours import Near


class DirectoryReader:
    """Who vanished, was disabled, or left a group there counts as such here, though he never logs in again."""

    def __init__(self, near: Near) -> None:
        self._near = near

    async def work(self) -> None:
        await consulting.read_all(self._near)
