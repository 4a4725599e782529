"""Objects, versions and uploads that end by rules."""

from collections.abc import Sequence

import pytest
from sqlalchemy import text

from pileus.kernel.db import Tx
from pileus.kernel.types import DAY, clock
from pileus.services.objectstore.core import accounts, containers, ending, intake, lifecycle, multipart, objects
from pileus.services.objectstore.core.intake import Body
from pileus.services.objectstore.core.lifecycle import Due, Rule, due
from pileus.services.objectstore.core.listings import Wanted
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.core.version_listings import of_container
from pileus.services.objectstore.db.columns import Details
from pileus.services.objectstore.db.uploads import UploadRow
from pileus.services.objectstore.reconcilers.lifecycle import Lifecycle
from unit.objectstore.conftest import ACCOUNT, Shelf, chunked


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


# --- at scale, and while others write ---------------------------------------------------------------------------------------


async def test_what_changes_meanwhile_is_left_alone(shelf: Shelf) -> None:
    """Between looking and ending an owner may write, tag, restore, delete, or think better of a rule."""
    room = await shelf.room(versioning="enabled")
    rule = Rule("r", True, days=3, noncurrent_days=3, tags={"keep": "no"})
    await ruled(shelf, rule)
    tagged = Details(system={"tags": "keep=no"})
    for name in ("over", "tagged", "gone", "fine"):
        await shelf.put(name, stamp=ago(9), details=tagged)
    older = [await shelf.put("back", stamp=ago(days), details=tagged) for days in (30, 20)]
    await shelf.put("back", stamp=ago(1))
    seen = await shelf.db.read(lifecycle.look, room.id, lifecycle.Place())
    assert [one.name for one in seen.due] == ["back", "fine", "gone", "over", "tagged"]
    new = await shelf.put("over")
    row = await shelf.db.read(objects.find_version, room, "tagged", None)
    assert row is not None
    await shelf.db.write(objects.save, row, details=Details(system={"tags": "keep=yes"}))
    await shelf.db.write(objects.delete_version, shelf.near, shelf.ctx, room, "gone", (await stamp(shelf, "gone")))
    await shelf.db.write(objects.restore, shelf.near, shelf.ctx, room, "back", older[0].stamp)
    await shelf.db.write(lifecycle.carry_out, shelf.near, room.id, seen.rules, seen.due)
    left = await names(shelf)
    assert ("over", "", True) in left
    assert (await stamp(shelf, "over"), ("tagged", "", True) in left) == (new.stamp, True)
    assert [one for one in left if one[0] == "back"] == [("back", "", False), ("back", "", False), ("back", "", True)]
    assert [one for one in left if one[0] == "fine"] == [("fine", "marker", True), ("fine", "", False)]
    seen = await shelf.db.read(lifecycle.look, room.id, lifecycle.Place())
    await ruled(shelf, rule, Rule("other", True, days=30))
    await shelf.db.write(lifecycle.carry_out, shelf.near, room.id, seen.rules, seen.due)
    assert await names(shelf) == left, "the rules are others by now"


async def stamp(shelf: Shelf, name: str) -> int:
    row = await shelf.db.read(objects.find_version, await shelf.room(), name, None)
    return row.stamp if row is not None else 0


async def test_steps_are_bounded(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "SLICE", 10)
    monkeypatch.setattr("pileus.services.objectstore.reconcilers.lifecycle.AT_ONCE", 4)
    monkeypatch.setattr(multipart, "SLICE", 3)
    await ruled(shelf, Rule("r", True, days=3, upload_days=3))
    for n in range(25):
        await shelf.put(f"o{n:02}", stamp=ago(9 if n % 3 else 1))
    ended: list[int] = []
    carry_out = lifecycle.carry_out

    def counted(tx: Tx, near: Neighbours, container_id: int, rules: str, due: Sequence[Due]) -> None:
        ended.append(len(due))
        carry_out(tx, near, container_id, rules, due)

    monkeypatch.setattr(lifecycle, "carry_out", counted)
    await Lifecycle(shelf.near).apply()
    assert [name for name, _, _ in await names(shelf)] == [f"o{n:02}" for n in range(0, 25, 3)]
    assert (max(ended), sum(ended)) == (4, 16)
    ended.clear()
    await Lifecycle(shelf.near).apply()
    assert ended == [], "where nothing has had its time nothing is written"


