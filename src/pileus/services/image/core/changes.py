"""Changes of an image, one operation after the other; all of them or none."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from pileus.kernel.db import Tx
from pileus.kernel.types import Conflict, Ctx, Forbidden
from pileus.services.image.core import names
from pileus.services.image.core.access import is_admin, permit, permit_visibility, target
from pileus.services.image.core.images import Image, checked_amount, find, save
from pileus.services.image.core.neighbours import Neighbours


class Change(Struct, frozen=True):
    """One operation of a patch, its value already of the attribute's type."""

    op: Literal["add", "remove", "replace"]
    name: str
    value: object = None
    fresh: bool = False
    """An `add` of the old media type: it must not find the name taken."""


def change(tx: Tx, near: Neighbours, ctx: Ctx, image_id: str, changes: Sequence[Change]) -> Image:
    """Raises `NotFound`, `Forbidden`, `Conflict`, `Invalid`, `TooLarge`."""
    before = image = find(tx, near, ctx, image_id)
    for one in changes:
        image = _changed(near, ctx, image, one)
    return save(tx, near, ctx, before, image) if changes else before


def _changed(near: Neighbours, ctx: Ctx, image: Image, one: Change) -> Image:
    if one.name == "locations":
        return _refuse_locations(near, ctx, image, one)
    names.check_changed(one.name)
    if one.name == "owner" and one.op != "remove" and not is_admin(near, ctx):
        raise Forbidden("Owner can't be updated by non admin.")
    if one.name == "visibility" and one.op != "remove":
        permit_visibility(near, ctx, one.value, target(ctx, image.row, image.member))
    permit(near, ctx, "modify_image", image.row, image.member)
    if one.op == "remove":
        return _without(image, one.name)
    return _with(image, one)


def _with(image: Image, one: Change) -> Image:
    name, value = one.name, one.value
    known = name in names.BASE or name in image.properties
    if one.fresh and known:
        raise Conflict(f"Property {name} already present.")
    if one.op == "replace" and not known:
        raise Conflict(f"Property {name} does not exist.")
    if name not in names.BASE:
        return replace(image, properties={**image.properties, name: str(value)})
    if name == "tags":
        assert isinstance(value, list)
        return replace(image, tags=[str(tag) for tag in value])
    if name in {"disk_format", "container_format"} and image.row.status != "queued":
        raise Forbidden(f"Attribute {name} can be only replaced for a queued image.")
    if name in {"min_disk", "min_ram"}:
        value = checked_amount(name, value)
    return replace(image, row=replace(image.row, **{name: value}))


def _without(image: Image, name: str) -> Image:
    if name in names.BASE:
        raise Forbidden(f"Property {name} may not be removed.")
    if name not in image.properties:
        raise Conflict(f"Property {name} does not exist.")
    return replace(image, properties={key: value for key, value in image.properties.items() if key != name})


def _refuse_locations(near: Neighbours, ctx: Ctx, image: Image, one: Change) -> Image:
    """Where the data lie is the cloud's own affair: locations are neither shown nor set."""
    if one.op == "replace" and not one.value:
        raise Forbidden("Cannot set locations to empty list.")
    rule = "delete_image_location" if one.op == "remove" else "set_image_location"
    permit(near, ctx, rule, image.row, image.member)
    verb = {"replace": "update", "add": "add", "remove": "remove"}[one.op]
    raise Forbidden(f"It's not allowed to {verb} locations if locations are invisible.")


def add_tag(tx: Tx, near: Neighbours, ctx: Ctx, image_id: str, tag: str) -> None:
    before = find(tx, near, ctx, image_id, "modify_image")
    if tag not in before.tags:
        save(tx, near, ctx, before, replace(before, tags=[*before.tags, tag]))


def remove_tag(tx: Tx, near: Neighbours, ctx: Ctx, image_id: str, tag: str) -> bool:
    """False when the image has no such tag."""
    before = find(tx, near, ctx, image_id, "modify_image")
    if tag not in before.tags:
        return False
    save(tx, near, ctx, before, replace(before, tags=[one for one in before.tags if one != tag]))
    return True
