"""Listings of all versions: two tables walked side by side, by name and the newest first."""

from collections.abc import Callable, Sequence

from msgspec import Struct

from pileus.kernel.db import Tx
from pileus.kernel.types import Micros
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
    """Every version and delete marker, by name and the newest first.

    `wanted.marker` alone: names behind it; with `version_marker` (a stamp): also what is older than that of the marker's
    name. `wanted.path` and `wanted.reverse` do not apply.
    """
    cut = Cut(wanted)
    high = cut.span.high or HIGHEST
    start = (cut.span.low, FIRST) if cut.span.inclusive else (cut.span.low, LAST)
    if version_marker is not None and wanted.marker >= cut.prefix:
        start = (wanted.marker, -version_marker)
    current = _Cursor(lambda place, limit: _objects(tx, container, place, high, limit), start)
    older = _Cursor(lambda place, limit: versions.between(tx, container.id, place, high, limit), start)
    found: list[Version | Subdir] = []
    begun = wanted.marker if version_marker is not None else ""
    while len(found) <= wanted.limit:
        row, is_current = _next(current, older)
        if row is None:
            break
        folder = cut.folder(row.name)
        if folder:
            if folder != cut.skipped:
                found.append(Subdir(folder))
            place = (after(folder) or HIGHEST, FIRST)
            current.seek(place)
            older.seek(place)
            continue
        latest = is_current or (row.kind == MARKER and row.name != begun and not _has(tx, container, current, row.name))
        begun = row.name
        found.append(Version(row, latest))
    return Listed(found[: wanted.limit], len(found) > wanted.limit)


Place = tuple[str, int]
"""A name and a rank: what comes next is greater."""


class _Cursor:
    """One table's rows in order, fetched in growing stretches."""

    def __init__(self, fetch: Callable[[Place, int], Sequence[ItemRow]], start: Place) -> None:
        self._fetch = fetch
        self._start = start
        self._rows: Sequence[ItemRow] = ()
        self._at = 0
        self._step = 64
        self._more = True

    @property
    def head(self) -> ItemRow | None:
        if self._at == len(self._rows) and self._more:
            if self._rows:
                last = self._rows[-1]
                self._start = (last.name, -last.stamp)
            self._rows, self._at = self._fetch(self._start, self._step), 0
            self._more = len(self._rows) == self._step
            self._step = min(self._step * 4, 4096)
        return self._rows[self._at] if self._at < len(self._rows) else None

    def take(self) -> None:
        self._at += 1

    def seek(self, place: Place) -> None:
        """Go on behind that place."""
        while self._at < len(self._rows) and (self._rows[self._at].name, -self._rows[self._at].stamp) <= place:
            self._at += 1
        if self._at == len(self._rows) and self._more:
            self._rows, self._at, self._start, self._step = (), 0, place, 4


def _next(current: _Cursor, older: _Cursor) -> tuple[ItemRow | None, bool]:
    one, other = current.head, older.head
    if one is None and other is None:
        return None, False
    if other is None or (one is not None and (one.name, -one.stamp) < (other.name, -other.stamp)):
        current.take()
        return one, True
    older.take()
    return other, False


def _has(tx: Tx, container: ContainerRow, current: _Cursor, name: str) -> bool:
    """Whether there is a current object of that name, ahead in the listing (a restored one is older than some)."""
    head = current.head
    return head is not None and head.name == name


def _objects(tx: Tx, container: ContainerRow, place: Place, high: str, limit: int) -> Sequence[ItemRow]:
    """As a name has one current object, a place within a name is before or behind it."""
    name, rank = place
    found = []
    if rank not in (FIRST, LAST):
        row = objects.item(tx, container.id, name)
        if row is not None and -row.stamp > rank:
            found.append(row)
    span = Span(name, high, inclusive=rank == FIRST)
    return [*found, *objects.between(tx, container.id, span, limit - len(found))]
