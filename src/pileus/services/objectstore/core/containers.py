"""Containers, which S3 calls buckets."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from pileus.kernel import events
from pileus.kernel.db import Tx
from pileus.kernel.types import Conflict, Ctx, Forbidden, Invalid, NotFound
from pileus.services.objectstore.core import accounts, limits, syncing
from pileus.services.objectstore.core.locks import ENABLED
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.db import containers, counters, graves, objects, syncs, uploads, versions
from pileus.services.objectstore.db.columns import Settings
from pileus.services.objectstore.db.containers import BucketRow, ContainerRow


class Usage(Struct, frozen=True):
    """What a container holds."""

    objects: int
    """Current objects."""
    bytes: int
    """Of current objects, their versions, and parts of uploads under way."""


class Change(Struct, frozen=True, kw_only=True):
    """What to set. In `meta` and `system` an empty value removes; None elsewhere leaves it as it is."""

    meta: dict[str, str] = {}
    system: dict[str, str] = {}
    read: str | None = None
    write: str | None = None
    archive: str | None = None
    history: bool | None = None
    versioning: str | None = None
    """`enabled` or `suspended`."""
    policy: str | None = None
    """S3's bucket policy; empty: none."""


def find(tx: Tx, account: str, name: str) -> ContainerRow | None:
    return containers.find(tx, account, name)


def get(tx: Tx, account: str, name: str) -> ContainerRow:
    """Raises `NotFound` of type `NoSuchContainer`."""
    row = containers.find(tx, account, name)
    if row is None:
        raise NotFound("The resource could not be found.", type="NoSuchContainer")
    return row


def usage(tx: Tx, row: ContainerRow) -> Usage:
    found = counters.sums(tx, counters.of_container(row.id))
    return Usage(sum(one.objects for one in found), sum(one.bytes for one in found))


def usages(tx: Tx, rows: Sequence[ContainerRow]) -> dict[int, Usage]:
    """Of many, by id."""
    found = counters.sums_of(tx, [row.id for row in rows])
    return {row.id: Usage(*found.get(row.id, (0, 0))) for row in rows}


def put(
    tx: Tx, near: Neighbours, ctx: Ctx, account: str, name: str, change: Change, *, place: str = ""
) -> tuple[ContainerRow, bool]:
    """Make it, with its account, or update what is there; whether it was made.

    `place` is a storage policy; the default one when empty. Raises `Invalid` (name, metadata, unknown policy), `Conflict`
    when it is there under another policy, `Forbidden` of type `TooManyContainers`.
    """
    limits.check_container_name(near, name)
    if place and place not in near.stores:
        raise Invalid(f"Invalid X-Storage-Policy '{place}'", type="InvalidPolicy")
    row = containers.find(tx, account, name)
    if row is not None:
        if place and place != row.place:
            raise Conflict("The container is there with another storage policy.", type="PolicyDiffers")
        return update(tx, near, ctx, row, change), False
    accounts.ensure(tx, account)
    _check_number(tx, near, account)
    row = containers.add(tx, account, name, place or near.default_place, Settings())
    counters.bump(tx, account, row.id, row.place, 0, 0, containers=1)
    _note(tx, near, ctx, "objectstore.container.create", row)
    if change == Change():
        return row, True
    return _changed(tx, near, row, change), True


def update(tx: Tx, near: Neighbours, ctx: Ctx, row: ContainerRow, change: Change) -> ContainerRow:
    """Set what `change` says. Raises `Invalid`."""
    row = _changed(tx, near, row, change)
    _note(tx, near, ctx, "objectstore.container.update", row)
    return row


def delete(tx: Tx, near: Neighbours, ctx: Ctx, row: ContainerRow) -> None:
    """Raises `Conflict` of type `ContainerNotEmpty` while it has objects or versions. Uploads under way end with it; their
    parts, any number of them, are taken away by a reconciler.
    """
    if objects.any_in(tx, row.id) or versions.any_in(tx, row.id):
        raise Conflict("There was a conflict when trying to complete your request.", type="ContainerNotEmpty")
    uploads.abandon(tx, row.id)
    counters.bump(tx, row.account, row.id, row.place, 0, -usage(tx, row).bytes, containers=-1)
    counters.forget(tx, counters.of_container(row.id))
    syncs.forget(tx, row.id)
    graves.forget(tx, row.id)
    containers.remove(tx, row.id)
    _note(tx, near, ctx, "objectstore.container.delete", row)


