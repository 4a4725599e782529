"""`/resource_providers/{uuid}/inventories`: how much of what a provider has."""

from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Operation, Request
from pileus.kernel.types import Invalid, NotFound
from pileus.services.placement.api import schemas
from pileus.services.placement.api.answers import answer
from pileus.services.placement.api.providers import MEMBER
from pileus.services.placement.core import stocks, trees

PATH = MEMBER + "/inventories"
ONE = PATH + "/{resource_class}"
_RULE = "placement:resource_providers:inventories:"


def _view(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in stocks.FIELDS}


def _all(request: Request, tx: Tx, generation: int, at: int) -> Answer:
    there = stocks.of(tx, request.params["uuid"])
    body = {
        "resource_provider_generation": generation,
        "inventories": {name: _view(row) for name, row in there.items()},
    }
    return answer(request, body, at=at)


def _single(request: Request, tx: Tx, resource_class: str, generation: int, at: int, status: int = 200) -> Answer:
    row = stocks.of(tx, request.params["uuid"])[resource_class]
    body = {**_view(row), "resource_provider_generation": generation}
    location = f"/resource_providers/{request.params['uuid']}/inventories/{resource_class}" if status == 201 else ""
    return answer(request, body, status, at, location)


def _values(request: Request, resource_class: str, body: dict[str, Any], prefix: str) -> dict[str, Any]:
    values = stocks.full(body)
    try:
        stocks.check_reserved(request.params["uuid"], resource_class, values, request.version >= (1, 26))
    except Invalid as problem:
        raise Invalid(f"{prefix} for resource provider {request.params['uuid']}: {problem.message}") from None
    return values


def _list(tx: Tx, request: Request) -> Answer:
    row = trees.find(tx, request.params["uuid"])
    return _all(request, tx, row.generation, row.updated_at)


def _create(tx: Tx, request: Request) -> Answer:
    name = request.body["resource_class"]
    trees.find(tx, request.params["uuid"])
    values = _values(request, name, request.body, "Unable to create inventory")
    row = stocks.create(tx, request.params["uuid"], name, values)
    return _single(request, tx, name, row.generation, row.updated_at, 201)


def _replace(tx: Tx, request: Request) -> Answer:
    trees.find(tx, request.params["uuid"])
    wanted = {
        name: _values(request, name, body, "Unable to update inventory")
        for name, body in request.body["inventories"].items()
    }
    row = stocks.replace(tx, request.params["uuid"], wanted, request.body["resource_provider_generation"])
    return _all(request, tx, row.generation, row.updated_at)


def _delete_all(tx: Tx, request: Request) -> Answer:
    stocks.delete_all(tx, request.params["uuid"])
    return Answer(204)


def _show(tx: Tx, request: Request) -> Answer:
    row, name = trees.find(tx, request.params["uuid"]), request.params["resource_class"]
    if name not in stocks.of(tx, row.id):
        raise NotFound(f"No inventory of class {name} for {row.id}")
    return _single(request, tx, name, row.generation, row.updated_at)


def _update(tx: Tx, request: Request) -> Answer:
    name = request.params["resource_class"]
    trees.find(tx, request.params["uuid"])
    values = _values(request, name, request.body, "Unable to update inventory")
    generation = request.body["resource_provider_generation"]
    row = stocks.update(tx, request.params["uuid"], name, values, generation)
    return _single(request, tx, name, row.generation, row.updated_at)


def _delete(tx: Tx, request: Request) -> Answer:
    stocks.delete(tx, request.params["uuid"], request.params["resource_class"])
    return Answer(204)


OPERATIONS = [
    Operation(method="GET", path=PATH, decide=_list, rule=_RULE + "list", summary="List inventories"),
    Operation(
        method="POST", path=PATH, decide=_create, rule=_RULE + "create", body=schemas.INVENTORY_CREATE,
        summary="Add an inventory",
    ),
    Operation(
        method="PUT", path=PATH, decide=_replace, rule=_RULE + "update", body=schemas.INVENTORIES,
        summary="Replace all inventories",
    ),
    Operation(
        method="DELETE", path=PATH, decide=_delete_all, rule=_RULE + "delete", since="1.5",
        summary="Delete all inventories",
    ),
    Operation(method="GET", path=ONE, decide=_show, rule=_RULE + "show", summary="Show an inventory"),
    Operation(
        method="PUT", path=ONE, decide=_update, rule=_RULE + "update", body=schemas.INVENTORY_UPDATE,
        summary="Change an inventory",
    ),
    Operation(method="DELETE", path=ONE, decide=_delete, rule=_RULE + "delete", summary="Delete an inventory"),
]  # fmt: skip
