"""Wildcards, matched without going back: the work grows with the text, whatever the pattern.

`*` stands for any text, `?` for one character, `${name}` for a value of the request, `${*}`, `${?}`, `${$}` for themselves.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Final

from msgspec import Struct

from pileus.services.objectstore.core.bucket_policy.faults import Malformed
from pileus.services.objectstore.core.bucket_policy.questions import Facts


class Variable(Struct, frozen=True):
    key: str
    default: str | None


class _Wild:
    """A wildcard: `*` when `many`, else `?`."""

    def __init__(self, many: bool) -> None:
        self.many = many


MANY: Final = _Wild(True)
ONE: Final = _Wild(False)
Token = str | Variable | _Wild
"""Text is a token of its own: a star in it is a star."""


def tokens(text: str, *, wild: bool, variables: bool, known: Callable[[str], str]) -> tuple[Token, ...]:
    """What a pattern is made of. `known` gives a condition key's kept form. Raises `Malformed`."""
    found: list[Token] = []
    plain = ""
    for one in _tokens(text, wild=wild, variables=variables, known=known):
        if isinstance(one, str):
            plain += one
            continue
        if plain:
            found.append(plain)
            plain = ""
        if one is not MANY or not found or found[-1] is not MANY:
            found.append(one)
    return (*found, plain) if plain else tuple(found)


def _tokens(text: str, *, wild: bool, variables: bool, known: Callable[[str], str]) -> Iterator[Token]:
    at = 0
    while at < len(text):
        char = text[at]
        if variables and text.startswith("${", at):
            end = text.find("}", at)
            if end < 0:
                raise Malformed(f"Policy has a variable without its end: {text[:100]}")
            yield _variable(text[at + 2 : end], known)
            at = end + 1
            continue
        yield (MANY if char == "*" else ONE) if wild and char in "*?" else char
        at += 1


def _variable(text: str, known: Callable[[str], str]) -> Token:
    if text in ("*", "?", "$"):
        return text
    name, comma, rest = text.partition(",")
    default = rest.strip()
    if comma and not (len(default) >= 2 and default[0] == default[-1] == "'"):
        raise Malformed(f"Policy has a variable with a default that is not in quotes: ${{{text[:100]}}}")
    return Variable(known(name.strip()), default[1:-1] if comma else None)


class Pattern:
    """Matches whole texts."""

    def __init__(self, parts: Sequence[Token], *, cased: bool = True) -> None:
        self._parts, self._cased = tuple(parts), cased
        self._variable = any(isinstance(one, Variable) for one in parts)

    @property
    def wild(self) -> bool:
        """Whether it may match more than one text."""
        return any(not isinstance(one, str) for one in self._parts)

    def matches(self, text: str, facts: Facts) -> bool:
        """A variable without a value matches nothing."""
        found = self._bound(facts) if self._variable else self._fixed
        return found is not None and found.matches(text if self._cased else text.casefold())

    def can_begin(self, text: str) -> bool:
        """Whether it matches `text`, or something that begins with `text` and a slash. Variables may be anything."""
        loose = _compiled([one if isinstance(one, str) else MANY for one in self._parts])
        if loose.matches(text):
            return True
        return any(_compiled([*head, MANY]).matches(text + "/") for head in _heads(self._parts))

    @cached_property
    def _fixed(self) -> "_Glob":
        return _compiled([one for one in self._parts if not isinstance(one, Variable)], cased=self._cased)

    def _bound(self, facts: Facts) -> "_Glob | None":
        bound: list[str | _Wild] = []
        for one in self._parts:
            if not isinstance(one, Variable):
                bound.append(one)
                continue
            values = facts(one.key)
            if not values and one.default is None:
                return None
            bound.append(values[0] if values else one.default or "")
        return _compiled(bound, cased=self._cased)


def _heads(parts: Sequence[Token]) -> Iterator[list[str | _Wild]]:
    """Beginnings of the pattern that end behind a slash, or in a wildcard that may hold one."""
    head: list[str | _Wild] = []
    for one in parts:
        if isinstance(one, str):
            cut = one.find("/")
            if cut >= 0:
                yield [*head, one[: cut + 1]]
                return
            head.append(one)
        else:
            head.append(MANY)
            yield list(head)


def _compiled(parts: Sequence[str | _Wild], *, cased: bool = True) -> "_Glob":
    parts = parts if cased else [one.casefold() if isinstance(one, str) else one for one in parts]
    return _Bits(parts) if any(one is ONE for one in parts) else _Segments(parts)


class _Segments:
    """Texts between stars, each looked for behind the last: the first place that fits is as good as any other."""

    def __init__(self, parts: Sequence[str | _Wild]) -> None:
        found = [""]
        for one in parts:
            if isinstance(one, str):
                found[-1] += one
            else:
                found.append("")
        self._head, self._inner, self._tail = found[0], found[1:-1], found[-1] if len(found) > 1 else None

    def matches(self, text: str) -> bool:
        if self._tail is None:
            return text == self._head
        end = len(text) - len(self._tail)
        if not text.startswith(self._head) or not text.endswith(self._tail) or end < len(self._head):
            return False
        at = len(self._head)
        for inner in self._inner:
            at = text.find(inner, at, end)
            if at < 0:
                return False
            at += len(inner)
        return True


class _Bits:
    """With `?`: all places of the pattern that may have been reached, as the bits of a number."""

    def __init__(self, parts: Sequence[str | _Wild]) -> None:
        self._stays = self._any = self._length = 0
        self._takes: dict[str, int] = {}
        for one in parts:
            if one is MANY:
                self._stays |= 1 << self._length
            for char in one if isinstance(one, str) else "":
                self._takes[char] = self._takes.get(char, 0) | 1 << self._length
                self._length += 1
            if one is ONE:
                self._any |= 1 << self._length
                self._length += 1

    def matches(self, text: str) -> bool:
        reached, takes = 1, self._takes
        for char in text:
            reached = (reached & (takes.get(char, 0) | self._any)) << 1 | (reached & self._stays)
            if not reached:
                return False
        return bool(reached >> self._length & 1)


_Glob = _Segments | _Bits
