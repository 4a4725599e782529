"""Takes out what nobody may read later, by the names of fields."""

import functools
import re
from collections.abc import Mapping
from typing import Any

import msgspec

_SECRET = re.compile(r"pass(wd|word|phrase)|adminpass|secret|token|private_?key|^blob$|credentials?$|user_?data$")


def clean(value: object) -> Any:
    """`value` (Structs, mappings, sequences) as plain JSON values, without the fields that hold secrets."""
    return None if value is None else _without(msgspec.to_builtins(value))


def _without(value: Any) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return value
    if isinstance(value, Mapping):
        return {name: _without(inner) for name, inner in value.items() if not _secret(str(name))}
    if isinstance(value, list | tuple):
        return [_without(inner) for inner in value]
    return value


_PLAIN = frozenset({str, int, float, bool, type(None)})


@functools.lru_cache(maxsize=4096)
def _secret(name: str) -> bool:
    """Field names are few and come again with every record."""
    return _SECRET.search(name.lower()) is not None
