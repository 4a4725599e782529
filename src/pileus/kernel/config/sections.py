"""Sections of settings, as the parts of Pileus declare them."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Struct

MASK = "********"


class Section(Struct, frozen=True, kw_only=True):
    """One `[section]`: a frozen struct whose fields are `Annotated[type, doc("…")]` with defaults.

    Types: text, numbers, `bool`, `Path`, `Literal`, and lists, tuples, dictionaries and `None`-unions of these.
    Its `repr` masks secrets.
    """

    def __repr__(self) -> str:
        shown = ", ".join(f"{o.name}={MASK if o.secret else getattr(self, o.name)!r}" for o in options(type(self)))
        return f"{type(self).__name__}({shown})"


class Option(Struct, frozen=True):
    """What a section declares about one field."""

    name: str
    type: Any
    default: object
    doc: str
    secret: bool

    @property
    def allowed(self) -> str:
        return allowed(self.type)


def doc(text: str, *, secret: bool = False, **bounds: Any) -> msgspec.Meta:
    """Documentation of an option. `bounds` are of msgspec: `ge`, `le`, `gt`, `lt`, `min_length`, `max_length` …

    A `secret` is masked wherever settings are shown.
    """
    return msgspec.Meta(description=text, extra={"secret": secret}, **bounds)


def options(section: type[Section]) -> Iterator[Option]:
    """The section's options in the order of their declaration. Raises `TypeError` for one without default or `doc`."""
    for field in msgspec.structs.fields(section):
        meta = next((m for m in getattr(field.type, "__metadata__", ()) if isinstance(m, msgspec.Meta)), None)
        if meta is None or not meta.description:
            raise TypeError(f"{section.__name__}.{field.name} has no doc(…)")
        if field.required:
            raise TypeError(f"{section.__name__}.{field.name} has no default")
        made = field.default_factory
        default = field.default if made is msgspec.NODEFAULT else typing.cast(Any, made)()
        yield Option(field.name, field.type, default, meta.description, bool((meta.extra or {}).get("secret")))


def allowed(kind: Any) -> str:
    """A type in words: `a whole number >= 1`, `one of: auto, kvm, qemu`."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        return allowed(arguments[0]) + _bounds([m for m in arguments[1:] if isinstance(m, msgspec.Meta)])
    if origin is Literal:
        return f"one of: {', '.join(str(a) for a in arguments)}"
    if origin in {typing.Union, types.UnionType}:
        return " or ".join(allowed(a) for a in arguments)
    if origin in {list, tuple, set, frozenset}:
        return f"a list, each {allowed(arguments[0])}" if arguments else "a list"
    if origin is dict:
        return f"a table, each value {allowed(arguments[1])}"
    if isinstance(kind, type) and issubclass(kind, Struct):
        return f"a table with {', '.join(kind.__struct_fields__)}"
    names = {str: "text", int: "a whole number", float: "a number", bool: "true or false", Path: "a path"}
    return names.get(kind, "nothing" if kind is type(None) else str(kind))


def _bounds(metas: list[msgspec.Meta]) -> str:
    said = []
    for meta in metas:
        for name, sign in (("ge", ">="), ("gt", ">"), ("le", "<="), ("lt", "<")):
            if (bound := getattr(meta, name)) is not None:
                said.append(f"{sign} {bound}")
        if meta.min_length is not None:
            said.append(f"at least {meta.min_length} long")
        if meta.max_length is not None:
            said.append(f"at most {meta.max_length} long")
        if meta.pattern is not None:
            said.append(f"of the form {meta.pattern}")
    return f" {' and '.join(said)}" if said else ""
