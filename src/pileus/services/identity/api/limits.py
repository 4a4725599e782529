"""Registered limits, limits, and the model of enforcement."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pileus.kernel.db import Tx
from pileus.kernel.rest import (
    UUID,
    Dialect,
    Field,
    Operation,
    Request,
    Schema,
    array,
    creates,
    deletes,
    integer,
    lists,
    nullable,
    obj,
    one,
    shows,
    updates,
)
from pileus.services.identity.api.noun import ID, NAME, TEXT, Noun, Operations
from pileus.services.identity.core import limit_models, limits, registered_limits
from pileus.services.identity.db.limits import LimitRow

_NUMBER = integer(-1, 2**31 - 1)
_RESOURCE = {**NAME, "pattern": ""}
_REGION = {"type": "string", "minLength": 1, "maxLength": 255}
_TARGET = {"type": "string", "maxLength": 64}


def _many(plural: str, properties: Mapping[str, Schema], required: list[str], more: Schema) -> Schema:
    """A body that makes several at once: that is the only form there is."""
    single = {**obj(properties, required), **more}
    return obj({plural: array(single, minimum=1)}, [plural])


def _query(**more: Schema) -> Schema:
    asked = {"service_id": UUID, "region_id": _REGION, "resource_name": _RESOURCE, **more}
    return {"type": "object", "properties": {name: one(schema) for name, schema in asked.items()}}


class RegisteredLimits(Noun):
    """What services count, and how much of it everybody has."""

    member, plural, path = "registered_limit", "registered_limits", "/v3/registered_limits"
    rules: ClassVar[dict[str, str]] = {
        "list": "identity:list_registered_limits",
        "show": "identity:get_registered_limit",
        "create": "identity:create_registered_limits",
        "update": "identity:update_registered_limit",
        "delete": "identity:delete_registered_limit",
    }
    strict: ClassVar[bool] = True
    empty_update: ClassVar[bool] = True
    id = Field(ID, on="show list")
    service_id = Field(UUID, required=True, match=True)
    region_id = Field(nullable(_REGION), match=True, view=lambda _, row: row.region_id or None)
    resource_name = Field(_RESOURCE, required=True, match=True, sort=True)
    default_limit = Field(_NUMBER, required=True)
    description = Field(nullable(TEXT))

    get = registered_limits.get
    list = lists(registered_limits.list_page, query=_query())
    show = shows()
    create = creates(
        registered_limits.create,
        bulk=True,
        body=_many(
            "registered_limits",
            {
                "service_id": UUID,
                "region_id": nullable(_REGION),
                "resource_name": _RESOURCE,
                "default_limit": _NUMBER,
                "description": nullable(TEXT),
            },
            ["service_id", "resource_name", "default_limit"],
            {},
        ),
    )
    update = updates(registered_limits.update)
    delete = deletes(registered_limits.delete)

    def extend(self, request: Request, row: Any, view: dict[str, Any]) -> None:
        view["links"] = {"self": self.link(request, row)}

    def facts(self, subject: Any) -> dict[str, Any]:
        return {}


class Limits(Noun):
    """What one project or domain has instead."""

    member, plural, path = "limit", "limits", "/v3/limits"
    rules: ClassVar[dict[str, str]] = {
        "list": "identity:list_limits",
        "show": "identity:get_limit",
        "update": "identity:update_limit",
        "delete": "identity:delete_limit",
    }
    strict: ClassVar[bool] = True
    empty_update: ClassVar[bool] = True
    id = Field(ID, on="show list")
    project_id = Field(nullable(_TARGET), on="show list", match=True, view=lambda _, row: row.project_id or None)
    domain_id = Field(nullable(_TARGET), on="show list", match=True, view=lambda _, row: row.domain_id or None)
    service_id = Field(UUID, on="show list", match=True)
    region_id = Field(nullable(_REGION), on="show list", match=True, view=lambda _, row: row.region_id or None)
    resource_name = Field(_RESOURCE, on="show list", match=True, sort=True)
    resource_limit = Field(_NUMBER)
    description = Field(nullable(TEXT))

    get = limits.get
    list = lists(
        limits.list_page,
        query=_query(project_id={**_TARGET, "minLength": 1}, domain_id={**_TARGET, "minLength": 1}),
    )
    show = shows()
    update = updates(limits.update)
    delete = deletes(limits.delete)

    def extend(self, request: Request, row: Any, view: dict[str, Any]) -> None:
        view["links"] = {"self": self.link(request, row)}

    def policy_target(self, tx: Tx | None, request: Request, subject: LimitRow) -> Mapping[str, object]:
        """Rules see whose limit it is."""
        row = limits.owner(tx, subject) if tx is not None else None
        facts: dict[str, Any] = {"project_id": subject.project_id or None, "domain_id": subject.domain_id or None}
        if row is not None:
            kind = "domain" if row.is_domain else "project"
            facts[kind] = {"id": row.id, "domain_id": row.domain_id or None}
        return self.target(request, facts)

    def operations(self, dialect: Dialect) -> Operations:
        return [
            *super().operations(dialect),
            Operation(
                method="POST",
                path=self.path,
                name="create",
                resource=self.member,
                summary="Set limits of projects and domains: all of them or none.",
                rule="identity:create_limits",
                body=_CREATE,
                decide=self._create,
                view=self._created,
                answers=201,
            ),
            Operation(
                method="GET",
                path=f"{self.path}/model",
                name="model",
                resource=self.member,
                summary="How limits of projects and domains must go together.",
                rule="identity:get_limit_model",
                decide=self._model,
            ),
        ]

    def _create(self, tx: Tx, request: Request) -> Any:
        return limits.create(tx, self.near, request.ctx, request.body["limits"])

    def _created(self, request: Request, rows: Any) -> Any:
        return {"limits": [self.view(request, row) for row in rows]}

    def _model(self, tx: Tx, request: Request) -> Any:
        model = limit_models.chosen(self.near)
        return {"model": {"name": model.name, "description": model.description}}


def limit_facts(row: LimitRow) -> dict[str, Any]:
    """A limit as it stands within a project."""
    empty = {
        "project_id": row.project_id or None,
        "domain_id": row.domain_id or None,
        "region_id": row.region_id or None,
    }
    kept = ("id", "resource_limit", "description", "service_id", "resource_name")
    return {**{name: getattr(row, name) for name in kept}, **empty}


_CREATE = _many(
    "limits",
    {
        "project_id": nullable(_TARGET),
        "domain_id": nullable(_TARGET),
        "service_id": UUID,
        "region_id": nullable(_REGION),
        "resource_name": _RESOURCE,
        "resource_limit": _NUMBER,
        "description": nullable(TEXT),
    },
    ["service_id", "resource_name", "resource_limit"],
    {"oneOf": [{"required": ["domain_id"]}, {"required": ["project_id"]}]},
)
