"""Listings of versions and uploads, either way: what they tell, and that a page is a page's work however much there is."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from pileus.kernel.db import Tx
from pileus.services.objectstore.core import listings, multipart, objects, version_listings
from pileus.services.objectstore.core.listings import Subdir, Wanted
from pileus.services.objectstore.core.version_listings import Version
from pileus.services.objectstore.db import objects as object_rows
from pileus.services.objectstore.db import uploads, versions
from pileus.services.objectstore.db.columns import Details
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.uploads import UploadRow

from .conftest import Shelf

Told = tuple[str, int, bool] | str


def told(one: Version | Subdir) -> Told:
    return one.name if isinstance(one, Subdir) else (one.name, one.row.stamp, one.latest)


async def filled(shelf: Shelf, rng: random.Random) -> ContainerRow:
    """Every shape of a history: markers first, last and alone, restored ones older than what is above them."""
    room = await shelf.room(versioning="enabled")
    names = ["a", "a/", "a/b", "a/c", "a/c/d", "b", "b/a", "c", "é", "z/\U0001f600"]
    for _ in range(60):
        name = rng.choice(names)
        match rng.randrange(4):
            case 0:
                await shelf.db.write(objects.delete, shelf.near, shelf.ctx, room, name)
            case 1:
                found = [
                    one.row for one in await everything(shelf, room) if one.name == name and one.row.kind != "marker"
                ]
                if found:
                    older = rng.choice(found)
                    await shelf.db.write(objects.restore, shelf.near, shelf.ctx, room, name, older.stamp)
            case _:
                await shelf.put(name, b"x")
    return room


async def everything(shelf: Shelf, room: ContainerRow) -> list[Version]:
    """By both tables, sorted and judged without any walking."""

    def read(tx: Tx) -> list[Version]:
        current = tx.execute(
            text("SELECT name, stamp FROM objectstore_objects WHERE container_id = :id"), {"id": room.id}
        ).all()
        older = tx.execute(
            text("SELECT name, -rank FROM objectstore_versions WHERE container_id = :id"), {"id": room.id}
        ).all()
        alive = {name for name, _ in current}
        newest = {name: max(stamp for other, stamp in older if other == name) for name, _ in older}
        found = []
        for name, stamp in [*current, *older]:
            row = objects.find_version(tx, room, name, stamp)
            assert row is not None
            marks = row.kind == "marker" and name not in alive and newest[name] == stamp
            found.append(Version(row, (name, stamp) in [tuple(one) for one in current] or marks))  # type: ignore[arg-type]
        return sorted(found, key=lambda one: (one.name, -one.row.stamp))

    return await shelf.db.read(read)


def expected(every: list[Version], wanted: Wanted, version_marker: int | None) -> list[Told]:
    found: list[Told] = []
    down = wanted.reverse
    for one in reversed(every) if down else every:
        name, place = one.name, (one.name, -one.row.stamp)
        if not name.startswith(wanted.prefix):
            continue
        if version_marker is not None:
            if (place >= (wanted.marker, -version_marker)) if down else (place <= (wanted.marker, -version_marker)):
                continue
        elif wanted.marker and ((name >= wanted.marker) if down else (name <= wanted.marker)):
            continue
        if wanted.end_marker and ((name <= wanted.end_marker) if down else (name >= wanted.end_marker)):
            continue
        at = name.find(wanted.delimiter, len(wanted.prefix)) if wanted.delimiter else -1
        folder = name[: at + 1] if at >= 0 else ""
        low = wanted.end_marker if down else wanted.marker
        if not folder:
            found.append(told(one))
        elif folder not in found and folder != low:
            found.append(folder)
    return found


@pytest.mark.parametrize("seed", range(4))
async def test_versions_are_told_either_way(shelf: Shelf, seed: int) -> None:
    rng = random.Random(seed)
    room = await filled(shelf, rng)
    every = await everything(shelf, room)
    marks = ["", *(one.name for one in every), "a/", "0", "zz"]
    for _ in range(150):
        marker = rng.choice(marks)
        stamps = [one.row.stamp for one in every if one.name == marker]
        version_marker = rng.choice([None, *stamps])
        wanted = Wanted(
            marker=marker, end_marker=rng.choice(["", "", rng.choice(marks)]), prefix=rng.choice(["", "", "a", "a/", "b/"]),
            delimiter=rng.choice(["", "/"]), reverse=rng.choice([True, False]), limit=rng.choice([1, 2, 5, 1000]),
        )  # fmt: skip
        page = await shelf.db.read(version_listings.of_container, room, wanted, version_marker=version_marker)
        whole = expected(every, wanted, version_marker)
        assert [told(one) for one in page.items] == whole[: wanted.limit], (wanted, version_marker)
        assert page.more == (len(whole) > wanted.limit)


def upload(tx: Tx, room: ContainerRow, name: str, number: int) -> None:
    uploads.add(tx, UploadRow(f"{number:032x}", room.id, name, "u", "x/y", tx.now, Details()))


async def test_uploads_page_by_page_are_the_whole(shelf: Shelf) -> None:
    room = await shelf.room()
    rng = random.Random(1)
    names = ["a", "a/b", "a/b/c", "ab", "b/", "b/x", "c"]

    def begin(tx: Tx) -> None:
        for number in range(60):
            upload(tx, room, rng.choice(names), number)

    await shelf.db.write(begin)
    for prefix, delimiter in (("", ""), ("", "/"), ("a", "/"), ("a/", "/"), ("b/", "")):
        wanted = Wanted(prefix=prefix, delimiter=delimiter)
        whole = (await shelf.db.read(multipart.listed, room, wanted)).items
        for limit in (1, 2, 7):
            pages: list[Any] = []
            marker, upload_id, more = "", "", True
            while more:
                wanted = Wanted(prefix=prefix, delimiter=delimiter, marker=marker, limit=limit)
                page = await shelf.db.read(multipart.listed, room, wanted, upload_id)
                pages += page.items
                more = page.more
                marker, upload_id = pages[-1].name, "" if isinstance(pages[-1], Subdir) else pages[-1].id
            assert pages == list(whole), (prefix, delimiter, limit)

    def end(tx: Tx) -> None:
        for one in multipart.under_way(tx, room):
            multipart.drop(tx, room, one)

    await shelf.db.write(end)


# --- how much is read -----------------------------------------------------------------------------------------------------

MANY = 2000
"""A page has ten names: what it reads must not follow this number."""


async def crowded(shelf: Shelf) -> ContainerRow:
    """One name with many versions, a folder each with many of them, and many uploads of one name."""
    room = await shelf.room(versioning="enabled")
    columns = "versioned, kind, size, weight, etag, inner_etag, content_type, body_id, modified_at, delete_at"
    values = "true, '', 0, 0, 'x', '', 'x/y', 0, 1, 0"
    kept = [(name, -n - 1) for n in range(MANY) for name in ("m/one", f"n{n:05}/one", f"o/{n:05}")]
    rows = ", ".join(f"({room.id}, '{name}', {rank}, {values})" for name, rank in kept)
    begun = [(name, n) for n in range(MANY) for name in ("m/one", f"n{n:05}/one")]
    ids = ", ".join(f"('{at:032x}', {room.id}, '{name}', 'u', 'x/y', 1)" for at, (name, _) in enumerate(begun))
    of_upload = "id, container_id, name, owner, content_type, created_at"

    def fill(tx: Tx) -> None:
        tx.execute(text(f"INSERT INTO objectstore_versions (container_id, name, rank, {columns}) VALUES {rows}"))
        tx.execute(text(f"INSERT INTO objectstore_uploads ({of_upload}) VALUES {ids}"))

    await shelf.db.write(fill)
    return room


async def emptied(shelf: Shelf, room: ContainerRow) -> None:
    def empty(tx: Tx) -> None:
        tx.execute(text("DELETE FROM objectstore_versions"))
        tx.execute(text("DELETE FROM objectstore_uploads"))

    await shelf.db.write(empty)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rows of every stretch that listings fetch."""
    asked: list[int] = []
    for where, name in (
        (object_rows, "between"), (versions, "ahead"), (versions, "back"), (uploads, "of_container"),
    ):  # fmt: skip
        asks: Callable[..., list[Any]] = getattr(where, name)

        def count(*args: Any, _asks: Callable[..., list[Any]] = asks) -> list[Any]:
            found = _asks(*args)
            asked.append(len(found))
            return found

        monkeypatch.setattr(where, name, count)
    return asked


