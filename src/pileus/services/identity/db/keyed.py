"""What every table whose rows have an id of their own can do."""

from collections.abc import Iterable, Mapping
from typing import Any, Generic, Protocol, TypeVar

from sqlalchemy import Select, Table, bindparam, delete, insert, select, update
from sqlalchemy.sql import ColumnElement

from pileus.kernel.db import Page, Query, Tx, page
from pileus.kernel.types import Listing


class Identified(Protocol):
    """A row."""

    @property
    def id(self) -> str: ...


R = TypeVar("R", bound=Identified)


class Keyed(Generic[R]):
    """The rows of a table, each found by its `id`.

    `fields` are the columns that lists filter and sort by. `joined` is how rows are read that know more than their table.
    """

    def __init__(
        self,
        table: Table,
        row: type[R],
        fields: Mapping[str, ColumnElement[Any]],
        joined: Select[tuple[Any, ...]] | None = None,
    ) -> None:
        self._table, self._row, self._fields = table, row, fields
        self._rows = select(table) if joined is None else joined
        self._columns = tuple(table.c.keys())
        self._find = Query(self._rows.where(table.c.id == bindparam("id")), into=row)
        self._find_many = Query(self._rows.where(table.c.id.in_(bindparam("ids", expanding=True))), into=row)
        self._insert = Query(insert(table))
        self._delete = Query(delete(table).where(table.c.id == bindparam("id")))

    def find(self, tx: Tx, id: str) -> R | None:
        return tx.row(self._find, id=id)

    def find_many(self, tx: Tx, ids: Iterable[str]) -> dict[str, R]:
        """By id; those that are not there are left out."""
        wanted = list(set(ids))
        return {row.id: row for row in tx.rows(self._find_many, ids=wanted)} if wanted else {}

    def page(self, tx: Tx, listing: Listing, *only: ColumnElement[bool]) -> Page[R]:
        """A page of the rows for which `only` holds."""
        return page(tx, self._rows.where(*only), self._fields, listing, into=self._row, unique="id")

    def add(self, tx: Tx, row: R) -> None:
        tx.run(self._insert, **{name: getattr(row, name) for name in self._columns})

    def change(self, tx: Tx, id: str, values: Mapping[str, object]) -> None:
        tx.execute(update(self._table).where(self._table.c.id == id).values(**values))

    def remove(self, tx: Tx, id: str) -> None:
        tx.run(self._delete, id=id)


class InDomain(Keyed[R]):
    """Rows that have a name which is theirs alone in a domain."""

    def __init__(self, table: Table, row: type[R], fields: Mapping[str, ColumnElement[Any]]) -> None:
        super().__init__(table, row, fields)
        in_domain = table.c.domain_id == bindparam("domain_id")
        self._find_named = Query(select(table).where(in_domain, table.c.name == bindparam("name")), into=row)
        self._of_domain = Query(select(table.c.id).where(in_domain), into=str)

    def find_named(self, tx: Tx, name: str, domain_id: str) -> R | None:
        return tx.row(self._find_named, name=name, domain_id=domain_id)

    def ids_of_domain(self, tx: Tx, domain_id: str) -> list[str]:
        return tx.rows(self._of_domain, domain_id=domain_id)
