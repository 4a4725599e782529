"""Routes as a trie over path segments: the cost of a look-up does not grow with the number of routes."""

from typing import Any, Generic, TypeVar
from urllib.parse import unquote

T = TypeVar("T")
FIXED = 4096
"""Spellings of fixed paths (with slashes more or less) that are remembered."""


class _Node:
    __slots__ = ("literal", "names", "rest", "value", "wild")

    def __init__(self) -> None:
        self.literal: dict[str, _Node] = {}
        self.wild: _Node | None = None
        self.rest: _Node | None = None
        self.names: tuple[str, ...] = ()
        self.value: Any = None


class Router(Generic[T]):
    """Paths like `/servers/{server_id}` and `/v1/{account}/{name:path}` to values.

    A literal segment goes before a parameter, a parameter before `:path`, which takes all that is left (at least one
    segment). A trailing slash does not matter. Segments are percent-decoded one by one, so that an encoded slash
    stays inside its segment; `:path` is decoded whole.
    """

    def __init__(self) -> None:
        self._root = _Node()
        self._fixed: dict[str, T] = {}
        """Paths without parameters, as they were asked for."""

    def add(self, path: str, value: T) -> T:
        """Put `value` at `path`; what already stands there is kept and returned."""
        node, names = self._root, []
        for segment in path.strip("/").split("/") if path.strip("/") else []:
            if segment.startswith("{") and segment.endswith(":path}"):
                names.append(segment[1:-6])
                node.rest = node.rest or _Node()
                node = node.rest
            elif segment.startswith("{") and segment.endswith("}"):
                names.append(segment[1:-1])
                node.wild = node.wild or _Node()
                node = node.wild
            else:
                node = node.literal.setdefault(segment, _Node())
        if node.value is None:
            node.value, node.names = value, tuple(names)
        elif node.names != tuple(names):
            raise ValueError(f"{path}: parameters {names} stand where {list(node.names)} stood")
        return node.value  # type: ignore[no-any-return]

    def find(self, raw_path: str) -> tuple[T, dict[str, str]] | None:
        """The value for a path still percent-encoded, and its parameters; None when there is none."""
        fixed = self._fixed.get(raw_path)
        if fixed is not None:
            return fixed, {}
        trimmed = raw_path.strip("/")
        segments = trimmed.split("/") if trimmed else []
        taken: list[str] = []
        node = _walk(self._root, segments, 0, taken)
        if node is None:
            return None
        if not taken and len(self._fixed) < FIXED:
            self._fixed[raw_path] = node.value
        return node.value, {name: unquote(t) if "%" in t else t for name, t in zip(node.names, taken, strict=True)}


def _walk(node: _Node, segments: list[str], at: int, taken: list[str]) -> _Node | None:
    if at == len(segments):
        return node if node.value is not None else None
    segment = segments[at]
    child = node.literal.get(segment)
    if child is not None:
        found = _walk(child, segments, at + 1, taken)
        if found is not None:
            return found
    if node.wild is not None and segment:
        taken.append(segment)
        found = _walk(node.wild, segments, at + 1, taken)
        if found is not None:
            return found
        taken.pop()
    if node.rest is not None:
        taken.append("/".join(segments[at:]))
        return node.rest if node.rest.value is not None else None
    return None
