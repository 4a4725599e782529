"""The oslo.policy rule language: text or old-style lists to a tree.

Words are parted by blanks only; brackets count at the two ends of a word. `not` binds closer than `and`, `and` closer
than `or`. A rule that cannot be read is an error here and never a silent *deny*: whoever wrote it should hear of it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

_TEMPLATE = re.compile(r"%\(([^()]*)\)s|%%|%|[^%]+")
_OPERATORS = frozenset({"and", "or", "not"})


class PolicyError(Exception):
    """A rule that cannot be read, or rules that go in a circle. `str(error)` names the rule and the reason."""


class Always(Struct, frozen=True):
    """`@`, `!` and the empty rule."""

    answer: bool


class RuleIs(Struct, frozen=True):
    name: str


class Compare(Struct, frozen=True):
    """`role:%(x)s`, `True:%(enabled)s` or `project_id:%(project_id)s`: one of the caller's roles, a constant, or something
    else of the caller (`left` names it) against a text with the target's values put in."""

    kind: Literal["role", "constant", "cred"]
    text: str
    left: str
    right: Template


class Not(Struct, frozen=True):
    part: Node


class AllOf(Struct, frozen=True):
    parts: tuple[Node, ...]


class AnyOf(Struct, frozen=True):
    parts: tuple[Node, ...]


class Key(Struct, frozen=True):
    """A place in a template that a value of the target fills."""

    name: str


Template = tuple[str | Key, ...]
Node = Always | RuleIs | Compare | Not | AllOf | AnyOf


def parse(source: str | Sequence[object]) -> Node:
    """The tree of a rule. Raises `PolicyError` (without the rule's name, which the caller knows)."""
    return _Text(source).parse() if isinstance(source, str) else _parse_lists(source)


def _parse_lists(source: Sequence[object]) -> Node:
    """The old form: a list of alternatives, each a list of checks that must all hold."""
    if not source:
        return Always(True)
    either: list[Node] = []
    for inner in source:
        checks = [inner] if isinstance(inner, str) else inner
        if not isinstance(checks, Sequence) or not all(isinstance(c, str) for c in checks):
            raise PolicyError(f"{inner!r} is neither a check nor a list of checks")
        if checks:
            parts = tuple(_check(str(c)) for c in checks)
            either.append(parts[0] if len(parts) == 1 else AllOf(parts))
    if not either:
        return Always(False)
    return either[0] if len(either) == 1 else AnyOf(tuple(either))


class _Text:
    """Recursive descent over one rule's words."""

    def __init__(self, source: str) -> None:
        self.tokens = [t for word in source.split() for t in _tokens(word)]
        self.at = 0

    def parse(self) -> Node:
        if not self.tokens:
            return Always(True)
        tree = self._or()
        if self.at < len(self.tokens):
            raise PolicyError(f"{self.tokens[self.at]!r} stands where 'and', 'or' or the end was expected")
        return tree

    def _or(self) -> Node:
        parts = [self._and()]
        while self._take("or"):
            parts.append(self._and())
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def _and(self) -> Node:
        parts = [self._not()]
        while self._take("and"):
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def _not(self) -> Node:
        if self._take("not"):
            return Not(self._not())
        if self._take("("):
            inner = self._or()
            if not self._take(")"):
                raise PolicyError("a bracket '(' is not closed")
            return inner
        if self.at == len(self.tokens):
            raise PolicyError("the rule ends where a check was expected")
        word = self.tokens[self.at]
        if word == ")" or word in _OPERATORS:
            raise PolicyError(f"{word!r} stands where a check was expected")
        self.at += 1
        return _check(word)

    def _take(self, token: str) -> bool:
        found = self.at < len(self.tokens) and self.tokens[self.at] == token
        self.at += found
        return found


def _tokens(word: str) -> list[str]:
    inner = word.lstrip("(")
    before = ["("] * (len(word) - len(inner))
    clean = inner.rstrip(")")
    after = [")"] * (len(inner) - len(clean))
    if not clean:
        return before + after
    return [*before, clean.lower() if clean.lower() in _OPERATORS else clean, *after]


def _check(word: str) -> Node:
    if word in {"@", "!"}:
        return Always(word == "@")
    kind, colon, match = word.partition(":")
    if not colon:
        raise PolicyError(f"{word!r} is no check: 'kind:match', '@' or '!' was expected")
    if kind in {"http", "https"}:
        raise PolicyError(f"{word!r}: asking a remote server is not supported; write the rule itself")
    if kind == "rule":
        return RuleIs(match)
    template = _template(word, match)
    if kind == "role":
        return Compare("role", word, kind, template)
    try:
        return Compare("constant", word, str(ast.literal_eval(kind)), template)
    except (ValueError, SyntaxError):
        return Compare("cred", word, kind, template)


def _template(word: str, match: str) -> Template:
    parts: list[str | Key] = []
    for found in _TEMPLATE.finditer(match):
        text = found[0]
        if found[1] is not None:
            parts.append(Key(found[1]))
        elif text == "%":
            raise PolicyError(f"{word!r}: '%' must be followed by '(key)s'")
        else:
            parts.append("%" if text == "%%" else text)
    return tuple(parts)
