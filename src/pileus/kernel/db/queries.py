"""Statements compiled once per dialect and run straight through the driver's cursor."""

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import starmap
from typing import Any, Generic, NoReturn, TypeVar, cast, overload

import msgspec
from sqlalchemy import BindParameter, Insert, Update
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.visitors import iterate

from pileus.kernel.db.stamps import tables_of, written_by

R = TypeVar("R")
Processor = Callable[[Any], Any]
_LIST = re.compile(r"(NOT )?IN \(__\[POSTCOMPILE_(\w+)\]\)")


class Plan:
    """One statement in one dialect, for one set of given columns.

    A list parameter is one array to the database, whatever its length, so that one text serves all lengths; this
    measured the same as a placeholder per item, for 1 to 5,000 items.
    """

    def __init__(self, compiled: SQLCompiler, dialect: Dialect) -> None:
        self.sql = _with_arrays(str(compiled), dialect.name)
        self.positional = compiled.positiontup
        self.bind_names = compiled.bind_names
        self.given: dict[str, Any] = {}
        self.calls: dict[str, Callable[[Any], Any]] = {}
        self.processors: dict[str, Processor] = {}
        self.names = set(compiled.bind_names.values())
        for bind, name in compiled.bind_names.items():
            if bind.callable is not None:
                self.calls[name] = _without_context(bind.callable)
            elif not bind.required:
                self.given[name] = bind.value
            processor: Processor | None = bind.type.dialect_impl(dialect).bind_processor(dialect)
            if bind.expanding:
                processor = _array(processor, dialect.name)
            if processor is not None:
                self.processors[name] = processor
        self._defaults(compiled)
        self.fixed = bool(self.given or self.calls)

    def _defaults(self, compiled: SQLCompiler) -> None:
        """Python-side `default=` and `onupdate=` of columns that the caller leaves out."""
        for column in (*compiled.insert_prefetch, *compiled.update_prefetch):
            default: Any = column.default if column in compiled.insert_prefetch else column.onupdate
            if default.is_callable:
                self.calls[column.key] = default.arg
            else:
                self.given[column.key] = default.arg

    def bind(self, params: Mapping[str, Any]) -> Sequence[Any] | Mapping[str, Any]:
        """Parameters for the cursor. Raises `TypeError` for a missing or unknown name."""
        values = params
        if self.fixed:
            values = {**self.given, **params}
            for name, call in self.calls.items():
                if name not in params:
                    values[name] = call(None)
        if len(values) != len(self.names):
            self._complain(values)
        processors = self.processors
        try:
            if self.positional is None:
                if values.keys() != self.names:
                    self._complain(values)
                if not processors:
                    return values
                return {n: processors[n](v) if n in processors else v for n, v in values.items()}
            if not processors:
                return [values[name] for name in self.positional]
            return [processors[name](values[name]) if name in processors else values[name] for name in self.positional]
        except KeyError:
            self._complain(values)

    def _complain(self, values: Mapping[str, Any]) -> NoReturn:
        missing, unknown = self.names - values.keys(), values.keys() - self.names
        raise TypeError(f"parameters missing: {sorted(missing)}, unknown: {sorted(unknown)}, in: {self.sql}")


def _with_arrays(sql: str, dialect: str) -> str:
    if dialect == "sqlite":
        sql = _LIST.sub(r"\1IN (SELECT value FROM json_each(?))", sql)
    else:
        sql = _LIST.sub(lambda found: f"{'<> ALL' if found[1] else '= ANY'} (%({found[2]})s)", sql)
    if "POSTCOMPILE" in sql:
        raise TypeError(f"a Query takes lists of single values only, use tx.execute: {sql}")
    return sql


def _array(process: Processor | None, dialect: str) -> Processor:
    """Makes a list parameter one value: JSON for SQLite, an array for PostgreSQL."""

    def array(values: Any) -> Any:
        if isinstance(values, str | bytes):
            raise TypeError(f"a list parameter was given {values!r}")
        items = list(values) if process is None else [process(value) for value in values]
        return msgspec.json.encode(items).decode() if dialect == "sqlite" else items

    return array


