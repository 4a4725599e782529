"""Listings: the walk against a model that does it the slow way, and the databases' order against Python's."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from pileus.services.objectstore.core import listings
from pileus.services.objectstore.core.listings import Subdir, Wanted, walk
from pileus.services.objectstore.db.spans import Span, after

from .conftest import ACCOUNT, Shelf


class Item(Struct, frozen=True):
    name: str


def fetcher(names: Sequence[str], calls: list[int] | None = None):
    ordered = sorted(names)

    def fetch(span: Span, limit: int) -> list[Item]:
        found = [
            name
            for name in ordered
            if (name >= span.low if span.inclusive else name > span.low) and (span.high is None or name < span.high)
        ]
        if calls is not None:
            calls.append(limit)
        return [Item(name) for name in (reversed(found) if span.descending else found)][:limit]

    return fetch


def slow(names: Sequence[str], wanted: Wanted) -> list[str]:
    """All that a listing tells, in order: names, and subdirs marked by a leading '>'."""
    low, high = (wanted.end_marker, wanted.marker) if wanted.reverse else (wanted.marker, wanted.end_marker)
    inside = [n for n in names if n > low and (not high or n < high)]
    told: list[str] = []
    if wanted.path is not None:
        folder = wanted.path.rstrip("/") + "/" if wanted.path else ""
        for name in inside:
            rest = name[len(folder) :]
            if name.startswith(folder) and rest and "/" not in rest[:-1]:
                told.append(name)
        return sorted(told, reverse=wanted.reverse)
    keys: set[tuple[str, bool]] = set()
    for name in inside:
        if not name.startswith(wanted.prefix):
            continue
        at = name.find(wanted.delimiter, len(wanted.prefix)) if wanted.delimiter else -1
        if at < 0:
            keys.add((name, False))
        elif name[: at + len(wanted.delimiter)] != low:
            keys.add((name[: at + len(wanted.delimiter)], True))
    return [">" + name if subdir else name for name, subdir in sorted(keys, reverse=wanted.reverse)]


def told(items: Sequence[Item | Subdir]) -> list[str]:
    return [">" + item.name if isinstance(item, Subdir) else item.name for item in items]


NAME = st.text(alphabet="ab/é\U0010ffff\ud7ff\ue000", min_size=1, max_size=5)
EDGE = st.one_of(st.just(""), NAME)


@settings(max_examples=600)
@given(
    names=st.sets(NAME, max_size=30),
    marker=EDGE,
    end_marker=EDGE,
    prefix=EDGE,
    delimiter=st.sampled_from(["", "/", "a", "//", "b/"]),
    path=st.one_of(st.none(), st.none(), EDGE),
    reverse=st.booleans(),
    limit=st.integers(1, 12),
)
def test_the_walk_tells_what_the_model_tells(
    names: set[str],
    marker: str,
    end_marker: str,
    prefix: str,
    delimiter: str,
    path: str | None,
    reverse: bool,
    limit: int,
) -> None:
    wanted = Wanted(
        marker=marker,
        end_marker=end_marker,
        prefix=prefix,
        delimiter=delimiter,
        path=path,
        reverse=reverse,
        limit=limit,
    )
    found = walk(fetcher(list(names)), wanted)
    expected = slow(sorted(names), wanted)
    assert told(found.items) == expected[:limit]
    assert found.more == (len(expected) > limit)


@given(names=st.sets(NAME, max_size=40), delimiter=st.sampled_from(["", "/"]), limit=st.integers(1, 5))
def test_pages_put_together_are_the_whole(names: set[str], delimiter: str, limit: int) -> None:
    whole = told(walk(fetcher(list(names)), Wanted(delimiter=delimiter, limit=100)).items)
    got: list[str] = []
    marker, more = "", True
    while more:
        page = walk(fetcher(list(names)), Wanted(delimiter=delimiter, limit=limit, marker=marker))
        got += told(page.items)
        more = page.more
        marker = page.items[-1].name if page.items else ""
    assert got == whole


@given(NAME, NAME)
def test_after_a_prefix(prefix: str, name: str) -> None:
    end = after(prefix)
    if end is not None:
        assert (prefix <= name < end) == name.startswith(prefix)
    elif name >= prefix:
        assert name.startswith(prefix)


def test_a_delimiter_does_not_read_what_lies_below() -> None:
    names = [f"dir{d:02}/{n:04}" for d in range(50) for n in range(400)]
    asked: list[int] = []
    found = walk(fetcher(names, asked), Wanted(delimiter="/"))
    assert len(found.items) == 50
    assert sum(asked) < 250


async def test_both_databases_sort_by_bytes(shelf: Shelf) -> None:
    room = await shelf.room()
    names = ["a", "B", "ä", "Z", "é", "\uffff", "\U0001f600", "a/b", "a0", "a b", "\x01", "日本", "a/", "A", "\ue000"]
    for name in names:
        await shelf.put(name)
    ordered = sorted(names, key=lambda name: name.encode())
    found = await shelf.db.read(listings.of_container, room, Wanted())
    assert told(found.items) == ordered
    back = await shelf.db.read(listings.of_container, room, Wanted(reverse=True, limit=5))
    assert told(back.items) == ordered[::-1][:5]
    for name in ("ü", "A", "a"):
        await shelf.room(name)
    rooms = await shelf.db.read(listings.of_account, ACCOUNT, Wanted())
    assert told(rooms.items) == ["A", "a", "c", "ü"]
    cut = await shelf.db.read(listings.of_container, room, Wanted(delimiter="/", prefix="a"))
    assert told(cut.items) == ["a", "a b", ">a/", "a0"]
