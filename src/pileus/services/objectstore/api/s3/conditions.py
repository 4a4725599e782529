"""Conditions in headers, as the core has them."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from pileus.kernel.types import SECOND, Micros
from pileus.services.objectstore.core.conditions import ANYTHING, Conditions

_COPY = "x-amz-copy-source-"


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
    """What a writer demands: only tags."""
    match, none = headers.get("if-match"), headers.get("if-none-match")
    if match is None and none is None:
        return ANYTHING
    return Conditions(if_match=_tags(match), if_none_match=_tags(none))


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