def _without_context(call: Callable[[], Any]) -> Callable[[Any], Any]:
    return lambda _: call()


class Query(Generic[R]):
    """A statement to be run many times: `FIND = Query(select(…).where(t.c.id == bindparam("id")), into=Row)`.

    Rows are `into(*columns)`, by position; without `into` they are tuples. `Query(insert(t))` and
    `Query(update(t).where(…))` take the columns by name; those not given get their default or are left alone.
    """

    @overload
    def __init__(self: "Query[Any]", statement: Executable, into: None = None) -> None: ...
    @overload
    def __init__(self, statement: Executable, into: Callable[..., R]) -> None: ...
    def __init__(self, statement: Executable, into: Callable[..., R] | None = None) -> None:
        self.statement = statement
        self.into = into
        columns = getattr(statement, "exported_columns", ())
        self.types = [column.type for column in columns]
        fields = getattr(into, "__struct_fields__", None)
        least = len(fields) - len(getattr(into, "__struct_defaults__", ())) if fields is not None else 0
        if fields is not None and self.types and not least <= len(self.types) <= len(fields):
            raise TypeError(f"{into} has {len(fields)} fields, the statement gives {len(self.types)} columns")
        self.tables, self.written = tables_of(statement), written_by(statement)
        self._own_binds = _own_binds(statement)
        self._plans: dict[Any, Plan] = {}
        self._makers: dict[str, Callable[[Sequence[Any]], list[R]]] = {}

    def plan(self, dialect: Dialect, params: Mapping[str, Any]) -> Plan:
        key = dialect.name if self._own_binds is None else (dialect.name, *params)
        found = self._plans.get(key)
        if found is None:
            found = self._plans[key] = self._compile(dialect, params)
        return found

    def _compile(self, dialect: Dialect, params: Mapping[str, Any]) -> Plan:
        statement: Any = self.statement
        if isinstance(statement, Insert) and not statement._returning:
            statement = statement.inline()
        keys = None
        if self._own_binds is not None:
            keys = [name for name in params if name not in self._own_binds]
        return Plan(cast(SQLCompiler, statement.compile(dialect=dialect, column_keys=keys)), dialect)

    def make(self, dialect: Dialect, rows: Sequence[Any], cursor: Any) -> list[R]:
        maker = self._makers.get(dialect.name)
        if maker is None:
            maker = self._makers[dialect.name] = self._maker(dialect, cursor.description)
        return maker(rows)

    def _maker(self, dialect: Dialect, description: Sequence[Any]) -> Callable[[Sequence[Any]], list[R]]:
        processors = []
        for position, (type_, column) in enumerate(zip(self.types, description, strict=True)):
            processor = type_.dialect_impl(dialect).result_processor(dialect, column[1])
            if processor is not None:
                processors.append((position, processor))
        into: Any = self.into

        def plain(rows: Sequence[Any]) -> list[R]:
            return list(starmap(into, rows)) if into is not None else list(rows)

        def processed(rows: Sequence[Any]) -> list[R]:
            made: list[Any] = []
            for row in rows:
                values = list(row)
                for position, process in processors:
                    values[position] = process(values[position])
                made.append(into(*values) if into is not None else tuple(values))
            return made

        return processed if processors else plain


def _own_binds(statement: Any) -> set[str] | None:
    """Binds in the WHERE of an INSERT or UPDATE whose columns the caller names; None for any other statement."""
    if isinstance(statement, Insert):
        whole = statement._values or statement._multi_values or statement.select is not None
    elif isinstance(statement, Update):
        whole = statement._values or getattr(statement, "_ordered_values", None) or statement._multi_values
    else:
        return None
    if whole:
        return None
    clauses = getattr(statement, "_where_criteria", ())
    return {bind.key for clause in clauses for bind in iterate(clause) if isinstance(bind, BindParameter)}
