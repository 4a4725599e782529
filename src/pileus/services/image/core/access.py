"""Who sees an image and who may do what with it."""

from collections.abc import Mapping
from typing import Protocol

from pileus.kernel.policy import Policy
from pileus.kernel.types import Ctx, Forbidden, NotFound
from pileus.services.image.db.images import ImageRow


class Judge(Protocol):
    """The part of the neighbours that this needs."""

    @property
    def policy(self) -> Policy: ...


def is_admin(near: Judge, ctx: Ctx) -> bool:
    return near.policy.allows("context_is_admin", ctx, {})


def sees(near: Judge, ctx: Ctx, row: ImageRow, member: bool) -> bool:
    """Below the rules, which cannot widen it: an image that is neither the caller's nor offered is not there."""
    if is_admin(near, ctx) or row.owner is None or row.visibility in {"public", "community"}:
        return True
    return bool(ctx.project_id) and (ctx.project_id == row.owner or (row.visibility == "shared" and member))


def target(ctx: Ctx, row: ImageRow, member: bool) -> Mapping[str, object]:
    """What the rules may ask of an image. `member_id` is the caller's own membership."""
    return {
        "project_id": row.owner,
        "owner": row.owner,
        "visibility": row.visibility,
        "member_id": ctx.project_id if member else None,
        "image_id": row.id,
        "status": row.status,
    }


def no_image(image_id: str) -> NotFound:
    return NotFound(f"No image found with ID {image_id}", type="ImageNotFound")


def refused(rule: str, about: Mapping[str, object] | None = None) -> Forbidden:
    fault = Forbidden(f"You are not authorized to complete {rule} action.", details={"rule": rule})
    fault.denial = rule, about or {}
    return fault


def permit(near: Judge, ctx: Ctx, rule: str, row: ImageRow, member: bool) -> None:
    """Raises `Forbidden`, or `NotFound` where the caller may not even know that the image is there."""
    about = target(ctx, row, member)
    if near.policy.allows(rule, ctx, about):
        return
    if rule == "get_image" or not near.policy.allows("get_image", ctx, about):
        hidden = no_image(row.id)
        hidden.denial = rule, about
        raise hidden
    raise refused(rule, about)


def permit_visibility(near: Judge, ctx: Ctx, visibility: object, about: Mapping[str, object]) -> None:
    """Two of the four visibilities show an image to others, and have a rule of their own."""
    rule = {"public": "publicize_image", "community": "communitize_image"}.get(str(visibility))
    if rule is not None and not near.policy.allows(rule, ctx, about):
        raise refused(rule, about)
