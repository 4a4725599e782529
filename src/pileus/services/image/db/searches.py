"""Lists of images, as one statement however many conditions there are."""

from collections.abc import Mapping

from msgspec import Struct
from sqlalchemy import ColumnElement, and_, exists, or_, select, true

from pileus.kernel.db import Page, Tx, page
from pileus.kernel.types import SECOND, Listing, Micros
from pileus.services.image.db.details import properties, tags
from pileus.services.image.db.images import ImageRow, images
from pileus.services.image.db.members import members

FIELDS: Mapping[str, ColumnElement[object]] = {
    column.name: column for column in images.c if column.name not in {"blob_id", "finding", "writer", "touched_at"}
}
"""What a list may be filtered and sorted by."""


class Search(Struct, frozen=True, kw_only=True):
    """Who looks for what. `listing` holds conditions on the row itself, order and page."""

    project_id: str
    everything: bool
    """The caller sees all images there are."""
    visibility: str | None = None
    """One of the four, `all`, or None: all but other projects' community images."""
    member_status: str = "accepted"
    """Which of the images offered to the project: by the project's answer, or `all`."""
    tags: tuple[str, ...] = ()
    properties: tuple[tuple[str, str], ...] = ()
    apart: tuple[tuple[str, Micros], ...] = ()
    """Times that are not within the second that begins then."""
    listing: Listing = Listing()


def search(tx: Tx, wanted: Search) -> Page[ImageRow]:
    """Raises `MarkerMissing`, and `Invalid` naming the field that is no field or cannot have that value."""
    conditions = [_seen(wanted), _visibility(wanted)]
    conditions += [
        exists().where(tags.c.image_id == images.c.id, tags.c.tag == tag).correlate(images) for tag in wanted.tags
    ]
    conditions += [
        exists()
        .where(properties.c.image_id == images.c.id, properties.c.name == name, properties.c.value == value)
        .correlate(images)
        for name, value in wanted.properties
    ]
    conditions += [or_(images.c[name] < begin, images.c[name] >= begin + SECOND) for name, begin in wanted.apart]
    return page(tx, select(images).where(*conditions), FIELDS, wanted.listing, into=ImageRow, scope=())


def _seen(wanted: Search) -> ColumnElement[bool]:
    """What the caller may see at all."""
    if wanted.everything:
        return true()
    offered = exists().where(members.c.image_id == images.c.id, members.c.member_id == wanted.project_id)
    if wanted.member_status != "all":
        offered = offered.where(members.c.status == wanted.member_status)
    return or_(
        images.c.owner == wanted.project_id,
        images.c.visibility.in_(("public", "community")),
        and_(images.c.visibility == "shared", offered.correlate(images)),
    )


def _visibility(wanted: Search) -> ColumnElement[bool]:
    if wanted.visibility == "all":
        return true()
    if wanted.visibility is not None:
        return images.c.visibility == wanted.visibility
    return or_(images.c.visibility != "community", images.c.owner == wanted.project_id)
