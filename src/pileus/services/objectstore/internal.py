"""What neighbours may ask: `pileus.contracts.objectstore.Objects`."""

from collections.abc import AsyncIterable, AsyncIterator

from pileus.kernel.db import Tx
from pileus.kernel.types import NotFound, cloud
from pileus.services.objectstore.core import accounts, containers, intake, objects, reading
from pileus.services.objectstore.core.containers import Change
from pileus.services.objectstore.core.intake import Body
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.core.objects import Put
from pileus.services.objectstore.db.containers import ContainerRow


class Internal:
    def __init__(self, near: Neighbours) -> None:
        self._near = near

    async def put(
        self, project_id: str, container: str, name: str, chunks: AsyncIterable[bytes], content_type: str
    ) -> int:
        """Store an object in the name of the cloud; container and account are made. Returns its bytes."""
        near, account = self._near, accounts.name_of(self._near, project_id)
        await near.db.write(containers.put, near, cloud(), account, container, Change())
        row = await near.db.read(containers.get, account, container)

        def decide(tx: Tx, body: Body) -> int:
            want = Put(content_type=content_type)
            return objects.put(tx, near, cloud(), account, container, name, want, body).size

        return await intake.store(near, row.place, chunks, decide)

    async def open(
        self, project_id: str, container: str, name: str, first: int = 0, end: int | None = None
    ) -> AsyncIterator[bytes]:
        """Raises `NotFound` before the first bytes."""
        near, account = self._near, accounts.name_of(self._near, project_id)
        _, whole = await near.db.read(objects.fetch, near, account, container, name, _anything)
        async for chunk in reading.content(near, account, whole, _anything, first, end):
            yield chunk

    async def remove(self, project_id: str, container: str, name: str) -> None:
        """Absent is success."""
        near, account = self._near, accounts.name_of(self._near, project_id)
        await near.db.write(self._remove, account, container, name)

    def _remove(self, tx: Tx, account: str, container: str, name: str) -> None:
        try:
            row = containers.get(tx, account, container)
        except NotFound:
            return
        objects.delete(tx, self._near, cloud(), row, name)


def _anything(row: ContainerRow) -> None:
    """The cloud itself asks."""
