"""Parts of which methods make their schemas."""

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]
TEXT: Schema = {"type": "string"}


def open_object(properties: Mapping[str, Schema], *required: str) -> dict[str, Any]:
    """An object that may say more than what is read of it, as Keystone's logins may."""
    return {"type": "object", "properties": dict(properties), "required": list(required)}


def named(properties: Mapping[str, Schema]) -> dict[str, Any]:
    """An object that is meant by id or name."""
    both = {"id": TEXT, "name": TEXT}
    return {**open_object({**both, **properties}), "anyOf": [{"required": ["id"]}, {"required": ["name"]}]}


DOMAIN = named({})
USER = named({"domain": DOMAIN})
