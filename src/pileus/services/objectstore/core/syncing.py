"""Container sync: what changes in a container is owed to the one that follows it, noted by the transaction that changes it."""

import hmac
from urllib.parse import quote, unquote, urlsplit

from msgspec import Struct

from pileus.kernel.config import ConfigError
from pileus.kernel.db import Tx
from pileus.kernel.types import DAY, Conflict, Invalid, Micros
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.core.settings import ObjectSettings
from pileus.services.objectstore.core.stock import TICK
from pileus.services.objectstore.db import graves, syncs
from pileus.services.objectstore.db.columns import Settings
from pileus.services.objectstore.db.containers import ContainerRow

TO, KEY = "sync-to", "sync-key"
"""In a container's `system`: the container that follows it, and the key that both have."""
REMEMBERED = 7 * DAY
"""How long a deletion is remembered: what other clusters send later than that may bring an object back."""
SIGNAL = "objectstore:sync"
"""Woken when something is owed."""


class Follower(Struct, frozen=True):
    account: str
    container: str
    realm: str = ""
    url: str = ""
    """Of the other cluster's API (`https://swift.example/v1`); empty: it is in this cloud."""


def follower(near: Neighbours, text: str) -> Follower:
    """Who `//realm/cluster/account/container` is, the names quoted as in a URL. Raises `Invalid`."""
    if not text.startswith("//"):
        raise Invalid(f'Invalid scheme {text.partition(":")[0]!r} in X-Container-Sync-To, must be "//".')
    realm, _, rest = text[2:].partition("/")
    cluster, _, rest = rest.partition("/")
    account, _, container = rest.rstrip("/").partition("/")
    account, container = unquote(account), unquote(container)
    if not (realm and cluster and account and container) or "/" in container or "/" in account:
        raise Invalid(f"Invalid X-Container-Sync-To format {text!r}")
    if realm.lower() not in near.settings.sync_realms:
        raise Invalid(f"No realm key for {realm!r}")
    named = f"{realm}/{cluster}".lower()
    if named in near.settings.sync_clusters:
        return Follower(account, container)
    if named not in near.settings.sync_peers:
        raise Invalid(f"No cluster endpoint for {realm!r} {cluster!r}")
    return Follower(account, container, realm.lower(), near.settings.sync_peers[named].rstrip("/"))


def abroad(near: Neighbours, container: ContainerRow) -> Follower | None:
    """Who follows a container, if that is in another cluster that we know."""
    text = container.kept.system.get(TO, "")
    try:
        found = follower(near, text) if text else None
    except Invalid:
        return None
    return found if found is not None and found.url else None


def signature(realm_key: str, key: str, method: str, path: str, at: str, nonce: str) -> str:
    """What proves that a change comes from a cluster of the realm, for a container whose key is `key`.

    `path` as `quote` writes it, whatever the URL says: so do all who sign.
    """
    message = f"{method}\n{path}\n{at}\n{nonce}\n{key}"
    return hmac.new(realm_key.encode(), message.encode(), "sha1").hexdigest()


def keys(near: Neighbours, realm: str) -> list[str]:
    """With which a change of that realm may be signed: its key, and the one it had before."""
    own = near.settings
    return [key for each in (own.sync_realms, own.sync_former_keys) if (key := each.get(realm.lower()))]


def quoted(*names: str) -> str:
    """Names as the path of a URL. Dots alone are no steps up or down, to whoever tidies URLs."""
    words = quote("/".join(names)).split("/")
    return "/".join(word.replace(".", "%2E") if word in (".", "..") else word for word in words)


def check_settings(settings: ObjectSettings) -> None:
    """Raises `ConfigError` for clusters to which nothing could be sent."""
    wrong = []
    for name, url in settings.sync_peers.items():
        parts = urlsplit(url)
        where = f"[objectstore] sync_peers.{name}:"
        if (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or parts.query
            or parts.fragment
            or parts.username
        ):
            wrong.append(f"{where} {url!r} is not a URL like https://swift.example/v1.")
        if not settings.sync_realms.get(name.partition("/")[0]):
            wrong.append(f"{where} sync_realms has no key for its realm.")
        if name in settings.sync_clusters or name != name.lower() or name.count("/") != 1:
            wrong.append(f"{where} names are realm/cluster in lower case, and not among sync_clusters.")
    if wrong:
        raise ConfigError(wrong)


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


def check_stamp(tx: Tx, container: ContainerRow, name: str, stamp: Micros, there: Micros) -> None:
    """Whether what came to be at `stamp`, here or elsewhere, is newer than what is there (its time; 0: nothing) or was.

    Raises `Conflict` of type `Older`.
    """
    if stamp and max(there, buried_at(tx, container, name)) >= stamp:
        raise Conflict("What is there is newer.", type="Older")


def takes_part(container: ContainerRow) -> bool:
    return KEY in container.kept.system


def buried_at(tx: Tx, container: ContainerRow, name: str) -> Micros:
    """When an object of a container that takes part in syncing was deleted; 0: it was not, or long ago."""
    return graves.find(tx, container.id, name) if takes_part(container) else 0


def risen_at(tx: Tx, container: ContainerRow, name: str, stamp: Micros) -> Micros:
    """An object comes to be at `stamp` (0: now): its time, later than that of its deletion; 0: now. The deletion is forgotten."""
    gone_at = buried_at(tx, container, name)
    if gone_at:
        graves.remove(tx, container.id, name)
    return stamp or (gone_at + TICK if gone_at >= tx.now else 0)


def bury(tx: Tx, container: ContainerRow, name: str, gone_at: Micros) -> None:
    """Remember a deletion. Costs nothing in containers that take no part."""
    if takes_part(container):
        graves.put(tx, container.id, name, gone_at)


def forget_old(tx: Tx, limit: int) -> bool:
    """A slice of what needs no longer be remembered; whether there may be more."""
    found = graves.some_old(tx, tx.now - REMEMBERED, limit)
    for container_id, name in found:
        graves.remove(tx, container_id, name)
    return len(found) == limit
