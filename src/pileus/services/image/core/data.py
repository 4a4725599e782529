"""The data of images: who may bring or fetch them, and what state that leaves the image in.

Bringing data takes two decisions with the bytes between them. The first names the fresh blob in the row, so that a
blob is garbage exactly when no row names it; the second asks whether the row still does.
"""

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from pileus.drivers.blob.protocol import BlobSeen
from pileus.kernel import events
from pileus.kernel.db import Tx
from pileus.kernel.types import Conflict, Ctx, Forbidden, Gone, Invalid, cloud, new_id
from pileus.services.image.core import limits
from pileus.services.image.core.access import is_admin, no_image, permit
from pileus.services.image.core.images import Image, find, whole
from pileus.services.image.core.inspection import Finding, judge, kept
from pileus.services.image.core.neighbours import Neighbours
from pileus.services.image.db import details, images, locations
from pileus.services.image.db.images import ImageRow

HASHES = ("md5", "sha512")
EMPTY: Mapping[str, object] = {"blob_id": "", "writer": "", "touched_at": 0, "finding": None}
BLANK: Mapping[str, object] = {
    **EMPTY,
    "status": "queued",
    "size": None,
    "virtual_size": None,
    "checksum": None,
    "os_hash_algo": None,
    "os_hash_value": None,
}
"""An image that waits for its data."""


class Intake(Struct, frozen=True):
    """Leave to bring data."""

    image_id: str
    blob_id: str
    """Fresh; the row names it already."""
    room: int
    """Bytes that may come at most."""
    store: str
    state: str
    """`saving` for an upload, `uploading` for the stage."""


class Source(Struct, frozen=True):
    """Leave to fetch data. `blob_id` is empty when there are none yet."""

    blob_id: str
    size: int
    checksum: str
    store: str = ""
    """Where to fetch them."""


