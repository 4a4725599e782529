"""The OpenAPI 3.1 document of a face, made from its operations."""

import re
from typing import TYPE_CHECKING, Any

from pileus.kernel.rest.operations import Operation
from pileus.kernel.rest.schemas import VersionedValidator

if TYPE_CHECKING:
    from pileus.kernel.rest.face import Face

_PARAMETER = re.compile(r"\{([^}:]+)(:path)?\}")


def document(face: "Face") -> dict[str, Any]:
    """Paths, parameters and bodies at the highest microversion; actions of one path are alternatives of its body."""
    paths: dict[str, dict[str, Any]] = {}
    for op in face.operations:
        if op.method == "WEBSOCKET" or op.partly == "absent":
            continue
        path = _PARAMETER.sub(lambda m: "{" + m[1] + "}", op.path)
        verbs = paths.setdefault(path, {})
        made = _operation(op, face.name)
        there = verbs.get(op.method.lower())
        verbs[op.method.lower()] = made if there is None else _merged(there, made)
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Pileus {face.name}", "version": face.dialect.highest or "1"},
        "paths": dict(sorted(paths.items())),
        "components": {"securitySchemes": {"token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"}}},
    }


def _operation(op: Operation, service: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": f"{op.method.lower()}:{op.path}" + (f"#{op.action}" if op.action else ""),
        "tags": [op.resource or service],
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name, _ in _PARAMETER.findall(op.path)
        ],
        "responses": {
            str(op.answers): {"description": "done"},
            "default": {"description": "a fault in the service's form"},
        },
    }
    if op.summary:
        made["summary"] = op.summary
    if not op.public:
        made["security"] = [{"token": []}]
    if op.query is not None:
        schema = VersionedValidator(op.query).newest()
        for name, values in schema.get("properties", {}).items():
            made["parameters"].append({"name": name, "in": "query", "explode": True, "schema": dict(values)})
    if op.body is not None:
        schema = _plain(VersionedValidator(op.body).newest())
        made["requestBody"] = {"required": not op.optional_body, "content": {"application/json": {"schema": schema}}}
    elif op.raw and op.method in ("PUT", "POST", "PATCH"):
        made["requestBody"] = {
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
        }
    return made


def _plain(schema: Any) -> Any:
    """The schema with our own formats in standard words."""
    if isinstance(schema, dict):
        return {k: "uuid" if k == "format" and v == "uuid-any" else _plain(v) for k, v in schema.items()}
    if isinstance(schema, list | tuple):
        return [_plain(s) for s in schema]
    return schema


def _merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Two operations of one path and method (versions or actions) as one: any of their bodies, all of their answers."""
    made = {**one, "responses": {**one["responses"], **other["responses"]}}
    bodies: list[Any] = []
    for op in (one, other):
        schema = op.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
        if schema is not None:
            bodies += schema.get("anyOf", [schema]) if set(schema) == {"anyOf"} else [schema]
    if bodies:
        made["requestBody"] = {"required": True, "content": {"application/json": {"schema": {"anyOf": bodies}}}}
    return made
