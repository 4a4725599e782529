"""Copy an image's data to further stores, of which each takes them whole or not at all."""

from msgspec import Struct

from pileus.drivers.blob.protocol import BlobExists, BlobFull, BlobMissing
from pileus.kernel.db import Tx as Transaction
from pileus.kernel.saga import Abort, Run, Saga, Tx, World
from pileus.kernel.types import HOUR
from pileus.services.image.core import data
from pileus.services.image.core.limits import MIB
from pileus.services.image.core.neighbours import Neighbours
from pileus.services.image.core.stores import CopyImage
from pileus.services.image.db import images, locations, tasks


class Copied(Struct, frozen=True):
    size: int
    failed: tuple[str, ...] = ()


async def copy(near: Neighbours, run: Run, p: CopyImage) -> Copied:
    """What is there already was brought by an earlier attempt: `put` leaves nothing half done."""
    failed = []
    size = 0
    for store in p.stores:
        try:
            seen = await near.stores[store].put(p.blob_id, near.stores[p.source].open(p.blob_id), ("md5",))
        except BlobExists:
            continue
        except BlobMissing as error:
            raise Abort(f"the data are no longer in {p.source}") from error
        except BlobFull as error:
            if p.must_all or len(p.stores) == 1:
                raise Abort(f"no space in {store}") from error
            failed.append(store)
            continue
        if seen.hashes["md5"] != p.checksum:
            raise Abort(f"the data in {p.source} are not what they were: their MD5 is {seen.hashes['md5']}")
        size = seen.size
    return Copied(size, tuple(failed))


async def remove(near: Neighbours, run: Run, p: CopyImage) -> None:
    await near.remove(p.blob_id, *p.stores)


def finish(tx: Transaction, near: Neighbours, run: Run, p: CopyImage) -> None:
    row = images.find(tx, p.image_id)
    if row is None or row.blob_id != p.blob_id:
        raise Abort("the image is gone")
    copied: Copied = run.output("copy", Copied)
    for store in p.stores:
        if store in copied.failed:
            locations.remove(tx, row.id, store)
        else:
            locations.arrived(tx, row.id, store)
    if p.moves:  # what lies in the stage is garbage from here on, and swept
        data.activate(tx, near, run.ctx, row)
    data.note_import(tx, row.id, [], failed=copied.failed)
    size = row.size or copied.size
    tasks.change(tx, p.task_id, status="success", message=f"Copied {size // MIB} MiB", result={"image_id": p.image_id})


def failed(tx: Transaction, near: Neighbours, run: Run, p: CopyImage, reason: str) -> None:
    tasks.change(tx, p.task_id, status="failure", message=reason)
    row = images.find(tx, p.image_id)
    if row is None or row.blob_id != p.blob_id:
        return
    for store in p.stores:
        locations.remove(tx, row.id, store)
    data.note_import(tx, row.id, [], failed=p.stores)
    if p.moves:
        images.change(tx, row.id, **data.BLANK, updated_at=tx.now)


copy_image: Saga[Neighbours, CopyImage] = Saga(
    "image.copy",
    CopyImage,
    [World("copy", copy, undo=remove), Tx("finish", finish)],
    failed=failed,
    deadline=HOUR,
)
