"""Questions about providers, as plain facts."""

from msgspec import Struct

Traits = tuple[frozenset[str], ...]
"""One of each set."""


class Group(Struct, frozen=True, kw_only=True):
    """What one group of a question needs: all from one provider when it has a suffix, from the whole tree without."""

    suffix: str = ""
    resources: dict[str, int] = {}
    required: Traits = ()
    forbidden: frozenset[str] = frozenset()
    member_of: tuple[frozenset[str], ...] = ()
    not_member_of: frozenset[str] = frozenset()
    in_tree: str = ""


class Question(Struct, frozen=True, kw_only=True):
    """A whole question for candidates. The group without suffix, if any, stands first."""

    groups: tuple[Group, ...]
    isolate: bool = False
    """No two suffixed groups may share a provider."""
    root_required: frozenset[str] = frozenset()
    root_forbidden: frozenset[str] = frozenset()
    same_subtree: tuple[frozenset[str], ...] = ()
    limit: int | None = None
    nested: bool = True
    """False before 1.29: a tree gives from one provider only."""


class ProvidersWish(Struct, frozen=True, kw_only=True):
    """Filters of a list of providers."""

    name: str | None = None
    id: str | None = None
    group: Group = Group()
