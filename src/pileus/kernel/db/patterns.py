"""Regular expressions from strangers.

Python's own engine can be kept busy for ever by a short pattern. The one of `jsonschema_rs` takes linear time (and
0.2 µs for a name); it has neither look-around nor back-references.
"""

from collections.abc import Callable
from functools import lru_cache

from pileus.kernel.types import Invalid

LONGEST = 1024


@lru_cache(256)
def _matcher(pattern: str) -> Callable[[str], bool]:
    import jsonschema_rs  # noqa: PLC0415

    options = jsonschema_rs.RegexOptions()
    matcher: Callable[[str], bool] = jsonschema_rs.Draft202012Validator(
        {"pattern": pattern}, pattern_options=options
    ).is_valid
    return matcher


def checked(field: str, pattern: str) -> str:
    """The pattern. Raises `Invalid`, naming the field, when it is none or too long."""
    try:
        if len(pattern) <= LONGEST:
            _matcher(pattern)
            return pattern
    except Exception:  # noqa: S110 - whatever the engine says, it is not a pattern for us
        pass
    raise Invalid(f"{field}: {pattern[:255]!r} is not a regular expression.", details={"field": field}) from None


def regexp(pattern: str, text: object) -> bool | None:
    """SQLite's REGEXP operator: the pattern is found somewhere in the text."""
    return None if text is None else _matcher(pattern)(str(text))
