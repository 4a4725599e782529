"""The packet filter of one namespace: a picture of what stands there, and one atomic batch per change.

Chains and sets are objects of the picture, keyed by (table, name), a table being `family name`. A change says only
what is new; the batch carries the difference. When somebody else has touched the filter (the kernel counts commits), or
at the first change after our start, the batch replaces our tables whole, which no packet notices."""

import struct
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from threading import Lock

from msgspec import Struct, structs

from pileus.drivers.network.linux import netlink
from pileus.drivers.network.linux.namespaces import Namespace
from pileus.drivers.network.linux.netlink import Netlink, attributes

_GET_GENERATION = (10 << 8) | 16
_GENERATION_ID = 1


class Chain(Struct, frozen=True):
    rules: tuple[str, ...]
    hook: str = ""
    """`type filter hook forward priority 90`; empty: a chain that others jump to."""


class Set(Struct, frozen=True):
    """A set, or a map (`map=True`): elements by key, the value empty in a set."""

    declaration: str
    elements: Mapping[str, str] = {}
    map: bool = False


Key = tuple[str, str]
Piece = Chain | Set
Changes = Mapping[Key, Piece | None]
Patches = Mapping[Key, Mapping[str, str | None]]
"""Elements of maps to set (value) or to take out (None)."""


class Change:
    """A change on its way; `Ruleset.settle` waits for its end."""

    def __init__(self, changes: Changes, patches: Patches) -> None:
        self.changes = changes
        self.patches = patches
        self.done = False
        self.error: Exception | None = None


class Ruleset:
    """Thread-safe; one batch at a time. Changes that come while one is being written go together into the next: a batch
    costs as much as the table is large, hardly more for a hundred changes than for one."""

    def __init__(self, namespace: Namespace, base: Mapping[Key, Piece]) -> None:
        """`base`: what stands always, from the first change on."""
        self._namespace = namespace
        self._pieces: dict[Key, Piece] = dict(base)
        self._generation: int | None = None
        self._writing = Lock()
        self._waiting: deque[Change] = deque()

    def get(self, key: Key) -> Piece | None:
        return self._pieces.get(key)

    def apply(self, changes: Changes, patches: Patches | None = None) -> None:
        """`None` takes a piece away. Nothing changes when the kernel refuses."""
        self.settle(self.submit(changes, patches or {}))

    def submit(self, changes: Changes, patches: Patches) -> Change:
        """Take a place in the line; changes are made in the order of their submission."""
        change = Change(changes, patches)
        self._waiting.append(change)
        return change

    def settle(self, change: Change) -> None:
        """Returns when it is made; raises what its maker must know."""
        with self._writing:
            if not change.done:
                self._write_waiting()
        if change.error:
            raise change.error

    def forget(self) -> None:
        """The next change writes everything anew."""
        self._generation = None

    def _write_waiting(self) -> None:
        batch = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if not self._try(batch) and len(batch) > 1:
            # One of them is refused: each alone then, so that it fails for its maker only.
            for change in batch:
                self._try([change])
        for change in batch:
            change.done = True

    def _try(self, batch: Sequence[Change]) -> bool:
        pieces = dict(self._pieces)
        try:
            for change in batch:
                _merge(pieces, change.changes, change.patches)
            self._write(pieces)
        except Exception as error:
            for change in batch:
                change.error = error
            return False
        for change in batch:
            change.error = None
        return True

    def _write(self, pieces: dict[Key, Piece]) -> None:
        with self._namespace.entered():
            touched = self._generation is None or _generation() != self._generation
        lines = _whole(pieces) if touched else _difference(self._pieces, pieces)
        if lines:
            self._namespace.run("nft", "-f", "-", given="\n".join(lines) + "\n")
            with self._namespace.entered():
                self._generation = _generation()
        self._pieces = pieces


def _merge(pieces: dict[Key, Piece], changes: Changes, patches: Patches) -> None:
    for key, piece in changes.items():
        if piece is None:
            pieces.pop(key, None)
        else:
            pieces[key] = piece
    for key, patch in patches.items():
        held = pieces[key]
        if isinstance(held, Set):
            elements = {name: value for name, value in held.elements.items() if name not in patch}
            elements |= {name: value for name, value in patch.items() if value is not None}
            pieces[key] = structs.replace(held, elements=elements)


def _generation() -> int:
    socket = Netlink(netlink.NETFILTER)
    try:
        answer = socket.request(_GET_GENERATION, b"\0\0\0\0")
    finally:
        socket.close()
    found: int = struct.unpack(">I", attributes((answer or b"")[4:])[_GENERATION_ID])[0]
    return found


def _whole(pieces: Mapping[Key, Piece]) -> list[str]:
    tables = sorted({table for table, _ in pieces})
    lines = [line for table in tables for line in (f"add table {table}", f"delete table {table}", f"add table {table}")]
    return lines + _difference({}, pieces)


def _difference(old: Mapping[Key, Piece], new: Mapping[Key, Piece]) -> list[str]:
    changed = [
        (key, piece, old.get(key)) for key, piece in new.items() if piece is not old.get(key) and piece != old.get(key)
    ]
    lines: list[str] = []
    for (table, name), piece, before in changed:
        if isinstance(piece, Set) and before is None:
            lines.append(f"add {'map' if piece.map else 'set'} {table} {name} {{ {piece.declaration} }}")
        elif isinstance(piece, Chain) and before is None:
            lines.append(f"add chain {table} {name}" + (f" {{ {piece.hook}; }}" if piece.hook else ""))
        elif isinstance(piece, Chain):
            lines.append(f"flush chain {table} {name}")
    for (table, name), piece, _ in changed:
        if isinstance(piece, Chain):
            lines += [f"add rule {table} {name} {rule}" for rule in piece.rules]
    for (table, name), piece, before in changed:
        if isinstance(piece, Set):
            lines += _elements(f"{table} {name}", before.elements if isinstance(before, Set) else {}, piece.elements)
    return lines + _removals([(key, piece) for key, piece in old.items() if key not in new])


def _elements(where: str, old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    gone = [_element(key, value) for key, value in old.items() if new.get(key) != value]
    come = [_element(key, value) for key, value in new.items() if old.get(key) != value]
    return _listed("delete", where, gone) + _listed("add", where, come)


def _element(key: str, value: str) -> str:
    return f"{key} : {value}" if value else key


def _listed(verb: str, where: str, elements: Iterable[str]) -> list[str]:
    text = ", ".join(elements)
    return [f"{verb} element {where} {{ {text} }}"] if text else []


def _removals(gone: Iterable[tuple[Key, Piece]]) -> list[str]:
    """Rules go before the chains and sets that they name."""
    chains = [f"{table} {name}" for (table, name), piece in gone if isinstance(piece, Chain)]
    sets = [
        f"delete {'map' if piece.map else 'set'} {table} {name}"
        for (table, name), piece in gone
        if isinstance(piece, Set)
    ]
    return [f"flush chain {name}" for name in chains] + [f"delete chain {name}" for name in chains] + sets
