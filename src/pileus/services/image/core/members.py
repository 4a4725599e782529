"""Sharing: the owner offers an image to a project, the project answers."""

from collections.abc import Sequence

from pileus.kernel import events
from pileus.kernel.db import Tx
from pileus.kernel.types import Conflict, Ctx, Forbidden, Invalid, NotFound
from pileus.services.image.core import limits
from pileus.services.image.core.access import is_admin, permit
from pileus.services.image.core.images import Image, find
from pileus.services.image.core.neighbours import Neighbours
from pileus.services.image.db import members
from pileus.services.image.db.members import MemberRow

ANSWERS = ("pending", "accepted", "rejected")


def create(tx: Tx, near: Neighbours, ctx: Ctx, image_id: str, member_id: str) -> MemberRow:
    """Raises `NotFound`, `Forbidden`, `Conflict`, `TooLarge`."""
    image = _shared(tx, near, ctx, image_id, f"Not allowed to create members for image {image_id}.")
    permit(near, ctx, "add_member", image.row, image.member)
    if members.find(tx, image_id, member_id) is not None:
        raise Conflict(f"Member {member_id} is duplicated for image {image_id}", type="Duplicate")
    limits.check_members(near, image_id, members.count(tx, image_id) + 1)
    row = MemberRow(image_id, member_id, "pending", tx.now, tx.now)
    members.add(tx, row)
    _record(tx, ctx, "create", image, row)
    return row


def page(tx: Tx, near: Neighbours, ctx: Ctx, image_id: str) -> Sequence[MemberRow]:
    """All members for the owner; for a member itself alone."""
    refusal = f"Not allowed to list members for image {image_id}: Only shared images have members."
    image = _shared(tx, near, ctx, image_id, refusal)
    permit(near, ctx, "get_members", image.row, image.member)
    return [row for row in members.members_of(tx, image_id) if _sees(near, ctx, image, row.member_id)]


def show(tx: Tx, near: Neighbours, ctx: Ctx, image_id: str, member_id: str) -> MemberRow:
    """What may not be seen is not there."""
    try:
        return _find(tx, near, ctx, _shared(tx, near, ctx, image_id, "Only shared images have members."), member_id)
    except Forbidden as fault:
        raise NotFound(fault.message) from None


def answer(tx: Tx, near: Neighbours, ctx: Ctx, image_id: str, member_id: str, status: str) -> MemberRow:
    """Raises `Invalid` for a status that is none."""
    image = _shared(tx, near, ctx, image_id, f"Not allowed to update members for image {image_id}.")
    row = _find(tx, near, ctx, image, member_id)
    permit(near, ctx, "modify_member", image.row, image.member)
    if status not in ANSWERS:
        raise Invalid('Incorrect request: Status must be "pending", "accepted" or "rejected".')
    members.answer(tx, image_id, member_id, status)
    changed = MemberRow(image_id, member_id, status, row.created_at, tx.now)
    _record(tx, ctx, "update", image, changed)
    return changed


def delete(tx: Tx, near: Neighbours, ctx: Ctx, image_id: str, member_id: str) -> None:
    image = _shared(tx, near, ctx, image_id, f"Not allowed to delete members for image {image_id}.")
    row = _find(tx, near, ctx, image, member_id)
    permit(near, ctx, "delete_member", image.row, image.member)
    members.remove(tx, image_id, member_id)
    _record(tx, ctx, "delete", image, row)


def _shared(tx: Tx, near: Neighbours, ctx: Ctx, image_id: str, refusal: str) -> Image:
    try:
        image = find(tx, near, ctx, image_id)
    except NotFound:
        raise NotFound(f"Image {image_id} not found.", type="ImageNotFound") from None
    if image.row.visibility != "shared":
        raise Forbidden(refusal)
    return image


def _find(tx: Tx, near: Neighbours, ctx: Ctx, image: Image, member_id: str) -> MemberRow:
    try:
        permit(near, ctx, "get_member", image.row, image.member)
    except Forbidden:
        raise Forbidden(f"You are not authorized to lookup the members of the image {image.row.id}.") from None
    row = members.find(tx, image.row.id, member_id) if _sees(near, ctx, image, member_id) else None
    if row is None:
        raise NotFound(f"{member_id} not found in the member list of the image {image.row.id}.")
    return row


def _sees(near: Neighbours, ctx: Ctx, image: Image, member_id: str) -> bool:
    return ctx.project_id in {image.row.owner, member_id} or is_admin(near, ctx)


def _record(tx: Tx, ctx: Ctx, verb: str, image: Image, row: MemberRow) -> None:
    events.record(
        tx,
        ctx,
        f"image.member.{verb}",
        "image",
        image.row.id,
        project_id=image.row.owner or "",
        data={"member_id": row.member_id, "status": row.status},
    )
