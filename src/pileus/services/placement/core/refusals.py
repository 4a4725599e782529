"""Refusals that several nouns share, with the codes that clients act on."""

from pileus.kernel.types import Conflict, Invalid, NotFound

CONCURRENT = {"code": "placement.concurrent_update"}
IN_USE = {"code": "placement.inventory.inuse"}
DUPLICATE_NAME = {"code": "placement.duplicate_name"}
PROVIDER_NOT_FOUND = {"code": "placement.resource_provider.not_found"}
MISSING_VALUE = {"code": "placement.query.missing_value"}
BAD_VALUE = {"code": "placement.query.bad_value"}
DUPLICATE_KEY = {"code": "placement.query.duplicate_key"}


def no_provider(provider_id: str) -> NotFound:
    return NotFound(f"No resource provider with uuid {provider_id} found")


def stale_provider() -> Conflict:
    return Conflict("resource provider generation conflict", details=CONCURRENT)


def changed_provider() -> Conflict:
    return Conflict(
        "Resource provider's generation already changed. Please update the generation and try again.",
        details=CONCURRENT,
    )


def unknown_class(names: str) -> str:
    return f"No such resource class {names}."


def bad_query(told: str) -> Invalid:
    return Invalid(f"Invalid query string parameters: {told}")
