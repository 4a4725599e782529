"""The open transaction, as decisions see it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import CoroutineType
from typing import Any, NoReturn, TypeVar

from sqlalchemy.engine import Connection, CursorResult
from sqlalchemy.sql.base import Executable

from pileus.kernel.db.queries import Plan, Query
from pileus.kernel.db.refusals import told
from pileus.kernel.db.stamps import Stamps, tables_of, written_by
from pileus.kernel.types import Micros, Unavailable

R = TypeVar("R")


class Tx:
    """One transaction: a snapshot to read from and, when `writes`, changes that commit whole or not at all.

    A statement that the database refuses spoils the transaction: the exception is to end it. Where a refusal is part
    of the plan, wrap the statement in `with tx.savepoint():` and catch outside of that.
    """

    __slots__ = (
        "_connection",
        "_depth",
        "_dialect",
        "_driver",
        "calls",
        "dialect",
        "now",
        "refused",
        "seat",
        "stamps",
        "tables",
        "wakes",
        "writes",
    )

    def __init__(
        self,
        connection: Connection,
        driver: Any,
        now: Micros,
        *,
        writes: bool,
        stamps: Stamps | None = None,
        seat: int = 0,
    ) -> None:
        self.now = now
        """One time for the whole transaction."""
        self.writes = writes
        self.dialect = connection.dialect.name
        """`sqlite` or `postgresql`."""
        self._connection = connection
        self._driver = driver
        self._dialect = connection.dialect
        self.seat = seat
        """A small number that no other transaction has at this moment, in any process: what many add to can be kept apart by it."""
        self.wakes: list[str] = []
        self.calls: list[Callable[[], None]] = []
        self.refused: Exception | None = None
        """What the database refused last, outside of a savepoint that is undone."""
        self._depth = 0
        self.tables: set[str] | None = set() if writes else None
        """Tables that were changed (always kept for writes), or read (kept once somebody sets it to an empty set)."""
        self.stamps = stamps
        """Where what is read here may be remembered: how often things have changed, as of this very moment."""

    def rows(self, query: Query[R], /, **params: Any) -> list[R]:
        """All rows."""
        try:
            cursor = self._run(query, params)
            found = cursor.fetchall()
        except Exception as error:
            self._refuse(error)
        return query.make(self._dialect, found, cursor)

    def row(self, query: Query[R], /, **params: Any) -> R | None:
        """The first row, or None."""
        try:
            cursor = self._run(query, params)
            found = cursor.fetchone()
        except Exception as error:
            self._refuse(error)
        made = None if found is None else query.make(self._dialect, (found,), cursor)[0]
        cursor.close()
        return made

    def run(self, query: Query[Any], /, **params: Any) -> int:
        """Run an INSERT, UPDATE or DELETE; the number of rows touched."""
        try:
            cursor = self._run(query, params)
            if cursor.description is not None:
                cursor.fetchall()
        except Exception as error:
            self._refuse(error)
        return int(cursor.rowcount)

    def run_many(self, query: Query[Any], params: Sequence[Mapping[str, object]]) -> int:
        """Run once per mapping, all with the same names; the number of rows touched."""
        if not params:
            return 0
        try:
            self._go_on()
            if self.tables is not None:
                self.tables |= query.written if self.writes else query.tables
            plan = query.plan(self._dialect, params[0])
            cursor = self._driver.cursor()
            cursor.executemany(plan.sql, [plan.bind(one) for one in params])
        except Exception as error:
            self._refuse(error)
        return int(cursor.rowcount)

    def execute(self, statement: Executable, params: Any = None) -> CursorResult[Any]:
        """Any SQLAlchemy Core statement, through its compile cache: 10 times a `Query`'s price."""
        try:
            self._go_on()
            if self.tables is not None:
                self.tables |= written_by(statement) if self.writes else tables_of(statement)
            return self._connection.execute(statement, params)
        except Exception as error:
            self._refuse(error)

    def changes(self, what: str) -> None:
        """Stamp `what` with the commit: a part of a table, for those who remember what they read of that part alone."""
        if self.tables is not None:
            self.tables.add(what)

    def wake(self, signal: str) -> None:
        """Wake the subscribers of `signal` after the commit, in every process on this database."""
        if signal not in self.wakes:
            self.wakes.append(signal)

    def after_commit(self, call: Callable[[], None]) -> None:
        """Call this on the loop thread after the commit, before the writer is answered; not at all after a rollback."""
        self.calls.append(call)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """What happens inside is undone alone when it raises; the exception goes on."""
        name = f"inner_{self._depth}"
        self._depth += 1
        wakes, calls = len(self.wakes), len(self.calls)
        self._driver.execute(f"SAVEPOINT {name}")
        try:
            yield
        except BaseException:
            self._driver.execute(f"ROLLBACK TO SAVEPOINT {name}")
            self.refused = None
            del self.wakes[wakes:], self.calls[calls:]
            raise
        finally:
            self._depth -= 1
            if self.refused is None:
                self._driver.execute(f"RELEASE SAVEPOINT {name}")

    def plan(self, query: Query[Any]) -> Plan:
        """How a query without parameters of the caller's choice runs here."""
        return query.plan(self._dialect, {})

    def finish(self, result: object) -> None:
        """For the stores, before they commit. Raises what makes a commit impossible."""
        if type(result) is CoroutineType:
            result.close()
            raise TypeError("a decision is a plain def, not an async def")
        if self.refused is not None:
            raise self.refused

    def _run(self, query: Query[Any], params: Mapping[str, Any]) -> Any:
        if self.refused is not None:
            self._go_on()
        if self.tables is not None:
            self.tables |= query.written if self.writes else query.tables
        plan = query.plan(self._dialect, params)
        return self._driver.execute(plan.sql, plan.bind(params))

    def _refuse(self, error: Exception) -> NoReturn:
        if self.refused is not None:
            raise error
        refusal = told(error)
        if not self.writes and isinstance(refusal, Unavailable) and "readonly" in str(error):
            refusal = RuntimeError("a read cannot write")
        self.refused = refusal
        if refusal is error:
            raise error
        raise refusal from error

    def _go_on(self) -> None:
        if self.refused is not None:
            raise RuntimeError("this transaction was refused a statement: nothing can follow") from self.refused
