"""`/v2/metadefs`: namespaces and what is defined in them."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Operation, Request
from pileus.kernel.types import Filter, Forbidden, Invalid, Listing, NotFound, Sort
from pileus.services.image.api import metadef_schemas as schemas
from pileus.services.image.api import metadef_views as views
from pileus.services.image.api.metadef_views import PATH
from pileus.services.image.api.queries import limit, links
from pileus.services.image.api.schemas import Schema
from pileus.services.image.core import metadefs
from pileus.services.image.core.metadefs import OBJECT, PROPERTY, RESOURCE_TYPE, TAG, Kind, Wanted
from pileus.services.image.core.neighbours import Neighbours
from pileus.services.image.db.metadefs import DefinitionRow

ONE = f"{PATH}/{{namespace_name}}"
SORT_KEYS = ("created_at", "updated_at", "namespace", "display_name", "visibility", "owner")
_OWN = ("namespace", "display_name", "description", "visibility", "protected", "owner")
_MADE_HERE = ("self", "schema", "created_at", "updated_at")
View = Callable[[DefinitionRow], dict[str, Any]]


class Metadefs:
    """Operations on metadata definitions."""

    def __init__(self, near: Neighbours) -> None:
        self._near = near

    def operations(self) -> list[Operation]:
        operation = partial(Operation, resource="metadefs")
        whole = schemas.body(schemas.namespace())
        return [
            operation(method="GET", path=PATH, decide=self._list),
            operation(method="POST", path=PATH, decide=self._create, view=_created, body=whole),
            operation(method="GET", path=ONE, decide=self._show),
            operation(method="PUT", path=ONE, decide=self._update, body=whole),
            operation(method="DELETE", path=ONE, decide=self._delete, answers=204),
            operation(method="GET", path="/v2/metadefs/resource_types", decide=self._types),
            *self._of(OBJECT, "object_name", schemas.object_(), views.object_),
            *self._of(PROPERTY, "property_name", schemas.property_(), views.property_),
            *self._tags(),
            *self._associations(),
        ]

    def _of(self, kind: Kind, parameter: str, schema: Schema, view: View) -> list[Operation]:
        """The operations that all kinds share, on `/{plural}` and `/{plural}/{name}`."""
        operation = partial(Operation, resource="metadefs")
        many, one, body = f"{ONE}/{kind.plural}", f"{ONE}/{kind.plural}/{{{parameter}}}", schemas.body(schema)
        handled = _Part(self._near, kind, parameter, view)
        return [
            operation(method="GET", path=many, decide=handled.list_all),
            operation(method="POST", path=many, decide=handled.create, body=body, answers=201),
            operation(method="DELETE", path=many, decide=handled.delete_all, answers=204),
            operation(method="GET", path=one, decide=handled.show),
            operation(method="PUT", path=one, decide=handled.update, body=body),
            operation(method="DELETE", path=one, decide=handled.delete, answers=204),
        ]

    def _tags(self) -> list[Operation]:
        operation = partial(Operation, resource="metadefs")
        many, one = f"{ONE}/tags", f"{ONE}/tags/{{tag_name}}"
        handled = _Part(self._near, TAG, "tag_name", views.tag)
        return [
            operation(method="GET", path=many, decide=handled.list_tags),
            operation(method="POST", path=many, decide=handled.set_tags, body=schemas.tags(), answers=201),
            operation(method="DELETE", path=many, decide=handled.delete_all, answers=204),
            operation(method="GET", path=one, decide=handled.show),
            operation(method="POST", path=one, decide=handled.create_named, answers=201),
            operation(method="PUT", path=one, decide=handled.update, body=schemas.body(schemas.tag())),
            operation(method="DELETE", path=one, decide=handled.delete, answers=204),
        ]

    def _associations(self) -> list[Operation]:
        operation = partial(Operation, resource="metadefs")
        many, body = f"{ONE}/resource_types", schemas.body(schemas.resource_type())
        handled = _Part(self._near, RESOURCE_TYPE, "name", views.association)
        return [
            operation(method="GET", path=many, decide=handled.list_all),
            operation(method="POST", path=many, decide=handled.create, body=body, answers=201),
            operation(method="DELETE", path=f"{many}/{{name}}", decide=handled.delete, answers=204),
        ]

    def _list(self, tx: Tx, request: Request) -> dict[str, Any]:
        query = request.query
        types = [one.strip() for one in (query.one("resource_types") or "").split(",") if one.strip()]
        found, more = metadefs.page(tx, self._near, request.ctx, types, self._listing(request))
        marker = found[-1].row.namespace if more and found else None
        return {
            "namespaces": [views.namespace(one) for one in found],
            **links(query, PATH, marker),
            "schema": "/v2/schemas/metadefs/namespaces",
        }

    def _listing(self, request: Request) -> Listing:
        query = request.query
        key, direction = query.one("sort_key") or "created_at", query.one("sort_dir") or "desc"
        if direction not in {"asc", "desc"}:
            raise Invalid(f"Invalid sort direction: {direction}")
        if key not in SORT_KEYS:
            raise Invalid(f"Invalid sort key: {key}. It must be one of the following: {', '.join(SORT_KEYS)}.")
        visibility = query.one("visibility")
        if visibility and visibility not in {"public", "private"}:
            raise Invalid(f"Invalid visibility value: {visibility}")
        filters = (Filter("visibility", "eq", (visibility,)),) if visibility else ()
        order = (Sort(key, direction == "desc"), *([Sort("namespace")] if key != "namespace" else []))
        return Listing(filters=filters, sort=order, marker=query.one("marker"), limit=limit(query, self._near.settings))

    def _create(self, tx: Tx, request: Request) -> dict[str, Any]:
        return views.namespace(metadefs.create(tx, self._near, request.ctx, _wanted(request.body)), fresh=True)

    def _show(self, tx: Tx, request: Request) -> dict[str, Any]:
        name = request.params["namespace_name"]
        found = metadefs.whole(tx, self._near, request.ctx, name)
        return views.namespace(found, prefix=_prefix(tx, request))

    def _update(self, tx: Tx, request: Request) -> dict[str, Any]:
        want = Wanted({key: value for key, value in _checked(request.body).items() if key in _OWN})
        name = request.params["namespace_name"]
        return views.namespace(metadefs.change(tx, self._near, request.ctx, name, want))

    def _delete(self, tx: Tx, request: Request) -> None:
        metadefs.delete(tx, self._near, request.ctx, request.params["namespace_name"])

    def _types(self, tx: Tx, request: Request) -> dict[str, Any]:
        found = metadefs.resource_types(tx, self._near, request.ctx)
        return {"resource_types": [views.resource_type(row) for row in found]}


class _Part:
    """Operations on one kind of definition."""

    def __init__(self, near: Neighbours, kind: Kind, parameter: str, view: View) -> None:
        self._near, self._kind, self._parameter, self._view = near, kind, parameter, view

    def _names(self, request: Request) -> tuple[str, Kind, str]:
        return request.params["namespace_name"], self._kind, request.params[self._parameter]

    def list_all(self, tx: Tx, request: Request) -> dict[str, Any]:
        kind, found = self._kind, self._found(tx, request)
        if kind is PROPERTY:
            return {"properties": {row.name: row.content for row in found}}
        if kind is OBJECT:
            return {"objects": [self._view(row) for row in found], "schema": "v2/schemas/metadefs/objects"}
        return {kind.plural: [self._view(row) for row in found]}

    def _found(self, tx: Tx, request: Request) -> list[DefinitionRow]:
        return metadefs.parts(tx, self._near, request.ctx, request.params["namespace_name"], self._kind)

    def list_tags(self, tx: Tx, request: Request) -> dict[str, Any]:
        """The only list of parts with pages."""
        rows, query = self._found(tx, request), request.query
        rows.sort(key=lambda row: row.name if query.one("sort_key") == "name" else f"{row.created_at:020}")
        if query.one("sort_dir", "desc") == "desc" and query.has("sort_key"):
            rows.reverse()
        names = [row.name for row in rows]
        marker = query.one("marker")
        if marker is not None:
            if marker not in names:
                raise NotFound(f"Could not find metadata tag {marker}")
            names = names[names.index(marker) + 1 :]
        most = limit(query, self._near.settings) if query.has("limit") else len(names)
        return {"tags": [{"name": name} for name in names[:most]]}

    def create(self, tx: Tx, request: Request) -> dict[str, Any]:
        body = dict(_checked(request.body))
        name = _named(body.pop("name"))
        space = request.params["namespace_name"]
        return self._view(metadefs.add_part(tx, self._near, request.ctx, space, self._kind, name, body))

    def create_named(self, tx: Tx, request: Request) -> dict[str, Any]:
        space, kind, name = self._names(request)
        return self._view(metadefs.add_part(tx, self._near, request.ctx, space, kind, _named(name), {}))

    def set_tags(self, tx: Tx, request: Request) -> dict[str, Any]:
        names = [_named(tag["name"]) for tag in request.body["tags"]]
        append = request.headers.get("x-openstack-append", "").lower() == "true"
        metadefs.set_tags(tx, self._near, request.ctx, request.params["namespace_name"], names, append)
        return {"tags": [{"name": name} for name in names]}

    def show(self, tx: Tx, request: Request) -> dict[str, Any]:
        space, kind, name = self._names(request)
        prefix = _prefix(tx, request) if kind is PROPERTY else ""
        if not name.startswith(prefix):
            raise NotFound(
                f"Property {name} does not start with the expected resource type association prefix of '{prefix}'."
            )
        return self._view(metadefs.part(tx, self._near, request.ctx, space, kind, name[len(prefix) :]))

    def update(self, tx: Tx, request: Request) -> dict[str, Any]:
        body = dict(_checked(request.body))
        to = _named(body.pop("name"))
        return self._view(metadefs.change_part(tx, self._near, request.ctx, *self._names(request), to, body))

    def delete(self, tx: Tx, request: Request) -> None:
        metadefs.remove_part(tx, self._near, request.ctx, *self._names(request))

    def delete_all(self, tx: Tx, request: Request) -> None:
        metadefs.remove_parts(tx, self._near, request.ctx, request.params["namespace_name"], self._kind)


def _created(request: Request, view: dict[str, Any]) -> Answer:
    return Answer(201, view, {"Location": request.link(f"{PATH}/{view['namespace']}")})


def _prefix(tx: Tx, request: Request) -> str:
    resource_type = request.query.one("resource_type")
    return metadefs.prefix(tx, request.params["namespace_name"], resource_type) if resource_type else ""


def _checked(body: Mapping[str, Any]) -> Mapping[str, Any]:
    for name in _MADE_HERE:
        if name in body:
            raise Forbidden(f"Attribute '{name}' is read-only.")
    return body


def _named(name: str) -> str:
    if not name or len(name) > 80:
        raise Invalid("name: 1 to 80 characters are needed")
    return name


def _wanted(body: Mapping[str, Any]) -> Wanted:
    _checked(body)
    _named(body["namespace"])
    parts: list[tuple[Kind, str, dict[str, object]]] = []
    for kind in (RESOURCE_TYPE, OBJECT, TAG):
        for one in body.get(kind.plural, []):
            content = dict(one)
            if not isinstance(content.get("name"), str):
                raise Invalid(f"{kind.plural}: 'name' is a required property")
            parts.append((kind, _named(str(content.pop("name"))), content))
    parts += [(PROPERTY, _named(name), dict(one)) for name, one in body.get("properties", {}).items()]
    return Wanted({key: value for key, value in body.items() if key in _OWN}, tuple(parts))
