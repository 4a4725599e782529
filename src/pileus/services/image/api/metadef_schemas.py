"""JSON schemas of metadata definitions."""

from typing import Any

from pileus.services.image.api.schemas import Schema

_TEXT: Schema = {"type": "string"}
_SHOWN: Schema = {"type": "string", "readOnly": True}
_MOMENT: Schema = {"type": "string", "readOnly": True, "format": "date-time"}
_NAME: Schema = {"type": "string", "maxLength": 80}
_TYPES = ["array", "boolean", "integer", "number", "object", "string", None]
_MADE: dict[str, Schema] = {"created_at": _MOMENT, "updated_at": _MOMENT}
_REF = "#/definitions/"


def _definitions(minimum: int = 0) -> dict[str, Schema]:
    strings: Schema = {"type": "array", "items": _TEXT, "uniqueItems": True}
    return {
        "positiveInteger": {"type": "integer", "minimum": 0},
        "positiveIntegerDefault0": {"allOf": [{"$ref": f"{_REF}positiveInteger"}, {"default": 0}]},
        "stringArray": {**strings, "minItems": minimum} if minimum else strings,
    }


def _facets() -> dict[str, Schema]:
    """What a property may say of its values."""
    whole, whole_or_none = {"$ref": f"{_REF}positiveInteger"}, {"$ref": f"{_REF}positiveIntegerDefault0"}
    return {
        "name": _NAME,
        "title": _TEXT,
        "description": _TEXT,
        "operators": {"type": "array", "items": _TEXT},
        "type": {"type": "string", "enum": _TYPES},
        "required": {"$ref": f"{_REF}stringArray"},
        "minimum": {"type": "number"},
        "maximum": {"type": "number"},
        "maxLength": whole,
        "minLength": whole_or_none,
        "pattern": {"type": "string", "format": "regex"},
        "enum": {"type": "array"},
        "readonly": {"type": "boolean"},
        "default": {},
        "items": {
            "type": "object",
            "properties": {"type": {"type": "string", "enum": _TYPES}, "enum": {"type": "array"}},
        },
        "maxItems": whole,
        "minItems": whole_or_none,
        "uniqueItems": {"type": "boolean", "default": False},
        "additionalItems": {"type": "boolean"},
    }


def _with_properties() -> dict[str, Schema]:
    one = {"type": "object", "required": ["title", "type"], "properties": _facets()}
    return {**_definitions(), "property": {"type": "object", "additionalProperties": one}}


def namespace() -> Schema:
    association = {"type": "object", "properties": {"name": _TEXT, "prefix": _TEXT, "properties_target": _TEXT}}
    object_ = {
        "name": _TEXT,
        "description": _TEXT,
        "required": {"$ref": f"{_REF}stringArray"},
        "properties": {"$ref": f"{_REF}property"},
    }
    return {
        "name": "namespace",
        "properties": {
            "namespace": {**_NAME, "description": "Its name, unique in the cloud"},
            "display_name": {**_NAME, "description": "A name for people"},
            "description": {"type": "string", "maxLength": 500, "description": "What it is about"},
            "visibility": {"type": "string", "enum": ["public", "private"], "description": "Who sees it"},
            "protected": {"type": "boolean", "description": "A protected one cannot be deleted"},
            "owner": {"type": "string", "maxLength": 255, "description": "The project that owns it"},
            **_MADE,
            "schema": _SHOWN,
            "self": _SHOWN,
            "resource_type_associations": {"type": "array", "items": association},
            "properties": {"$ref": f"{_REF}property"},
            "objects": {"type": "array", "items": {"type": "object", "properties": object_}},
            "tags": {"type": "array", "items": {"type": "object", "properties": {"name": _TEXT}}},
        },
        "additionalProperties": False,
        "definitions": _with_properties(),
        "required": ["namespace"],
    }


def object_() -> Schema:
    return {
        "name": "object",
        "properties": {
            "name": _NAME,
            "description": _TEXT,
            "required": {"$ref": f"{_REF}stringArray"},
            "properties": {"$ref": f"{_REF}property"},
            "schema": _SHOWN,
            "self": _SHOWN,
            **_MADE,
        },
        "additionalProperties": False,
        "definitions": _with_properties(),
        "required": ["name"],
    }


def property_(name: bool = True) -> Schema:
    return {
        "name": "property",
        "properties": _facets(),
        "additionalProperties": False,
        "definitions": _definitions(minimum=1),
        "required": ["type", "title", *(["name"] if name else [])],
    }


def resource_type() -> Schema:
    return {
        "name": "resource_type_association",
        "properties": {"name": _NAME, "prefix": _NAME, "properties_target": _NAME, **_MADE},
        "additionalProperties": False,
        "required": ["name"],
    }


def tag() -> Schema:
    return {
        "name": "tag",
        "properties": {"name": _NAME, **_MADE},
        "additionalProperties": False,
        "required": ["name"],
    }


def tags() -> Schema:
    """The body that sets many tags."""
    return {
        "type": "object",
        "properties": {"tags": {"type": "array", "items": body(tag())}},
        "required": ["tags"],
        "additionalProperties": False,
    }


def body(shown: Schema) -> Schema:
    """What a client sends, of what it is shown."""
    given: dict[str, Any] = {key: value for key, value in shown.items() if key != "name"}
    return {**given, "type": "object"}


def collection(name: str, one: Schema, *, by_name: bool = False) -> Schema:
    """A list, or things by their names."""
    single = {key: value for key, value in one.items() if key != "definitions"}
    many: Schema = {"type": "object", "additionalProperties": single} if by_name else {"type": "array", "items": single}
    links = [("first", "{first}"), ("next", "{next}"), ("describedby", "{schema}")]
    shown: Schema = {
        "name": name,
        "properties": {name: many, "first": _TEXT, "next": _TEXT, "schema": _TEXT},
        "links": [{"rel": rel, "href": href} for rel, href in links],
    }
    if "definitions" in one:
        shown["definitions"] = one["definitions"]
    return shown


def documents() -> dict[str, Schema]:
    """All of them by the last part of their path."""
    return {
        "namespace": namespace(),
        "namespaces": collection("namespaces", namespace()),
        "object": object_(),
        "objects": collection("objects", object_()),
        "property": property_(),
        "properties": collection("properties", property_(name=False), by_name=True),
        "resource_type": resource_type(),
        "resource_types": collection("resource_type_associations", resource_type()),
        "tag": tag(),
        "tags": collection("tags", tag()),
    }
