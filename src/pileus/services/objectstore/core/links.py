"""Links: objects that stand for another one."""

from msgspec import Struct

from pileus.kernel.db import Tx
from pileus.kernel.types import Conflict
from pileus.services.objectstore.core.intake import EMPTY
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.core.objects import Permit, fetch
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import SYMLINK, ObjectRow, Whole

TARGET, ACCOUNT, ETAG, SIZE, SLO_ETAG = "link-target", "link-account", "link-etag", "link-size", "link-slo-etag"
"""In `details.system` of a link: `container/object`, the account when another, and what a static link was promised: the MD5
of the target's own bytes, its size, and of a static manifest what its readers are told."""
HOPS = 2


class Target(Struct, frozen=True):
    account: str
    container: str
    name: str
    etag: str = ""
    """That the target must have; empty: any."""


def target_of(account: str, row: ObjectRow) -> Target:
    """Where a link in `account` leads."""
    kept = row.kept.system
    container, _, name = kept[TARGET].partition("/")
    return Target(kept.get(ACCOUNT) or account, container, name, kept.get(ETAG, ""))


def own_etag(row: ObjectRow) -> str:
    """The MD5 of an object's own bytes: of a manifest those of its text; what a static link was promised."""
    if row.kind == SYMLINK:
        return row.kept.system.get(ETAG) or EMPTY.md5
    return row.inner_etag or row.etag


def follow(
    tx: Tx, near: Neighbours, account: str, container: ContainerRow, whole: Whole, permit: Permit
) -> tuple[ContainerRow, Whole]:
    """What is at the end of the links that begin at `whole`; itself when it is none. `permit` judges each container.

    Raises `Conflict` of type `LinkLoop` (more than 2 hops) or `LinkChanged` (a static link's target is another by now),
    and what `fetch` raises.
    """
    hops = 0
    while whole.object.kind == SYMLINK:
        hops += 1
        if hops > HOPS:
            raise Conflict(f"Too many levels of symbolic links, maximum allowed is {HOPS}", type="LinkLoop")
        target = target_of(account, whole.object)
        container, whole = fetch(tx, near, target.account, target.container, target.name, permit)
        account = target.account
        own = own_etag(whole.object)
        if target.etag and own != target.etag:
            text = f"Object Etag {own!r} does not match X-Symlink-Target-Etag header {target.etag!r}"
            raise Conflict(text, type="LinkChanged")
    return container, whole
