"""A `Filter` as a condition in SQL, alike on both databases.

A condition is made in two halves: its form, which the compiled statement depends on, and its value.
"""

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, and_, bindparam, false, func, or_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import Boolean, Float, Integer, Numeric, String

from pileus.kernel.db.columns import Json, Time
from pileus.kernel.db.patterns import checked
from pileus.kernel.types import Filter, Invalid, parse

Fields = Mapping[str, ColumnElement[Any]]
Form = tuple[str, str, str]
"""Field, operator, and what stands in the place of the value: `value`, `list`, `null`, `list+null`, `empty`."""
_TRUE = {"true", "1", "yes", "on", "t", "y"}
_FALSE = {"false", "0", "no", "off", "f", "n"}
_COMPARE: dict[str, Callable[[Any, Any], ColumnElement[bool]]] = {
    "eq": operator.eq,
    "ne": lambda column, value: column.is_distinct_from(value),
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
_TEXT = {"like", "contains", "startswith", "endswith", "regex"}


def column_of(fields: Fields, name: str, purpose: str = "filter") -> ColumnElement[Any]:
    """The column behind a field. Raises `Invalid` for a field that is not in `fields`."""
    found = fields.get(name)
    if found is None:
        raise _wrong(name, f"{name} is not a field to {purpose} by.")
    return found


def fitted(fields: Fields, filter: Filter) -> tuple[Form, Any]:
    """The form of a condition, and its value. Raises `Invalid`, naming the field, when the two do not go together."""
    column = column_of(fields, filter.field)
    name, op = filter.field, filter.op
    values = [fit(column, name, value) for value in filter.values]
    if op in {"in", "nin"}:
        present = [value for value in values if value is not None]
        return (name, op, "list+null" if len(present) < len(values) else "list"), present
    if len(values) != 1:
        raise _wrong(name, f"{name}: {op} takes one value.")
    value = values[0]
    if value is None:
        if op not in {"eq", "ne"}:
            raise _wrong(name, f"{name}: {op} needs a value.")
        return (name, op, "null"), None
    if op in _TEXT:
        if not isinstance(column.type, String):
            raise _wrong(name, f"{name}: {op} applies to text only.")
        return (name, op, "value" if value else "empty"), checked(name, value) if op == "regex" else value or None
    if op not in _COMPARE:
        raise _wrong(name, f"{name}: {op} is not a known operator.")
    if isinstance(column.type, Boolean) and op not in {"eq", "ne"}:
        raise _wrong(name, f"{name}: {op} does not apply to true and false.")
    return (name, op, "value"), value


def condition(column: ColumnElement[Any], form: Form, bind: str) -> ColumnElement[bool]:
    """The condition of that form, its value under the name `bind`."""
    _, op, place = form
    if op in {"in", "nin"}:
        return _among(column, bindparam(bind, expanding=True), op == "in", "null" in place)
    if place == "null":
        return column.is_(None) if op == "eq" else column.is_not(None)
    if place == "empty":  # every text has the empty one in it
        return column.is_not(None)
    value = bindparam(bind, type_=column.type)
    return _texted(column, op, value) if op in _TEXT else _COMPARE[op](column, value)


def _among(column: ColumnElement[Any], values: BindParameter[Any], wanted: bool, null: bool) -> ColumnElement[bool]:
    if wanted:
        return or_(column.in_(values), column.is_(None) if null else false())
    return and_(column.not_in(values), column.is_not(None)) if null else or_(column.not_in(values), column.is_(None))


def _texted(column: ColumnElement[Any], op: str, value: ColumnElement[str]) -> ColumnElement[bool]:
    """No LIKE here: its wildcards would need escapes, and its case rules differ between the databases."""
    if op == "regex":
        return column.regexp_match(value)
    if op == "like":
        column, value = _plain_lower(column), _plain_lower(value)
    if op in {"like", "contains"}:
        return column != func.replace(column, value, "")
    size = func.length(value)
    if op == "startswith":
        return func.substr(column, 1, size) == value
    return and_(func.length(column) >= size, func.substr(column, func.length(column) - size + 1) == value)


class _plain_lower(FunctionElement[str]):  # noqa: N801
    """Lower case of A to Z only, whatever the database's locale."""

    type = String()
    inherit_cache = True


compiles(_plain_lower, "sqlite")(lambda element, compiler, **kw: f"lower({compiler.process(element.clauses, **kw)})")
compiles(_plain_lower, "postgresql")(
    lambda element, compiler, **kw: f'lower(({compiler.process(element.clauses, **kw)}) COLLATE "C")'
)


def fit(column: ColumnElement[Any], name: str, value: Any) -> Any:
    """The value as the column's type has it, or None. Raises `Invalid` when it cannot be one."""
    if value is None:
        return None
    kind = column.type
    found: Any = None
    try:
        if isinstance(kind, Boolean):
            found = _flag(value)
        elif isinstance(kind, Integer):
            found = _integer(value, isinstance(kind, Time))
        elif isinstance(kind, Numeric | Float):
            found = float(value) if math.isfinite(float(value)) else None
        elif isinstance(kind, String) and not isinstance(kind, Json):
            found = _text(value)
    except (ValueError, TypeError, OverflowError):
        found = None
    if found is None:
        raise _wrong(name, f"Invalid value for {name}: {str(value)[:255]!r}.")
    return found


def _wrong(name: str, message: str) -> Invalid:
    return Invalid(message, details={"field": name})


def _flag(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    return True if word in _TRUE else False if word in _FALSE else None


def _integer(value: Any, time: bool) -> int | None:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        return None
    try:
        number = int(value)
    except ValueError:
        if not time:
            raise
        number = parse(str(value))
    return number if -(2**63) <= number < 2**63 else None


def _text(value: Any) -> str | None:
    if not isinstance(value, str | int | float):
        return None
    text = str(value)
    text.encode()
    return None if "\0" in text else text
