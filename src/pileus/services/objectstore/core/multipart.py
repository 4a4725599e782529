"""Uploads in parts: begun, filled part by part in any order, completed into one object without a byte moved, or dropped."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise

import msgspec

from pileus.kernel.db import Tx
from pileus.kernel.types import Ctx, Invalid, NotFound, new_hex
from pileus.services.objectstore.core import limits, quotas
from pileus.services.objectstore.core import objects as decisions
from pileus.services.objectstore.core.conditions import ANYTHING, Conditions
from pileus.services.objectstore.core.cursors import Cursor
from pileus.services.objectstore.core.intake import Body
from pileus.services.objectstore.core.listings import Cut, Listed, Subdir, Wanted
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.core.objects import Put
from pileus.services.objectstore.core.stock import named, now
from pileus.services.objectstore.db import bodies, containers, counters, objects, uploads
from pileus.services.objectstore.db.bodies import PieceRow
from pileus.services.objectstore.db.columns import Details
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import PARTS, ObjectRow
from pileus.services.objectstore.db.spans import HIGHEST, after
from pileus.services.objectstore.db.uploads import PartRow, UploadRow

NUMBERS = range(1, 10_001)
SLICE = 500
"""Parts that go in one transaction, where nobody waits for the end."""
UPLOAD = "upload"
"""In `details.system` of a completed object: its upload's id, so that a repeated completion finds it."""


def begin(
    tx: Tx, near: Neighbours, ctx: Ctx, container: ContainerRow, name: str, content_type: str, details: Details
) -> UploadRow:
    """Raises `Invalid`."""
    limits.check_object_name(near, name)
    limits.check_meta(near, details.meta)
    row = UploadRow(new_hex(), container.id, name, ctx.user_id, content_type, tx.now, details or None)
    uploads.add(tx, row)
    return row


def find(tx: Tx, container: ContainerRow, name: str, upload_id: str) -> UploadRow:
    """Raises `NotFound` of type `NoSuchUpload`."""
    row = uploads.find(tx, upload_id)
    if row is None or row.container_id != container.id or row.name != name:
        raise NotFound("The specified upload does not exist.", type="NoSuchUpload")
    return row


def put_part(
    tx: Tx,
    near: Neighbours,
    container: ContainerRow,
    name: str,
    upload_id: str,
    number: int,
    body: Body,
    checks: Mapping[str, str] | None = None,
) -> PartRow:
    """The decision for `intake.store`: that part, in the place of an earlier one of its number.

    Raises `NotFound` (`NoSuchUpload`, `NoSuchContainer`), `Invalid` (`InvalidPartNumber`), `TooLarge` (`QuotaExceeded`),
    `OutOfSpace`.
    """
    limits.check_room(near)
    if number not in NUMBERS:
        raise Invalid(f"Part number must be from {NUMBERS[0]} to {NUMBERS[-1]}", type="InvalidPartNumber")
    standing, account = decisions.standing(tx, container.account, container.name)
    find(tx, standing, name, upload_id)
    old = uploads.part(tx, upload_id, number)
    quotas.check(tx, standing, account, 0, body.size - (old.size if old else 0))
    if old is not None:
        _let_go(tx, standing, [old])
        uploads.remove_part(tx, upload_id, number)
    part = PartRow(upload_id, number, named(tx, body), body.size, body.md5, now(tx), dict(checks or {}) or None)
    uploads.add_part(tx, part)
    counters.bump(tx, standing.account, standing.id, standing.place, 0, body.size)
    return part


def parts(tx: Tx, upload: UploadRow, after_number: int = 0, limit: int = 1000) -> tuple[list[PartRow], bool]:
    """Parts behind that number, and whether there are more."""
    found = uploads.parts_of(tx, upload.id, after_number, limit + 1)
    return found[:limit], len(found) > limit


def complete(
    tx: Tx,
    near: Neighbours,
    ctx: Ctx,
    container: ContainerRow,
    name: str,
    upload_id: str,
    chosen: Sequence[tuple[int, str]],
    *,
    conditions: Conditions = ANYTHING,
    finish: Callable[[UploadRow, Sequence[PartRow], Details], Details] | None = None,
) -> ObjectRow:
    """One object of the chosen parts (number, ETag without quotes); the others go. Its ETag is `md5(md5s)-N`.

    `finish` may add to the details what follows from the parts (checksums of the whole), or raise. Completing again what is
    complete, of the same parts, gives the same object. Raises `NotFound` (`NoSuchUpload`), `Invalid` (`InvalidPart`, `InvalidPartOrder`,
    `PartTooSmall`; details: `number`), and what `objects.put` raises.
    """
    upload = uploads.find(tx, upload_id)
    if upload is None:
        done = objects.find(tx, container.id, name)
        same = done is not None and done.etag == _etag([etag for _, etag in chosen])
        if done is not None and same and done.kept.system.get(UPLOAD) == upload_id:
            return done
    upload = find(tx, container, name, upload_id)
    there = uploads.parts_of(tx, upload_id)
    used = _chosen(near, there, chosen)
    details = upload.details or Details()
    details = finish(upload, used, details) if finish is not None else details
    details = msgspec.structs.replace(details, system={**details.system, UPLOAD: upload_id})
    numbers = {part.number for part in used}
    _forget(tx, container, upload, [part for part in there if part.number not in numbers])
    size = sum(part.size for part in used)
    counters.bump(tx, container.account, container.id, container.place, 0, -size)
    whole_id = _whole(tx, used, size)
    etag = _etag([part.etag for part in used])
    want = Put(content_type=upload.content_type, details=details, conditions=conditions, kind=PARTS, shown_etag=etag)
    body = Body(size=size, hashes={}, body_id=whole_id)
    made = decisions.put(tx, near, ctx, container.account, container.name, name, want, body)
    if whole_id:
        bodies.let_go(tx, whole_id)
    return made


