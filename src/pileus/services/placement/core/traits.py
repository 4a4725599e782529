"""Traits: qualities of providers. The standard ones are a fixed list, custom ones come and go."""

from collections.abc import Collection
from typing import Any

import os_traits

from pileus.kernel.db import Tx
from pileus.kernel.types import Conflict, Invalid, NotFound
from pileus.services.placement.core import refusals
from pileus.services.placement.db import names, providers
from pileus.services.placement.db.providers import ProviderRow

STANDARD: frozenset[str] = frozenset(os_traits.get_traits())
SHARING = "MISC_SHARES_VIA_AGGREGATE"


def listed(tx: Tx, among: Collection[str] | None, prefix: str, associated: bool | None) -> list[str]:
    """Names of traits: of those in `among`, that begin with `prefix`, that some provider has or none has."""
    found = STANDARD | {row.name for row in names.all_traits(tx)}
    if among is not None:
        found &= frozenset(among)
    if prefix:
        found = frozenset(name for name in found if name.startswith(prefix))
    if associated is not None:
        used = names.traits_in_use(tx)
        found = found & used if associated else found - used
    return sorted(found)


def find(tx: Tx, name: str) -> int | None:
    """When a custom trait was made; None for a standard one. Raises `NotFound`."""
    if name in STANDARD:
        return None
    row = names.find_traits(tx, [name]).get(name)
    if row is None:
        raise NotFound(f"No such trait(s): {name}.")
    return row.created_at


def ensure(tx: Tx, name: str) -> bool:
    """Make a custom trait; False when it was there."""
    if names.find_traits(tx, [name]):
        return False
    names.insert_traits(tx, [name])
    return True


def delete(tx: Tx, name: str) -> None:
    if name in STANDARD:
        raise Invalid(f"Cannot delete standard trait {name}.")
    find(tx, name)
    if providers.has_trait(tx, name):
        raise Conflict(f"The trait {name} is in use by a resource provider.")
    names.delete_trait(tx, name)


def unknown(tx: Tx, wanted: Collection[str]) -> set[str]:
    """Those of `wanted` that are no traits."""
    custom = set(wanted) - STANDARD
    return custom - set(names.find_traits(tx, custom)) if custom else set()


def adopt(tx: Tx, wanted: Collection[str]) -> None:
    """Make the custom traits among `wanted` that are not there yet: a neighbour's driver reports them."""
    fresh = unknown(tx, wanted)
    if fresh:
        names.insert_traits(tx, sorted(fresh))


def set_of_provider(tx: Tx, provider: ProviderRow, wanted: Collection[str], generation: Any) -> None:
    """The provider has exactly these traits from now on. Raises `Conflict` when its generation has moved on."""
    if provider.generation != generation:
        raise refusals.changed_provider()
    missing = unknown(tx, wanted)
    if missing:
        raise Invalid(f"No such trait {', '.join(sorted(missing))}")
    providers.set_traits(tx, provider.id, wanted)
    providers.bump(tx, provider.id)


def of_provider(tx: Tx, provider_id: str) -> set[str]:
    return providers.traits_of(tx, [provider_id])[provider_id]