async def test_a_page_is_a_pages_work(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    room = await crowded(shelf)
    asked = counted(monkeypatch)
    for reverse in (False, True):
        for words in (
            {}, {"delimiter": "/"}, {"prefix": "m/"}, {"prefix": "m", "delimiter": "/"}, {"prefix": "n"},
            {"prefix": "n", "delimiter": "/"}, {"marker": "m/one"}, {"marker": "n00500/one", "delimiter": "/"},
            {"prefix": "o/", "delimiter": "/"}, {"prefix": "none"},
        ):  # fmt: skip
            wanted = Wanted(**words, limit=10, reverse=reverse)  # type: ignore[arg-type]
            asked.clear()
            await shelf.db.read(version_listings.of_container, room, wanted)
            assert (len(asked) <= 12, sum(asked) <= 250) == (True, True), (wanted, asked)
            asked.clear()
            middle = Wanted(**{**words, "marker": "m/one"}, limit=10, reverse=reverse)  # type: ignore[arg-type]
            await shelf.db.read(version_listings.of_container, room, middle, version_marker=MANY // 2)
            assert (len(asked) <= 12, sum(asked) <= 250) == (True, True), (middle, asked)
            if not reverse:
                asked.clear()
                await shelf.db.read(multipart.listed, room, wanted)
                await shelf.db.read(multipart.listed, room, middle, f"{MANY:032x}")
                assert (len(asked) <= 12, sum(asked) <= 250) == (True, True), (wanted, asked)
    await emptied(shelf, room)


async def test_folders_of_one_name_each_are_read_together(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    room = await crowded(shelf)
    asked = counted(monkeypatch)
    wanted = Wanted(prefix="n", delimiter="/", limit=1500)
    await shelf.db.read(version_listings.of_container, room, wanted)
    assert len(asked) <= 12
    asked.clear()
    await shelf.db.read(multipart.listed, room, wanted)
    assert len(asked) <= 8
    names = [object_rows.ItemRow(f"{n:05}/x", 1, False, "", 0, "", "", "", 1) for n in range(50_000)]
    steps: list[int] = []

    def fetch(span: listings.Span, limit: int) -> list[object_rows.ItemRow]:
        start = int(span.low[:5] or 0) + (not span.inclusive and bool(span.low)) if span.low else 0
        steps.append(limit)
        return names[start : start + limit]

    page = listings.walk(fetch, Wanted(path="", limit=10))
    assert (page.items, len(steps) < 40) == ([], True), "names that `path` does not tell are not asked for one by one"
    await emptied(shelf, room)


async def test_searches_go_along_an_index(shelf: Shelf) -> None:
    """What SQLite plans for the statements behind pages and null versions: nothing is sorted, nothing read from the start."""
    if shelf.db.multi_process:
        return
    room = await crowded(shelf)

    def steps(tx: Tx, ask: Callable[[Tx], object]) -> int:
        raw = tx._driver  # type: ignore[attr-defined]
        counted = 0

        def tick() -> int:
            nonlocal counted
            counted += 1
            return 0

        raw.set_progress_handler(tick, 10)
        try:
            ask(tx)
        finally:
            raw.set_progress_handler(None, 0)
        return counted * 10

    asks: list[Callable[[Tx], object]] = [
        lambda tx: versions.ahead(tx, room.id, "z", ("m/one", -MANY // 2), 10),
        lambda tx: versions.ahead(tx, room.id, "m0", ("m/", -(2**63)), 10),
        lambda tx: versions.ahead(tx, room.id, "none0", ("none", -(2**63)), 10),
        lambda tx: versions.back(tx, room.id, "m/", ("m/one", -MANY // 2), 10),
        lambda tx: versions.back(tx, room.id, "none", ("none0", -(2**63)), 10),
        lambda tx: versions.find_null(tx, room.id, "m/one"),
        lambda tx: uploads.of_container(tx, room.id, "z", ("m/one", f"{MANY:032x}"), 10),
        lambda tx: uploads.of_container(tx, room.id, "none0", ("none", ""), 10),
    ]
    for index, ask in enumerate(asks):
        assert await shelf.db.read(steps, ask) < 1000, index
    await emptied(shelf, room)
