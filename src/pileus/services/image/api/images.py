"""`/v2/images`: the images themselves, their tags and their two actions."""

from functools import partial
from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Operation, Request, validator
from pileus.kernel.types import NotFound
from pileus.services.image.api import schemas, views
from pileus.services.image.api.dialect import no_match
from pileus.services.image.api.patches import Patches
from pileus.services.image.api.queries import image_search, links
from pileus.services.image.core import changes, images
from pileus.services.image.core.images import Image
from pileus.services.image.core.neighbours import Neighbours
from pileus.services.image.core.tasks import METHODS

PATH = "/v2/images"
ONE = f"{PATH}/{{image_id}}"
TAG = f"{ONE}/tags/{{tag}}"


class Images:
    """Operations on images."""

    def __init__(self, near: Neighbours) -> None:
        self._near = near
        self._patches = Patches(near.settings)
        self._new = schemas.new_image(near.settings)
        self._tag = validator(self._new["properties"]["tags"])

    def operations(self) -> list[Operation]:
        operation = partial(Operation, resource="images")
        return [
            operation(method="GET", path=PATH, decide=self._list, name="list"),
            operation(method="POST", path=PATH, decide=self._create, view=self._created, body=self._new),
            operation(method="GET", path=ONE, decide=self._show),
            operation(method="PATCH", path=ONE, decide=self._update, body={}),
            operation(method="DELETE", path=ONE, handle=self._delete),
            operation(method="POST", path=f"{ONE}/actions/deactivate", decide=self._deactivate, answers=204),
            operation(method="POST", path=f"{ONE}/actions/reactivate", decide=self._reactivate, answers=204),
            operation(method="PUT", path=TAG, decide=self._add_tag, answers=204),
            operation(method="DELETE", path=TAG, decide=self._remove_tag, answers=204),
        ]

    def _view(self, image: Image) -> dict[str, Any]:
        return views.image(image)

    def _list(self, tx: Tx, request: Request) -> dict[str, Any]:
        search = image_search(request.query, self._near.settings)
        found, more = images.page(tx, self._near, request.ctx, search)
        marker = found[-1].row.id if more and found else None
        return {
            "images": [self._view(image) for image in found],
            **links(request.query, PATH, marker),
            "schema": "/v2/schemas/images",
        }

    def _create(self, tx: Tx, request: Request) -> Image:
        return images.create(tx, self._near, request.ctx, request.body)

    def _created(self, request: Request, image: Image) -> Answer:
        headers = {
            "Location": request.link(f"{PATH}/{image.row.id}"),
            "OpenStack-image-import-methods": ",".join(METHODS),
            "OpenStack-image-store-ids": ",".join(self._near.stores),
        }
        return Answer(201, self._view(image), headers)

    def _show(self, tx: Tx, request: Request) -> dict[str, Any]:
        return self._view(images.find(tx, self._near, request.ctx, request.params["image_id"]))

    def _update(self, tx: Tx, request: Request) -> dict[str, Any]:
        wanted = self._patches.read(request.headers.get("content-type", ""), request.body)
        return self._view(changes.change(tx, self._near, request.ctx, request.params["image_id"], wanted))

    async def _delete(self, request: Request) -> Answer:
        """The row goes first: what no row names is garbage, and the sweep finds what is not removed here."""
        near = self._near
        blob_id = await near.db.write(images.delete, near, request.ctx, request.params["image_id"])
        if blob_id:
            await near.remove(blob_id)
        return Answer(204)

    def _deactivate(self, tx: Tx, request: Request) -> None:
        images.set_active(tx, self._near, request.ctx, request.params["image_id"], active=False)

    def _reactivate(self, tx: Tx, request: Request) -> None:
        images.set_active(tx, self._near, request.ctx, request.params["image_id"], active=True)

    def _add_tag(self, tx: Tx, request: Request) -> None:
        image_id, tag = request.params["image_id"], request.params["tag"]
        problems = self._tag.problems([tag])
        if problems:
            raise no_match(problems[0])
        try:
            changes.add_tag(tx, self._near, request.ctx, image_id, tag)
        except NotFound:
            raise NotFound(f"Image {image_id} not found.") from None

    def _remove_tag(self, tx: Tx, request: Request) -> None:
        image_id, tag = request.params["image_id"], request.params["tag"]
        try:
            there = changes.remove_tag(tx, self._near, request.ctx, image_id, tag)
        except NotFound:
            raise NotFound(f"Image {image_id} not found.") from None
        if not there:
            raise NotFound("The resource could not be found.")
