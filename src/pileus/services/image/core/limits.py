"""How much a project and an image may have."""

from pileus.kernel.db import Tx
from pileus.kernel.quota import Quota, Quotas
from pileus.kernel.types import TooLarge
from pileus.services.image.core.neighbours import Neighbours
from pileus.services.image.core.settings import ImageSettings
from pileus.services.image.db import images, locations

MIB = 1 << 20
UNLIMITED = -1
COUNT, FILLING, SIZE, STAGED = (
    "image_count_total",
    "image_count_uploading",
    "image_size_total",
    "image_stage_total",
)


def quotas(settings: ImageSettings) -> Quotas:
    """Under the names that clients know. Sizes are in MiB."""
    return Quotas(
        "image",
        [
            Quota(SIZE, default=settings.size_total, usage=lambda tx, owner: locations.bytes_used(tx, owner) // MIB),
            Quota(STAGED, default=settings.stage_total, usage=lambda tx, owner: images.bytes_staged(tx, owner) // MIB),
            Quota(COUNT, default=settings.count_total, usage=images.count),
            Quota(FILLING, default=settings.count_uploading, usage=images.count_filling),
        ],
    )


def check_project(tx: Tx, near: Neighbours, project_id: str | None, name: str, more: int) -> None:
    """Raises `TooLarge` in the words of the limits library that clients know. Images of nobody are not counted.

    Asking for nothing more is refused as well to a project that is over its limit already.
    """
    limit = near.quotas.limits(tx, project_id)[name] if project_id else UNLIMITED
    if not project_id or limit == UNLIMITED:
        return
    used = near.quotas.quotas[name].usage(tx, project_id)
    if used + more > limit:
        raise TooLarge(
            f"Project {project_id} is over a limit for [Resource {name} is over limit of {limit} due to current usage"
            f" {used} and delta {more}]",
            type="LimitExceeded",
        )


def room(tx: Tx, near: Neighbours, project_id: str | None, name: str) -> int:
    """Bytes that may still come in, by the project's quota and the largest size of an image."""
    cap = near.settings.size_cap
    limit = near.quotas.limits(tx, project_id)[name] if project_id else UNLIMITED
    if not project_id or limit == UNLIMITED:
        return cap
    used = locations.bytes_used if name == SIZE else images.bytes_staged
    return max(0, min(cap, limit * MIB - used(tx, project_id)))


def check_room(tx: Tx, near: Neighbours, project_id: str | None, name: str, size: int) -> None:
    """What came in must still fit: others may have come in meanwhile. Raises `TooLarge`."""
    left = room(tx, near, project_id, name)
    if size > left:
        raise TooLarge(
            f"Image exceeds the storage quota: The size of the data {size} will exceed the limit."
            f" {left} bytes remaining."
        )


def check_properties(near: Neighbours, names: list[str]) -> None:
    asked = len([name for name in names if not name.startswith("os_glance")])
    most = near.settings.properties_max
    if 0 <= most < asked:
        raise TooLarge(
            "The limit has been exceeded on the number of allowed image properties."
            f" Attempted: {asked}, Maximum: {most}"
        )


def check_tags(near: Neighbours, asked: int) -> None:
    most = near.settings.tags_max
    if 0 <= most < asked:
        raise TooLarge(
            f"The limit has been exceeded on the number of allowed image tags. Attempted: {asked}, Maximum: {most}"
        )


def check_members(near: Neighbours, image_id: str, asked: int) -> None:
    most = near.settings.members_max
    if 0 <= most < asked:
        raise TooLarge(
            f"Image member limit exceeded for image {image_id}: The limit has been exceeded on the number of allowed"
            f" image members for this image. Attempted: {asked}, Maximum: {most}:"
        )
