"""Pages of lists by key set: each page starts behind the last row seen, however many came before it."""

from collections.abc import Callable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

from msgspec import Struct
from sqlalchemy import Column, ColumnElement, Join, Select, Table, and_, false, or_, tuple_
from sqlalchemy.sql.selectable import Alias

from pileus.kernel.db.columns import Json
from pileus.kernel.db.conditions import column_of, condition, fit
from pileus.kernel.db.refusals import MarkerMissing
from pileus.kernel.db.transactions import Tx
from pileus.kernel.types import Invalid, Listing

R = TypeVar("R")
Fields = Mapping[str, ColumnElement[Any]]


class Page(Struct, Generic[R], frozen=True):
    """One page of a list, in the order asked for. `more`: there are rows beyond it, in the direction asked for."""

    rows: list[R]
    more: bool = False


class Key(NamedTuple):
    """One sort key. NULL sorts before everything else, on both databases."""

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
    scope: tuple[str, ...] = ("project_id", "domain_id"),
) -> Page[R]:
    """Rows of `select` that match `listing`, in its order.

    `fields` maps the resource's field names to columns, for filters and sorts; `unique` names the field that the
    marker is a value of. The marker's row need not match the filters any more (it may have changed since the last
    page), but those on the `scope` fields it must. Raises `Invalid` naming the field, `MarkerMissing`.
    """
    if listing.limit is not None and listing.limit < 0:
        raise Invalid("limit must not be negative.", details={"field": "limit"})
    keys = _keys(select, fields, listing, unique)
    statement = select.where(*(condition(fields, one) for one in listing.filters))
    if listing.marker is not None:
        statement = statement.where(_beyond(keys, _place(tx, select, fields, listing, unique, scope, keys)))
    statement = statement.order_by(None).order_by(*(_order(tx, key) for key in keys))
    if listing.limit is not None:
        statement = statement.limit(listing.limit + 1)
    rows = [into(*row) for row in tx.execute(statement)]
    more = listing.limit is not None and len(rows) > listing.limit
    if more:
        rows.pop()
    if listing.reverse:
        rows.reverse()
    return Page(rows, more)


def _keys(select: Select[Any], fields: Fields, listing: Listing, unique: str) -> list[Key]:
    outer = any(_outer(source) for source in select.get_final_froms())
    wanted: dict[str, bool] = {}
    for sort in listing.sort:
        wanted.setdefault(sort.field, sort.descending)
        if sort.field == unique:
            break
    wanted.setdefault(unique, listing.sort[0].descending if listing.sort else False)
    keys = []
    for name, descending in wanted.items():
        column = column_of(fields, name, "sort")
        if isinstance(column.type, Json):
            raise Invalid(f"{name} is not a field to sort by.", details={"field": name})
        keys.append(Key(column, descending != listing.reverse, outer or not _filled(column)))
    return keys


def _outer(source: Any) -> bool:
    return isinstance(source, Join) and (source.isouter or source.full or _outer(source.left) or _outer(source.right))


def _filled(column: ColumnElement[Any]) -> bool:
    """True when the column cannot be NULL, for sure."""
    if not isinstance(column, Column) or column.nullable:
        return False
    table: Any = column.table
    return isinstance(table, Table) or (isinstance(table, Alias) and isinstance(table.element, Table))


def _place(
    tx: Tx, select: Select[Any], fields: Fields, listing: Listing, unique: str, scope: tuple[str, ...], keys: list[Key]
) -> tuple[Any, ...]:
    """The marker's sort keys."""
    marker = str(listing.marker)
    column = column_of(fields, unique)
    try:
        value = fit(column, unique, marker)
    except Invalid:
        raise MarkerMissing(marker) from None
    found = tx.execute(
        select.with_only_columns(*(key.column for key in keys), maintain_column_froms=True)
        .where(column == value, *(condition(fields, one) for one in listing.filters if one.field in scope))
        .order_by(None)
    ).first()
    if found is None:
        raise MarkerMissing(marker)
    return tuple(found)


def _beyond(keys: list[Key], place: tuple[Any, ...]) -> ColumnElement[bool]:
    """Strictly behind `place`, in the order of `keys`."""
    first = keys[0].descending
    if all(not key.nullable and key.descending == first for key in keys):
        left: Any = tuple_(*(key.column for key in keys))
        behind: ColumnElement[bool] = left < place if first else left > place
        return behind
    choices: list[ColumnElement[bool]] = []
    same: list[ColumnElement[bool]] = []
    for key, value in zip(keys, place, strict=True):
        choices.append(and_(*same, _after(key, value)))
        same.append(key.column.is_(None) if value is None else key.column == value)
    return or_(*choices)


def _after(key: Key, value: Any) -> ColumnElement[bool]:
    if value is None:
        return false() if key.descending else key.column.is_not(None)
    beyond: ColumnElement[bool] = key.column < value if key.descending else key.column > value
    if not key.descending:
        return beyond
    return or_(beyond, key.column.is_(None)) if key.nullable else beyond


def _order(tx: Tx, key: Key) -> ColumnElement[Any]:
    ordered = key.column.desc() if key.descending else key.column.asc()
    if not key.nullable or tx.dialect == "sqlite":
        return ordered
    return ordered.nulls_last() if key.descending else ordered.nulls_first()
