"""Container sync: what changes in a container is owed to the one that follows it, noted by the transaction that changes it."""

from msgspec import Struct

from pileus.kernel.db import Tx
from pileus.kernel.types import Invalid, Micros
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.db import syncs
from pileus.services.objectstore.db.columns import Settings
from pileus.services.objectstore.db.containers import ContainerRow

TO, KEY = "sync-to", "sync-key"
"""In a container's `system`: the container that follows it, and the key that both have."""
SIGNAL = "objectstore:sync"
"""Woken when something is owed."""


class Follower(Struct, frozen=True):
    account: str
    container: str


def follower(near: Neighbours, text: str) -> Follower:
    """Who `//realm/cluster/account/container` is. Raises `Invalid`."""
    if not text.startswith("//"):
        raise Invalid(f'Invalid scheme {text.partition(":")[0]!r} in X-Container-Sync-To, must be "//".')
    realm, _, rest = text[2:].partition("/")
    cluster, _, rest = rest.partition("/")
    account, _, container = rest.partition("/")
    if not (realm and cluster and account and container) or "/" in container:
        raise Invalid(f"Invalid X-Container-Sync-To format {text!r}")
    if realm.lower() not in near.settings.sync_realms:
        raise Invalid(f"No realm key for {realm!r}")
    if f"{realm}/{cluster}".lower() not in near.settings.sync_clusters:
        raise Invalid(f"No cluster endpoint for {realm!r} {cluster!r}")
    return Follower(account, container)


def note(tx: Tx, container: ContainerRow, name: str, gone_at: Micros = 0) -> None:
    """An object changed, or went at `gone_at`. Costs nothing in containers that nobody follows."""
    if TO in container.kept.system:
        syncs.add(tx, container.id, name, gone_at=gone_at)
        tx.wake(SIGNAL)


def note_all(tx: Tx, container: ContainerRow, before: Settings) -> None:
    """A container has got a follower: it is owed everything."""
    kept = container.kept.system
    if kept.get(TO) and kept.get(KEY) and (kept[TO], kept[KEY]) != (before.system.get(TO), before.system.get(KEY)):
        syncs.forget(tx, container.id)
        syncs.add(tx, container.id, "", walks=True)
        tx.wake(SIGNAL)
