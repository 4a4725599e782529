"""A `Filter` as a condition in SQL, alike on both databases."""

import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, false, func, or_
from sqlalchemy.types import Boolean, Float, Integer, Numeric, String

from pileus.kernel.db.columns import Json, Time
from pileus.kernel.types import Filter, Invalid, parse

_TRUE = {"true", "1", "yes", "on", "t", "y"}
_FALSE = {"false", "0", "no", "off", "f", "n"}
_COMPARE: dict[str, Callable[[Any, Any], ColumnElement[bool]]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
_TEXT = {"like", "contains", "startswith", "endswith", "regex"}


def column_of(fields: Mapping[str, ColumnElement[Any]], name: str, purpose: str = "filter") -> ColumnElement[Any]:
    """The column behind a field. Raises `Invalid` for a field that is not in `fields`."""
    found = fields.get(name)
    if found is None:
        raise Invalid(f"{name} is not a field to {purpose} by.", details={"field": name})
    return found


def condition(fields: Mapping[str, ColumnElement[Any]], filter: Filter) -> ColumnElement[bool]:
    """Raises `Invalid`, naming the field, when field, operator and values do not fit each other."""
    column = column_of(fields, filter.field)
    name, op = filter.field, filter.op
    if op in {"in", "nin"}:
        return _among(column, [fit(column, name, value) for value in filter.values], op == "in")
    if len(filter.values) != 1:
        raise Invalid(f"{name}: {op} takes one value.", details={"field": name})
    value = fit(column, name, filter.values[0])
    if op == "eq":
        return column.is_(None) if value is None else column == value
    if op == "ne":
        return column.is_not(None) if value is None else column.is_distinct_from(value)
    if value is None:
        raise Invalid(f"{name}: {op} needs a value.", details={"field": name})
    if op in _COMPARE:
        return _ordered(column, name, op, value)
    if op in _TEXT:
        return _texted(column, name, op, value)
    raise Invalid(f"{name}: {op} is not a known operator.", details={"field": name})


def _among(column: ColumnElement[Any], values: list[Any], wanted: bool) -> ColumnElement[bool]:
    present = [value for value in values if value is not None]
    null = len(present) < len(values)
    if wanted:
        found = column.in_(present) if present else false()
        return or_(found, column.is_(None)) if null else found
    if null:
        return and_(column.not_in(present), column.is_not(None))
    return or_(column.not_in(present), column.is_(None))


def _ordered(column: ColumnElement[Any], name: str, op: str, value: Any) -> ColumnElement[bool]:
    if isinstance(column.type, Boolean):
        raise Invalid(f"{name}: {op} does not apply to true and false.", details={"field": name})
    return _COMPARE[op](column, value)


def _texted(column: ColumnElement[Any], name: str, op: str, value: Any) -> ColumnElement[bool]:
    """No LIKE here: its wildcards would need escapes, and its case rules differ between the databases."""
    if not isinstance(column.type, String):
        raise Invalid(f"{name}: {op} applies to text only.", details={"field": name})
    if op == "regex":
        try:
            re.compile(value)
        except re.error as error:
            raise Invalid(f"{name}: {value!r} is not a regular expression: {error}.") from None
        return column.regexp_match(value)
    if not value:
        return column.is_not(None)
    if op == "like":
        column, value = func.lower(column), func.lower(value)
    if op in {"like", "contains"}:
        return column != func.replace(column, value, "")
    if op == "startswith":
        part = func.substr(column, 1, len(value))
    else:
        part = func.substr(column, func.length(column) - (len(value) - 1))
    return and_(func.length(column) >= len(value), part == value)


def fit(column: ColumnElement[Any], name: str, value: Any) -> Any:
    """The value as the column's type has it, or None. Raises `Invalid` when it cannot be one."""
    if value is None:
        return None
    kind = column.type
    fitted: Any = None
    try:
        if isinstance(kind, Boolean):
            fitted = _flag(value)
        elif isinstance(kind, Integer):
            fitted = _integer(value, isinstance(kind, Time))
        elif isinstance(kind, Numeric | Float):
            fitted = float(value) if math.isfinite(float(value)) else None
        elif isinstance(kind, String) and not isinstance(kind, Json):
            fitted = _text(value)
    except (ValueError, TypeError, OverflowError):
        fitted = None
    if fitted is None:
        raise Invalid(f"Invalid value for {name}: {str(value)[:255]!r}.", details={"field": name})
    return fitted


def _flag(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    return True if word in _TRUE else False if word in _FALSE else None


def _integer(value: Any, time: bool) -> int | None:
    if isinstance(value, float) and not value.is_integer():
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
