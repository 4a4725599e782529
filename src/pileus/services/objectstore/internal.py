"""What neighbours may ask: `pileus.contracts.objectstore.Objects`."""

from collections.abc import AsyncIterable, AsyncIterator, Sequence

from pileus.contracts.objectstore import Stored
from pileus.kernel.db import Tx
from pileus.kernel.types import NotFound, as_bytes, cloud
from pileus.services.objectstore.core import accounts, containers, intake, listings, objects, reading
from pileus.services.objectstore.core.conditions import Conditions
from pileus.services.objectstore.core.containers import Change
from pileus.services.objectstore.core.intake import Body
from pileus.services.objectstore.core.listings import Subdir, Wanted
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.core.objects import Put
from pileus.services.objectstore.db.containers import ContainerRow

NEW = Conditions(if_none_match=("*",))
UNBOUNDED = 1 << 62


class Internal:
    def __init__(self, near: Neighbours) -> None:
        self._near = near

    async def put(
        self, owner: str, container: str, name: str, chunks: AsyncIterable[bytes], hashes: Sequence[str] = ()
    ) -> Stored:
        """Raises `Stale` when there is one of that name."""
        near, account = self._near, accounts.name_of(self._near, owner)
        row = await near.db.read(containers.find, account, container)
        place = row.place if row is not None else near.default_place
        if row is None:
            await near.db.write(containers.put, near, cloud(), account, container, Change())

        def decide(tx: Tx, body: Body) -> Stored:
            made = objects.put(tx, near, cloud(), account, container, name, Put(conditions=NEW), body)
            told = {one: body.hashes[one] for one in hashes}
            return Stored(name=name, size=made.size, hashes=told, changed_at=made.stamp)

        return await intake.store(near, place, chunks, decide, hashes=hashes, most=UNBOUNDED)

    async def open(
        self, owner: str, container: str, name: str, first: int = 0, end: int | None = None
    ) -> AsyncIterator[bytes]:
        """Raises `NotFound` before the first bytes."""
        near, account = self._near, accounts.name_of(self._near, owner)
        _, whole = await near.db.read(objects.fetch, near, account, container, name, _anything)
        async for chunk in as_bytes(reading.content(near, account, whole, _anything, first, end)):
            yield chunk

    async def remove(self, owner: str, container: str, name: str) -> None:
        """Absent is success."""
        await self._near.db.write(self._remove, accounts.name_of(self._near, owner), container, name)

    async def rename(self, owner: str, container: str, name: str, other: str) -> None:
        """Absent is success."""
        await self._near.db.write(self._rename, accounts.name_of(self._near, owner), container, name, other)

    async def has(self, owner: str, container: str, name: str) -> bool:
        return await self._near.db.read(self._has, accounts.name_of(self._near, owner), container, name)

    async def page(self, owner: str, container: str, after: str = "", limit: int = 1000) -> list[Stored]:
        return await self._near.db.read_aside(
            self._page, accounts.name_of(self._near, owner), container, Wanted(marker=after, limit=limit)
        )

    async def space(self) -> tuple[int, int]:
        info = await self._near.stores[self._near.default_place].info()
        return info.free, info.total

    def _has(self, tx: Tx, account: str, container: str, name: str) -> bool:
        row = containers.find(tx, account, container)
        return row is not None and objects.find_version(tx, row, name, None) is not None

    def _remove(self, tx: Tx, account: str, container: str, name: str) -> None:
        row = containers.find(tx, account, container)
        if row is not None:
            objects.delete(tx, self._near, cloud(), row, name)

    def _rename(self, tx: Tx, account: str, container: str, name: str, other: str) -> None:
        near = self._near
        try:
            row, whole = objects.fetch(tx, near, account, container, name, _anything)
        except NotFound:
            return
        containers.put(tx, near, cloud(), account, other, Change())
        objects.copy(tx, near, cloud(), whole.object, account, other, name, Put())
        objects.delete(tx, near, cloud(), row, name)

    def _page(self, tx: Tx, account: str, container: str, wanted: Wanted) -> list[Stored]:
        row = containers.find(tx, account, container)
        if row is None:
            return []
        found = listings.of_container(tx, row, wanted).items
        return [
            Stored(name=one.name, size=one.size, changed_at=one.modified_at)
            for one in found
            if not isinstance(one, Subdir)
        ]


def _anything(row: ContainerRow) -> None:
    """The cloud itself asks."""
