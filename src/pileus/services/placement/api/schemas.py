"""What bodies must look like, by microversion."""

from typing import Any

from pileus.kernel.rest import UUID, Schema, Versioned, array, integer, nullable, obj, text

MAX_INT = 2147483647
CLASS_NAME = "^[A-Z0-9_]+$"
CUSTOM_NAME = "^CUSTOM_[A-Z0-9_]+$"
UUIDISH = "^[0-9a-fA-F-]{36}$"
GENERATION = {"type": "integer"}
QUERY_TEXT = array(text(), minimum=1)
"""A query parameter; given twice, the last one counts."""

_NAME = text(200)
PROVIDER_CREATE: Versioned = {
    "1.0": obj({"name": _NAME, "uuid": UUID}, ["name"]),
    "1.14": obj({"name": _NAME, "uuid": UUID, "parent_provider_uuid": nullable(UUID)}, ["name"]),
}
PROVIDER_UPDATE: Versioned = {
    "1.0": obj({"name": _NAME}, ["name"]),
    "1.14": obj({"name": _NAME, "parent_provider_uuid": nullable(UUID)}, ["name"]),
}

_STOCK: dict[str, Any] = {
    "total": integer(1, MAX_INT),
    "reserved": integer(0, MAX_INT),
    "min_unit": integer(1, MAX_INT),
    "max_unit": integer(1, MAX_INT),
    "step_size": integer(1, MAX_INT),
    "allocation_ratio": {"type": "number", "maximum": 3.40282e38, "minimum": 0},
}
INVENTORY_CREATE = obj({"resource_class": text(255, pattern=CLASS_NAME), **_STOCK}, ["resource_class", "total"])
INVENTORY_UPDATE = obj(
    {"resource_provider_generation": GENERATION, **_STOCK}, ["total", "resource_provider_generation"]
)
INVENTORIES = obj(
    {
        "resource_provider_generation": GENERATION,
        "inventories": obj({}, patterns={CLASS_NAME: obj(_STOCK, ["total"])}),
    },
    ["resource_provider_generation", "inventories"],
)

_AGGREGATES = array(UUID, unique=True)
AGGREGATES: Versioned = {
    "1.1": _AGGREGATES,
    "1.19": obj(
        {"aggregates": _AGGREGATES, "resource_provider_generation": GENERATION},
        ["aggregates", "resource_provider_generation"],
    ),
}
PROVIDER_TRAITS = obj(
    {"traits": array(text(255, 1, CLASS_NAME), unique=True), "resource_provider_generation": GENERATION},
    ["traits", "resource_provider_generation"],
)
CLASS_BODY = obj({"name": text(255, pattern=CUSTOM_NAME)}, ["name"])

_AMOUNTS = {**obj({}, patterns={CLASS_NAME: integer(1)}), "minProperties": 1}
_BY_PROVIDER = obj({"generation": GENERATION, "resources": _AMOUNTS}, ["resources"])
_OWNER = {"project_id": text(255, 1), "user_id": text(255, 1)}
_CONSUMER_GENERATION = {"type": ["integer", "null"]}
_LISTED = array(
    obj(
        {"resource_provider": obj({"uuid": UUID}, ["uuid"]), "resources": _AMOUNTS}, ["resource_provider", "resources"]
    ),
    minimum=1,
)
_MAPPINGS = {
    **obj({}, patterns={"^[a-zA-Z0-9_-]{1,64}$|^$": array(UUID, minimum=1)}),
    "minProperties": 1,
}


def _dict_form(since: tuple[int, int], empty: bool) -> Schema:
    """The body of one consumer from 1.12 on. `empty`: it may hold nothing."""
    holdings: dict[str, Any] = {**obj({}, patterns={UUIDISH: _BY_PROVIDER})}
    if not empty:
        holdings["minProperties"] = 1
    properties: dict[str, Schema] = {"allocations": holdings, **_OWNER}
    required = ["allocations", "project_id", "user_id"]
    if since >= (1, 28):
        properties["consumer_generation"] = _CONSUMER_GENERATION
        required.append("consumer_generation")
    if since >= (1, 34):
        properties["mappings"] = _MAPPINGS
    if since >= (1, 38):
        properties["consumer_type"] = text(255, 1, CLASS_NAME)
        required.append("consumer_type")
    return obj(properties, required)


ALLOCATIONS: Versioned = {
    "1.0": obj({"allocations": _LISTED}, ["allocations"]),
    "1.8": obj({"allocations": _LISTED, **_OWNER}, ["allocations", *_OWNER]),
    "1.12": _dict_form((1, 12), empty=False),
    "1.28": _dict_form((1, 28), empty=True),
    "1.34": _dict_form((1, 34), empty=True),
    "1.38": _dict_form((1, 38), empty=True),
}


def _consumers(since: tuple[int, int], minimum: int) -> Schema:
    return {**obj({}, patterns={UUIDISH: _dict_form(since, empty=True)}), "minProperties": minimum}


MANY_ALLOCATIONS: Versioned = {
    f"{major}.{minor}": _consumers((major, minor), 1) for major, minor in ((1, 13), (1, 28), (1, 34), (1, 38))
}


def _reshaper(since: tuple[int, int]) -> Schema:
    stock = {**obj({}, patterns={UUIDISH: INVENTORIES}), "minProperties": 1}
    return obj({"inventories": stock, "allocations": _consumers(since, 0)}, ["inventories", "allocations"])


RESHAPER: Versioned = {f"{major}.{minor}": _reshaper((major, minor)) for major, minor in ((1, 30), (1, 34), (1, 38))}

_USAGE = {"project_id": array(text(255, 1), minimum=1), "user_id": array(text(255, 1), minimum=1)}
USAGES: Versioned = {
    "1.9": obj(_USAGE, ["project_id"]),
    "1.38": obj(
        {**_USAGE, "consumer_type": array(text(255, 1, "^[A-Z0-9_]+$|^all$|^unknown$"), minimum=1)}, ["project_id"]
    ),
}
