"""In which stores an image's data are to lie: what requests say, and what that needs to come true."""

from collections.abc import Mapping, Sequence

from pileus.kernel.db import Tx
from pileus.kernel.saga import Params, start
from pileus.kernel.types import Conflict, Ctx, Forbidden, Invalid, NotFound
from pileus.services.image.core.data import note_import
from pileus.services.image.core.images import Image, find
from pileus.services.image.core.neighbours import Neighbours
from pileus.services.image.db import locations


class CopyImage(Params, saga="image.copy", frozen=True):
    """Copy an image's data to further stores."""

    image_id: str
    blob_id: str
    checksum: str
    source: str
    stores: tuple[str, ...]
    task_id: str
    must_all: bool
    """One store that fails makes the whole of it fail."""
    moves: bool = False
    """The data leave `source`, where they were staged; the image becomes active with its first copy."""


def asked(near: Neighbours, body: Mapping[str, object], header: str | None) -> list[str]:
    """The stores that an import names, in order. Raises `Invalid`, and `Conflict` for one that is not there."""
    if body.get("all_stores", False):
        if "stores" in body or header is not None:
            raise Invalid("All_stores parameter can't be used with x-image-meta-store header or stores parameter")
        return list(near.stores)
    if "stores" in body and header is not None:
        raise Invalid("Stores parameter and x-image-meta-store header can't be both specified")
    named = body.get("stores", [header or near.store])
    if not isinstance(named, list) or not all(isinstance(one, str) for one in named):
        raise Invalid("'stores' must be a list of store identifiers")
    for one in named:
        if one not in near.stores:
            raise Conflict(f"Store for identifier {one} not found")
    return list(dict.fromkeys(named)) or [near.store]


def check_free(tx: Tx, image_id: str) -> None:
    """Raises `Conflict` while data of the image are being copied."""
    if locations.coming(tx, image_id):
        raise Conflict(f"New operation on image '{image_id}' is not permitted as prior operation is still in progress")


def new_copies(image: Image, stores: Sequence[str], everywhere: bool) -> list[str]:
    """Those that do not have it; `everywhere` means what is missing. Raises `Invalid` for one that has it."""
    if everywhere:
        return [one for one in stores if one not in image.stores]
    for one in stores:
        if one in image.stores:
            raise Invalid(f"Image is already present at store '{one}'")
    return list(stores)


def start_copies(
    tx: Tx, ctx: Ctx, image: Image, source: str, stores: Sequence[str], task_id: str, *, must_all: bool, moves: bool
) -> None:
    """The rows that say so, and the saga that does it."""
    row = image.row
    for one in stores:
        locations.add(tx, row.id, one, whole=False)
    note_import(tx, row.id, stores, failed=[])
    checksum = row.checksum or _staged_checksum(image)
    params = CopyImage(row.id, row.blob_id, checksum, source, tuple(stores), task_id, must_all, moves)
    start(tx, params, key=row.id, ctx=ctx)


def _staged_checksum(image: Image) -> str:
    hashes = (image.row.finding or {}).get("hashes")
    return str(hashes["md5"]) if isinstance(hashes, dict) else ""


def leave(tx: Tx, near: Neighbours, ctx: Ctx, store: str, image_id: str) -> str:
    """Take an image's data out of one store. Returns the blob that is to be removed there.

    Raises `Conflict`, `NotFound`, `Forbidden` (the last store stays).
    """
    if store not in near.stores:
        raise Conflict(f"The selected store {store} is not available on this node.")
    try:
        found = find(tx, near, ctx, image_id)
    except NotFound:
        raise NotFound(f"Failed to find image {image_id}") from None
    find(tx, near, ctx, image_id, "delete_image_location")
    if found.row.status != "active":
        raise Conflict("It's not allowed to remove image data from store if image status is not 'active'")
    if len(found.stores) == 1:
        raise Forbidden(
            "Cannot delete image data from the only store containing it. Consider deleting the image instead."
        )
    if store not in found.stores:
        raise NotFound(f"Image {image_id} is not stored in store {store}.")
    check_free(tx, image_id)
    locations.remove(tx, image_id, store)
    return found.row.blob_id
