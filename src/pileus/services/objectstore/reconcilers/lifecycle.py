"""Objects whose rules say that their time has come."""

from pileus.services.objectstore.core import lifecycle, multipart
from pileus.services.objectstore.core.lifecycle import AT_ONCE, KEPT, Place
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
        while True:
            seen = await db.read_aside(lifecycle.look, container_id, place)
            for at in range(0, len(seen.due), AT_ONCE):
                due = seen.due[at : at + AT_ONCE]
                await db.write(lifecycle.carry_out, self._near, container_id, seen.rules, due)
            if seen.place is None:
                break
            place = seen.place
        await self._drop_uploads(container_id)

    async def _drop_uploads(self, container_id: int) -> None:
        db = self._near.db
        place: tuple[str, str] | None = ("", "")
        while place is not None:
            old, place = await db.read_aside(lifecycle.old_uploads, container_id, place)
            for upload in old:
                while await db.write(multipart.shrink, upload):
                    pass
