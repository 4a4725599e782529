"""`/v2/images/{image_id}/members`: sharing."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.rest import Operation, Request
from pileus.kernel.types import Invalid
from pileus.services.image.api import views
from pileus.services.image.core import members
from pileus.services.image.core.neighbours import Neighbours

PATH = "/v2/images/{image_id}/members"
ONE = f"{PATH}/{{member_id}}"


class Members:
    """Operations on the members of one image."""

    def __init__(self, near: Neighbours) -> None:
        self._near = near

    def operations(self) -> list[Operation]:
        operation = partial(Operation, resource="members")
        return [
            operation(method="GET", path=PATH, decide=self._list),
            operation(method="POST", path=PATH, decide=self._create, body={}),
            operation(method="GET", path=ONE, decide=self._show),
            operation(method="PUT", path=ONE, decide=self._answer, body={}),
            operation(method="DELETE", path=ONE, decide=self._delete, answers=204),
        ]

    def _list(self, tx: Tx, request: Request) -> dict[str, Any]:
        found = members.page(tx, self._near, request.ctx, request.params["image_id"])
        return {"members": [views.member(row) for row in found], "schema": "/v2/schemas/members"}

    def _create(self, tx: Tx, request: Request) -> dict[str, Any]:
        form = '{"member": "image_id"}'
        member_id = _given(
            request.body, "member", f"Expected a member in the form: {form}", "Member to be added not specified"
        )
        if not member_id:
            raise Invalid("Member can't be empty")
        if len(member_id) > 255:
            raise Invalid("member: the id of a project has at most 255 characters")
        return views.member(members.create(tx, self._near, request.ctx, request.params["image_id"], member_id))

    def _show(self, tx: Tx, request: Request) -> dict[str, Any]:
        return views.member(members.show(tx, self._near, request.ctx, *_both(request)))

    def _answer(self, tx: Tx, request: Request) -> dict[str, Any]:
        form = '{"status": "status"}'
        status = _given(request.body, "status", f"Expected a status in the form: {form}", "Status not specified")
        return views.member(members.answer(tx, self._near, request.ctx, *_both(request), status))

    def _delete(self, tx: Tx, request: Request) -> None:
        members.delete(tx, self._near, request.ctx, *_both(request))


def _both(request: Request) -> tuple[str, str]:
    return request.params["image_id"], request.params["member_id"]


def _given(body: object, name: str, form: str, missing: str) -> str:
    if not isinstance(body, Mapping):
        raise Invalid(form)
    if name not in body:
        raise Invalid(missing)
    value = body[name]
    if not isinstance(value, str):
        raise Invalid(form)
    return value
