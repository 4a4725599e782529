"""Container sync: brings what is owed to the containers that follow others. No byte moves: they come to share bodies."""

import logging

from pileus.kernel.db import Tx
from pileus.kernel.types import Conflict, Fault, cloud
from pileus.services.objectstore.core import containers, listings, objects, syncing
from pileus.services.objectstore.core.listings import Subdir, Wanted
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.core.objects import Put
from pileus.services.objectstore.db import containers as container_rows
from pileus.services.objectstore.db import objects as object_rows
from pileus.services.objectstore.db import syncs
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.syncs import SyncRow

log = logging.getLogger("pileus.objectstore.sync")
BATCH = 100
"""Debts looked at together, and names of one step of a walk."""


class Syncer:
    def __init__(self, near: Neighbours) -> None:
        self._near = near

    async def sync(self) -> None:
        """Every debt within this cloud once; what cannot be paid now stays for the next time."""
        after = 0
        while found := await self._near.db.read(syncs.owing, after, BATCH):
            for after in found:
                if not await self._near.db.read(self._goes_abroad, after):
                    await self._serve(after)

    def _goes_abroad(self, tx: Tx, container_id: int) -> bool:
        row = container_rows.get(tx, container_id)
        return row is not None and syncing.abroad(self._near, row) is not None

    async def _serve(self, container_id: int) -> None:
        after = 0
        while rows := await self._near.db.read(syncs.of, container_id, after, BATCH):
            for row in rows:
                after = row.id
                try:
                    while not await self._near.db.write(self._pay, row):
                        pass
                except Fault as fault:
                    log.info("container %d is not synced: %s", container_id, fault.message)

    def _pay(self, tx: Tx, row: SyncRow) -> bool:
        """Whether nothing is left of it. Raises what speaks against it."""
        now = syncs.get(tx, row.id)
        source = container_rows.get(tx, row.container_id)
        if now is None or source is None or syncing.TO not in source.kept.system:
            syncs.drop(tx, row.id)
            return True
        target = self._target(tx, source)
        if not now.walks:
            self._bring(tx, source, target, now.name, now)
            syncs.drop(tx, row.id)
            return True
        page = listings.of_container(tx, source, Wanted(marker=now.name, limit=BATCH))
        names = [item.name for item in page.items if not isinstance(item, Subdir)]
        for name in names:
            self._bring(tx, source, target, name, None)
        if page.more:
            syncs.move(tx, now, names[-1])
        else:
            syncs.drop(tx, row.id)
        return not page.more

    def _target(self, tx: Tx, source: ContainerRow) -> ContainerRow:
        """The container that follows, if it has the same key. Raises `NotFound`, `Conflict`, `Invalid`."""
        follower = syncing.follower(self._near, source.kept.system[syncing.TO])
        if follower.url:
            raise Conflict("The container that follows is in another cluster by now.")
        target = containers.get(tx, follower.account, follower.container)
        key = source.kept.system.get(syncing.KEY)
        if not key or target.kept.system.get(syncing.KEY) != key:
            raise Conflict("The container that follows has another key.")
        return target

    def _bring(self, tx: Tx, source: ContainerRow, target: ContainerRow, name: str, debt: SyncRow | None) -> None:
        row = object_rows.find(tx, source.id, name)
        try:
            if row is not None:
                want = Put(
                    content_type=row.content_type, details=row.kept, delete_at=row.delete_at, stamp=row.modified_at
                )
                objects.copy(tx, self._near, cloud(), row, target.account, target.name, name, want)
            elif debt is not None and debt.gone_at:
                objects.delete(tx, self._near, cloud(), target, name, stamp=debt.gone_at)
        except Conflict as fault:
            if fault.type != "Older":
                raise