async def test_new_uploads_hide_no_old_ones(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "SLICE", 3)
    monkeypatch.setattr(multipart, "SLICE", 2)
    await ruled(shelf, Rule("r", True, upload_days=3), Rule("p", True, prefix="z", upload_days=1))
    room = await shelf.room()
    for n in range(9):
        upload = await shelf.db.write(multipart.begin, shelf.near, shelf.ctx, room, f"k{n}", "x/y", Details())
    for number in range(1, 6):

        def put(tx: Tx, body: Body, number: int = number) -> object:
            return multipart.put_part(tx, shelf.near, room, upload.name, upload.id, number, body)

        await intake.store(shelf.near, "standard", chunked(b"part" * 100), put)

    def age(tx: Tx) -> None:
        tx.execute(text("UPDATE objectstore_uploads SET created_at = 1 WHERE name = 'k8'"))

    await shelf.db.write(age)
    await Lifecycle(shelf.near).apply()
    assert [one.name for one in await shelf.db.read(multipart.under_way, room)] == [f"k{n}" for n in range(8)]
    for one in await shelf.db.read(multipart.under_way, room):
        await shelf.db.write(multipart.drop, room, one)


async def test_expiry_takes_bounded_steps_and_nothing_newer(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many expire at once; meanwhile one is written anew, one given longer to live, a container emptied and deleted."""
    monkeypatch.setattr(ending, "SLICE", 4)
    await shelf.room()
    other = await shelf.room("other")
    past = clock() - DAY
    for n in range(10):
        await shelf.put(f"o{n}", delete_at=past + n)
    await shelf.put("x", room="other", delete_at=past)
    steps = 0

    async def step() -> bool:
        nonlocal steps
        steps += 1
        return await shelf.db.write(ending.expire, shelf.near)

    assert await step()
    left = sorted(name for name, _, _ in await names(shelf))
    assert len(left) == 7, "no more than a slice at once"
    new = left[-1]
    await shelf.put(new, b"new")
    kept = left[-2]
    await shelf.put(kept, delete_at=clock() + DAY)
    await shelf.db.write(objects.delete, shelf.near, shelf.ctx, other, "x")
    await shelf.db.write(containers.delete, shelf.near, shelf.ctx, other)
    while await step():
        pass
    assert sorted(name for name, _, _ in await names(shelf)) == sorted([new, kept])
    assert await shelf.get(new) == b"new"
    assert steps <= 4
    row = await shelf.db.read(objects.find_version, await shelf.room(), kept, None)
    assert row is not None
    assert row.delete_at > clock()


@pytest.mark.parametrize("days", [0, 7])
async def test_a_container_goes_whatever_is_under_way_in_it(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    """At once, with what it counted; parts follow in slices, also where uploads are never dropped for their age."""
    monkeypatch.setattr(multipart, "SLICE", 2)
    near = shelf.with_settings(upload_days=days).near
    room = await shelf.room()
    other = await shelf.room("other")
    kept = await shelf.db.write(multipart.begin, near, shelf.ctx, other, "k", "x/y", Details())
    for n in range(3):
        upload = await shelf.db.write(multipart.begin, near, shelf.ctx, room, f"k{n}", "x/y", Details())
        for number in range(1, 6):

            def put(tx: Tx, body: Body, upload: UploadRow = upload, number: int = number) -> object:
                return multipart.put_part(tx, near, room, upload.name, upload.id, number, body)

            await intake.store(near, "standard", chunked(b"part" * 100), put)
    await shelf.db.write(containers.delete, near, shelf.ctx, room)
    account = await shelf.db.read(accounts.find, ACCOUNT)
    assert (account.bytes, account.containers) == (0, 1)
    steps = 0
    while await shelf.db.write(ending.drop_old_uploads, near):
        steps += 1
    assert steps == 9
    assert await shelf.db.read(multipart.under_way, other) == [kept]
    await shelf.db.write(multipart.drop, other, kept)
