"""Where simulated guests are remembered: one SQLite file for a whole fleet, one row for each guest."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from pileus.drivers.hypervisor.protocol import Guest


class Entry(Struct, kw_only=True):
    """One simulated guest."""

    guest: Guest
    state: Literal["running", "off", "paused", "suspended", "crashed"] = "off"
    reason: str = ""
    boots: int = 0
    booted: list[int] = []
    """When it was started, newest last: microseconds since 1970."""
    wrote: list[str] = []
    """What tests and demonstrations had the guest say on its console."""


class Ledger:
    """Writes are single statements of 20-50 µs on the event loop: never synced, because a power cut ends a simulation
    anyway; a killed process loses nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(Entry)
        self._connection: sqlite3.Connection | None = None

    def open(self) -> None:
        """Blocking: milliseconds. To be called again at will."""
        if self._connection is not None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        opened = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        opened.execute("PRAGMA journal_mode=WAL")
        opened.execute("PRAGMA synchronous=OFF")
        opened.execute(
            "CREATE TABLE IF NOT EXISTS guests (host TEXT, id TEXT, entry BLOB, PRIMARY KEY (host, id)) WITHOUT ROWID"
        )
        self._connection = opened

    def load(self) -> Iterator[tuple[str, Entry]]:
        """(host, entry) of all guests. Blocking: about 10 µs each."""
        for host, entry in self._opened.execute("SELECT host, entry FROM guests"):
            yield host, self._decoder.decode(entry)

    def put(self, host: str, entry: Entry) -> None:
        self._opened.execute(
            "INSERT OR REPLACE INTO guests VALUES (?, ?, ?)", (host, entry.guest.id, self._encoder.encode(entry))
        )

    def drop(self, host: str, guest_id: str) -> None:
        self._opened.execute("DELETE FROM guests WHERE host = ? AND id = ?", (host, guest_id))

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @property
    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            raise RuntimeError("the simulator was not started")
        return self._connection
