"""Objects: how one comes to be, changes, is copied and goes. Each function is one decision.

The order of things in a write is fixed: what is demanded of what is there, quota, what becomes of it (overwritten,
a version, archived), the new row, the counters.
"""

from collections.abc import Callable, Mapping

import msgspec
from msgspec import Struct

from pileus.kernel import events
from pileus.kernel.db import Tx
from pileus.kernel.types import Ctx, Micros, NotFound
from pileus.services.objectstore.core import accounts, archives, limits, locks, quotas, succession, syncing
from pileus.services.objectstore.core.conditions import ANYTHING, Conditions, check_write
from pileus.services.objectstore.core.faults import Mismatch
from pileus.services.objectstore.core.intake import Body
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.core.stock import NULL, TICK, Deleted, aged, destroy, expired, named, now
from pileus.services.objectstore.db import bodies, containers, counters, objects, versions
from pileus.services.objectstore.db.columns import Details, Settings
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import DATA, MARKER, ObjectRow, Whole

Permit = Callable[[ContainerRow], None]
"""Judges whether the caller may use a container; raises what the face says to those who may not."""


class Put(Struct, frozen=True, kw_only=True):
    """An object to be."""

    content_type: str = "application/octet-stream"
    details: Details = Details()
    etag: str = ""
    """The MD5 that the client expects of the bytes; empty: it does not say."""
    conditions: Conditions = ANYTHING
    delete_at: Micros = 0
    stamp: Micros = 0
    """When it is to have been made (container sync); 0: now. Older than what is there is `Conflict` of type `Older`."""
    kind: str = DATA
    shown_size: int | None = None
    """What readers get, where it is not the body's size (manifests); -1: only the segments know."""
    shown_etag: str = ""
    """What readers are told, where it is not the body's MD5."""


# --- reading ----------------------------------------------------------------------------------------------------------


def fetch(
    tx: Tx, near: Neighbours, account: str, container: str, name: str, permit: Permit, *, version: Micros | None = None
) -> tuple[ContainerRow, Whole]:
    """What HEAD and GET need, links not followed (`links.follow` does). An expired object is not there, but a version of it is.

    `version` is a stamp, or `NULL` for the null version; None: the current one. Raises `NotFound` of type `NoSuchContainer`,
    `NoSuchObject` or `NoSuchVersion`, and what `permit` raises.
    """
    row = near.rooms.container(tx, account, container)
    if row is None:
        raise NotFound("The resource could not be found.", type="NoSuchContainer")
    permit(row)
    return row, fetch_in(tx, row, name, version)


def fetch_in(tx: Tx, row: ContainerRow, name: str, version: Micros | None = None) -> Whole:
    """The same of a container that is known, for a caller who has been judged."""
    found = objects.whole(tx, row.id, name) if version is None else _whole_version(tx, row, name, version)
    if found is None or (expired(tx, found.object) and not (version and found.object.versioned)):
        raise NotFound("The resource could not be found.", type="NoSuchObject" if version is None else "NoSuchVersion")
    return found


def find_version(tx: Tx, container: ContainerRow, name: str, version: Micros | None) -> ObjectRow | None:
    """The current object (None), the null version (`NULL`) or that of a stamp; delete markers too."""
    current = objects.find(tx, container.id, name)
    if version is None:
        return current
    if version == NULL:
        if current is not None and not current.versioned:
            return current
        return versions.find_null(tx, container.id, name)
    if current is not None and current.stamp == version and current.versioned:
        return current
    found = versions.find(tx, container.id, name, version)
    return found if found is not None and found.versioned else None


def _whole_version(tx: Tx, container: ContainerRow, name: str, version: Micros) -> Whole | None:
    row = find_version(tx, container, name, version)
    if row is None:
        return None
    body = bodies.get(tx, row.body_id) if row.body_id else None
    return Whole(row, body.place if body else "", body.blob if body else "", body.data if body else None)


