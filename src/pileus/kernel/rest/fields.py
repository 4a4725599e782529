"""Fields of a resource: one line each, from which bodies, views, filters and sort keys follow."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pileus.kernel.rest.request import Request
from pileus.kernel.rest.schemas import BOOLEAN, MOMENT, Schema, is_versioned
from pileus.kernel.types import Op, Version, version


class _Unset:
    def __repr__(self) -> str:
        return "UNSET"

    def __bool__(self) -> bool:
        return False


UNSET: Any = _Unset()
"""No default: a field that the body does not give is not in `want`."""
FIRST = Version(0, 0)


class Field:
    """One field of a resource.

    `schema`   of its value, the same in both directions (`take` overrides it for bodies).
    `on`       where it stands: any of `show list create update`.
    `wire`     its name in JSON and query strings when that is not the attribute's.
    `since`, `until`  microversions that have it, both included.
    `required` on create.   `default` given to `want` on create when the body has none.
    `sort`, `match`   whether lists sort by it and filter on it; `match` may list operators: `"eq in gt"`.
    `rule`     policy rule that a caller must pass to see it.
    `guard`    policy rule by operation that a caller must pass to *set* it: `{"create": "create_port:mac_address"}`.
    `read`     turns the body's value into `want`'s; a `ValueError` is the client's fault and its text is shown.
    `view`     `(request, row) -> value`; otherwise the row's attribute of the same name.
    `column`   the attribute's name in rows and listings when it is not the field's.
    `alias`    a second wire name with the same value, in bodies, views, filters and sorts (`tenant_id`).
    """

    __slots__ = (
        "alias",
        "column",
        "default",
        "doc",
        "first",
        "guard",
        "last",
        "match",
        "name",
        "on",
        "read",
        "required",
        "rule",
        "schema",
        "sort",
        "take",
        "view",
        "wire",
    )

    def __init__(
        self,
        schema: Schema,
        on: str = "show list create update",
        *,
        wire: str = "",
        since: str = "",
        until: str = "",
        required: bool = False,
        default: Any = UNSET,
        sort: bool = False,
        match: bool | str = False,
        rule: str = "",
        guard: Mapping[str, str] | None = None,
        read: Callable[[Any], Any] | None = None,
        view: Callable[[Request, Any], Any] | None = None,
        take: Schema | None = None,
        column: str = "",
        alias: str = "",
        doc: str = "",
    ) -> None:
        self.schema = schema
        self.take = schema if take is None else take
        self.on = frozenset(on.split())
        self.wire, self.column, self.name = wire, column, ""
        self.first = version(since) if since else FIRST
        self.last = version(until) if until else Version(1 << 30, 0)
        self.required, self.default = required, default
        self.sort = sort
        operators = match.split() if isinstance(match, str) else ["eq", "in"] if match else []
        self.match: frozenset[Op] = frozenset(operators)  # type: ignore[arg-type]
        self.rule, self.guard = rule, dict(guard or {})
        self.read, self.view, self.alias, self.doc = read, view, alias, doc

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        self.wire = self.wire or name
        self.column = self.column or name

    def named(self, name: str) -> "Field":
        """Give a field made outside a class body its name."""
        self.__set_name__(Field, name)
        return self

    def at(self, wanted: Version) -> bool:
        return wanted == FIRST or self.first <= wanted <= self.last

    def coerce(self, text: str) -> object:
        """A query string's text as a value of this field. Raises `ValueError` when it cannot be one."""
        kinds = self.schema.get("type", "string")
        kinds = (kinds,) if isinstance(kinds, str) else kinds
        if "boolean" in kinds or self.schema is BOOLEAN:
            lowered = text.strip().lower()
            if lowered in ("true", "1", "yes", "on", "t", "y"):
                return True
            if lowered in ("false", "0", "no", "off", "f", "n"):
                return False
            raise ValueError(f"{text!r} is not a boolean")
        if "integer" in kinds:
            number = int(text)
            if abs(number) >= 1 << 63:
                raise ValueError(f"{text!r} is out of range")
            return number
        if "number" in kinds:
            return float(text)
        return text


def gather_fields(cls: type) -> dict[str, list[Field]]:
    """The fields of a class and its bases in order of declaration, by attribute; a tuple of `Field`s stands for variants by version."""
    found: dict[str, list[Field]] = {}
    for klass in reversed(cls.__mro__):
        for name, value in vars(klass).items():
            if isinstance(value, Field):
                found[name] = [value]
            elif isinstance(value, tuple) and value and all(isinstance(v, Field) for v in value):
                found[name] = [v if v.name else v.named(name) for v in value]
    return found


def body_schemas(
    fields: Iterable[Field], operation: str, extra: bool | Schema, wrap: Callable[[Schema], Schema]
) -> Schema | Mapping[str, Schema]:
    """The schema of a create or update body: one, or one for each version at which something changes."""
    concerned = [f for f in fields if operation in f.on]
    edges = {f.first for f in concerned} | {
        Version(f.last.major, f.last.minor + 1) for f in concerned if f.last.major < 1 << 30
    }
    edges.discard(FIRST)
    if not edges:
        return wrap(_body_at(concerned, operation, FIRST, extra))
    lowest = Version(1, 0)
    return {str(v): wrap(_body_at(concerned, operation, v, extra)) for v in sorted(edges | {lowest})}


def _body_at(fields: list[Field], operation: str, at: Version, extra: bool | Schema) -> Schema:
    live = [f for f in fields if f.at(at)]
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {w: _at(f.take, at) for f in live for w in (f.wire, f.alias) if w},
        "additionalProperties": extra,
    }
    required = [f.wire for f in live if f.required and not f.alias]
    if required and operation == "create":
        schema["required"] = required
    return schema


def _at(schema: Schema, wanted: Version) -> Schema:
    if not is_versioned(schema):
        return schema
    fit = [schema[k] for k in sorted(schema, key=version) if version(k) <= wanted or wanted == FIRST]
    return fit[-1] if fit else next(iter(schema.values()))


Getter = Callable[[Request, Any], Any]


def getters(
    fields: Iterable[Field], where: str, at: Version, moment: Callable[[int], str]
) -> list[tuple[str, Getter | None, str]]:
    """What a view does, compiled: `(wire name, getter or None, attribute)`; None reads the attribute."""
    plan: list[tuple[str, Getter | None, str]] = []
    for f in fields:
        if where not in f.on or not f.at(at):
            continue
        get = f.view
        if get is None and (f.schema is MOMENT or f.schema.get("format") == "date-time"):
            get = _moment_getter(f.column, moment)
        plan += [(wire, get, f.column) for wire in (f.wire, f.alias) if wire]
    return plan


def _moment_getter(column: str, moment: Callable[[int], str]) -> Getter:
    def get(request: Request, row: Any) -> str | None:
        value = getattr(row, column)
        return None if value is None else moment(value)

    return get
