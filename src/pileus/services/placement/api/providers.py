"""`/resource_providers`: who has something to give, in trees."""

from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Operation, Request
from pileus.services.placement.api import schemas
from pileus.services.placement.api.answers import answer, href, newest
from pileus.services.placement.api.queries import PROVIDERS, providers_wish
from pileus.services.placement.core import searching, trees
from pileus.services.placement.db.providers import ProviderRow

PATH = "/resource_providers"
MEMBER = PATH + "/{uuid}"
_RULE = "placement:resource_providers:"
_LINKS = (
    ("inventories", (1, 0)),
    ("usages", (1, 0)),
    ("aggregates", (1, 1)),
    ("traits", (1, 6)),
    ("allocations", (1, 11)),
)


def shown(request: Request, row: ProviderRow) -> dict[str, Any]:
    """One provider in the words of the request's version."""
    at = href(request, f"{PATH}/{row.id}")
    links = [{"rel": "self", "href": at}]
    links += [{"rel": rel, "href": f"{at}/{rel}"} for rel, since in _LINKS if request.version >= since]
    view: dict[str, Any] = {"uuid": row.id, "name": row.name, "generation": row.generation, "links": links}
    if request.version >= (1, 14):
        view["parent_provider_uuid"] = row.parent_id
        view["root_provider_uuid"] = row.root_id
    return view


def _list(tx: Tx, request: Request) -> Answer:
    wish = providers_wish(request)
    rows = searching.providers_like(tx, wish)
    body = {"resource_providers": [shown(request, row) for row in rows]}
    return answer(request, body, at=newest((row.updated_at for row in rows), tx.now))


def _create(tx: Tx, request: Request) -> Answer:
    row = trees.create(tx, request.body)
    location = f"{PATH}/{row.id}"
    if request.version >= (1, 20):
        return answer(request, shown(request, row), at=row.updated_at, location=location)
    return answer(request, status=201, location=location)


def _show(tx: Tx, request: Request) -> Answer:
    row = trees.find(tx, request.params["uuid"])
    return answer(request, shown(request, row), at=row.updated_at)


def _update(tx: Tx, request: Request) -> Answer:
    row = trees.update(tx, request.params["uuid"], request.body, request.version >= (1, 37))
    return answer(request, shown(request, row), at=row.updated_at)


def _delete(tx: Tx, request: Request) -> Answer:
    trees.delete(tx, request.params["uuid"])
    return Answer(204)


OPERATIONS = [
    Operation(method="GET", path=PATH, decide=_list, rule=_RULE + "list", query=PROVIDERS, summary="List providers"),
    Operation(
        method="POST", path=PATH, decide=_create, rule=_RULE + "create", body=schemas.PROVIDER_CREATE,
        summary="Create a provider",
    ),
    Operation(method="GET", path=MEMBER, decide=_show, rule=_RULE + "show", summary="Show a provider"),
    Operation(
        method="PUT", path=MEMBER, decide=_update, rule=_RULE + "update", body=schemas.PROVIDER_UPDATE,
        summary="Rename or re-parent a provider",
    ),
    Operation(method="DELETE", path=MEMBER, decide=_delete, rule=_RULE + "delete", summary="Delete a provider"),
]  # fmt: skip