# --- writing ----------------------------------------------------------------------------------------------------------


def admit(
    tx: Tx, near: Neighbours, account: str, container: str, name: str, permit: Permit, want: Put, size: int | None
) -> ContainerRow:
    """Before the bytes come: whether `put` can succeed at all, `size` being what was announced.

    Raises what `put` raises. Nothing is reserved: `put` asks it all again.
    """
    row, settings = standing(tx, account, container)
    permit(row)
    limits.check_room(near)
    check_want(near, name, want)
    if want.conditions is not ANYTHING or want.stamp:
        before = objects.find(tx, row.id, name)
        check_write(want.conditions, before)
        syncing.check_stamp(tx, row, name, want.stamp, before.modified_at if before else 0)
    quotas.check(tx, row, settings, 0, size or 0)
    return row


def check_want(near: Neighbours, name: str, want: Put) -> None:
    """What `put` does not ask again: the bounds of names and metadata. Raises `Invalid`."""
    limits.check_object_name(near, name)
    limits.check_meta(near, want.details.meta)


def put(
    tx: Tx, near: Neighbours, ctx: Ctx, account: str, container: str, name: str, want: Put, body: Body
) -> ObjectRow:
    """Make the object exist, with the bytes of `body`.

    Raises `NotFound` (`NoSuchContainer`), `Stale` (`Precondition`), `Mismatch` (`BadDigest`), `TooLarge` (`QuotaExceeded`),
    `Conflict` (`Older`), `Forbidden` (`Locked`), `OutOfSpace`.
    """
    limits.check_room(near)
    row, settings = standing(tx, account, container)
    if want.etag and want.etag != body.md5:
        raise Mismatch("The bytes are not those of the ETag.", type="BadDigest", details={"computed": body.md5})
    body_id = named(tx, body)  # first: an object copied onto itself must not lose its last name
    made = _made(tx, row, name, want, body, body_id)
    claims = not row.versioning and not syncing.takes_part(row) and not want.stamp
    before = objects.claim(tx, made) if claims else objects.find(tx, row.id, name)
    check_write(want.conditions, before)
    replaced = before.weight if before is not None and not row.versioning else 0
    quotas.check(tx, row, settings, 0 if before else 1, body.size - replaced)
    if row.kept.archive and before is not None:
        quotas.check_archive(tx, row, settings, body.size, before.weight)
    if before is not None or not claims:
        syncing.check_stamp(tx, row, name, want.stamp, before.modified_at if before else 0)
        risen = syncing.risen_at(tx, row, name, want.stamp)
        stamp = succession.retire(tx, near, row, name, before, risen, counts=not claims)
        made = msgspec.structs.replace(made, stamp=stamp, modified_at=stamp)
        objects.put(tx, made)
    gone = before.weight if claims and before is not None else 0
    counters.bump(tx, account, row.id, row.place, 0 if before else 1, body.size - gone)
    syncing.note(tx, row, name)
    if near.settings.object_events:
        _note(tx, near, ctx, "objectstore.object.put", row, made)
    return made


def _made(tx: Tx, container: ContainerRow, name: str, want: Put, body: Body, body_id: int) -> ObjectRow:
    """The row of an object that comes to be now."""
    at = now(tx)
    return ObjectRow(
        container_id=container.id,
        name=name,
        stamp=at,
        versioned=container.versioning == "enabled",
        kind=want.kind,
        size=body.size if want.shown_size is None else want.shown_size,
        weight=body.size,
        etag=want.shown_etag or body.md5,
        inner_etag=body.md5 if want.shown_etag and want.shown_etag != body.md5 else "",
        content_type=want.content_type,
        body_id=body_id,
        modified_at=at,
        delete_at=want.delete_at,
        details=locks.defaulted(container.kept.system, want.details, tx.now) or None,
    )


