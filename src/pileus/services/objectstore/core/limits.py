"""What names and metadata may be, and whether there is room for more."""

from collections.abc import Mapping

from pileus.kernel.types import Invalid, OutOfSpace
from pileus.services.objectstore.core.neighbours import Neighbours


def check_room(near: Neighbours) -> None:
    """Whether the database has room for one more row: what is left at last is for deletes. Raises `OutOfSpace`."""
    if not near.db.roomy():
        raise OutOfSpace("There is no space left for objects.")


def check_meta(near: Neighbours, meta: Mapping[str, str]) -> None:
    """Raises `Invalid` for too many, too long, or too much of them. Sizes are of UTF-8."""
    limits = near.settings
    if len(meta) > limits.meta_count:
        raise Invalid(f"Too many metadata items; max {limits.meta_count}", type="MetadataTooLarge")
    total = 0
    for name, value in meta.items():
        name_size, value_size = len(name.encode()), len(value.encode())
        if name_size > limits.meta_name_bytes:
            raise Invalid(f"Metadata name too long: {name}", type="MetadataTooLarge")
        if value_size > limits.meta_value_bytes:
            raise Invalid(f"Metadata value longer than {limits.meta_value_bytes}: {name}", type="MetadataTooLarge")
        total += name_size + value_size
    if total > limits.meta_bytes:
        raise Invalid(f"Total metadata too large; max {limits.meta_bytes}", type="MetadataTooLarge")


def check_container_name(near: Neighbours, name: str) -> None:
    """Raises `Invalid`."""
    _check(name, near.settings.container_name_bytes, "Container")
    if "/" in name:
        raise Invalid("Container name cannot contain slashes", type="InvalidName")


def check_object_name(near: Neighbours, name: str) -> None:
    """Raises `Invalid`."""
    _check(name, near.settings.name_bytes, "Object")


def _check(name: str, most: int, what: str) -> None:
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise Invalid(f"{what} name is not UTF-8", type="InvalidName") from None
    if not name or "\0" in name:
        raise Invalid(f"{what} name is empty or has a NUL", type="InvalidName")
    if size > most:
        raise Invalid(f"{what} name length of {size} longer than {most}", type="NameTooLong")
