"""A whole cloud as a process, for tests that come from outside: its own state and ports."""

import fcntl
import functools
import itertools
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src"
PORTS = (
    "identity", "identity_admin", "image", "compute", "metadata", "placement", "network", "objectstore", "all",
)  # fmt: skip


class CloudRun:
    """`run("up", "--detach")` runs `pileus up --detach` on this state."""

    def __init__(self, state: Path, **environ: str) -> None:
        self.state = state
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PILEUS_", "OS_"))}
        ports = {
            f"PILEUS_PORTS_{name.upper()}": str(port) for name, port in zip(PORTS, free_ports(len(PORTS)), strict=True)
        }
        self.environ = {
            **kept,
            **ports,
            "PYTHONPATH": str(SOURCE),
            "PILEUS_STATE": str(state),
            "COLUMNS": "200",
            **environ,
        }

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "pileus", *map(str, arguments)],
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *arguments: object, code: int | None = 0, timeout: float = 600) -> str:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=timeout)
        assert code is None or process.returncode == code, f"exit code {process.returncode}\n{out}\n{err}\n{self.log()}"
        return out + err

    def json(self, *arguments: object, code: int | None = 0, timeout: float = 600) -> dict:
        process = self.start(*arguments, "--json")
        out, err = process.communicate(timeout=timeout)
        assert code is None or process.returncode == code, f"exit code {process.returncode}\n{out}\n{err}\n{self.log()}"
        return json.loads(out)

    def log(self) -> str:
        """The end of the log, for a failed test's report."""
        found = ""
        for name in ("pileus.log", "pileus.err"):
            path = self.state / "logs" / name
            found += path.read_text(errors="replace")[-4000:] if path.exists() else ""
        return found

    def pid(self) -> int:
        return int((self.state / "run" / "pileus.pid").read_text())


def held(name: object) -> bool:
    """Whether this process took it, to its end, and no other that tests has it: what is free now is free when it is used."""
    folder = Path(tempfile.gettempdir()) / f"pileus-test-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    lock = os.open(folder / str(name), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return False
    return True


@functools.cache
def _own_ports() -> itertools.cycle:
    """Some hundreds in a row; below those that the kernel gives to outgoing connections, above those of `LiveCloud`."""
    for first in range(22500, 32500, 250):
        if held(first):
            return itertools.cycle(range(first, first + 250))
    raise AssertionError("more processes test on this machine than there are ports for")


def free_ports(count: int) -> list[int]:
    """Nobody else takes them: they are this process's own. They come in turn, so that one just used rests."""
    found: list[int] = []
    for port in itertools.islice(_own_ports(), 250):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise AssertionError("this machine has no free ports")


def free_port() -> int:
    return free_ports(1)[0]


def until(holds, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.05)