# --- S3's global names ------------------------------------------------------------------------------------------------


def create_bucket(
    tx: Tx, near: Neighbours, ctx: Ctx, account: str, name: str, change: Change, *, place: str = ""
) -> ContainerRow:
    """A container whose name is S3's too. Raises `Conflict` of type `BucketTaken` or `BucketOwned` (its details: `container`)."""
    taken = containers.bucket(tx, name)
    if taken is not None and taken.account != account:
        raise Conflict("The requested bucket name is not available.", type="BucketTaken")
    if containers.find(tx, account, name) is not None:
        raise Conflict("You have this bucket already.", type="BucketOwned")
    row, _ = put(tx, near, ctx, account, name, change, place=place)
    containers.add_bucket(tx, BucketRow(name, row.id, account, tx.now))
    return row


def is_bucket(tx: Tx, row: ContainerRow) -> bool:
    """Whether its name is S3's too."""
    named = containers.bucket(tx, row.name)
    return named is not None and named.container_id == row.id


def bucket(tx: Tx, near: Neighbours, account: str, name: str) -> ContainerRow:
    """The container behind S3's name, for a caller of that account (empty: nobody's).

    The caller's own containers come first, however they were made; then the buckets that S3 made, of all accounts.
    Raises `NotFound` of type `NoSuchContainer`.
    """
    row = near.rooms.container(tx, account, name) if account else None
    if row is None:
        named = containers.bucket(tx, name)
        row = near.rooms.container(tx, named.account, name) if named is not None else None
    if row is None:
        raise NotFound("The specified bucket does not exist", type="NoSuchContainer")
    return row


# ----------------------------------------------------------------------------------------------------------------------


def _check_number(tx: Tx, near: Neighbours, account: str) -> None:
    most = near.settings.containers_max
    if most and sum(one.containers for one in counters.sums(tx, counters.of_account(account))) >= most:
        raise Forbidden(f"Reached container limit of {most}", type="TooManyContainers")


def _changed(tx: Tx, near: Neighbours, row: ContainerRow, change: Change) -> ContainerRow:
    before = row.kept
    after = msgspec.structs.replace(
        before,
        meta=accounts.merged(before.meta, change.meta),
        system=accounts.merged(before.system, change.system),
        **{
            name: value
            for name in ("read", "write", "archive", "history")
            if (value := getattr(change, name)) is not None
        },
    )
    limits.check_meta(near, after.meta)
    versioning = row.versioning if change.versioning is None else change.versioning
    if versioning and after.archive:
        raise Invalid("Versions are kept in one way or the other, not both.", type="TwoVersionings")
    if versioning and after.system.get(syncing.TO):
        raise Invalid(_TWO_WAYS[bool(row.versioning)], type="SyncedVersions")
    if versioning != "enabled" and after.system.get(ENABLED):
        raise Conflict("The container has an object lock, which needs its versions.", type="BucketLocked")
    values = {"settings": after, "versioning": versioning, "modified_at": tx.now}
    values |= {} if change.policy is None else {"policy": change.policy}
    containers.change(tx, row.id, **values)
    return msgspec.structs.replace(row, **values)


_TWO_WAYS = (
    "Cannot enable object versioning on a container configured as source of container syncing.",
    "Cannot configure container sync on a container with object versioning configured.",
)


def _note(tx: Tx, near: Neighbours, ctx: Ctx, kind: str, row: ContainerRow) -> None:
    events.record(
        tx,
        ctx,
        kind,
        "container",
        str(row.id),
        project_id=accounts.project_of(near, row.account),
        data={"account": row.account, "container": row.name},
    )
