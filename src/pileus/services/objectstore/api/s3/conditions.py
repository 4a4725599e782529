"""Conditions in headers, as the core has them."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from pileus.kernel.types import SECOND, Micros, parse
from pileus.services.objectstore.api.s3.faults import fault
from pileus.services.objectstore.core.conditions import ANYTHING, Conditions

_COPY = "x-amz-copy-source-"
_MATCH = "x-amz-if-match-"


def conditions_of(headers: Mapping[str, str], prefix: str = "") -> Conditions:
    """What a reader demands; with `prefix`, of the source of a copy. Times that cannot be read demand nothing, as in HTTP."""
    match, none = headers.get(prefix + "if-match"), headers.get(prefix + "if-none-match")
    since, unless = headers.get(prefix + "if-modified-since"), headers.get(prefix + "if-unmodified-since")
    if match is None and none is None and since is None and unless is None:
        return ANYTHING
    return Conditions(
        if_match=_tags(match), if_none_match=_tags(none), modified_since=_time(since), unmodified_since=_time(unless)
    )


def write_conditions(headers: Mapping[str, str]) -> Conditions:
    """What a writer demands: tags, size and time of what is there. Raises `InvalidArgument`."""
    match, none = headers.get("if-match"), headers.get("if-none-match")
    size, at = headers.get(_MATCH + "size"), headers.get(_MATCH + "last-modified-time")
    if match is None and none is None and size is None and at is None:
        return ANYTHING
    return Conditions(if_match=_tags(match), if_none_match=_tags(none), size=size_of(size), modified_at=moment_of(at))


def size_of(text: str | None) -> int | None:
    """A size that must be there. Raises `InvalidArgument`."""
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise fault("InvalidArgument", "The size demanded is not a number.", ArgumentValue=text)
    return int(text)


def moment_of(text: str | None) -> Micros | None:
    """A time that must be there, as HTTP or ISO 8601 has it. Raises `InvalidArgument`."""
    if text is None:
        return None
    found = _time(text)
    try:
        return parse(text) // SECOND * SECOND if found is None else found
    except (ValueError, OverflowError):
        raise fault("InvalidArgument", "The time demanded cannot be read.", ArgumentValue=text) from None


def source_conditions(headers: Mapping[str, str]) -> Conditions:
    return conditions_of(headers, _COPY)


def _tags(value: str | None) -> tuple[str, ...]:
    parts = (part.strip().removeprefix("W/").strip('"') for part in (value or "").split(","))
    return tuple(part for part in parts if part)


def _time(value: str | None) -> Micros | None:
    if value is None:
        return None
    try:
        return int(parsedate_to_datetime(value).timestamp()) * SECOND
    except (ValueError, TypeError, OverflowError):
        return None
