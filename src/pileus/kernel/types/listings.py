"""What a list request asks for, after validation and before SQL.

`rest` makes a `Listing` from a query string, `core` may narrow it, `db` applies it.
"""

from typing import Literal

from msgspec import Struct

Op = Literal["eq", "ne", "in", "nin", "gt", "gte", "lt", "lte", "like", "contains", "startswith", "endswith", "regex"]


class Filter(Struct, frozen=True):
    """One condition on a field of the resource (not a column). `values` has one item unless `op` is `in`/`nin`.

    `like`, `contains`, `startswith`, `endswith` take plain text: nothing in it is a wildcard.
    """

    field: str
    op: Op
    values: tuple[object, ...]


class Sort(Struct, frozen=True):
    field: str
    descending: bool = False


class Listing(Struct, frozen=True, kw_only=True):
    """Conditions, order and page. `limit` is the page size; None means no bound was asked for.

    The last sort key is always a unique one, so that `marker` (the id of the last item seen) has one place.
    `reverse` asks for the page *before* the marker, still in forward order (`page_reverse`).
    """

    filters: tuple[Filter, ...] = ()
    sort: tuple[Sort, ...] = ()
    marker: str | None = None
    limit: int | None = None
    reverse: bool = False

    def first(self, field: str) -> object | None:
        """The value of the first plain equality on `field`, or None."""
        for f in self.filters:
            if f.field == field and f.op == "eq":
                return f.values[0]
        return None

    def also(self, field: str, op: Op, *values: object) -> "Listing":
        """This listing narrowed by one more condition."""
        return Listing(
            filters=(*self.filters, Filter(field, op, values)),
            sort=self.sort,
            marker=self.marker,
            limit=self.limit,
            reverse=self.reverse,
        )

    def without(self, *fields: str) -> "Listing":
        """This listing less its conditions on `fields` (which the caller applies in a way of its own)."""
        return Listing(
            filters=tuple(f for f in self.filters if f.field not in fields),
            sort=self.sort,
            marker=self.marker,
            limit=self.limit,
            reverse=self.reverse,
        )