def save(tx: Tx, row: ObjectRow, /, **values: object) -> ObjectRow:
    """Change what is neither bytes nor name of an object or a version of one (from `find_version`)."""
    after = msgspec.structs.replace(row, **values)
    current = objects.find(tx, row.container_id, row.name)
    if current is not None and current.stamp == row.stamp:
        objects.change(tx, row.container_id, row.name, **values)
    else:
        versions.change(tx, row, **values)
    return after


def update(
    tx: Tx,
    near: Neighbours,
    ctx: Ctx,
    container: ContainerRow,
    name: str,
    details: Details,
    *,
    content_type: str = "",
    delete_at: Micros = 0,
) -> ObjectRow:
    """Swift's POST: metadata and headers are replaced, `system` stays but for what `details.system` names (empty removes).

    `content_type` empty: as it is. Raises `NotFound` (`NoSuchObject`), `Invalid`.
    """
    row = objects.find(tx, container.id, name)
    if row is None or expired(tx, row):
        raise NotFound("The resource could not be found.", type="NoSuchObject")
    limits.check_meta(near, details.meta)
    kept = Details(details.meta, details.headers, accounts.merged(row.kept.system, details.system))
    made = save(
        tx,
        row,
        details=kept or None,
        content_type=content_type or row.content_type,
        delete_at=delete_at,
        modified_at=max(now(tx), row.modified_at + TICK),
    )
    syncing.note(tx, container, name)
    if near.settings.object_events:
        _note(tx, near, ctx, "objectstore.object.update", container, made)
    return made


def delete(
    tx: Tx,
    near: Neighbours,
    ctx: Ctx,
    container: ContainerRow,
    name: str,
    *,
    conditions: Conditions = ANYTHING,
    stamp: Micros = 0,
    marks: bool = True,
) -> Deleted:
    """Take the current object away: for good, into a version under a delete marker, or into the archive.

    `marks` False: no delete marker where versions are suspended (Swift has none there). Absence is no error here: `found` says. Raises `Stale`, `Conflict` (`Older`), `Forbidden` (`Locked`).
    """
    before = objects.find(tx, container.id, name)
    check_write(conditions, before)
    syncing.check_stamp(tx, container, name, stamp, before.modified_at if before else 0)
    gone_at = stamp or max(now(tx), before.modified_at + TICK if before is not None else 0)
    found = before is not None and not expired(tx, before)
    if before is not None:
        syncing.note(tx, container, name, gone_at)
    if container.kept.archive and (restored := archives.before_delete(tx, near, ctx, container, before, name)):
        return restored
    if before is not None or stamp:
        syncing.bury(tx, container, name, gone_at)
    if container.versioning == "suspended" and not marks and before is not None and before.versioned:
        return succession.hide(tx, container, before)
    if not container.versioning or (container.versioning == "suspended" and not marks):
        if before is not None:
            _remove(tx, near, ctx, container, before)
        return Deleted(found=found, removed=before)
    at = succession.retire(tx, near, container, name, before, stamp)
    if before is not None:
        objects.remove(tx, container.id, name)
        counters.bump(tx, container.account, container.id, container.place, -1, 0)
    marker = ObjectRow(
        container.id, name, at, container.versioning == "enabled", MARKER, 0, 0, "", "", "", 0, at, 0, None
    )
    versions.add(tx, marker)
    return Deleted(found=found, marker=marker)


def _remove(tx: Tx, near: Neighbours, ctx: Ctx, container: ContainerRow, row: ObjectRow) -> None:
    """The current object, for good."""
    destroy(tx, row)
    objects.remove(tx, container.id, row.name)
    counters.bump(tx, container.account, container.id, container.place, -1, -row.weight)
    _gone(tx, near, ctx, container, row)


