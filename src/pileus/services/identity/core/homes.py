"""Directories in use."""

import asyncio
from collections.abc import Callable

from msgspec import Struct

from pileus.drivers.directory.protocol import Directory, DirectoryOptions, DirectoryRefused
from pileus.kernel.types import Micros
from pileus.services.identity.db.projects import ProjectRow

Open = Callable[[DirectoryOptions], Directory]


class Home(Struct, frozen=True, kw_only=True):
    """A domain and the directory that its people are in."""

    domain: ProjectRow
    options: DirectoryOptions


class Directories:
    """Those in use, by domain: opened when first asked for, and anew as soon as a domain's options are others."""

    def __init__(self, open: Open | None) -> None:
        self._open = open
        self._known: dict[str, tuple[DirectoryOptions, Directory]] = {}
        self._turns: dict[str, asyncio.Lock] = {}
        self.read_at: dict[str, Micros] = {}
        """When each was last read as a whole, by domain."""

    def turn(self, home: Home) -> asyncio.Lock:
        """Whole directories are read one after the other, each."""
        return self._turns.setdefault(home.domain.id, asyncio.Lock())

    async def at(self, home: Home) -> Directory:
        known = self._known.get(home.domain.id)
        if known is not None and known[0] == home.options:
            return known[1]
        if self._open is None:
            raise DirectoryRefused("There is no driver for directories here.")
        directory = self._open(home.options)
        self._known[home.domain.id] = home.options, directory
        self.read_at.pop(home.domain.id, None)
        if known is not None:
            await known[1].close()
        return directory

    async def close(self) -> None:
        known, self._known = self._known, {}
        for _, directory in known.values():
            await directory.close()