def begin_upload(tx: Tx, near: Neighbours, ctx: Ctx, image_id: str, size: int | None, store: str = "") -> Intake:
    """`queued` becomes `saving`. `store`: the default one when empty. Raises `NotFound`, `Forbidden`, `Conflict`, `Invalid`, `TooLarge`."""
    limits.check_project(tx, near, ctx.project_id, limits.SIZE, (size or 0) // limits.MIB)
    row = find(tx, near, ctx, image_id, "upload_image").row
    missing = [name for name in ("disk_format", "container_format") if not getattr(row, name)]
    if row.status == "queued" and missing:
        word = "Property" if len(missing) == 1 else "Properties"
        raise Invalid(f"{word} {', '.join(missing)} must be set prior to saving data.")
    return _begin(tx, near, row, "saving", limits.SIZE, store or near.store)


def begin_stage(tx: Tx, near: Neighbours, ctx: Ctx, image_id: str, size: int | None, store: str = "") -> Intake:
    """`queued` becomes `uploading`. Staged data lie in the default store, whatever `store` says of the import."""
    limits.check_project(tx, near, ctx.project_id, limits.STAGED, (size or 0) // limits.MIB)
    row = find(tx, near, ctx, image_id, "modify_image").row
    return _begin(tx, near, row, "uploading", limits.STAGED, near.store)


def _begin(tx: Tx, near: Neighbours, row: ImageRow, state: str, quota: str, store: str) -> Intake:
    if row.status != "queued":
        raise Conflict(f"Image status transition from {row.status} to {state} is not allowed")
    limits.check_project(tx, near, row.owner, limits.FILLING, 1)
    blob_id = new_id()
    images.change(
        tx,
        row.id,
        status=state,
        blob_id=blob_id,
        writer=near.uploads.writer,
        touched_at=tx.now,
        updated_at=tx.now,
    )
    return Intake(row.id, blob_id, limits.room(tx, near, row.owner, quota), store, state)


def finish_upload(tx: Tx, near: Neighbours, ctx: Ctx, intake: Intake, seen: BlobSeen, finding: Finding) -> None:
    """`saving` becomes `active`. Raises `Unsupported` for data that are not what they are said to be, `Gone`."""
    row = _still(tx, intake)
    virtual_size = _judged(near, row, finding)
    limits.check_room(tx, near, row.owner, limits.SIZE, seen.size)
    locations.add(tx, row.id, intake.store)
    _activate(tx, ctx, row, seen.size, virtual_size, seen.hashes)


def finish_stage(tx: Tx, near: Neighbours, intake: Intake, seen: BlobSeen, finding: Finding) -> None:
    """The image stays `uploading`, with its data, until the import. Whether they will do is the import's to say."""
    row = _still(tx, intake)
    limits.check_room(tx, near, row.owner, limits.STAGED, seen.size)
    found = {**kept(finding), "hashes": dict(seen.hashes)}
    images.change(tx, intake.image_id, size=seen.size, finding=found, writer="", touched_at=0, updated_at=tx.now)


def give_up(tx: Tx, intake: Intake) -> None:
    """The bytes did not come: `queued` again, as if nothing had been. The blob is garbage."""
    images.move(tx, intake.image_id, intake.state, intake.blob_id, **BLANK, updated_at=tx.now)


def fetch(tx: Tx, near: Neighbours, ctx: Ctx, image_id: str, preferred: Sequence[str] = ()) -> Source:
    """From the first of the preferred stores that has them, else from the first that has. Raises `NotFound`, `Forbidden`."""
    image = find(tx, near, ctx, image_id)
    if image.row.status == "deactivated" and not is_admin(near, ctx):
        raise Forbidden("The requested image has been deactivated. Image data download is forbidden.")
    permit(near, ctx, "download_image", image.row, image.member)
    return source(image, preferred)


def source(image: Image, preferred: Sequence[str] = ()) -> Source:
    row = image.row
    if row.status not in {"active", "deactivated"} or not image.stores:
        return Source("", 0, "")
    store = next((one for one in preferred if one in image.stores), image.stores[0])
    return Source(row.blob_id, row.size or 0, row.checksum or "", store)


def source_of(tx: Tx, near: Neighbours, image_id: str) -> Source:
    """Without a caller: for neighbours who have asked `find` before. Raises `NotFound` when there are no data."""
    row = images.find(tx, image_id)
    found = source(whole(tx, near, row)) if row is not None else None
    if found is None or not found.blob_id:
        raise no_image(image_id)
    return found


def import_staged(tx: Tx, near: Neighbours, ctx: Ctx, image: Image, stores: Sequence[str]) -> str:
    """Staged data become the image's: at once where they lie, when they are to stay there, for they are hashed and inspected already.

    Where they are to lie elsewhere alone the image is `importing` until `activate`. Returns the reason when they will not do (the image is `queued` again, its data garbage), else an empty text.
    """
    row = image.row
    found = row.finding or {}
    finding = msgspec.convert({key: value for key, value in found.items() if key != "hashes"}, Finding)
    try:
        _judged(near, row, finding)
    except Exception as fault:
        if not getattr(fault, "message", ""):
            raise
        images.change(tx, row.id, **BLANK, updated_at=tx.now)
        note_import(tx, row.id, [], failed=stores)
        return str(fault)
    if near.store in stores:
        locations.add(tx, row.id, near.store)
        activate(tx, near, ctx, row)
    else:
        images.change(tx, row.id, status="importing", updated_at=tx.now)
    note_import(tx, row.id, [], failed=[])
    return ""


def activate(tx: Tx, near: Neighbours, ctx: Ctx, row: ImageRow) -> None:
    """An image whose data were staged, and were found good, is `active`."""
    found = row.finding or {}
    finding = msgspec.convert({key: value for key, value in found.items() if key != "hashes"}, Finding)
    hashes = msgspec.convert(found.get("hashes"), dict[str, str])
    _activate(tx, ctx, row, finding.size, _judged(near, row, finding), hashes)


def note_import(tx: Tx, image_id: str, coming: Sequence[str], failed: Sequence[str]) -> None:
    """Where clients look for how an import goes."""
    before = details.properties_of(tx, [image_id])[image_id]
    after = {
        **before,
        "os_glance_importing_to_stores": ",".join(coming),
        "os_glance_failed_import": ",".join(failed),
    }
    details.save_properties(tx, image_id, before, after)


def _still(tx: Tx, intake: Intake) -> ImageRow:
    row = images.find(tx, intake.image_id)
    if row is None or row.blob_id != intake.blob_id or row.status != intake.state:
        raise Gone(
            f"Image {intake.image_id} could not be found after upload. The image may have been deleted during the"
            " upload, cleaning up the chunks uploaded."
        )
    return row


def _judged(near: Neighbours, row: ImageRow, finding: Finding) -> int | None:
    return judge(
        finding,
        row.disk_format or "",
        row.container_format or "",
        must_match=near.settings.require_format_match,
        nonfatal=near.settings.gpt_checks_nonfatal,
    )


def _activate(tx: Tx, ctx: Ctx, row: ImageRow, size: int, virtual_size: int | None, hashes: Mapping[str, str]) -> None:
    images.change(
        tx,
        row.id,
        status="active",
        size=size,
        virtual_size=virtual_size or None,
        checksum=hashes["md5"],
        os_hash_algo="sha512",
        os_hash_value=hashes["sha512"],
        finding=None,
        writer="",
        touched_at=0,
        updated_at=tx.now,
    )
    events.record(
        tx,
        ctx,
        "image.activate",
        "image",
        row.id,
        project_id=row.owner or "",
        before={"status": row.status},
        after={"status": "active", "size": size},
    )


def rescue(tx: Tx, near: Neighbours, alive: list[str], silent_for: int) -> list[str]:
    """Images whose data were coming in when their process died become `queued`. Returns the blobs that are garbage now.

    `alive`: the blobs that this process is filling. Another process counts as dead when it has not said for
    `silent_for` microseconds that it lives, or at once where only one process can be.
    """
    images.touch(tx, near.uploads.writer, alive)
    dropped = []
    for row in images.being_written(tx):
        mine = row.writer == near.uploads.writer
        living = row.blob_id in alive if mine else near.db.multi_process and row.touched_at > tx.now - silent_for
        if living or row.status not in images.FILLING:
            continue
        images.change(tx, row.id, **BLANK, updated_at=tx.now)
        dropped.append(row.blob_id)
        events.record(
            tx,
            cloud(),
            "image.rescue",
            "image",
            row.id,
            project_id=row.owner or "",
            before={"status": row.status},
            after={"status": "queued"},
        )
    return dropped
