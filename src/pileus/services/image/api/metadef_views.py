"""Metadata definitions as clients see them: what was not given is left out."""

from functools import partial
from typing import Any

from pileus.kernel.types import iso
from pileus.services.image.core.metadefs import OBJECT, PROPERTY, RESOURCE_TYPE, TAG, Kind, Namespace
from pileus.services.image.db.metadefs import DefinitionRow, NamespaceRow, ResourceTypeRow

PATH = "/v2/metadefs/namespaces"


def namespace(found: Namespace | NamespaceRow, *, prefix: str = "", fresh: bool = False) -> dict[str, Any]:
    """One namespace; `prefix` is put before the names of properties. A `fresh` one shows its parts as they were given."""
    row, parts = (found, []) if isinstance(found, NamespaceRow) else (found.row, found.parts)
    view: dict[str, Any] = {"namespace": row.namespace}
    for name in ("display_name", "description"):
        if getattr(row, name) is not None:
            view[name] = getattr(row, name)
    view |= {
        "visibility": row.visibility,
        "protected": row.protected,
        "owner": row.owner,
        "created_at": iso(row.created_at),
        "updated_at": iso(row.updated_at),
    }
    view |= {name: value for name, value in _parts(parts, prefix, fresh).items() if value}
    view["self"] = f"{PATH}/{row.namespace}"
    view["schema"] = "/v2/schemas/metadefs/namespace"
    return view


def _parts(parts: list[DefinitionRow], prefix: str, fresh: bool) -> dict[str, Any]:
    view_object = property_ if fresh else partial(object_, prefix=prefix)
    view_association = property_ if fresh else association
    return {
        "resource_type_associations": [view_association(one) for one in _of(parts, RESOURCE_TYPE)],
        "properties": {prefix + one.name: one.content for one in _of(parts, PROPERTY)},
        "objects": [view_object(one) for one in _of(parts, OBJECT)],
        "tags": [{"name": one.name} for one in _of(parts, TAG)],
    }


def _of(parts: list[DefinitionRow], kind: Kind) -> list[DefinitionRow]:
    return [one for one in parts if one.kind == kind.name]


def object_(row: DefinitionRow, *, prefix: str = "") -> dict[str, Any]:
    content = dict(row.content)
    if prefix:
        content = _prefixed(content, prefix)
    return {
        "name": row.name,
        **content,
        **_made(row),
        "self": f"{PATH}/{row.namespace}/objects/{row.name}",
        "schema": "/v2/schemas/metadefs/object",
    }


def _prefixed(content: dict[str, Any], prefix: str) -> dict[str, Any]:
    if content.get("required"):
        content["required"] = [prefix + name for name in content["required"]]
    if content.get("properties"):
        content["properties"] = {prefix + name: value for name, value in content["properties"].items()}
    return content


def property_(row: DefinitionRow) -> dict[str, Any]:
    """Also anything else as it was given."""
    return {"name": row.name, **row.content}


def tag(row: DefinitionRow) -> dict[str, Any]:
    return {"name": row.name, **_made(row)}


def association(row: DefinitionRow) -> dict[str, Any]:
    return {"name": row.name, **row.content, **_made(row)}


def resource_type(row: ResourceTypeRow) -> dict[str, Any]:
    return {"name": row.name, "created_at": iso(row.created_at), "updated_at": iso(row.updated_at)}


def _made(row: DefinitionRow) -> dict[str, str]:
    return {"created_at": iso(row.created_at), "updated_at": iso(row.updated_at)}
