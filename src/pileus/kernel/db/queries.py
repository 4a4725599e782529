"""Statements compiled once per dialect and run straight through the driver's cursor."""

from collections.abc import Callable, Mapping, Sequence
from itertools import starmap
from typing import Any, Generic, TypeVar, cast, overload

from sqlalchemy import BindParameter, Insert, Update
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.visitors import iterate

R = TypeVar("R")
Processor = Callable[[Any], Any]


class Plan:
    """One statement in one dialect, for one set of given columns."""

    def __init__(self, compiled: SQLCompiler, dialect: Dialect) -> None:
        self.compiled = compiled
        self.sql = str(compiled)
        self.positional = compiled.positiontup
        self.expanding = bool(compiled.post_compile_params or compiled.literal_execute_params)
        self.given: dict[str, Any] = {}
        self.required: set[str] = set()
        self.calls: dict[str, Callable[[Any], Any]] = {}
        self.processors: dict[str, Processor] = {}
        for bind, name in compiled.bind_names.items():
            if bind.required:
                self.required.add(name)
            elif bind.callable is not None:
                self.calls[name] = _without_context(bind.callable)
            else:
                self.given[name] = bind.value
            processor = bind.type.dialect_impl(dialect).bind_processor(dialect)
            if processor is not None:
                self.processors[name] = processor
        self._defaults(compiled)
        self.simple = not (self.given or self.calls or self.expanding)
        self.lengths: dict[tuple[int, ...], tuple[str, Any]] = {}

    def _defaults(self, compiled: SQLCompiler) -> None:
        """Python-side `default=` and `onupdate=` of columns that the caller leaves out."""
        for column in (*compiled.insert_prefetch, *compiled.update_prefetch):
            default: Any = column.onupdate if compiled.isupdate else column.default
            name = column.key
            self.required.discard(name)
            self.given.pop(name, None)
            if default.is_callable:
                self.calls[name] = default.arg
            else:
                self.given[name] = default.arg

    def bind(self, params: Mapping[str, Any]) -> tuple[str, Any]:
        """SQL text and parameters for the cursor. Raises `TypeError` for a missing or unknown name."""
        if self.simple and len(params) == len(self.required):
            values: Mapping[str, Any] = params
        else:
            values = {**self.given, **{name: call(None) for name, call in self.calls.items()}, **params}
        if self.expanding:
            return self._expand(values)
        processors = self.processors
        try:
            if self.positional is None:
                if not processors:
                    return self.sql, values
                return self.sql, {n: processors[n](v) if n in processors else v for n, v in values.items()}
            if not processors:
                return self.sql, [values[name] for name in self.positional]
            return self.sql, [
                processors[name](values[name]) if name in processors else values[name] for name in self.positional
            ]
        except KeyError as error:
            raise TypeError(f"parameter {error} is missing in: {self.sql}") from None

    def _expand(self, values: Mapping[str, Any]) -> tuple[str, Any]:
        state = self.compiled.construct_expanded_state(dict(values))
        processors = {**self.processors, **state.processors}
        if state.positiontup is not None:
            return state.statement, [
                processors[n](state.parameters[n]) if n in processors else state.parameters[n]
                for n in state.positiontup
            ]
        return state.statement, {n: processors[n](v) if n in processors else v for n, v in state.parameters.items()}


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
        if fields is not None and self.types and len(fields) != len(self.types):
            raise TypeError(f"{into} has {len(fields)} fields, the statement gives {len(self.types)} columns")
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

    def make(self, dialect: Dialect, rows: Sequence[Any]) -> list[R]:
        maker = self._makers.get(dialect.name)
        if maker is None:
            maker = self._makers[dialect.name] = self._maker(dialect)
        return maker(rows)

    def _maker(self, dialect: Dialect) -> Callable[[Sequence[Any]], list[R]]:
        processors = []
        for position, type_ in enumerate(self.types):
            processor = type_.dialect_impl(dialect).result_processor(dialect, None)
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
