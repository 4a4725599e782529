"""The scrubber: finds rot and loss, puts aside, tells, and leaves what is sound alone."""

from pathlib import Path

import pytest
from sqlalchemy import text

from pileus.kernel.db import Tx
from pileus.kernel.types import Unavailable
from pileus.services.objectstore.core import objects
from pileus.services.objectstore.db import bodies, findings
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


async def test_its_rate_is_bounded(shelf: Shelf) -> None:
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
