"""Pages of lists by key set: each page starts behind the last row seen, however many came before it."""

from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

from msgspec import Struct
from sqlalchemy import Column, ColumnElement, Select, Table, and_, bindparam, false, or_, tuple_
from sqlalchemy.sql.selectable import Alias

from pileus.kernel.db.columns import Json
from pileus.kernel.db.conditions import Fields, Form, column_of, condition, fit, fitted
from pileus.kernel.db.refusals import MarkerMissing
from pileus.kernel.db.shapes import run_shaped, structure_of
from pileus.kernel.db.transactions import Tx
from pileus.kernel.types import Invalid, Listing

R = TypeVar("R")
SCOPE = ("project_id", "domain_id")


class Page(Struct, Generic[R], frozen=True):
    """One page of a list, in the order asked for. `more`: there are rows beyond it, in the direction asked for."""

    rows: list[R]
    more: bool = False


class Key(NamedTuple):
    """One sort key. NULL sorts before everything else, on both databases."""

    field: str
    column: ColumnElement[Any]
    descending: bool
    nullable: bool


def page(
    tx: Tx,
    select: Select[Any],
    fields: Fields,
    listing: Listing,
    into: Callable[..., R],
    unique: str = "id",
    scope: tuple[str, ...] = SCOPE,
) -> Page[R]:
    """Rows of `select` that match `listing`, in its order.

    `fields` (at module level: statements are kept for this very mapping) maps the resource's field names to columns, for
    filters and sorts; `unique` names the field that the marker is a value of. The marker's row need not match the
    filters any more (it may have changed since the last page), but those on the `scope` fields it must.
    Raises `Invalid` naming the field, `MarkerMissing`.
    """
    limit = listing.limit
    if limit is not None and limit < 0:
        raise Invalid("limit must not be negative.", details={"field": "limit"})
    keys = _keys(select, fields, listing, unique)
    made = [fitted(fields, one) for one in listing.filters]
    place = None if listing.marker is None else _place(tx, select, fields, listing.marker, unique, scope, keys, made)
    values = {f"page_f{n}": value for n, (_, value) in enumerate(made) if value is not None}
    if place is not None:
        values |= {f"page_k{n}": value for n, value in enumerate(place) if value is not None}
    if limit is not None:
        values["page_limit"] = min(limit, 2**31) + 1
    forms = tuple(form for form, _ in made)
    nulls = None if place is None else tuple(value is None for value in place)
    order = tuple((key.field, key.descending) for key in keys)
    shape = (forms, order, nulls, limit is None, into)

    def build() -> Select[Any]:
        statement = _where(select, fields, forms)
        if nulls is not None:
            statement = statement.where(_beyond(keys, nulls))
        statement = statement.order_by(None).order_by(*map(_order, keys))
        return statement if limit is None else statement.limit(bindparam("page_limit"))

    rows: list[R] = run_shaped(tx, select, fields, shape, build, into, values)
    more = limit is not None and len(rows) > limit
    if more:
        rows.pop()
    if listing.reverse:
        rows.reverse()
    return Page(rows, more)


def _where(select: Select[Any], fields: Fields, forms: tuple[Form, ...]) -> Select[Any]:
    return select.where(*(condition(fields[form[0]], form, f"page_f{n}") for n, form in enumerate(forms)))


def _keys(select: Select[Any], fields: Fields, listing: Listing, unique: str) -> list[Key]:
    wanted: dict[str, bool] = {}
    for sort in listing.sort:
        wanted.setdefault(sort.field, sort.descending)
        if sort.field == unique:
            break
    wanted.setdefault(unique, listing.sort[0].descending if listing.sort else False)
    keys = []
    outer = structure_of(select).outer
    for name, descending in wanted.items():
        column = column_of(fields, name, "sort")
        if isinstance(column.type, Json):
            raise Invalid(f"{name} is not a field to sort by.", details={"field": name})
        keys.append(Key(name, column, descending != listing.reverse, outer or not _filled(column)))
    return keys


def _filled(column: ColumnElement[Any]) -> bool:
    """True when the column cannot be NULL in its table, for sure."""
    if not isinstance(column, Column) or column.nullable:
        return False
    table: Any = column.table
    return isinstance(table, Table) or (isinstance(table, Alias) and isinstance(table.element, Table))


def _place(
    tx: Tx,
    select: Select[Any],
    fields: Fields,
    marker: str,
    unique: str,
    scope: tuple[str, ...],
    keys: list[Key],
    made: list[tuple[Form, Any]],
) -> tuple[Any, ...]:
    """The marker's sort keys."""
    try:
        values = {"page_marker": fit(column_of(fields, unique), unique, marker)}
    except Invalid:
        raise MarkerMissing(marker) from None
    within = [(form, value) for form, value in made if form[0] in scope]
    values |= {f"page_f{n}": value for n, (_, value) in enumerate(within) if value is not None}
    forms = tuple(form for form, _ in within)

    def build() -> Select[Any]:
        columns = (key.column for key in keys)
        statement = _where(select.with_only_columns(*columns, maintain_column_froms=True), fields, forms)
        return statement.where(fields[unique] == bindparam("page_marker")).order_by(None)

    shape = (forms, tuple(key.field for key in keys))
    found: list[Any] = run_shaped(tx, select, fields, shape, build, None, values)
    if not found:
        raise MarkerMissing(marker)
    return tuple(found[0])


def _beyond(keys: list[Key], nulls: tuple[bool, ...]) -> ColumnElement[bool]:
    """Strictly behind the marker, in the order of `keys`. `nulls`: which of its keys are NULL."""
    values = [bindparam(f"page_k{n}", type_=key.column.type) for n, key in enumerate(keys)]
    first = keys[0].descending
    if all(not key.nullable and key.descending == first for key in keys):
        left: Any = tuple_(*(key.column for key in keys))
        right = tuple_(*values)
        behind: ColumnElement[bool] = left < right if first else left > right
        return behind
    choices: list[ColumnElement[bool]] = []
    same: list[ColumnElement[bool]] = []
    for key, value, null in zip(keys, values, nulls, strict=True):
        choices.append(and_(*same, _after(key, value, null)))
        same.append(key.column.is_(None) if null else key.column == value)
    if nulls[0] or (keys[0].nullable and first):
        return or_(*choices)
    column: Any = keys[0].column  # says no more than the choices do, but so that an index can be entered at that place
    return and_(column <= values[0] if first else column >= values[0], or_(*choices))


def _after(key: Key, value: Any, null: bool) -> ColumnElement[bool]:
    if null:
        return false() if key.descending else key.column.is_not(None)
    beyond: ColumnElement[bool] = key.column < value if key.descending else key.column > value
    return or_(beyond, key.column.is_(None)) if key.descending and key.nullable else beyond


def _order(key: Key) -> ColumnElement[Any]:
    if not key.nullable:
        return key.column.desc() if key.descending else key.column.asc()
    return key.column.desc().nulls_last() if key.descending else key.column.asc().nulls_first()
