"""Object lock, below the faces: what new objects get, and what deleted accounts wait for."""

from __future__ import annotations

import pytest

from pileus.kernel.types import DAY, Conflict, Forbidden
from pileus.services.objectstore.core import accounts, containers, objects
from pileus.services.objectstore.core.containers import Change
from pileus.services.objectstore.core.inheritance import inherited
from pileus.services.objectstore.core.locks import ENABLED, HOLD, MODE, UNTIL
from pileus.services.objectstore.db import accounts as account_rows
from pileus.services.objectstore.db.columns import Details

LOCKED = {ENABLED: "on COMPLIANCE days 2"}


async def test_a_default_lock_is_on_whatever_is_put(shelf) -> None:  # type: ignore[no-untyped-def]
    await shelf.room(system=LOCKED, versioning="enabled")
    made = await shelf.put("k")
    assert made.kept.system[MODE] == "COMPLIANCE"
    assert int(made.kept.system[UNTIL]) >= made.stamp + 2 * DAY - 10
    own = await shelf.put("k", details=Details(system={MODE: "GOVERNANCE", UNTIL: "1"}))
    assert own.kept.system[MODE] == "GOVERNANCE"


async def test_a_locked_container_keeps_its_versions(shelf) -> None:  # type: ignore[no-untyped-def]
    row = await shelf.room(system=LOCKED, versioning="enabled")
    with pytest.raises(Conflict) as caught:
        await shelf.db.write(containers.update, shelf.near, shelf.ctx, row, Change(versioning="suspended"))
    assert caught.value.type == "BucketLocked"


async def test_one_locked_account_does_not_hold_up_the_others(shelf) -> None:  # type: ignore[no-untyped-def]
    locked = await shelf.room(account="AUTH_locked", system=LOCKED, versioning="enabled")
    made = await shelf.put("k", account="AUTH_locked")
    await shelf.room(account="AUTH_free")
    await shelf.put("k", account="AUTH_free")
    for name in ("AUTH_locked", "AUTH_free"):
        await shelf.db.write(accounts.delete, shelf.near, shelf.ctx, name)
    await shelf.endings.expire()
    left = await shelf.db.read(account_rows.deleted, 10)
    assert [row.name for row in left] == ["AUTH_locked"]
    with pytest.raises(Forbidden):
        await shelf.db.write(objects.delete_version, shelf.near, shelf.ctx, locked, "k", made.stamp, bypass=True)


def test_a_copy_has_neither_locks_nor_readers_of_its_source() -> None:
    system = {
        MODE: "COMPLIANCE",
        UNTIL: "9",
        HOLD: "ON",
        "grants": "READ=group:all",
        "tags": "a=b",
        "checksum-crc32": "x",
    }
    assert inherited(system) == {"tags": "a=b"}
