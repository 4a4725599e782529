"""JSON Schema in few words, compiled once, with errors in the wording that OpenStack's clients know."""

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jsonschema_rs
from msgspec import Struct

from pileus.kernel.types import Version, is_uuid, version

Schema = Mapping[str, Any]
Versioned = Mapping[str, Schema]
"""First microversion of validity -> schema; a plain schema stands for all versions."""

NULL: Schema = {"type": "null"}
ANY: Schema = {}
BOOLEAN: Schema = {"type": "boolean"}
MOMENT: Schema = {"type": "string", "format": "date-time"}
"""A time: microseconds in the row, text on the wire."""
UUID: Schema = {"type": "string", "format": "uuid-any"}
"""A UUID with or without dashes."""


def text(maximum: int | None = None, minimum: int = 0, pattern: str | None = None) -> Schema:
    schema: dict[str, Any] = {"type": "string"}
    if maximum is not None:
        schema["maxLength"] = maximum
    if minimum:
        schema["minLength"] = minimum
    if pattern is not None:
        schema["pattern"] = pattern
    return schema


def integer(minimum: int | None = None, maximum: int | None = None) -> Schema:
    schema: dict[str, Any] = {"type": "integer"}
    if minimum is not None:
        schema["minimum"] = minimum
    if maximum is not None:
        schema["maximum"] = maximum
    return schema


def nullable(schema: Schema) -> Schema:
    """The same, or null."""
    if "enum" in schema:
        return {**schema, "enum": [*schema["enum"], None]}
    if isinstance(schema.get("type"), str):
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, NULL]}


def choice(*values: object) -> Schema:
    return {"enum": list(values)}


def array(items: Schema, maximum: int | None = None, minimum: int = 0, unique: bool = False) -> Schema:
    schema: dict[str, Any] = {"type": "array", "items": items}
    if maximum is not None:
        schema["maxItems"] = maximum
    if minimum:
        schema["minItems"] = minimum
    if unique:
        schema["uniqueItems"] = True
    return schema


def obj(
    properties: Mapping[str, Schema] | None = None,
    required: Sequence[str] = (),
    extra: bool | Schema = False,
    patterns: Mapping[str, Schema] | None = None,
) -> Schema:
    """An object; `extra` says whether other keys may stand in it (or what they must be)."""
    schema: dict[str, Any] = {"type": "object", "properties": dict(properties or {}), "additionalProperties": extra}
    if required:
        schema["required"] = list(required)
    if patterns:
        schema["patternProperties"] = dict(patterns)
    return schema


def one(schema: Schema) -> Schema:
    """A query parameter that may be given once."""
    return array(schema, maximum=1)


class Problem(Struct, frozen=True):
    """One thing wrong with a value. `path` leads to it: `("server", "name")`."""

    path: tuple[str | int, ...]
    message: str
    kind: str
    """The schema keyword that failed: `type`, `required`, `additionalProperties`, …"""
    value: object
    names: tuple[str, ...] = ()
    """The keys meant by `required` and `additionalProperties`."""


class Validator:
    """A schema ready for use: about a microsecond for a good value."""

    __slots__ = ("_rs", "is_valid", "schema")

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self._rs = jsonschema_rs.validator_for(
            dict(schema), formats={"uuid-any": is_uuid}, validate_formats=True, offline=True
        )
        self.is_valid = self._rs.is_valid

    def problems(self, value: object) -> list[Problem]:
        """All that is wrong with `value`, the shallowest first; empty when nothing is."""
        if self.is_valid(value):
            return []
        found = [_problem(e, value) for e in self._rs.iter_errors(value)]
        return sorted(found, key=lambda p: len(p.path))


@functools.cache
def _compiled(text_of_schema: str) -> Validator:
    return Validator(json.loads(text_of_schema))


def validator(schema: Schema) -> Validator:
    """The validator of a schema, shared by all that say the same."""
    return _compiled(json.dumps(schema, sort_keys=True))


class VersionedValidator:
    """Validators by microversion: the newest schema that is not newer than the request. Compiled at first use."""

    __slots__ = ("_made", "_steps")

    def __init__(self, schema: Schema | Versioned) -> None:
        self._steps: list[tuple[Version, Schema]] = [(Version(0, 0), schema)]
        if is_versioned(schema):
            self._steps = sorted((version(first), s) for first, s in schema.items())
        self._made: dict[Version, Validator] = {}

    def at(self, wanted: Version) -> Validator:
        """The oldest schema serves requests without a version."""
        found = self._made.get(wanted)
        if found is None:
            fit = [s for first, s in self._steps if first <= wanted] or [self._steps[0][1]]
            found = self._made[wanted] = validator(fit[-1])
        return found

    def newest(self) -> Schema:
        return self._steps[-1][1]


def is_versioned(schema: Schema | Versioned) -> bool:
    return bool(schema) and all(key[:1].isdigit() for key in schema)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(n) for n in names)


def _problem(error: Any, whole: Any) -> Problem:
    """The value at fault is taken from `whole`: the validator's own copy has its keys in another order."""
    path = tuple(error.instance_path)
    instance = functools.reduce(lambda value, step: value[step], path, whole)
    kind = error.kind
    name = str(kind.name)
    names: tuple[str, ...] = ()
    if name == "required":
        names = (str(kind.property),)
    elif name in ("additionalProperties", "unevaluatedProperties"):
        names = tuple(sorted(str(n) for n in kind.unexpected))
    return Problem(path, _wording(name, kind, error, instance), name, instance, names)


def _wording(name: str, kind: Any, error: Any, instance: Any) -> str:
    shown = repr(instance)
    if len(shown) > 400:
        shown = shown[:400] + "…"
    match name:
        case "required":
            return f"{kind.property!r} is a required property"
        case "additionalProperties" | "unevaluatedProperties":
            names = sorted(str(n) for n in kind.unexpected)
            verb = "was" if len(names) == 1 else "were"
            return f"Additional properties are not allowed ({_listed(names)} {verb} unexpected)"
        case "type":
            names = sorted((str(t) for t in kind.types), key=lambda t: t == "null")
            return f"{shown} is not of type {_listed(names)}"
        case "maxLength" | "maxItems":
            return f"{shown} is too long"
        case "minLength":
            return f"{shown} is too short"
        case "minItems":
            return f"{shown} is too short" if instance else "[] should be non-empty"
        case "maximum" | "exclusiveMaximum":
            return f"{shown} is greater than the maximum of {kind.limit}"
        case "minimum" | "exclusiveMinimum":
            return f"{shown} is less than the minimum of {kind.limit}"
        case "enum":
            return f"{shown} is not one of {list(kind.options)!r}"
        case "pattern":
            return f"{shown} does not match {kind.pattern!r}"
        case "format":
            return f"{shown} is not a {str(kind.format).removesuffix('-any')!r}"
        case "uniqueItems":
            return f"{shown} has non-unique elements"
        case "minProperties":
            return f"{shown} does not have enough properties"
        case "maxProperties":
            return f"{shown} has too many properties"
        case "anyOf" | "oneOf":
            return f"{shown} is not valid under any of the given schemas"
        case _:
            return str(error.message)