def delete_version(
    tx: Tx,
    near: Neighbours,
    ctx: Ctx,
    container: ContainerRow,
    name: str,
    version: Micros,
    *,
    promote: bool = True,
    bypass: bool = False,
) -> Deleted:
    """Destroy that version (`NULL`: the null one). If it was the current one, the next newest takes its place (`promote`).

    `bypass` passes locks in GOVERNANCE mode. Raises `Forbidden` of type `Locked`.
    """
    row = find_version(tx, container, name, version)
    if row is None:
        return Deleted(found=False)
    if row.kind != MARKER:
        destroy(tx, row, bypass=bypass)
    current = objects.find(tx, container.id, name)
    was_current = current is not None and current.stamp == row.stamp
    if was_current:
        objects.remove(tx, container.id, name)
    else:
        versions.remove(tx, row)
    promoted = promote and (was_current or current is None) and succession.promote(tx, container, name)
    if was_current:
        gone_at = max(now(tx), row.modified_at + TICK)
        syncing.note(tx, container, name, gone_at)
        if not promoted:
            syncing.bury(tx, container, name, gone_at)
    counters.bump(tx, container.account, container.id, container.place, int(promoted) - int(was_current), -row.weight)
    _gone(tx, near, ctx, container, row)
    return Deleted(found=True, removed=row)


def restore(tx: Tx, near: Neighbours, ctx: Ctx, container: ContainerRow, name: str, version: Micros) -> ObjectRow:
    """Make an older version the current one, as it is. Raises `NotFound` of type `NoSuchVersion`, `TooLarge`."""
    row = find_version(tx, container, name, version)
    if row is None or row.kind == MARKER:
        raise NotFound("The resource could not be found.", type="NoSuchVersion")
    current = objects.find(tx, container.id, name)
    if current is not None and current.stamp == row.stamp:
        return row
    if current is None:
        quotas.check(tx, container, accounts.settings(tx, container.account), 1, 0)
    versions.remove(tx, row)
    if current is not None:
        versions.add(tx, aged(current))
    objects.put(tx, row)
    counters.bump(tx, container.account, container.id, container.place, int(current is None), 0)
    return row


def copy(
    tx: Tx, near: Neighbours, ctx: Ctx, source: ObjectRow, account: str, container: str, name: str, want: Put
) -> ObjectRow:
    """Another object with the same body, without a byte moved; `source` was read before and may be gone by now.

    `want` says everything but the bytes; kind, size and ETag are the source's. Raises what `put` raises, and `NotFound` of
    type `SourceGone`: whoever read it in another transaction reads it again, as it may have been overwritten meanwhile.
    """
    body = bodies.get(tx, source.body_id) if source.body_id else None
    if source.body_id and body is None:
        raise NotFound("The resource could not be found.", type="SourceGone")
    shared = Body(size=source.weight, hashes={"md5": source.inner_etag or source.etag}, body_id=source.body_id)
    same = msgspec.structs.replace(want, kind=source.kind, shown_size=source.size, shown_etag=source.etag)
    return put(tx, near, ctx, account, container, name, same, shared)


def standing(tx: Tx, account: str, container: str) -> tuple[ContainerRow, Settings]:
    """The container, and what is set on its account. Raises `NotFound` of type `NoSuchContainer`, `Gone`."""
    row, owner = containers.standing(tx, account, container) or (None, None)
    if row is None:
        raise NotFound("The resource could not be found.", type="NoSuchContainer")
    return row, accounts.settings_of(owner)


def _gone(tx: Tx, near: Neighbours, ctx: Ctx, container: ContainerRow, row: ObjectRow) -> None:
    if near.settings.object_events:
        _note(tx, near, ctx, "objectstore.object.delete", container, row)


def _note(tx: Tx, near: Neighbours, ctx: Ctx, kind: str, container: ContainerRow, row: ObjectRow) -> None:
    data: Mapping[str, object] = {"container": container.name, "object": row.name, "size": row.size, "etag": row.etag}
    events.record(
        tx, ctx, kind, "object", str(container.id), project_id=accounts.project_of(near, container.account), data=data
    )
