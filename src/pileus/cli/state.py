"""The state directory: everything a cloud keeps, and who holds it.

pileus.db        rows (SQLite)              images/ instances/ volumes/ objects/ ca/   owned by the drivers
pileus.toml      settings                   clouds.yaml, openrc    logins, mode 0600
logs/            pileus.log (JSON lines), pileus.err (whatever else the process wrote)
run/pileus.pid   locked (flock) by the process that serves this state; the lock, not the number, says that it lives
run/ready.json   what `serve` told when every listener answered
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any

import click

from pileus.cli.output import Failure

OURS = (
    *("pileus.db*", "pileus-before-restore-*.db", "clouds.yaml", "openrc", "logs", "run", "ca", "images", "instances"),
    *("volumes", "objects", "network", "quickstart", "backups"),
)
"""What `down --purge` may delete, as patterns. `pileus.toml` stays: the operator wrote it."""


class State:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.run = path / "run"
        self.logs = path / "logs"
        self.pid_file = self.run / "pileus.pid"
        self.ready_file = self.run / "ready.json"
        self.log_file = self.logs / "pileus.log"
        self.stderr_file = self.logs / "pileus.err"
        self.config_file = path / "pileus.toml"
        self.clouds_file = path / "clouds.yaml"
        self.openrc_file = path / "openrc"
        self.database_file = path / "pileus.db"

    def create(self) -> None:
        """Makes the directory. Others may pass through (QEMU, to its disks) but read nothing. Raises `Failure`."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o711)
            self.run.mkdir(exist_ok=True, mode=0o750)
            self.logs.mkdir(exist_ok=True, mode=0o750)
        except OSError as error:
            raise Failure(
                f"the state directory {self.path} cannot be made: {error.strerror}",
                "choose another with --state DIR or PILEUS_STATE",
            ) from None

    def keep_rows_private(self) -> None:
        """The database file stands, closed to others, before SQLite would make an open one."""
        os.close(os.open(self.database_file, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))

    def lock(self) -> int | None:
        """Takes the state for this process until it ends; None when another process has it. The file says our pid."""
        handle = os.open(self.pid_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        for _attempt in range(20):
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if error.errno not in {errno.EAGAIN, errno.EACCES}:
                    os.close(handle)
                    raise
            time.sleep(0.01)  # somebody may only be looking (`holder`)
        else:
            os.close(handle)
            return None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        return handle

    def holder(self) -> int | None:
        """Pid of the process that serves this state, None when there is none (a stale file names nobody)."""
        try:
            handle = os.open(self.pid_file, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except PermissionError:
            raise Failure(f"{self.pid_file} cannot be read", "run as the user who started it") from None
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return None
        except OSError:
            text = os.pread(handle, 32, 0).decode(errors="replace").strip()
            return int(text) if text.isdigit() else None
        finally:
            os.close(handle)

    def facts(self) -> dict[str, Any] | None:
        """What the running process told when it was ready, with its `pid`; None while it is not."""
        pid = self.holder()
        if pid is None:
            return None
        try:
            facts = json.loads(self.ready_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return facts if isinstance(facts, dict) and facts.get("pid") == pid else None


def default_path() -> Path:
    """`PILEUS_STATE`, else `/var/lib/pileus` for root, else `~/.local/share/pileus`."""
    named = os.environ.get("PILEUS_STATE")
    if named:
        return Path(named)
    return Path("/var/lib/pileus") if os.geteuid() == 0 else Path.home() / ".local/share/pileus"


def _resolve(_ctx: click.Context, _param: click.Parameter, value: Path | None) -> State:
    return State((value or default_path()).expanduser().absolute())


state_option = click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    callback=_resolve,
    help="State directory; else PILEUS_STATE, else /var/lib/pileus for root, else ~/.local/share/pileus.",
)


def write_private(path: Path, text: str) -> None:
    """Replaces a file whole, readable by its owner only; a reader sees the old text or the new, never half."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)
