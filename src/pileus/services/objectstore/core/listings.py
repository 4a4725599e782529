"""Listings by name: marker, end marker, prefix, delimiter, path, reverse. Pure but for the fetching of stretches."""

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from msgspec import Struct, structs

from pileus.kernel.db import Tx
from pileus.services.objectstore.core.cursors import fitting
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
    """Go along the key; behind a subdir that is longer than what was fetched of it, seek to where it ends."""
    cut = Cut(wanted)
    span: Span | None = cut.span
    found: list[N | Subdir] = []
    most = wanted.limit + 1
    step = min(64, most) if cut.delimiter else most
    while span is not None and len(found) < most:
        asked = step if cut.delimiter else most - len(found)
        rows = fetch(span, asked)
        useful = cut.take(rows, found)
        if len(rows) < asked:
            break
        span = cut.behind(span, rows[-1].name)
        step = fitting(step, useful, len(rows))
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

    def take(self, rows: Sequence[N], found: list[N | Subdir]) -> int:
        """Append what rows come to; how many of them were not jumped over."""
        inside, useful = "", 0
        for row in rows:
            name = row.name
            if inside and name.startswith(inside) and name != inside:
                continue
            folder = self.folder(name)
            if not folder:
                inside = ""
                if not (self.quiet and name == self.prefix):
                    found.append(row)
            elif self.quiet:
                if name == folder:
                    found.append(row)
            elif folder not in (inside, self.skipped):
                found.append(Subdir(folder))
            useful += 1
            inside = folder
        return useful

    def behind(self, span: Span, last: str) -> Span | None:
        """What is left behind the last name read, and behind all that lies in its folder; None: nothing."""
        folder = self.folder(last)
        if not folder:
            high_or_low = {"high": last} if span.descending else {"low": last, "inclusive": False}
            return structs.replace(span, **high_or_low)
        if span.descending:
            # where the folder's own name is told, it is still to come
            return structs.replace(span, high=f"{folder}\x01" if self.quiet and last != folder else folder)
        low = after(folder)
        return None if low is None else structs.replace(span, low=low, inclusive=True)
