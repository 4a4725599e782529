"""The crash suite on the saga of images: copies to further stores."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from object_rows import broken
from pileus.drivers.blob.file import FileBlobs
from pileus.kernel.db import Database
from pileus.kernel.policy import Policy
from pileus.kernel.types import Ctx
from pileus.services.image.core import data, images, tasks
from pileus.services.image.core.inspection import Inspection
from pileus.services.image.core.limits import quotas
from pileus.services.image.core.neighbours import Neighbours
from pileus.services.image.core.object_blobs import ObjectBlobs
from pileus.services.image.core.rules import RULES
from pileus.services.image.core.settings import ImageSettings
from pileus.services.image.core.uploads import Uploads
from pileus.services.image.db import locations
from pileus.services.image.sagas.copy_image import copy_image
from pileus.services.objectstore.core.arrivals import Arrivals
from pileus.services.objectstore.core.neighbours import Neighbours as ObjectNeighbours
from pileus.services.objectstore.core.settings import ObjectSettings
from pileus.services.objectstore.internal import Internal
from sagas.engine import KEY, Arena, Scenario
from sagas.faults import Fault

BYTES = b"b" * 100_000
IMAGE = KEY
ADMIN = Ctx(user_id="u", project_id="p", roles=frozenset({"admin", "member", "reader"}))
STORED = Policy([])


async def world(db: Database, state: Path) -> Neighbours:
    files, bodies = FileBlobs(state / "images"), FileBlobs(state / "objects")
    await files.start()
    await bodies.start()
    near = ObjectNeighbours(ObjectSettings(), STORED, db, {"standard": bodies}, None, Arrivals())  # type: ignore[arg-type]
    offered = {"file": files, "swift": ObjectBlobs(Internal(near))}
    settings = ImageSettings()
    return Neighbours(settings, Policy(RULES), quotas(settings), db, offered, Uploads())


async def close(near: Neighbours) -> None:
    await near.stores["file"].close()


async def chunks() -> AsyncIterator[bytes]:
    yield BYTES


async def uploaded(db: Database, near: Neighbours) -> None:
    """An active image in `file`."""
    await made(db, near)
    intake = await db.write(data.begin_upload, near, ADMIN, IMAGE, len(BYTES))
    await filled(db, near, intake)


async def made(db: Database, near: Neighbours) -> None:
    want = {"id": IMAGE, "disk_format": "raw", "container_format": "bare"}
    await db.write(images.create, near, ADMIN, want)


async def filled(db: Database, near: Neighbours, intake: data.Intake) -> None:
    inspection = Inspection()
    inspection.see(BYTES)
    seen = await near.stores[intake.store].put(intake.blob_id, chunks(), data.HASHES)
    if intake.state == "saving":
        await db.write(data.finish_upload, near, ADMIN, intake, seen, inspection.finding())
    else:
        await db.write(data.finish_stage, near, intake, seen, inspection.finding())


async def ask_copy(db: Database, near: Neighbours) -> None:
    await uploaded(db, near)
    body = {"method": {"name": "copy-image"}, "stores": ["swift"]}
    await db.write(tasks.import_image, near, ADMIN, IMAGE, body)


async def ask_import(db: Database, near: Neighbours) -> None:
    await made(db, near)
    await filled(db, near, await db.write(data.begin_stage, near, ADMIN, IMAGE, len(BYTES)))
    body = {"method": {"name": "glance-direct"}, "stores": ["swift"]}
    await db.write(tasks.import_image, near, ADMIN, IMAGE, body)


async def assert_image(db: Database, near: Neighbours, status: str, where: list[str], task: str) -> None:
    found = await db.read(images.find, near, ADMIN, IMAGE)
    assert (found.row.status, found.stores) == (status, where)
    assert found.properties["os_glance_importing_to_stores"] == ""
    assert await db.read(locations.coming, IMAGE) == []
    (record,) = await db.read(tasks.of_image, near, ADMIN, IMAGE)
    assert record.status == task
    for store in where:
        stream = near.stores[store].open(found.row.blob_id)
        assert hashlib.md5(b"".join([c async for c in stream])).digest() == hashlib.md5(BYTES).digest()
    seen = {name: len(await store.observe()) for name, store in near.stores.items() if name == "swift"}
    assert seen == {"swift": int("swift" in where)}
    assert await db.read_aside(broken) == []


async def copied(db: Database, near: Neighbours) -> None:
    await assert_image(db, near, "active", ["file", "swift"], "success")


async def not_copied(db: Database, near: Neighbours) -> None:
    await assert_image(db, near, "active", ["file"], "failure")


async def imported(db: Database, near: Neighbours) -> None:
    await assert_image(db, near, "active", ["swift"], "success")


async def not_imported(db: Database, near: Neighbours) -> None:
    await assert_image(db, near, "queued", [], "failure")


COPY = Scenario(copy_image, world, ask_copy, copied, not_copied, close)
IMPORT = Scenario(copy_image, world, ask_import, imported, not_imported, close, name="image.copy from the stage")


@pytest.mark.parametrize("fault", COPY.faults, ids=str)
def test_copy_image(fault: Fault, arena: Arena) -> None:
    arena.play(COPY, fault)


@pytest.mark.parametrize("fault", IMPORT.faults, ids=str)
def test_import_image(fault: Fault, arena: Arena) -> None:
    arena.play(IMPORT, fault)
