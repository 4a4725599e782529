"""What this host was told last, kept on its disk, so that a reboot needs nobody to tell it again."""

import contextlib
import json
import logging
import os
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar

import msgspec

from pileus.drivers.network.linux import names
from pileus.drivers.network.protocol import Group, Network, NetworkError, Port, Router

log = logging.getLogger(__name__)
S = TypeVar("S", Network, Group, Port, Router)


class Shelf(Generic[S]):
    """The last specs of one kind, in memory and on disk (one file each, replaced whole)."""

    def __init__(self, directory: Path, kind: type[S]) -> None:
        self._directory = directory
        self._kind: type[S] = kind
        self._specs: dict[str, S] = {}

    def load(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        for path in sorted(self._directory.glob("*.json")):
            try:
                spec = msgspec.json.decode(path.read_bytes(), type=self._kind)
            except (OSError, msgspec.DecodeError) as error:
                log.warning("Forgotten, because it cannot be read: %s (%s)", path, error)
                continue
            self._specs[spec.id] = spec

    def get(self, spec_id: str) -> S | None:
        return self._specs.get(spec_id)

    def all(self) -> list[S]:
        return list(self._specs.values())

    def newest(self, spec: S) -> bool:
        """Whether nothing newer has been seen."""
        known = self._specs.get(spec.id)
        return known is None or known.generation <= spec.generation

    def keep(self, spec: S) -> None:
        names.checked(self._kind.__name__.lower(), spec.id)
        if self._specs.get(spec.id) == spec:
            return
        write(self._directory / f"{spec.id}.json", msgspec.json.encode(spec))
        self._specs[spec.id] = spec

    def forget(self, spec_id: str) -> None:
        self._specs.pop(names.checked(self._kind.__name__.lower(), spec_id), None)
        (self._directory / f"{spec_id}.json").unlink(missing_ok=True)


class Memory:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.networks = Shelf(directory / "networks", Network)
        self.groups = Shelf(directory / "groups", Group)
        self.ports = Shelf(directory / "ports", Port)
        self.routers = Shelf(directory / "routers", Router)
        self._zones: dict[str, int] = {}
        self._lock = Lock()

    def load(self) -> None:
        for shelf in (self.networks, self.groups, self.ports, self.routers):
            shelf.load()
        with contextlib.suppress(OSError, ValueError):
            self._zones = {str(key): int(value) for key, value in json.loads(self._zone_file.read_bytes()).items()}

    def zone(self, bridge: str) -> int:
        """Connection tracking zone of a bridge, the same for as long as the bridge stands."""
        with self._lock:
            zone = self._zones.get(bridge)
            if zone is None:
                taken = set(self._zones.values())
                zone = next((free for free in range(1, 65536) if free not in taken), 0)
                if not zone:
                    raise NetworkError("This host has no connection tracking zone left (65,535 networks)")
                self._zones[bridge] = zone
                write(self._zone_file, json.dumps(self._zones).encode())
            return zone

    def free_zone(self, bridge: str) -> None:
        with self._lock:
            if self._zones.pop(bridge, None) is not None:
                write(self._zone_file, json.dumps(self._zones).encode())

    def erase(self) -> None:
        """Files and directories that we made, nothing else."""
        for kind in ("networks", "groups", "ports", "routers"):
            for path in (self.directory / kind).glob("*.json*"):
                path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                (self.directory / kind).rmdir()
        self._zone_file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.directory.rmdir()

    @property
    def _zone_file(self) -> Path:
        return self.directory / "zones.json"


def write(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Whole or not at all."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(content)
    fresh.replace(path)
