"""Images as their owners see them: made, found, changed, deleted."""

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from pileus.kernel import events, saga
from pileus.kernel.db import Tx
from pileus.kernel.types import Conflict, Ctx, Forbidden, Invalid, NotFound, new_id
from pileus.services.image.core import limits, names
from pileus.services.image.core.access import is_admin, no_image, permit, permit_visibility, refused, sees
from pileus.services.image.core.neighbours import Neighbours
from pileus.services.image.db import details, images, locations, members, searches
from pileus.services.image.db.images import ImageRow
from pileus.services.image.db.searches import Search

INT_MAX = 2**31 - 1


class Image(Struct, frozen=True):
    """An image with all that belongs to it, as one caller meets it."""

    row: ImageRow
    properties: dict[str, str]
    tags: list[str]
    stores: list[str] = []
    """Where its data lie, in the order of the settings."""
    member: bool = False
    """The caller's project is a member, whatever it has answered."""


def find(tx: Tx, near: Neighbours, ctx: Ctx, image_id: str, rule: str = "get_image") -> Image:
    """Raises `NotFound` when it is not there or not for this caller, `Forbidden` by `rule`."""
    row = images.find(tx, image_id)
    if row is None:
        raise no_image(image_id)
    member = _is_member(tx, ctx, row)
    if not sees(near, ctx, row, member):
        raise no_image(image_id)
    permit(near, ctx, rule, row, member)
    return whole(tx, near, row, member)


def whole(tx: Tx, near: Neighbours, row: ImageRow, member: bool = False) -> Image:
    return _wholes(tx, near, [row], member)[0]


def _wholes(tx: Tx, near: Neighbours, rows: Sequence[ImageRow], member: bool = False) -> list[Image]:
    """Three statements, however many there are."""
    ids = [row.id for row in rows]
    properties, tags, stores = details.properties_of(tx, ids), details.tags_of(tx, ids), locations.stores_of(tx, ids)
    return [
        Image(row, properties[row.id], tags[row.id], [one for one in near.stores if one in stores[row.id]], member)
        for row in rows
    ]


def create(tx: Tx, near: Neighbours, ctx: Ctx, want: Mapping[str, object]) -> Image:
    """`want`: `id`, the names of `names.BASE`, and properties. Raises `Invalid`, `Forbidden`, `Conflict`, `TooLarge`."""
    owner = want.get("owner", ctx.project_id or None)
    about = {
        "project_id": owner,
        "owner": owner,
        "visibility": want.get("visibility", "shared"),
        "member_id": None,
    }
    if not near.policy.allows("add_image", ctx, about):
        if owner != ctx.project_id:
            raise Forbidden(f"You are not permitted to create images owned by '{owner}'")
        raise refused("add_image", about)
    permit_visibility(near, ctx, about["visibility"], about)
    properties = {name: str(value) for name, value in want.items() if name not in names.BASE and name != "id"}
    names.check_new(properties)
    tags = sorted(set(_texts(want.get("tags"))))
    limits.check_properties(near, list(properties))
    limits.check_tags(near, len(tags))
    row = _new_row(tx, want, None if owner is None else str(owner))
    if images.find(tx, row.id) is not None:
        raise Conflict(f"Image ID {row.id} already exists!", type="Duplicate")
    limits.check_project(tx, near, row.owner, limits.COUNT, 1)
    images.add(tx, row)
    details.save_properties(tx, row.id, {}, properties)
    details.save_tags(tx, row.id, [], tags)
    image = Image(row, dict(sorted(properties.items())), tags)
    events.record(tx, ctx, "image.create", "image", row.id, project_id=row.owner or "", after=told(image))
    return image


def save(tx: Tx, near: Neighbours, ctx: Ctx, before: Image, after: Image) -> Image:
    """Write a changed image. Raises `TooLarge` when it has too many properties or tags now."""
    if after.properties.keys() - before.properties.keys():
        limits.check_properties(near, list(after.properties))
    tags = sorted(set(after.tags))
    limits.check_tags(near, len(tags))
    row = replace(after.row, updated_at=tx.now)
    images.change(tx, row.id, updated_at=tx.now, **{name: getattr(row, name) for name in sorted(names.BASE - {"tags"})})
    details.save_properties(tx, row.id, before.properties, after.properties)
    details.save_tags(tx, row.id, before.tags, tags)
    image = Image(row, dict(sorted(after.properties.items())), tags, before.stores, before.member)
    events.record(
        tx,
        ctx,
        "image.update",
        "image",
        row.id,
        project_id=row.owner or "",
        before=told(before),
        after=told(image),
    )
    return image


