"""The JSON schemas that the API shows of itself. Clients build their models from them."""

from collections.abc import Mapping
from typing import Any

from pileus.services.image.core.settings import ImageSettings

Schema = dict[str, Any]
UUID = "^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$"
STATES = (
    "queued",
    "saving",
    "active",
    "killed",
    "deleted",
    "uploading",
    "importing",
    "pending_delete",
    "deactivated",
)
VISIBILITIES = ("community", "public", "private", "shared")
_TEXT: Schema = {"type": "string"}
_TEXT_OR_NULL: Schema = {"type": ["null", "string"]}
_SHOWN: Schema = {"type": "string", "readOnly": True}


def image(settings: ImageSettings) -> Schema:
    """One image."""
    links = [("self", "{self}"), ("enclosure", "{file}"), ("describedby", "{schema}")]
    return {
        "name": "image",
        "properties": _attributes(settings),
        "additionalProperties": _TEXT,
        "links": [{"rel": rel, "href": href} for rel, href in links],
    }


def _attributes(settings: ImageSettings) -> dict[str, Schema]:
    return {
        "id": {**_TEXT, "pattern": UUID, "description": "The image's UUID"},
        "name": {**_TEXT_OR_NULL, "maxLength": 255, "description": "A name for people; need not be unique"},
        "status": {**_SHOWN, "enum": list(STATES), "description": "Where the image stands"},
        "visibility": {**_TEXT, "enum": list(VISIBILITIES), "description": "Who sees the image"},
        "protected": {"type": "boolean", "description": "A protected image cannot be deleted"},
        "os_hidden": {"type": "boolean", "description": "A hidden image is left out of ordinary lists"},
        "checksum": {**_TEXT_OR_NULL, "readOnly": True, "maxLength": 32, "description": "MD5 of the data"},
        "os_hash_algo": {
            **_TEXT_OR_NULL,
            "readOnly": True,
            "maxLength": 64,
            "description": "How os_hash_value is made",
        },
        "os_hash_value": {
            **_TEXT_OR_NULL,
            "readOnly": True,
            "maxLength": 128,
            "description": "Hash of the data, in hex",
        },
        "owner": {**_TEXT_OR_NULL, "maxLength": 255, "description": "The project that owns the image"},
        "size": {"type": ["null", "integer"], "readOnly": True, "description": "Bytes of data"},
        "virtual_size": {"type": ["null", "integer"], "readOnly": True, "description": "Bytes that a guest would see"},
        "container_format": {
            **_TEXT_OR_NULL,
            "enum": [None, *settings.container_formats],
            "description": "What the data are wrapped in",
        },
        "disk_format": {**_TEXT_OR_NULL, "enum": [None, *settings.disk_formats], "description": "What the data are"},
        "created_at": {**_SHOWN, "description": "When the image was registered"},
        "updated_at": {**_SHOWN, "description": "When the image last changed"},
        "tags": {"type": "array", "items": {**_TEXT, "maxLength": 255}, "description": "Labels of the image"},
        "direct_url": {**_SHOWN, "description": "Where the data lie, if that is shown"},
        "min_ram": {"type": "integer", "description": "MiB of memory that a guest needs"},
        "min_disk": {"type": "integer", "description": "GiB of disk that a guest needs"},
        "self": {**_SHOWN, "description": "Path of the image"},
        "file": {**_SHOWN, "description": "Path of its data"},
        "stores": {**_SHOWN, "description": "The stores that hold its data"},
        "schema": {**_SHOWN, "description": "Path of this schema"},
        "locations": {**_locations(), "description": "Where the data lie, if that is shown"},
    }


def _locations() -> Schema:
    validation = {
        "type": "object",
        "writeOnly": True,
        "additionalProperties": False,
        "properties": {
            "checksum": {**_TEXT, "minLength": 32, "maxLength": 32},
            "os_hash_algo": {**_TEXT, "maxLength": 64},
            "os_hash_value": {**_TEXT, "maxLength": 128},
        },
        "required": ["os_hash_algo", "os_hash_value"],
    }
    one = {
        "type": "object",
        "properties": {
            "url": {**_TEXT, "maxLength": 255},
            "metadata": {"type": "object"},
            "validation_data": validation,
        },
        "required": ["url", "metadata"],
    }
    return {"type": "array", "items": one}


def new_image(settings: ImageSettings) -> Schema:
    """What a body that makes an image must look like."""
    shown = image(settings)
    return {
        "type": "object",
        "properties": {name: _bare(schema) for name, schema in shown["properties"].items()},
        "additionalProperties": _TEXT,
    }


def _bare(schema: Mapping[str, Any]) -> Schema:
    return {key: value for key, value in schema.items() if key not in {"description", "readOnly"}}


def member() -> Schema:
    """A project that an image is shared with."""
    return {
        "name": "member",
        "properties": {
            "member_id": {**_TEXT, "description": "The project's id"},
            "image_id": {**_TEXT, "pattern": UUID, "description": "The image's UUID"},
            "created_at": {**_TEXT, "description": "When the image was offered"},
            "updated_at": {**_TEXT, "description": "When the project last answered"},
            "status": {**_TEXT, "enum": ["pending", "accepted", "rejected"], "description": "The project's answer"},
            "schema": _SHOWN,
        },
    }


def task(whole: bool = True) -> Schema:
    """The record of an import; lists leave the long parts out."""
    nothing_or_object: Schema = {"type": ["null", "object"]}
    long_parts: dict[str, Schema] = {
        "input": {**nothing_or_object, "description": "What was asked for"},
        "result": {**nothing_or_object, "description": "What came of it"},
        "message": {**_TEXT, "description": "How it went, in words"},
    }
    properties: dict[str, Schema] = {
        "id": {**_TEXT, "pattern": UUID, "description": "The task's UUID"},
        "type": {
            **_TEXT,
            "enum": ["import", "api_image_import", "location_import"],
            "description": "What kind of work it is",
        },
        "status": {
            **_TEXT,
            "enum": ["pending", "processing", "success", "failure"],
            "description": "How far it has come",
        },
        **(long_parts if whole else {}),
        "owner": {**_TEXT, "description": "The project that asked"},
        "image_id": {**_TEXT, "description": "The image that it is about"},
        "request_id": {**_TEXT, "description": "The request that asked"},
        "user_id": {**_TEXT, "description": "The user who asked"},
        "expires_at": {**_TEXT_OR_NULL, "description": "When the record may be removed"},
        "created_at": {**_TEXT, "description": "When it was asked for"},
        "updated_at": {**_TEXT, "description": "When it last changed"},
        "self": _SHOWN,
        "schema": _SHOWN,
    }
    return {"name": "task", "properties": properties}


def collection(name: str, one: Schema, *, paged: bool = False) -> Schema:
    """A list of things."""
    links = [("first", "{first}"), ("next", "{next}")] if paged else []
    return {
        "name": name,
        "properties": {
            name: {"type": "array", "items": one},
            **({"first": _TEXT, "next": _TEXT} if paged else {}),
            "schema": _TEXT,
        },
        "links": [{"rel": rel, "href": href} for rel, href in [*links, ("describedby", "{schema}")]],
    }
