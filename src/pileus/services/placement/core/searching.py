"""Finding providers by what they have."""

from pileus.kernel.db import Tx
from pileus.kernel.types import Invalid
from pileus.services.placement.core import classes, refusals, traits
from pileus.services.placement.core.wishes import Group, ProvidersWish
from pileus.services.placement.db import providers, searches
from pileus.services.placement.db.providers import ProviderRow


def check_names(tx: Tx, groups: tuple[Group, ...], root_traits: frozenset[str] = frozenset()) -> None:
    """Raises `Invalid` for classes and traits that there are not."""
    unknown = classes.unknown(tx, {name for group in groups for name in group.resources})
    if unknown:
        told = refusals.unknown_class(", ".join(unknown))
        raise Invalid(f"Invalid resource class in resources parameter: {told}")
    asked = {name for group in groups for names in (*group.required, group.forbidden) for name in names}
    missing = traits.unknown(tx, asked | root_traits)
    if missing:
        raise Invalid(f"No such trait(s): {', '.join(sorted(missing))}.")


def providers_like(tx: Tx, wish: ProvidersWish) -> list[ProviderRow]:
    """Providers that meet all filters, older ones first."""
    group = wish.group
    unknown = classes.unknown(tx, group.resources)
    if unknown:
        told = refusals.unknown_class(", ".join(unknown))
        raise Invalid(f"Invalid resource class in resources parameter: {told}")
    missing = traits.unknown(tx, {name for names in (*group.required, group.forbidden) for name in names})
    if missing:
        raise Invalid(f'Invalid trait(s) in "required" parameter: No such trait(s): {", ".join(sorted(missing))}.')
    root = ""
    if group.in_tree:
        member = providers.find(tx, group.in_tree)
        if member is None:
            return []
        root = member.root_id
    return searches.listed(
        tx, wish.name, wish.id, root, group.resources, group.required, group.forbidden, group.member_of,
        group.not_member_of,
    )  # fmt: skip