def delete(tx: Tx, near: Neighbours, ctx: Ctx, image_id: str) -> str:
    """Returns the blob that is garbage from now on; empty when the image had none."""
    try:
        image = find(tx, near, ctx, image_id, "delete_image")
    except NotFound:
        raise NotFound(f"Failed to find image {image_id} to delete", type="ImageNotFound") from None
    if image.row.protected:
        raise Forbidden(f"Image {image_id} is protected and cannot be deleted.", type="ProtectedImageDelete")
    images.remove(tx, image_id)
    details.forget(tx, image_id)
    members.forget(tx, image_id)
    locations.forget(tx, image_id)
    saga.cancel(tx, image_id)
    events.record(tx, ctx, "image.delete", "image", image_id, project_id=image.row.owner or "", before=told(image))
    return image.row.blob_id


def page(tx: Tx, near: Neighbours, ctx: Ctx, search: Search) -> tuple[list[Image], bool]:
    """The images that match and may be shown, and whether there are more. Four statements whatever its size."""
    own = {"project_id": ctx.project_id}
    if not near.policy.allows("get_images", ctx, own):
        raise refused("get_images", own)
    marker = search.listing.marker
    if marker is not None:
        try:
            find(tx, near, ctx, marker)
        except NotFound as fault:
            raise Invalid(fault.message) from None
    found = searches.search(tx, replace(search, project_id=ctx.project_id, everything=is_admin(near, ctx)))
    return _wholes(tx, near, found.rows), found.more


def set_active(tx: Tx, near: Neighbours, ctx: Ctx, image_id: str, active: bool) -> None:
    """Deactivate or reactivate. Doing it twice is no error; any other state is. Raises `Forbidden`."""
    word = "reactivate" if active else "deactivate"
    image = find(tx, near, ctx, image_id, word)
    wanted, other = ("active", "deactivated") if active else ("deactivated", "active")
    if image.row.status == wanted:
        return
    if image.row.status != other:
        raise Forbidden(f"Not allowed to {word} image in status '{image.row.status}'")
    images.change(tx, image_id, status=wanted, updated_at=tx.now)
    events.record(
        tx,
        ctx,
        f"image.{word}",
        "image",
        image_id,
        project_id=image.row.owner or "",
        before={"status": other},
        after={"status": wanted},
    )


def told(image: Image) -> dict[str, object]:
    """What the change log keeps of an image."""
    row = image.row
    shown = {name: getattr(row, name) for name in sorted(names.BASE - {"tags"})}
    return {**shown, "status": row.status, "size": row.size, "tags": list(image.tags), "properties": image.properties}


def checked_amount(name: str, value: object) -> int:
    """`min_disk` and `min_ram`."""
    amount = int(str(value))
    if amount < 0:
        raise Invalid(f"Invalid value '{amount}' for parameter '{name}': Cannot be a negative value")
    if amount > INT_MAX:
        raise Invalid(f"'{name}' value out of range, must not exceed {INT_MAX}.")
    return amount


def _is_member(tx: Tx, ctx: Ctx, row: ImageRow) -> bool:
    if row.visibility != "shared" or not ctx.project_id or ctx.project_id == row.owner:
        return False
    return members.find(tx, row.id, ctx.project_id) is not None


def _new_row(tx: Tx, want: Mapping[str, object], owner: str | None) -> ImageRow:
    return ImageRow(
        id=str(want.get("id") or new_id()),
        name=_text(want.get("name")),
        status="queued",
        visibility=str(want.get("visibility", "shared")),
        owner=owner,
        disk_format=_text(want.get("disk_format")),
        container_format=_text(want.get("container_format")),
        size=None,
        virtual_size=None,
        min_disk=checked_amount("min_disk", want.get("min_disk", 0)),
        min_ram=checked_amount("min_ram", want.get("min_ram", 0)),
        protected=bool(want.get("protected", False)),
        os_hidden=bool(want.get("os_hidden", False)),
        checksum=None,
        os_hash_algo=None,
        os_hash_value=None,
        blob_id="",
        finding=None,
        writer="",
        touched_at=0,
        created_at=tx.now,
        updated_at=tx.now,
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _texts(value: object) -> Sequence[str]:
    return [str(one) for one in value] if isinstance(value, list | tuple) else []
