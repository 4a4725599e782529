"""`/traits` and the traits of providers."""

import re
from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Operation, Request, obj
from pileus.kernel.types import Invalid, NotFound
from pileus.services.placement.api import schemas
from pileus.services.placement.api.answers import answer
from pileus.services.placement.api.providers import MEMBER
from pileus.services.placement.core import traits, trees
from pileus.services.placement.db.providers import ProviderRow

PATH, ONE, OF_PROVIDER = "/traits", "/traits/{name}", MEMBER + "/traits"
_RULE, _PROVIDER_RULE = "placement:traits:", "placement:resource_providers:traits:"
_CUSTOM = re.compile(schemas.CUSTOM_NAME)


def _list(tx: Tx, request: Request) -> Answer:
    among, prefix, name = None, "", request.query.one("name")
    if name is not None:
        kind, _, rest = name.partition(":")
        if kind == "in" and rest:
            among = rest.split(",")
        elif kind == "startswith" and rest:
            prefix = rest
        else:
            raise Invalid(
                "Badly formatted name parameter. Expected name query string parameter in form: "
                f'?name=[in|startswith]:[name1,name2|prefix]. Got: "{name}"'
            )
    associated = request.query.one("associated")
    if associated is not None and associated.lower() not in ("true", "false"):
        raise Invalid('The query parameter "associated" only accepts "true" or "false"')
    wanted = None if associated is None else associated.lower() == "true"
    return answer(request, {"traits": traits.listed(tx, among, prefix, wanted)}, at=tx.now)


def _show(tx: Tx, request: Request) -> Answer:
    made = traits.find(tx, request.params["name"])
    return answer(request, status=204, at=tx.now if made is None else made)


def _ensure(tx: Tx, request: Request) -> Answer:
    name = request.params["name"]
    if not _CUSTOM.fullmatch(name) or len(name) > 255:
        raise Invalid(
            'The trait is invalid. A valid trait must be no longer than 255 characters, start with the prefix "CUSTOM_" '
            'and use following characters: "A"-"Z", "0"-"9" and "_"'
        )
    fresh = traits.ensure(tx, name)
    made = traits.find(tx, name)
    return answer(request, status=201 if fresh else 204, at=made, location=f"{PATH}/{name}")


def _delete(tx: Tx, request: Request) -> Answer:
    traits.delete(tx, request.params["name"])
    return Answer(204)


def _shown(tx: Tx, request: Request, row: ProviderRow) -> Answer:
    body: dict[str, Any] = {
        "traits": sorted(traits.of_provider(tx, row.id)), "resource_provider_generation": row.generation
    }  # fmt: skip
    return answer(request, body, at=row.updated_at)


def _of_provider(tx: Tx, request: Request) -> Answer:
    try:
        row = trees.find(tx, request.params["uuid"])
    except NotFound as problem:
        raise NotFound(f"{problem.message}: {problem.message}") from None
    return _shown(tx, request, row)


def _set(tx: Tx, request: Request) -> Answer:
    row = trees.find(tx, request.params["uuid"])
    traits.set_of_provider(tx, row, request.body["traits"], request.body["resource_provider_generation"])
    return _shown(tx, request, trees.find(tx, row.id))


def _clear(tx: Tx, request: Request) -> Answer:
    row = trees.find(tx, request.params["uuid"])
    traits.set_of_provider(tx, row, (), row.generation)
    return Answer(204)


_QUERY = obj({"name": schemas.QUERY_TEXT, "associated": schemas.QUERY_TEXT})
OPERATIONS = [
    Operation(method="GET", path=PATH, decide=_list, rule=_RULE + "list", since="1.6", query=_QUERY, summary="List traits"),
    Operation(method="GET", path=ONE, decide=_show, rule=_RULE + "show", since="1.6", summary="Show a trait"),
    Operation(method="PUT", path=ONE, decide=_ensure, rule=_RULE + "update", since="1.6", summary="Ensure a trait"),
    Operation(method="DELETE", path=ONE, decide=_delete, rule=_RULE + "delete", since="1.6", summary="Delete a trait"),
    Operation(
        method="GET", path=OF_PROVIDER, decide=_of_provider, rule=_PROVIDER_RULE + "list", since="1.6",
        summary="List a provider's traits",
    ),
    Operation(
        method="PUT", path=OF_PROVIDER, decide=_set, rule=_PROVIDER_RULE + "update", since="1.6",
        body=schemas.PROVIDER_TRAITS, summary="Set a provider's traits",
    ),
    Operation(
        method="DELETE", path=OF_PROVIDER, decide=_clear, rule=_PROVIDER_RULE + "delete", since="1.6",
        summary="Remove a provider's traits",
    ),
]  # fmt: skip