def _etag(etags: Sequence[str]) -> str:
    """Of the whole; empty where one of the parts' is none."""
    try:
        raw = b"".join(bytes.fromhex(etag) for etag in etags)
    except ValueError:
        return ""
    return f"{hashlib.md5(raw, usedforsecurity=False).hexdigest()}-{len(etags)}"


def pieces(tx: Tx, row: ObjectRow) -> list[PieceRow]:
    """The parts of a completed object, in order; none for an object in one piece."""
    return bodies.pieces_of(tx, row.body_id, 0, row.size, NUMBERS[-1]) if row.kind == PARTS else []


def drop(tx: Tx, container: ContainerRow, upload: UploadRow) -> None:
    """The upload and its parts are no more."""
    _forget(tx, container, upload, uploads.parts_of(tx, upload.id))


def shrink(tx: Tx, upload: UploadRow) -> bool:
    """The same in slices, for those who are in no hurry: drop some parts, at the end the upload; whether there is more to do."""
    container = containers.get(tx, upload.container_id)
    there = uploads.parts_of(tx, upload.id, 0, SLICE)
    _let_go(tx, container, there)
    uploads.drop_parts(tx, upload.id, there[-1].number if there else 0)
    if len(there) < SLICE:
        uploads.remove(tx, upload.id)
    return len(there) == SLICE


def under_way(
    tx: Tx, container: ContainerRow, prefix: str = "", limit: int = 1000, place: tuple[str, str] = ("", "")
) -> list[UploadRow]:
    """Uploads by name, then id, behind that name and id."""
    return uploads.of_container(tx, container.id, after(prefix) or HIGHEST, max(place, (prefix, "")), limit)


def listed(tx: Tx, container: ContainerRow, wanted: Wanted, upload_id: str = "") -> Listed[UploadRow]:
    """Uploads by name, then id: of names behind `wanted.marker`, or with `upload_id` also what comes behind that of the marker's name."""
    cut = Cut(wanted)
    start = (cut.span.low, "" if cut.span.inclusive else HIGHEST)
    if upload_id and wanted.marker >= wanted.prefix:
        start = (wanted.marker, upload_id)
    high = cut.span.high or HIGHEST
    cursor = Cursor(partial(uploads.of_container, tx, container.id, high), lambda row: (row.name, row.id), start)
    if wanted.marker and wanted.marker == cut.folder(wanted.marker):  # a common prefix: behind all of it
        cursor.seek((after(wanted.marker) or HIGHEST, ""))
    found: list[UploadRow | Subdir] = []
    while len(found) <= wanted.limit and (row := cursor.head) is not None:
        folder = cut.folder(row.name)
        if folder:
            found.append(Subdir(folder))
            cursor.seek((after(folder) or HIGHEST, ""))
        else:
            found.append(row)
            cursor.take()
    return Listed(found[: wanted.limit], len(found) > wanted.limit)


def _chosen(near: Neighbours, there: Sequence[PartRow], chosen: Sequence[tuple[int, str]]) -> list[PartRow]:
    numbers = [number for number, _ in chosen]
    if not chosen or any(a >= b for a, b in pairwise(numbers)):
        raise Invalid("The list of parts was not in ascending order.", type="InvalidPartOrder")
    by_number = {part.number: part for part in there}
    used = []
    for number, etag in chosen:
        part = by_number.get(number)
        if part is None or part.etag != etag:
            raise Invalid(
                "One or more of the parts could not be found.", type="InvalidPart", details={"number": number}
            )
        used.append(part)
    for part in used[:-1]:
        if part.size < near.settings.part_least:
            raise Invalid(
                "A part is too small.", type="PartTooSmall", details={"number": part.number, "size": part.size}
            )
    return used


def _whole(tx: Tx, used: Sequence[PartRow], size: int) -> int:
    """A body in pieces, with one reference that is the caller's; 0 when it has no bytes."""
    if not size:
        for part in used:
            if part.body_id:
                bodies.let_go(tx, part.body_id)
        return 0
    whole_id = bodies.add(tx, size=size, md5="")
    rows, start = [], 0
    for part in used:
        if part.size:
            rows.append(PieceRow(part.number, start, part.size, part.body_id, part.checks))
            start += part.size
    bodies.add_pieces(tx, whole_id, rows)
    return whole_id


def _forget(tx: Tx, container: ContainerRow, upload: UploadRow, unused: Sequence[PartRow]) -> None:
    _let_go(tx, container, unused)
    uploads.drop_parts(tx, upload.id, NUMBERS[-1])
    uploads.remove(tx, upload.id)


def _let_go(tx: Tx, container: ContainerRow | None, gone: Sequence[PartRow]) -> None:
    """`container` None: it is gone, and what it held is counted no more."""
    for part in gone:
        if part.body_id:
            bodies.let_go(tx, part.body_id)
    if container is not None:
        size = sum(part.size for part in gone)
        counters.bump(tx, container.account, container.id, container.place, 0, -size)
