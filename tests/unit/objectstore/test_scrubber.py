"""The scrubber: finds rot and loss, puts aside, tells, and leaves what is sound alone."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import text

from pileus.kernel.db import Tx
from pileus.kernel.types import Unavailable
from pileus.services.objectstore.core import objects
from pileus.services.objectstore.db import bodies, findings, scrubs
from pileus.services.objectstore.reconcilers import inline_scrubber, scrubber
from pileus.services.objectstore.reconcilers.inline_scrubber import ENDED, InlineScrubber
from pileus.services.objectstore.reconcilers.scrubber import Scrubber

from .conftest import Shelf


def overdue(tx: Tx) -> None:
    tx.execute(text("UPDATE objectstore_bodies SET checked_at = 1"))


async def blob_of(shelf: Shelf, name: str) -> str:
    room = await shelf.room()

    def find(tx: Tx) -> str:
        row = objects.find_version(tx, room, name, None)
        body = bodies.get(tx, row.body_id) if row else None
        return body.blob if body else ""

    return await shelf.db.read(find)


async def test_sound_bodies_are_marked_as_read(shelf: Shelf) -> None:
    await shelf.room()
    await shelf.put("a", b"x" * 5000)
    await shelf.db.write(overdue)
    await Scrubber(shelf.near).scrub()
    assert await shelf.db.read(findings.every) == []
    assert await shelf.db.read(bodies.unchecked, "standard", 100, 10) == []
    assert await shelf.get("a") == b"x" * 5000


@pytest.mark.parametrize("harm", ["rot", "short", "lost"])
async def test_bad_bodies_are_put_aside_and_told(shelf: Shelf, harm: str) -> None:
    await shelf.room()
    await shelf.put("a", b"x" * 5000)
    await shelf.put("b", b"y" * 5000)
    blob = await blob_of(shelf, "a")
    path = Path(shelf.stores["standard"].path(blob))  # type: ignore[attr-defined]
    if harm == "lost":
        path.unlink()
    else:
        path.write_bytes(b"x" * 4999 + (b"y" if harm == "rot" else b""))
    await shelf.db.write(overdue)
    await Scrubber(shelf.near).scrub()
    (found,) = await shelf.db.read(findings.every)
    assert (found.blob, found.objects) == (blob, "AUTH_p/c/a")
    told = {"rot": "MD5", "short": "4999 bytes instead of 5000", "lost": "not there"}
    assert told[harm] in found.problem
    with pytest.raises(Unavailable):
        await shelf.get("a")
    assert await shelf.get("b") == b"y" * 5000
    room = await shelf.room()
    await shelf.db.write(objects.delete, shelf.near, shelf.ctx, room, "a")
    await shelf.tidy()
    await Scrubber(shelf.near).scrub()
    assert await shelf.db.read(findings.every) == []
    assert not path.parent.parent.parent.joinpath("quarantine", blob).exists()


async def test_its_rate_is_bounded(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrubber, "time", SimpleNamespace(monotonic=lambda: 1000.0))  # reading takes none
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    await shelf.room()
    await shelf.put("a", b"x" * (4 << 20))
    await shelf.db.write(overdue)
    await Scrubber(shelf.with_settings(scrub_mib=2).near, sleep).scrub()
    assert max(waited) > 1.5
    await shelf.db.write(overdue)
    await Scrubber(shelf.with_settings(scrub_mib=0).near, sleep).scrub()
    assert len(await shelf.db.read(bodies.unchecked, "standard", 100, 10)) == 1


# --- bodies in the database -----------------------------------------------------------------------------------------------


async def rot(shelf: Shelf, good: bytes, bad: bytes) -> None:
    def change(tx: Tx) -> None:
        found = [row.id for row in scrubs.some(tx, 0, 10_000) if row.data == good]
        tx.execute(text("UPDATE objectstore_bodies SET data = :bad WHERE id = :id"), {"bad": bad, "id": found[0]})

    await shelf.db.write(change)


async def count(shelf: Shelf, table: str) -> int:
    return int(await shelf.db.read(lambda tx: tx.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()))


@pytest.mark.parametrize("bad", [b"bbbX", b"bbb", b""])
async def test_bad_bytes_in_the_database_are_put_aside_and_told(shelf: Shelf, bad: bytes) -> None:
    room = await shelf.room()
    await shelf.put("a", b"aaaa")
    await shelf.put("b", b"bbbb")
    await shelf.put("long", b"x" * 5000)
    await shelf.put("empty", b"")
    await rot(shelf, b"bbbb", bad)
    await InlineScrubber(shelf.near).scrub()
    (found,) = await shelf.db.read(findings.every)
    assert (found.place, found.blob, found.objects) == ("", "", "AUTH_p/c/b")
    assert ("MD5" if len(bad) == 4 else f"{len(bad)} bytes instead of 4") in found.problem
    assert await count(shelf, "objectstore_quarantine") == 1
    with pytest.raises(Unavailable):
        await shelf.get("b")
    assert (await shelf.get("a"), await shelf.get("long"), await shelf.get("empty")) == (b"aaaa", b"x" * 5000, b"")
    await Scrubber(shelf.near).scrub()
    assert len(await shelf.db.read(findings.every)) == 1, "the other scrubber leaves it alone"
    await shelf.put("b", b"bbbb")
    assert await shelf.get("b") == b"bbbb"
    await shelf.tidy()
    await Scrubber(shelf.near).scrub()
    await InlineScrubber(shelf.near).scrub()
    assert await shelf.db.read(findings.every) == []
    assert await count(shelf, "objectstore_quarantine") == 0
    assert room.name == "c"


async def test_a_turn_is_bounded_and_the_next_one_goes_on(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    await shelf.room()
    wide = shelf.with_settings(inline_bytes=1 << 20)
    for n in range(12):
        await wide.put(f"o{n:02}", bytes([65 + n]) * (1 << 19))
    monkeypatch.setattr(inline_scrubber, "time", SimpleNamespace(monotonic=lambda: 1000.0))
    monkeypatch.setattr(inline_scrubber, "SLICE", 2)
    monkeypatch.setattr(inline_scrubber, "TURN", 2)
    near = shelf.with_settings(scrub_mib=1).near
    seen = []
    for _ in range(7):
        await InlineScrubber(near, sleep).scrub()
        seen.append((await shelf.db.read(scrubs.standing)).after)
    ids = [row.id for row in await shelf.db.read(scrubs.some, 0, 100)]
    assert seen == [ids[3], ids[7], ids[11], ENDED, ENDED, ENDED, ENDED]
    assert max(waited) > 1.5
    await rot(shelf, b"B" * (1 << 19), b"C")
    await InlineScrubber(near, sleep).scrub()
    assert await shelf.db.read(findings.every) == [], "not before its round"
    await shelf.db.write(scrubs.note, scrubs.Round(ENDED, 1))
    await InlineScrubber(near, sleep).scrub()
    assert [one.objects for one in await shelf.db.read(findings.every)] == ["AUTH_p/c/o01"]
    await InlineScrubber(shelf.with_settings(scrub_mib=0).near, sleep).scrub()
