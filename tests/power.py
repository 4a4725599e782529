"""Power loss, played on a recording: what a program wrote, synced, linked and removed, call by call, as strace saw it.

`Disk.replay` gives the moments one after the other; `Disk.save` writes down what a disk may have kept at that moment: of files
only what was synced, of folders only the names that were synced, and by chance some of the rest, torn to sectors.
"""

from __future__ import annotations

import random
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CALLS = (
    "openat", "open", "creat", "write", "pwrite64", "writev", "pwritev", "fsync", "fdatasync", "sync_file_range", "ftruncate", "truncate",
    "fallocate", "rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat", "mkdir", "mkdirat",
)  # fmt: skip
SECTOR = 512
_LINE = re.compile(r"(\d+) +(?:<\.\.\. (\w+) resumed>)?(.*)\Z", re.DOTALL)
_CALL = re.compile(r"(\w+)\((.*)\) += (-?\d+)", re.DOTALL)
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
_FD = re.compile(r"\A\w+<((?:\\x[0-9a-f]{2}|[^>])*)>")


def record(program: Sequence[str], log: Path, **run: Any) -> None:
    """Run a program and those it starts, and write down its calls. Raises when it fails."""
    watched = ["strace", "-f", "-y", "-xx", "-s", str(8 << 20), "-o", str(log), "-e", f"trace={','.join(CALLS)}"]
    subprocess.run([*watched, sys.executable, *program], check=True, **run)


@dataclass
class File:
    now: bytearray = field(default_factory=bytearray)
    kept: bytes = b""
    """What is durable."""
    loose: list[tuple[int, bytes]] = field(default_factory=list)
    """Writes since, each with its offset; a negative one cuts to the length that is minus it less one."""


@dataclass
class Folder:
    now: dict[str, File | Folder] = field(default_factory=dict)
    kept: dict[str, File | Folder] = field(default_factory=dict)


@dataclass
class Call:
    """One call, begun; `seen` is what its sync will have made durable."""

    name: str
    words: str
    seen: Any = None


