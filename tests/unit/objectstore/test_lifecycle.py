"""Objects, versions and uploads that end by rules."""

import pytest

from pileus.kernel.types import DAY, clock
from pileus.services.objectstore.core import lifecycle, multipart, objects
from pileus.services.objectstore.core.lifecycle import Rule, due
from pileus.services.objectstore.core.listings import Wanted
from pileus.services.objectstore.core.version_listings import of_container
from pileus.services.objectstore.db.columns import Details
from pileus.services.objectstore.reconcilers.lifecycle import Lifecycle
from unit.objectstore.conftest import Shelf


def ago(days: float) -> int:
    return (clock() - int(days * DAY)) // 10 * 10


async def ruled(shelf: Shelf, *rules: Rule, **change: object) -> None:
    await shelf.room(system={lifecycle.KEPT: lifecycle.kept(rules)}, **change)


async def names(shelf: Shelf) -> list[tuple[str, str, bool]]:
    row = await shelf.room()
    found = await shelf.db.read(of_container, row, Wanted())
    return [(one.name, one.row.kind, one.latest) for one in found.items]


def test_days_are_counted_from_midnight() -> None:
    assert due(0, 1) == 2 * DAY
    assert due(DAY - 1, 1) == 2 * DAY
    assert due(DAY, 1) == 3 * DAY


async def test_objects_end_by_age_name_size_and_tag(shelf: Shelf) -> None:
    rule = Rule("r", True, prefix="logs/", days=3, larger=2, tags={"keep": "no"})
    await ruled(shelf, rule, Rule("off", False, days=1))
    tagged = Details(system={"tags": "keep=no&x=1"})
    await shelf.put("logs/old", stamp=ago(9), details=tagged)
    await shelf.put("logs/new", stamp=ago(1), details=tagged)
    await shelf.put("logs/kept", stamp=ago(9))
    await shelf.put("logs/small", b"1", stamp=ago(9), details=tagged)
    await shelf.put("other", stamp=ago(9), details=tagged)
    await Lifecycle(shelf.near).apply()
    assert [name for name, _, _ in await names(shelf)] == ["logs/kept", "logs/new", "logs/small", "other"]


@pytest.mark.parametrize("kept", [0, 1])
async def test_versions_end_when_they_have_long_been_others(shelf: Shelf, kept: int) -> None:
    await ruled(shelf, Rule("r", True, noncurrent_days=5, noncurrent_kept=kept), versioning="enabled")
    for days in (30, 20, 10, 1):
        await shelf.put("k", stamp=ago(days))
    await Lifecycle(shelf.near).apply()
    # Those of 30 and 20 days stopped being current 20 and 10 days ago; that of 10 only yesterday.
    assert len(await names(shelf)) == 2
    for days in range(300, 100, -1):
        await shelf.put("many", stamp=ago(days))
    await Lifecycle(shelf.near).apply()
    assert [name for name, _, _ in await names(shelf)].count("many") == 1 + kept


async def test_a_delete_marker_ends_when_nothing_is_under_it(shelf: Shelf) -> None:
    await ruled(shelf, Rule("r", True, days=1), Rule("m", True, markers=True), versioning="enabled")
    await shelf.put("k", stamp=ago(9))
    await Lifecycle(shelf.near).apply()
    assert await names(shelf) == [("k", "marker", True), ("k", "", False)]
    await ruled(shelf, Rule("m", True, markers=True, noncurrent_days=0), Rule("n", True, markers=True))
    await Lifecycle(shelf.near).apply()
    assert len(await names(shelf)) == 2
    version = (await shelf.db.read(of_container, await shelf.room(), Wanted())).items[1]
    room = await shelf.room()
    await shelf.db.write(objects.delete_version, shelf.near, shelf.ctx, room, "k", version.row.stamp)
    await Lifecycle(shelf.near).apply()
    assert await names(shelf) == []


async def test_uploads_end(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    row = await shelf.room()
    old = await shelf.db.write(multipart.begin, shelf.near, shelf.ctx, row, "k", "text/plain", Details())
    await ruled(shelf, Rule("r", True, upload_days=2))
    await Lifecycle(shelf.near).apply()
    assert await shelf.db.read(multipart.under_way, row) == [old]
    monkeypatch.setattr(lifecycle, "due", lambda since, days: since)
    await Lifecycle(shelf.near).apply()
    assert await shelf.db.read(multipart.under_way, row) == []
