"""The database as the control plane holds it: reads, writes, backup."""

from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from sqlalchemy import URL, make_url

from pileus.kernel.db.stamps import Stamps
from pileus.kernel.db.transactions import Tx

P = ParamSpec("P")
R = TypeVar("R")


class Store(Protocol):
    """What a database product brings. `call` takes the transaction and nothing else."""

    multi_process: bool

    @property
    def stamps(self) -> Stamps | None: ...
    async def start(self) -> None: ...
    async def close(self) -> None: ...
    async def read(self, call: Callable[[Tx], R]) -> R: ...
    async def read_aside(self, call: Callable[[Tx], R]) -> R: ...
    def read_now(self, call: Callable[[Tx], R]) -> R: ...
    async def write(self, call: Callable[[Tx], R]) -> R: ...
    async def backup(self, path: Path) -> None: ...
    def roomy(self) -> bool: ...


class Database:
    """`sqlite:////path/pileus.db` for one process, `postgresql+psycopg://…` for many.

    `start` opens it, makes an empty one ready, and brings an older one to this code's tables. It raises `Unavailable`
    when another process owns the file or the server does not answer, `NewerDatabase` when newer code has been here.
    All calls belong to the event loop that `start` ran on, `read_now` excepted.
    """

    def __init__(self, url: str, synchronous: str = "FULL", reserve: int = 0) -> None:
        self.url = make_url(url)
        self._store = _store(self.url, synchronous, reserve)
        self.stamps = self._store.stamps
        """How often each table has changed; None where other processes write too."""
        self.multi_process = self._store.multi_process
        """True when other processes may write too: caches then hold only what signals can empty."""

    async def start(self) -> None:
        await self._store.start()

    async def close(self) -> None:
        """Finish the writes under way and close. Later calls raise `Unavailable`."""
        await self._store.close()

    async def read(self, fn: Callable[Concatenate[Tx, P], R], /, *args: P.args, **kw: P.kwargs) -> R:
        """Run `fn` on a snapshot that cannot be written. On SQLite it runs on the loop thread: keep it under 1 ms."""
        return await self._store.read(lambda tx: fn(tx, *args, **kw))

    async def read_aside(self, fn: Callable[Concatenate[Tx, P], R], /, *args: P.args, **kw: P.kwargs) -> R:
        """Like `read`, in a thread: for reports and other long reads."""
        return await self._store.read_aside(lambda tx: fn(tx, *args, **kw))

    def read_now(self, fn: Callable[Concatenate[Tx, P], R], /, *args: P.args, **kw: P.kwargs) -> R:
        """Like `read`, without waiting: for caches filled on the loop thread."""
        return self._store.read_now(lambda tx: fn(tx, *args, **kw))

    async def write(self, fn: Callable[Concatenate[Tx, P], R], /, *args: P.args, **kw: P.kwargs) -> R:
        """Run the decision `fn` in a transaction of its own and answer when it is committed.

        On SQLite it runs in the writer thread and shares its commit with others, which never see each other's
        failures. On PostgreSQL it is SERIALIZABLE and may run several times, so it must do nothing but decide.
        Raises what `fn` raises (nothing is kept then), `OutOfSpace` or `Unavailable` when the commit itself fails.
        """
        return await self._store.write(lambda tx: fn(tx, *args, **kw))

    def roomy(self) -> bool:
        """Whether its disk has more left than `reserve` bytes: ask before what grows without bound, never before a delete.

        An SQLite file that cannot grow can lose no row either, as a delete is written before anything is freed. A server
        of PostgreSQL has a disk of its own: True.
        """
        return self._store.roomy()

    async def backup(self, path: str | Path) -> None:
        """Copy the live database to a new file. PostgreSQL has `pg_dump` for this, and says so."""
        await self._store.backup(Path(path))


def _store(url: URL, synchronous: str, reserve: int) -> Store:
    backend = url.get_backend_name()
    if backend == "sqlite":
        from pileus.kernel.db.sqlite import SqliteStore  # noqa: PLC0415

        return SqliteStore(url, synchronous, reserve)
    if backend == "postgresql":
        from pileus.kernel.db.postgresql import PostgresqlStore  # noqa: PLC0415

        return PostgresqlStore(url)
    raise ValueError(f"no such database: {backend}; sqlite and postgresql are known")
