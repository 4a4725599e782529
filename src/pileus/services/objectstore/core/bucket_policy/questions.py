"""What a policy is asked."""

from collections.abc import Callable, Sequence

from msgspec import Struct

Facts = Callable[[str], Sequence[str] | None]
"""The values of a condition key in a request; None: the request has none. Keys are in lower case, but for a tag's name."""


class Who(Struct, frozen=True):
    """A caller. All empty: anonymous."""

    project: str = ""
    user: str = ""
    name: str = ""
    """The user's name where a name tells who it is: in the default domain."""
    roles: frozenset[str] = frozenset()


class Question(Struct, frozen=True):
    """May `who` do that?"""

    who: Who
    action: str
    """`s3:GetObject`"""
    resource: str
    """`bucket` or `bucket/key`."""
    facts: Facts
