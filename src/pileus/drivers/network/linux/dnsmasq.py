"""One dnsmasq: its files, its process, and finding it again."""

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Mapping
from pathlib import Path

from pileus.drivers.network.linux.ground import unprivileged
from pileus.drivers.network.linux.memory import write
from pileus.drivers.network.linux.namespaces import Namespace

CONFIG = "dnsmasq.conf"


class Dnsmasq:
    """Files and process in `directory`; the process outlives us and is found again by its pid file."""

    def __init__(self, directory: Path, namespace: Namespace) -> None:
        self.directory = directory
        self._namespace = namespace
        self._pid_file = directory / "pid"

    def ensure(self, files: Mapping[str, str]) -> int:
        """Running with exactly these files; those other than its configuration are read again without a break."""
        _, _, group = unprivileged()
        if not self.directory.is_dir():
            self.directory.mkdir(mode=0o750, parents=True)
            os.chown(self.directory, 0, group)
        changed = {name for name, text in files.items() if self._replace(name, text, group)}
        pid = self.pid()
        if pid and CONFIG not in changed and self._namespace.holds(pid):
            if changed:
                os.kill(pid, signal.SIGHUP)
            return pid
        self.stop()
        self._namespace.run("dnsmasq", f"--conf-file={self.directory / CONFIG}", f"--pid-file={self._pid_file}")
        return self.pid()

    def pid(self) -> int:
        """0 when it does not run."""
        try:
            pid = int(self._pid_file.read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return 0
        return pid if bytes(self.directory / CONFIG) in command else 0

    def stop(self) -> None:
        pid = self.pid()
        if not pid:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
            for _ in range(100):
                if not self.pid():
                    return
                time.sleep(0.01)
            os.kill(pid, signal.SIGKILL)

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _replace(self, name: str, text: str, group: int) -> bool:
        path = self.directory / name
        with contextlib.suppress(OSError):
            if path.read_text() == text:
                return False
        write(path, text.encode(), mode=0o640)
        os.chown(path, 0, group)
        return True
