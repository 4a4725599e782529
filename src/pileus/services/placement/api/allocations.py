"""`/allocations`: who holds what, in the three forms that the versions speak."""

from collections.abc import Mapping
from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Operation, Request
from pileus.kernel.types import Invalid, NotFound, is_uuid
from pileus.services.placement.api import schemas
from pileus.services.placement.api.answers import answer
from pileus.services.placement.api.providers import MEMBER
from pileus.services.placement.core import consumers, holdings, trees
from pileus.services.placement.core.consumers import NOBODY, Asked

ONE = "/allocations/{consumer_uuid}"


def asked(request: Request, consumer_id: str, body: Mapping[str, Any]) -> Asked:
    """A consumer's wish from a body of any version. `mappings` and provider generations decide nothing, as upstream."""
    held = body["allocations"]
    resources: dict[str, dict[str, int]] = {}
    if isinstance(held, list):
        for one in held:
            resources.setdefault(one["resource_provider"]["uuid"], {}).update(one["resources"])
    else:
        resources = {provider_id: one["resources"] for provider_id, one in held.items()}
    generation = body["consumer_generation"] if request.version >= (1, 28) else consumers.UNCHECKED
    return Asked(
        consumer_id=consumer_id, resources=resources, project_id=body.get("project_id", NOBODY),
        user_id=body.get("user_id", NOBODY), generation=generation, consumer_type=body.get("consumer_type"),
    )  # fmt: skip


def _show(tx: Tx, request: Request) -> Answer:
    version = request.version
    found = holdings.of_consumer(tx, request.params["consumer_uuid"])
    body: dict[str, Any] = {
        "allocations": {
            row.id: {"resources": amounts, "generation": row.generation} for row, amounts in found.by_provider
        }
    }
    if found.consumer is not None and found.by_provider:
        if version >= (1, 12):
            body |= {"project_id": found.consumer.project_id, "user_id": found.consumer.user_id}
        if version >= (1, 28):
            body["consumer_generation"] = found.consumer.generation
        if version >= (1, 38):
            body["consumer_type"] = found.consumer.consumer_type or "unknown"
    return answer(request, body, at=found.consumer.updated_at if found.consumer else tx.now)


def _set(tx: Tx, request: Request) -> Answer:
    consumer_id = request.params["consumer_uuid"]
    if not is_uuid(consumer_id):
        raise Invalid(f"Malformed consumer_uuid: {consumer_id}")
    prefix = f"Unable to allocate inventory for consumer {consumer_id}: "
    consumers.replace(tx, [asked(request, consumer_id, request.body)], prefix)
    return Answer(204)


def _delete(tx: Tx, request: Request) -> Answer:
    consumers.delete(tx, request.params["consumer_uuid"])
    return Answer(204)


def _set_many(tx: Tx, request: Request) -> Answer:
    consumers.replace(tx, [asked(request, consumer_id, body) for consumer_id, body in request.body.items()])
    return Answer(204)


def _of_provider(tx: Tx, request: Request) -> Answer:
    try:
        row = trees.find(tx, request.params["uuid"])
    except NotFound as problem:
        raise NotFound(f"Resource provider '{request.params['uuid']}' not found: {problem.message}") from None
    found = {}
    for consumer, amounts in holdings.of_provider(tx, row.id):
        view: dict[str, Any] = {"resources": amounts}
        if request.version >= (1, 28):
            view["consumer_generation"] = consumer.generation
        found[consumer.id] = view
    return answer(request, {"allocations": found, "resource_provider_generation": row.generation}, at=row.updated_at)


OPERATIONS = [
    Operation(
        method="GET", path=ONE, decide=_show, rule="placement:allocations:list", summary="Show a consumer's allocations"
    ),
    Operation(
        method="PUT", path=ONE, decide=_set, rule="placement:allocations:update", body=schemas.ALLOCATIONS,
        summary="Set a consumer's allocations",
    ),
    Operation(
        method="DELETE", path=ONE, decide=_delete, rule="placement:allocations:delete",
        summary="Remove a consumer's allocations",
    ),
    Operation(
        method="POST", path="/allocations", decide=_set_many, rule="placement:allocations:manage", since="1.13",
        body=schemas.MANY_ALLOCATIONS, summary="Set allocations of several consumers",
    ),
    Operation(
        method="GET", path=MEMBER + "/allocations", decide=_of_provider,
        rule="placement:resource_providers:allocations:list", summary="List a provider's allocations",
    ),
]  # fmt: skip
