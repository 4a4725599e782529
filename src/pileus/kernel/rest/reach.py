"""Callers who may make some kinds of request only: whether this one is of them."""

import re
from collections.abc import Collection, Iterable
from functools import lru_cache

from pileus.kernel.types import Reach

_PARTS = re.compile(r"\{[^}]*\}|\*\*|\*|[^{*]+|\{")


def reaches(allowed: Iterable[Reach], types: Collection[str], method: str, paths: Collection[str]) -> bool:
    """`types` are the service's in the catalog; `paths` the request's, below the service's root and as the client wrote it."""
    return any(
        one.method == method and one.service in types and any(pattern(one.path).fullmatch(path) for path in paths)
        for one in allowed
    )


@lru_cache(maxsize=4096)
def pattern(text: str) -> re.Pattern[str]:
    """`{name}` and `*` are one segment or the rest of one, `**` is anything, all else itself."""
    return re.compile("".join(_part(part) for part in _PARTS.findall(text)), re.DOTALL)


def _part(part: str) -> str:
    if part == "**":
        return ".*"
    if part == "*" or (part.startswith("{") and part.endswith("}")):
        return "[^/]+"
    return re.escape(part)