class Disk:
    """What is under `root`, which was there and empty before."""

    def __init__(self, root: Path) -> None:
        self.root = str(root)
        self.top = Folder()

    def replay(self, log: Path, notes: Path) -> Iterator[str]:
        """Play the recording; after each call, the text that it wrote into the file `notes`, or nothing."""
        begun: dict[str, str] = {}
        seen: dict[str, Any] = {}
        with log.open() as lines:
            for line in lines:
                found = _LINE.match(line.rstrip("\n"))
                if found is None:
                    continue
                pid, resumed, rest = found.groups()
                if resumed:
                    rest = begun.pop(pid) + rest
                elif rest.endswith("<unfinished ...>"):
                    begun[pid] = rest.removesuffix("<unfinished ...>").rstrip()
                    seen[pid] = self._about_to_last(begun[pid])
                    continue
                whole = _CALL.match(rest)
                if whole is None or int(whole[3]) < 0:
                    continue
                lasting = seen.pop(pid) if resumed else self._about_to_last(rest)
                yield self._play(whole[1], whole[2], int(whole[3]), lasting, str(notes))

    def save(self, place: Path, chance: random.Random | None = None) -> None:
        """What the disk may have kept; without `chance` nothing but what it must have."""
        _save(self.top, place, chance)

    # --- one call ---------------------------------------------------------------------------------------------------

    def _about_to_last(self, text: str) -> Any:
        if not text.startswith(("fsync(", "fdatasync(")):
            return None
        node = self._at(_fd(text.partition("(")[2]))
        if isinstance(node, File):
            return node, bytes(node.now), len(node.loose)
        return (node, dict(node.now), 0) if node is not None else None

    def _play(self, name: str, words: str, result: int, lasting: Any, notes: str) -> str:
        if name in ("write", "pwrite64"):
            path = _fd(words)
            text = _STRING.search(words)
            if text is None or text[2]:
                raise AssertionError(f"strace left out bytes: {words[:200]}")
            data = _bytes(text[1])[:result]
            if path == notes:
                return data.decode()
            self._write(path, data, int(words.rpartition(",")[2]) if name == "pwrite64" else None)
        elif name in ("writev", "pwritev", "fallocate", "truncate", "sync_file_range"):
            assert self._at(_fd(words)) is None, f"{name} is not played"
        elif name == "ftruncate":
            self._cut(_fd(words), int(words.rpartition(",")[2]))
        elif name in ("openat", "open", "creat"):
            if "O_CREAT" in words or name == "creat":
                self._create(_paths(words)[0])
        elif name.startswith("mkdir"):
            self._enter(_paths(words)[0], Folder())
        elif name.startswith(("link", "rename")):
            old, new = _paths(words)
            node = self._at(old)
            if node is not None:
                self._enter(new, node)
                if name.startswith("rename"):
                    self._leave(old)
        elif name.startswith("unlink"):
            self._leave(_paths(words)[0])
        elif lasting is not None:
            _last(*lasting)
        return ""

    def _write(self, path: str, data: bytes, offset: int | None) -> None:
        node = self._at(path)
        if not isinstance(node, File):
            return
        at = len(node.now) if offset is None else offset  # what writes without an offset here only ever appends
        node.now[len(node.now) : at] = bytes(max(0, at - len(node.now)))
        node.now[at : at + len(data)] = data
        node.loose.append((at, data))

    def _cut(self, path: str, length: int) -> None:
        node = self._at(path)
        if isinstance(node, File):
            node.now[length:] = bytes(max(0, length - len(node.now)))
            node.loose.append((-length - 1, b""))

    def _create(self, path: str) -> None:
        if self._at(path) is None:
            self._enter(path, File())

    def _at(self, path: str) -> File | Folder | None:
        if path == self.root:
            return self.top
        if not path.startswith(self.root + "/"):
            return None
        node: File | Folder | None = self.top
        for word in path[len(self.root) + 1 :].split("/"):
            node = node.now.get(word) if isinstance(node, Folder) else None
        return node

    def _enter(self, path: str, node: File | Folder) -> None:
        folder, _, name = path.rpartition("/")
        found = self._at(folder)
        if isinstance(found, Folder):
            found.now[name] = node

    def _leave(self, path: str) -> None:
        folder, _, name = path.rpartition("/")
        found = self._at(folder)
        if isinstance(found, Folder):
            found.now.pop(name, None)


def _last(node: File | Folder, seen: Any, loose: int) -> None:
    """A sync has ended: what was there when it began is durable."""
    node.kept = seen
    if isinstance(node, File):
        del node.loose[:loose]


def _save(folder: Folder, place: Path, chance: random.Random | None) -> None:
    place.mkdir(exist_ok=True)
    names = dict(folder.kept)
    if chance is not None:
        for name in sorted(folder.kept.keys() | folder.now.keys()):
            if folder.kept.get(name) is not folder.now.get(name) and chance.random() < 0.5:
                names.pop(name, None)
                if name in folder.now:
                    names[name] = folder.now[name]
    for name, node in names.items():
        if isinstance(node, Folder):
            _save(node, place / name, chance)
        else:
            (place / name).write_bytes(_content(node, chance))


def _content(node: File, chance: random.Random | None) -> bytes:
    if chance is None or not node.loose:
        return node.kept
    found = bytearray(node.kept)
    for offset, data in node.loose:
        if chance.random() < 0.5:
            continue
        if offset < 0:
            length = -offset - 1
            found[length:] = bytes(max(0, length - len(found)))
            continue
        for at in range(0, len(data), SECTOR):
            if chance.random() < 0.9:
                part = data[at : at + SECTOR]
                found[len(found) : offset + at] = bytes(max(0, offset + at - len(found)))
                found[offset + at : offset + at + len(part)] = part
    return bytes(found)


def _bytes(escaped: str) -> bytes:
    return bytes.fromhex(escaped.replace("\\x", ""))


def _plain(text: str) -> str:
    return re.sub(r"((?:\\x[0-9a-f]{2})+)", lambda found: _bytes(found[1]).decode(), text)


def _fd(words: str) -> str:
    found = _FD.match(words)
    return _plain(found[1]) if found else ""


def _paths(words: str) -> list[str]:
    return [_bytes(one[0]).decode() for one in _STRING.findall(words)]
