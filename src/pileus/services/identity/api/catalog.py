"""Regions, services and endpoints."""

from typing import Any, ClassVar

from pileus.kernel.db import Tx
from pileus.kernel.rest import (
    BOOLEAN,
    Dialect,
    Field,
    Operation,
    Request,
    Schema,
    choice,
    creates,
    deletes,
    lists,
    nullable,
    obj,
    one,
    shows,
    text,
    updates,
)
from pileus.kernel.types import Invalid
from pileus.services.identity.api.noun import ID, NAME, TEXT, Noun, Operations, rules_of
from pileus.services.identity.core import endpoints, regions, services

_REGION_ID = {"type": "string", "maxLength": 255}
_INTERFACE = choice("admin", "internal", "public")
_URL = {"type": "string", "maxLength": 2048, "pattern": "^[a-zA-Z0-9+.-]+:.+"}


class Regions(Noun):
    """Places that clients tell apart."""

    member, plural, path = "region", "regions", "/v3/regions"
    firm_filters: ClassVar[bool] = True
    kept = True
    rules: ClassVar[dict[str, str]] = rules_of("region")
    id = Field(nullable(_REGION_ID), on="show list create")
    description = Field(nullable(TEXT))
    parent_region_id = Field(nullable(_REGION_ID), match=True)

    get = regions.get
    list = lists(
        regions.list_page, query=obj({n: {} for n in ("parent_region_id", "limit", "marker", "sort_key", "sort_dir")})
    )
    show = shows()
    create = creates(regions.create)
    update = updates(regions.update)
    delete = deletes(regions.delete)

    def facts(self, subject: Any) -> dict[str, Any]:
        return {}

    def operations(self, dialect: Dialect) -> Operations:
        found = super().operations(dialect)
        schema = next(op.body for op in found if op.name == "create")
        put = Operation(
            method="PUT",
            path="/v3/regions/{region_id}",
            name="create_with_id",
            resource="region",
            summary="Make a region with an id of one's own.",
            rule="identity:create_region",
            body=schema,
            decide=self._put,
            view=self._member,
            answers=201,
        )
        return [*found, put]

    def _put(self, tx: Tx, request: Request) -> Any:
        want = self.want(request, "create", request.body["region"])
        id = request.params["region_id"]
        if want.get("id", id) != id:
            raise Invalid(f'Conflicting region IDs specified: "{id}" != "{want["id"]}"')
        if len(id) > 255:
            raise Invalid("Invalid input for field/attribute id. A region's id has 255 characters at most.")
        return regions.create(tx, self.near, request.ctx, {**want, "id": id})


class Services(Noun):
    """What the catalog offers."""

    member, plural, path = "service", "services", "/v3/services"
    kept = True
    rules: ClassVar[dict[str, str]] = rules_of("service")
    id = Field(ID, on="show list")
    type = Field({"type": "string", "minLength": 1, "maxLength": 255}, required=True, match=True, sort=True)
    name = Field({**NAME, "pattern": ""}, match=True, sort=True)
    enabled = Field(BOOLEAN)

    get = services.get
    list = lists(services.list_page)
    show = shows()
    create = creates(services.create)
    update = updates(services.update)
    delete = deletes(services.delete)

    def facts(self, subject: Any) -> dict[str, Any]:
        return {}


class Endpoints(Noun):
    """Where a service is reached."""

    member, plural, path = "endpoint", "endpoints", "/v3/endpoints"
    kept = True
    rules: ClassVar[dict[str, str]] = rules_of("endpoint")
    id = Field(ID, on="show list")
    extra_types: ClassVar[dict[str, Schema]] = {"name": text(), "description": nullable(text())}
    interface = Field(_INTERFACE, required=True, match=True, sort=True)
    service_id = Field(ID, required=True, match=True)
    url = Field(_URL, required=True)
    region_id = Field(nullable(_REGION_ID), match=True)
    region = Field(nullable(_REGION_ID), view=lambda _, row: row.region_id)
    enabled = Field(BOOLEAN, match=True)

    get = endpoints.get
    list = lists(endpoints.list_page, query={"type": "object", "properties": {"interface": one(_INTERFACE)}})
    show = shows()
    create = creates(endpoints.create)
    update = updates(endpoints.update)
    delete = deletes(endpoints.delete)

    def facts(self, subject: Any) -> dict[str, Any]:
        return {}
