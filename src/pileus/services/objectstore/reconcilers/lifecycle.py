"""Objects whose rules say that their time has come."""

from pileus.services.objectstore.core import lifecycle
from pileus.services.objectstore.core.lifecycle import KEPT, Place
from pileus.services.objectstore.core.neighbours import Neighbours


class Lifecycle:
    def __init__(self, near: Neighbours) -> None:
        self._near = near

    async def apply(self) -> None:
        """Walk every container that has rules, slice by slice."""
        db, last = self._near.db, 0
        while rows := await db.read_aside(lifecycle.ruled, last):
            for row in rows:
                if KEPT in row.kept.system:
                    await self._apply(row.id)
            last = rows[-1].id

    async def _apply(self, container_id: int) -> None:
        db, place = self._near.db, Place()
        while (found := await db.write(lifecycle.apply, self._near, container_id, place)) is not None:
            place = found
        while await db.write(lifecycle.drop_uploads, container_id):
            pass
