"""Listings by name: marker, end marker, prefix, delimiter, path, reverse. Pure but for the fetching of stretches."""

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from msgspec import Struct, structs

from pileus.kernel.db import Tx
from pileus.services.objectstore.db import containers, objects
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import ItemRow
from pileus.services.objectstore.db.spans import Span, after


class Named(Protocol):
    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=Named)


class Wanted(Struct, frozen=True, kw_only=True):
    """What a listing asks for. Everything is compared as bytes of UTF-8, which is how Python compares text too."""

    marker: str = ""
    """Names behind it (before it when `reverse`)."""
    end_marker: str = ""
    """Names before it (behind it when `reverse`)."""
    prefix: str = ""
    delimiter: str = ""
    """Names with it behind the prefix are told once, cut behind it, as `Subdir`."""
    path: str | None = None
    """What lies directly in this folder; stands for prefix and delimiter, and tells no subdirs."""
    reverse: bool = False
    limit: int = 10_000


class Subdir(Struct, frozen=True):
    name: str


class Listed(Struct, Generic[N], frozen=True):
    items: Sequence[N | Subdir]
    more: bool
    """Whether something may follow; the last item's name is the next marker."""


def of_container(tx: Tx, row: ContainerRow, wanted: Wanted) -> Listed[ItemRow]:
    """Current objects. 10,000 rows at most are read at once: `db.read_aside` is the place for long ones."""
    return walk(lambda span, limit: objects.between(tx, row.id, span, limit), wanted)


def of_account(tx: Tx, account: str, wanted: Wanted) -> Listed[ContainerRow]:
    return walk(lambda span, limit: containers.between(tx, account, span, limit), wanted)


def walk(fetch: Callable[[Span, int], Sequence[N]], wanted: Wanted) -> Listed[N]:
    """Go along the key; behind each subdir found, seek to where it ends instead of reading it."""
    cut = Cut(wanted)
    span: Span | None = cut.span
    found: list[N | Subdir] = []
    most = wanted.limit + 1
    step = 64 if cut.delimiter else most
    while span is not None and len(found) < most:
        asked = min(step, most - len(found))
        rows = fetch(span, asked)
        folder = cut.take(rows, found)
        if folder:
            span, step = cut.behind(span, folder), 2
        elif len(rows) < asked:
            span = None
        else:
            span, step = _from(span, rows[-1].name), step * 8
    return Listed(found[: wanted.limit], len(found) > wanted.limit)


class Cut:
    """How names are cut into subdirs, and where to go on behind one."""

    def __init__(self, wanted: Wanted) -> None:
        self.prefix, self.delimiter, self.quiet = wanted.prefix, wanted.delimiter, wanted.path is not None
        if wanted.path is not None:
            self.delimiter = "/"
            self.prefix = wanted.path.rstrip("/") + "/" if wanted.path else ""
        low, high = (wanted.end_marker, wanted.marker) if wanted.reverse else (wanted.marker, wanted.end_marker)
        self.skipped = low
        end = after(self.prefix)
        self.span = Span(
            low=max(low, self.prefix),
            high=min((one for one in (high, end) if one), default=None),
            inclusive=bool(self.prefix) and low < self.prefix,
            descending=wanted.reverse,
        )

    def folder(self, name: str) -> str:
        """The subdir that a name lies in, or nothing."""
        end = name.find(self.delimiter, len(self.prefix)) if self.delimiter else -1
        return "" if end < 0 else name[: end + len(self.delimiter)]

    def take(self, rows: Sequence[N], found: list[N | Subdir]) -> str:
        """Append rows up to the first subdir, and that; the subdir, or nothing when there was none."""
        for row in rows:
            folder = self.folder(row.name)
            if not folder:
                if not (self.quiet and row.name == self.prefix):
                    found.append(row)
                continue
            if self.quiet:
                if row.name == folder:
                    found.append(row)
            elif folder != self.skipped:
                found.append(Subdir(folder))
            return row.name if self.quiet and row.name != folder else folder
        return ""

    def behind(self, span: Span, folder: str) -> Span | None:
        """`folder` may be a name within one, when only its folder's own name can still follow."""
        if self.quiet and not folder.endswith(self.delimiter):
            folder = folder[: folder.index(self.delimiter, len(self.prefix)) + len(self.delimiter)]
            if span.descending:
                return structs.replace(span, high=folder + "\0")
        if span.descending:
            return structs.replace(span, high=folder)
        low = after(folder)
        return None if low is None else structs.replace(span, low=low, inclusive=True)


def _from(span: Span, name: str) -> Span:
    return structs.replace(span, high=name) if span.descending else structs.replace(span, low=name, inclusive=False)
