"""How things end that nobody ends: expired objects, uploads never completed, accounts deleted, bodies without a name.

Each function does one slice of the work and says whether there is more.
"""

from pileus.kernel.db import Tx
from pileus.kernel.types import DAY, SECOND, Forbidden, Micros, Stale, cloud
from pileus.services.objectstore.core import containers as rooms
from pileus.services.objectstore.core import multipart, succession, syncing
from pileus.services.objectstore.core import objects as decisions
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.core.stock import NULL, TICK, now
from pileus.services.objectstore.db import accounts, bodies, containers, counters, objects, uploads, versions
from pileus.services.objectstore.db.accounts import AccountRow
from pileus.services.objectstore.db.bodies import GarbageRow
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import ObjectRow
from pileus.services.objectstore.db.spans import Span

SLICE = 100
"""Objects in one transaction: others wait for their turn meanwhile."""
PIECES = 500


def expire(tx: Tx, near: Neighbours) -> bool:
    """Delete what has passed its `delete_at`, as its owner would have; a version is only no longer the current one. What is locked is
    asked again a day later."""
    current, older = objects.expired(tx, SLICE), versions.expired(tx, SLICE)
    for row in (*current, *older):
        container = containers.get(tx, row.container_id)
        if container is None:  # nobody's: not to be met again
            decisions.save(tx, row, delete_at=0)
            continue
        try:
            with tx.savepoint():
                _expire(tx, near, container, row, is_current=row in current)
        except (Forbidden, Stale):
            decisions.save(tx, row, delete_at=tx.now + DAY)
    return len(current) == SLICE or len(older) == SLICE


def _expire(tx: Tx, near: Neighbours, container: ContainerRow, row: ObjectRow, *, is_current: bool) -> None:
    if is_current and row.versioned:
        gone_at = max(now(tx), row.modified_at + TICK)
        syncing.note(tx, container, row.name, gone_at)
        syncing.bury(tx, container, row.name, gone_at)
        succession.hide(tx, container, row)
    elif is_current:
        decisions.delete(tx, near, cloud(), container, row.name)
    else:
        version = row.stamp if row.versioned else NULL
        decisions.delete_version(tx, near, cloud(), container, row.name, version, promote=False)


def drop_old_uploads(tx: Tx, near: Neighbours) -> bool:
    """A slice of the uploads in parts that were begun long ago, or whose container is gone."""
    days = near.settings.upload_days
    found = uploads.before(tx, tx.now - days * DAY if days else uploads.ABANDONED + 1, 1)
    for upload in found:
        multipart.shrink(tx, upload)
    return bool(found)


def empty_accounts(tx: Tx, near: Neighbours) -> bool:
    """Take a slice of a deleted account away; the account last. One that holds what is locked waits behind the others."""
    for account in accounts.deleted(tx, SLICE):
        try:
            with tx.savepoint():
                _empty_account(tx, near, account)
        except Forbidden:
            accounts.change(tx, account.name, deleted_at=tx.now)
        else:
            return True
    return False


def _empty_account(tx: Tx, near: Neighbours, account: AccountRow) -> None:
    """Raises `Forbidden` when what comes next is locked."""
    rows = containers.between(tx, account.name, Span(), 1)
    for container in rows:
        if not _empty(tx, near, container):
            rooms.delete(tx, near, cloud(), container)
    if not rows:
        counters.forget(tx, counters.of_account(account.name))
        accounts.remove(tx, account.name)


def _empty(tx: Tx, near: Neighbours, container: ContainerRow) -> bool:
    """Destroy a slice of what a container holds, versions first; whether there was anything."""
    older = versions.some(tx, container.id, SLICE)
    for row in older:
        version = row.stamp if row.versioned else NULL
        decisions.delete_version(tx, near, cloud(), container, row.name, version, promote=False)
    if older:
        return True
    items = objects.between(tx, container.id, Span(), SLICE)
    for item in items:
        version = item.stamp if item.versioned else NULL
        decisions.delete_version(tx, near, cloud(), container, item.name, version, promote=False)
    return bool(items)


def forget_deletions(tx: Tx, near: Neighbours) -> bool:
    """A slice of the deletions in synced containers that nobody needs to know any more."""
    return syncing.forget_old(tx, SLICE)


def ripe_garbage(tx: Tx, near: Neighbours, after: int) -> list[GarbageRow]:
    """What has been without a name long enough for its readers to have opened it; behind that id."""
    return bodies.some_garbage(tx, after, _ripe_since(tx, near), SLICE)


def _ripe_since(tx: Tx, near: Neighbours) -> Micros:
    return tx.now - near.settings.grace_seconds * SECOND


def let_pieces_go(tx: Tx, near: Neighbours, row: GarbageRow) -> bool:
    """A slice of the pieces of a body that is no more, with the last of them `row`; whether there are more.

    Nothing while another process keeps it for its readers.
    """
    now = bodies.find_garbage(tx, row.id)
    if now is None or now.since > _ripe_since(tx, near):
        return False
    found = bodies.pieces_of(tx, row.whole_id, 0, 2**62, PIECES)
    for piece in found:
        bodies.let_go(tx, piece.part_id)
    if found:
        bodies.drop_pieces(tx, row.whole_id, found[-1].number)
    if len(found) == PIECES:
        return True
    bodies.drop_garbage(tx, [row.id])
    return False


def unnamed(tx: Tx, blobs: list[str]) -> set[str]:
    """Those of `blobs` that no row knows of."""
    return set(blobs) - bodies.named(tx, blobs) - bodies.waiting(tx, blobs)
