"""Resource classes: what can be counted. The standard ones are a fixed list, custom ones come and go."""

from collections.abc import Collection, Sequence

import os_resource_classes

from pileus.kernel.db import Tx
from pileus.kernel.types import Conflict, Invalid, NotFound
from pileus.services.placement.core.refusals import unknown_class
from pileus.services.placement.db import names

STANDARD: tuple[str, ...] = tuple(os_resource_classes.STANDARDS)
_STANDARD = frozenset(STANDARD)


def listed(tx: Tx) -> list[tuple[str, int | None]]:
    """All classes with the time of their making; None for the standard ones."""
    return [*((name, None) for name in STANDARD), *((row.name, row.created_at) for row in names.all_classes(tx))]


def find(tx: Tx, name: str) -> int | None:
    """When a custom class was made; None for a standard one. Raises `NotFound`."""
    if name in _STANDARD:
        return None
    row = names.find_classes(tx, [name]).get(name)
    if row is None:
        raise NotFound(unknown_class(name))
    return row.created_at


def exists(tx: Tx, name: str) -> bool:
    return name in _STANDARD or bool(names.find_classes(tx, [name]))


def unknown(tx: Tx, wanted: Collection[str]) -> list[str]:
    """Those of `wanted` that are no resource classes, sorted."""
    custom: Sequence[str] = sorted(set(wanted) - _STANDARD)
    return sorted(set(custom) - set(names.find_classes(tx, custom))) if custom else []


def create(tx: Tx, name: str) -> None:
    if exists(tx, name):
        raise Conflict(f"Conflicting resource class already exists: {name}")
    names.insert_class(tx, name)


def ensure(tx: Tx, name: str) -> bool:
    """Make a custom class; False when it was there."""
    if exists(tx, name):
        return False
    names.insert_class(tx, name)
    return True


def rename(tx: Tx, name: str, new: str) -> None:
    """Only before 1.7. What there is of it goes on under the new name."""
    if name in _STANDARD:
        raise Invalid(f"Cannot update standard resource class {name}")
    find(tx, name)
    if name != new and exists(tx, new):
        raise Conflict(f"Resource class already exists: {new}")
    names.delete_class(tx, name)
    names.insert_class(tx, new)
    names.rename_stock(tx, name, new)


def delete(tx: Tx, name: str) -> None:
    if name in _STANDARD:
        raise Invalid(f"Error in delete resource class: Cannot delete standard resource class {name}.")
    find(tx, name)
    if names.class_in_use(tx, name):
        raise Conflict(
            f"Error in delete resource class: Cannot delete resource class {name}. Class is in use in inventory."
        )
    names.delete_class(tx, name)
