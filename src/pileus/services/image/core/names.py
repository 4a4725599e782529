"""Names that an image's attributes and properties may and may not have."""

from collections.abc import Iterable

from pileus.kernel.types import Forbidden, Invalid

GIVEN = frozenset({"direct_url", "self", "file", "schema", "stores"})
"""Made by the API for each answer."""
READ_ONLY = GIVEN - {"stores"} | {
    "id",
    "created_at",
    "updated_at",
    "status",
    "checksum",
    "size",
    "virtual_size",
    "os_hash_algo",
    "os_hash_value",
}
RESERVED = frozenset({"location", "deleted", "deleted_at"})
RESERVED_PREFIX = "os_glance"
BASE = frozenset(
    {
        "name",
        "visibility",
        "owner",
        "disk_format",
        "container_format",
        "min_disk",
        "min_ram",
        "protected",
        "os_hidden",
        "tags",
    }
)
"""What a caller may set that is no property."""
LONGEST = 255


def check_new(names: Iterable[str]) -> None:
    """The names in the body of a new image, `id` and `BASE` taken out. Raises `Forbidden` or `Invalid`."""
    for name in names:
        if name in READ_ONLY or name in GIVEN:
            raise read_only(name)
        check_property(name)
        if name == "locations":
            raise reserved(name)


def check_changed(name: str) -> None:
    """The name that a change is about."""
    if name in READ_ONLY or name in GIVEN:
        raise read_only(name)
    if name not in BASE:
        check_property(name)


def check_property(name: str) -> None:
    if not name:
        raise Invalid("The name of a property must not be empty.")
    if len(name) > LONGEST:
        raise Invalid("Custom property should not be greater than 255 characters.")
    if name in RESERVED or name.startswith(RESERVED_PREFIX):
        raise reserved(name)


def read_only(name: str) -> Forbidden:
    return Forbidden(f"Attribute '{name}' is read-only.", type="ReadonlyProperty")


def reserved(name: str) -> Forbidden:
    return Forbidden(f"Attribute '{name}' is reserved.", type="ReservedProperty")
