"""Network namespaces with names, as `ip netns` keeps them, entered by threads.

Every namespace that we make carries its owner on its loopback device (`ip link show lo` inside shows
`alias pileus:<cloud> …`), put there before the name exists: whatever dies when, nothing of ours is ever nameless."""

import contextlib
import ctypes
import ctypes.util
import errno
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from pileus.drivers.network.linux.links import Links
from pileus.drivers.network.linux.netlink import NetlinkError
from pileus.drivers.network.protocol import NetworkError

DIRECTORY = Path("/run/netns")

_NEWNET = 0x40000000
_BIND, _REC, _SHARED, _DETACH = 4096, 16384, 1 << 20, 2
_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p]
_libc.umount2.argtypes = [ctypes.c_char_p, ctypes.c_int]


class Namespace:
    """A network namespace by name; the empty name is the host's, that is: this process's own."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.path = DIRECTORY / name if name else Path("/proc/self/ns/net")

    def __repr__(self) -> str:
        return f"Namespace({self.name!r})"

    def exists(self) -> bool:
        """A leftover file that is no namespace (a reboot in between, a torn removal) does not count."""
        if not self.name:
            return True
        try:
            return self.path.stat().st_dev != DIRECTORY.stat().st_dev
        except OSError:
            return False

    @contextlib.contextmanager
    def opened(self) -> Iterator[int]:
        file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            yield file
        finally:
            os.close(file)

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """The calling thread stands in this namespace; sockets and processes made meanwhile belong to it. Threads only,
        never the event loop's."""
        if not self.name:
            yield
            return
        with Namespace().opened() as home, self.opened() as there:
            _check(_libc.setns(there, _NEWNET), f"enter {self.name}")
            try:
                yield
            finally:
                _check(_libc.setns(home, _NEWNET), "come home")

    @contextlib.contextmanager
    def links(self) -> Iterator[Links]:
        with self.entered():
            links = Links()
        with links:
            yield links

    def run(self, *command: str, given: str = "", timeout: float = 30) -> str:
        """A program inside, never through a shell; NetworkError with its words when it fails."""
        with self.entered():
            done = subprocess.run(  # noqa: S603
                command, input=given, capture_output=True, text=True, timeout=timeout, check=False, close_fds=True
            )
        if done.returncode:
            raise NetworkError(f"{command[0]} in {self.name or 'the host'}: {done.stderr.strip()[:2000]}")
        return done.stdout

    def set(self, values: Mapping[str, int]) -> None:
        """Kernel settings under /proc/sys/net: `{"ipv4/ip_forward": 1}`. Writes only what differs."""
        with self.entered():
            for key, value in values.items():
                path = Path("/proc/sys/net", key)
                if path.read_text().strip() != str(value):
                    path.write_text(str(value))

    def owner(self) -> str:
        """The mark on its loopback; empty when it has none or is gone."""
        try:
            with self.links() as links:
                return links.get("lo").alias
        except (OSError, NetlinkError):
            return ""

    def create(self, mark: str) -> None:
        """Make it, marked, with its loopback up."""
        _prepare_directory()
        self.path.unlink(missing_ok=True)
        with Namespace().opened() as home:
            _check(_libc.unshare(_NEWNET), "make a network namespace")
            try:
                with Links() as links:
                    links.change(links.get("lo"), up=True, alias=mark)
                self.path.touch(mode=0o444)
                own = b"/proc/thread-self/ns/net"
                _check(_libc.mount(own, bytes(self.path), b"none", _BIND, None), f"name {self.name}")
            finally:
                _check(_libc.setns(home, _NEWNET), "come home")

    def remove(self) -> None:
        """The name goes; the namespace ends with the last process and socket in it."""
        if self.path.exists():
            _libc.umount2(bytes(self.path), _DETACH)
            with contextlib.suppress(FileNotFoundError):
                self.path.unlink()

    def holds(self, pid: int) -> bool:
        """Whether that process stands in it."""
        try:
            return Path(f"/proc/{pid}/ns/net").stat().st_ino == self.path.stat().st_ino
        except OSError:
            return False

    def processes(self) -> list[int]:
        found = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        return [pid for pid in found if self.holds(pid)]


def named(prefix: str = "") -> list[Namespace]:
    """All named namespaces of this machine whose name begins so."""
    if not DIRECTORY.is_dir():
        return []
    return [Namespace(entry.name) for entry in DIRECTORY.iterdir() if entry.name.startswith(prefix)]


def _prepare_directory() -> None:
    """As `ip netns add` does: names appear in every mount namespace of the machine."""
    DIRECTORY.mkdir(mode=0o755, parents=True, exist_ok=True)
    path = bytes(DIRECTORY)
    if _libc.mount(b"", path, b"none", _SHARED | _REC, None) == 0:
        return
    if ctypes.get_errno() != errno.EINVAL:
        _check(-1, f"share {DIRECTORY}")
    _check(_libc.mount(path, path, b"none", _BIND | _REC, None), f"mount {DIRECTORY}")
    _check(_libc.mount(b"", path, b"none", _SHARED | _REC, None), f"share {DIRECTORY}")


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise NetworkError(f"Could not {what}: {os.strerror(number)}")
