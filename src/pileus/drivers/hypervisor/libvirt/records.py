"""What this host remembers of its guests: `instances/<id>/guest.json`, replaced atomically, one for each guest.

From it a rebooted node brings its guests back with no control plane alive.
"""

import os
import re
import shutil
from pathlib import Path

import msgspec
from msgspec import Struct

from pileus.drivers.hypervisor.protocol import Guest, HypervisorError

_FILE = "guest.json"
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Record(Struct, kw_only=True, frozen=True):
    guest: Guest
    """The newest spec acted upon."""
    up: bool = False
    """This driver started it and has not stopped it since. False while a start or stop is under way."""
    halted: bool = False
    """It powered itself off from inside, after `guest` was acted upon."""
    boot_id: str = ""
    """Of the host's boot in which it was last started."""
    started_at: int = 0
    """Microseconds since 1970."""
    targets: dict[str, str] = {}
    """Disk id -> name inside the guest (`vda`)."""


class Records:
    """All methods but `get` and `all` block (files are synced)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[str, Record] = {}
        self._decoder = msgspec.json.Decoder(Record)

    def folder_of(self, guest_id: str) -> Path:
        return self.folder / guest_id

    def get(self, guest_id: str) -> Record | None:
        return self._known.get(guest_id)

    def all(self) -> list[Record]:
        return list(self._known.values())

    def load(self) -> None:
        """Read all; folders without a record were never finished, and go."""
        known = {}
        for folder in self.folder.iterdir():
            if not folder.is_dir() or not _ID.fullmatch(folder.name):
                continue
            try:
                known[folder.name] = self._decoder.decode((folder / _FILE).read_bytes())
            except FileNotFoundError:
                shutil.rmtree(folder, ignore_errors=True)
            except msgspec.MsgspecError as error:
                raise HypervisorError(f"{folder / _FILE} is damaged: {error}") from error
        self._known = known

    def put(self, record: Record) -> None:
        folder = self.folder_of(record.guest.id)
        folder.mkdir(mode=0o711, exist_ok=True)
        fresh = folder / (_FILE + ".new")
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(record), indent=1))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(folder / _FILE)
        self._known[record.guest.id] = record

    def drop(self, guest_id: str) -> None:
        """The guest's folder with everything in it; the record goes last, so that a torn removal is known."""
        folder = self.folder_of(guest_id)
        if folder.is_dir():
            for entry in folder.iterdir():
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry)
                elif entry.name != _FILE:
                    entry.unlink(missing_ok=True)
            (folder / _FILE).unlink(missing_ok=True)
            folder.rmdir()
        self._known.pop(guest_id, None)
