"""Listings of all versions: two tables walked side by side, by name and the newest first."""

from collections.abc import Sequence
from functools import partial

from msgspec import Struct

from pileus.kernel.db import Tx
from pileus.kernel.types import Micros
from pileus.services.objectstore.core.cursors import Cursor
from pileus.services.objectstore.core.listings import Cut, Listed, Subdir, Wanted
from pileus.services.objectstore.db import objects, versions
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import MARKER, ItemRow, ObjectRow
from pileus.services.objectstore.db.spans import HIGHEST, Span, after

FIRST, LAST = -(2**63), 2**63 - 1
"""Before and behind every rank."""


class Version(Struct, frozen=True):
    row: ItemRow
    """`kind` is `marker` for a delete marker."""
    latest: bool
    """Whether it is what a reader without a version gets (for a marker: nothing, because of it)."""

    @property
    def name(self) -> str:
        return self.row.name


def marker(tx: Tx, container: ContainerRow, name: str) -> ObjectRow | None:
    """The delete marker because of which a name leads to nothing; None when nothing was ever there."""
    newest = versions.latest(tx, container.id, name)
    return newest if newest is not None and newest.kind == MARKER else None


def of_container(
    tx: Tx, container: ContainerRow, wanted: Wanted, *, version_marker: Micros | None = None
) -> Listed[Version]:
    """Every version and delete marker, by name and the newest first; with `wanted.reverse` the other way round.

    `wanted.marker` alone: names behind it; with `version_marker` (a stamp): also what comes behind that of the marker's
    name. `wanted.path` does not apply.
    """
    cut = Cut(wanted)
    walk = _Walk(tx, container, cut, wanted.marker, version_marker)
    found: list[Version | Subdir] = []
    while len(found) <= wanted.limit:
        row = walk.head
        if row is None:
            break
        folder = cut.folder(row.name)
        if not folder:
            found.append(walk.taken())
            continue
        if folder != cut.skipped:
            found.append(Subdir(folder))
        if not walk.jump(folder):
            break
    return Listed(found[: wanted.limit], len(found) > wanted.limit)


Place = tuple[str, int]
"""A name and a rank."""


def _place_of(row: ItemRow) -> Place:
    return row.name, -row.stamp


class _Walk:
    """Both tables side by side."""

    def __init__(self, tx: Tx, container: ContainerRow, cut: Cut, marker: str, version_marker: Micros | None) -> None:
        self._tx, self._container, self._down = tx, container, cut.span.descending
        self._low, high = cut.span.low, cut.span.high or HIGHEST
        self._inclusive = cut.span.inclusive
        if self._down:
            start, end, fetch = (high, FIRST), self._low, versions.back
            within = marker == high and (marker > self._low or (self._inclusive and marker == self._low))
        else:
            start, end, fetch = (self._low, FIRST if self._inclusive else LAST), high, versions.ahead
            within = cut.prefix <= marker < high
        within = within and version_marker is not None
        if within and version_marker is not None:
            start = (marker, -version_marker)
        self._begun = marker if within else ""
        """The name of which something came before; its newest version, going up."""
        self._current = Cursor(partial(self._objects, end), _place_of, start, descending=self._down)
        self._older = Cursor(partial(fetch, tx, container.id, end), _place_of, start, descending=self._down)
        self._alive = self._begun if within and self._down and self._exists(marker) else ""
        """The name of which the current object came before, going down."""

    @property
    def head(self) -> ItemRow | None:
        one, other = self._current.head, self._older.head
        row = other if self._second(one, other) else one
        ended = row is not None and self._down and not self._inclusive and row.name <= self._low
        return None if ended else row

    def taken(self) -> Version:
        """The next one; there is one."""
        one, other = self._current.head, self._older.head
        if self._second(one, other):
            assert other is not None
            self._older.take()
            latest = other.kind == MARKER and self._is_last(other.name)
            self._begun = other.name
            return Version(other, latest)
        assert one is not None
        self._current.take()
        self._begun = self._alive = one.name
        return Version(one, True)

    def jump(self, folder: str) -> bool:
        """Behind all that lies in it; False at the end."""
        place = (folder, FIRST) if self._down else (after(folder) or "", FIRST)
        self._current.seek(place)
        self._older.seek(place)
        return bool(place[0])

    def _second(self, one: ItemRow | None, other: ItemRow | None) -> bool:
        if one is None or other is None:
            return one is None
        first, second = _place_of(one), _place_of(other)
        return second > first if self._down else second < first

    def _is_last(self, name: str) -> bool:
        """Whether a version just taken is the newest of its name, and there is no current object: that may be an older one."""
        head = self._current.head
        if head is not None and head.name == name:
            return False
        if not self._down:
            return name != self._begun
        newer = self._older.head
        return name != self._alive and (newer is None or newer.name != name)

    def _exists(self, name: str) -> bool:
        return objects.item(self._tx, self._container.id, name) is not None

    def _objects(self, end: str, place: Place, limit: int) -> Sequence[ItemRow]:
        """As a name has one current object, a place within a name is before or behind it."""
        name, rank = place
        found = []
        if rank not in (FIRST, LAST):
            row = objects.item(self._tx, self._container.id, name)
            if row is not None and ((-row.stamp < rank) if self._down else (-row.stamp > rank)):
                found.append(row)
        if self._down:
            span = Span(end, name, inclusive=True, descending=True)
        else:
            span = Span(name, end, inclusive=rank == FIRST)
        return [*found, *objects.between(self._tx, self._container.id, span, limit - len(found))]
