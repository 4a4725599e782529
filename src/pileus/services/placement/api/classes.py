"""`/resource_classes`: what can be counted."""

import re
from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Operation, Request
from pileus.kernel.types import Invalid
from pileus.services.placement.api import schemas
from pileus.services.placement.api.answers import answer, href, newest
from pileus.services.placement.core import classes

PATH, ONE = "/resource_classes", "/resource_classes/{name}"
_RULE = "placement:resource_classes:"
_CUSTOM = re.compile(schemas.CUSTOM_NAME)


def _shown(request: Request, name: str) -> dict[str, Any]:
    return {"name": name, "links": [{"rel": "self", "href": href(request, f"{PATH}/{name}")}]}


def _list(tx: Tx, request: Request) -> Answer:
    found = classes.listed(tx)
    body = {"resource_classes": [_shown(request, name) for name, _ in found]}
    return answer(request, body, at=newest((made for _, made in found if made is not None), tx.now))


def _show(tx: Tx, request: Request) -> Answer:
    made = classes.find(tx, request.params["name"])
    return answer(request, _shown(request, request.params["name"]), at=tx.now if made is None else made)


def _create(tx: Tx, request: Request) -> Answer:
    name = request.body["name"]
    classes.create(tx, name)
    return answer(request, status=201, location=f"{PATH}/{name}")


def _rename(tx: Tx, request: Request) -> Answer:
    name = request.body["name"]
    classes.rename(tx, request.params["name"], name)
    return answer(request, _shown(request, name), at=tx.now)


def _ensure(tx: Tx, request: Request) -> Answer:
    name = request.params["name"]
    if not _CUSTOM.fullmatch(name):
        raise Invalid(f"JSON does not validate: {name!r} does not match {schemas.CUSTOM_NAME!r}")
    if len(name) > 255:
        raise Invalid(f"JSON does not validate: {name!r} is too long")
    fresh = classes.ensure(tx, name)
    return answer(request, status=201 if fresh else 204, location=f"{PATH}/{name}")


def _delete(tx: Tx, request: Request) -> Answer:
    classes.delete(tx, request.params["name"])
    return Answer(204)


OPERATIONS = [
    Operation(method="GET", path=PATH, decide=_list, rule=_RULE + "list", since="1.2", summary="List resource classes"),
    Operation(
        method="POST", path=PATH, decide=_create, rule=_RULE + "create", since="1.2", body=schemas.CLASS_BODY,
        summary="Create a resource class",
    ),
    Operation(method="GET", path=ONE, decide=_show, rule=_RULE + "show", since="1.2", summary="Show a resource class"),
    Operation(
        method="PUT", path=ONE, decide=_rename, rule=_RULE + "update", since="1.2", until="1.6",
        body=schemas.CLASS_BODY, summary="Rename a resource class",
    ),
    Operation(
        method="PUT", path=ONE, decide=_ensure, rule=_RULE + "update", since="1.7", summary="Ensure a resource class"
    ),
    Operation(
        method="DELETE", path=ONE, decide=_delete, rule=_RULE + "delete", since="1.2", summary="Delete a resource class"
    ),
]  # fmt: skip
