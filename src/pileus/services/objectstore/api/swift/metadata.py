"""Headers that users set on accounts, containers and objects: how they come in, their bounds, how they go out."""

from collections.abc import Iterable, Mapping

from pileus.services.objectstore.api.header_words import fits_header, is_header_name
from pileus.services.objectstore.api.swift.answers import PLAIN, bad, told
from pileus.services.objectstore.core.settings import ObjectSettings

HEADER_MAX = 8192
"""Bytes of a header's value."""


def text(value: str) -> str:
    """A header's value as the client meant it. Raises 400 when it is not UTF-8, or could not be sent back."""
    try:
        found = value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        raise told(400, "Metadata must be valid UTF-8") from None
    if not fits_header(found):
        raise told(400, "Metadata must not contain control characters")
    return found


def title(name: str) -> str:
    """`temp-url-key` as headers show it: `Temp-Url-Key`."""
    return "-".join(word.capitalize() for word in name.split("-"))


def taken(most: ObjectSettings, kind: str, headers: Mapping[str, str]) -> dict[str, str]:
    """`X-KIND-Meta-…` of a request by name in lower case; an empty value takes the name away. Raises 400."""
    prefix, found = f"x-{kind}-meta-", {}
    for header, raw in headers.items():
        if header.startswith(prefix):
            value = text(raw)
            _check_one(most, kind, header.removeprefix(prefix), value)
            found[header.removeprefix(prefix)] = value
    for header in headers:
        removed = f"x-remove-{kind}-meta-"
        if header.startswith(removed) and kind != "object":
            found[header.removeprefix(removed)] = ""
    _check_whole(most, found)
    return found


def _check_one(most: ObjectSettings, kind: str, name: str, value: str) -> None:
    if not name:
        raise bad("Metadata name cannot be empty")
    if not is_header_name(name):
        raise bad("Metadata name must be made of letters, digits and !#$%&'*+-.^_`|~")
    size = len(value.encode())
    if size > HEADER_MAX:
        raise bad(f"Header value too long: x-{kind}-meta-{title(name)}"[: 23 + most.meta_name_bytes])
    if len(name) > most.meta_name_bytes:
        raise bad(f"Metadata name too long: x-{kind}-meta-{title(name)}")
    if size > most.meta_value_bytes:
        raise bad(f"Metadata value longer than {most.meta_value_bytes}: x-{kind}-meta-{title(name)}")


def _check_whole(most: ObjectSettings, meta: Mapping[str, str]) -> None:
    if len(meta) > most.meta_count:
        raise told(400, f"Too many metadata items; max {most.meta_count}", media=PLAIN)
    if sum(len(name.encode()) + len(value.encode()) for name, value in meta.items()) > most.meta_bytes:
        raise told(400, f"Total metadata too large; max {most.meta_bytes}", media=PLAIN)


def check_merged(most: ObjectSettings, old: Mapping[str, str], new: Mapping[str, str]) -> None:
    """What an account would have after a request. Raises 400 when that is too much."""
    _check_whole(most, {name: value for name, value in {**old, **new}.items() if value})


def shown(kind: str, meta: Mapping[str, str], hide: Iterable[str] = ()) -> dict[str, str]:
    """As response headers; `hide`: names that this caller may not see."""
    hidden = frozenset(hide)
    return {f"X-{kind.title()}-Meta-{title(name)}": value for name, value in meta.items() if name not in hidden}
