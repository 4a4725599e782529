"""Manifests of large objects: static ones name their segments, dynamic ones a prefix; what a range of one is made of."""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from pileus.kernel.db import Tx
from pileus.kernel.types import Conflict, Ctx, Fault, Invalid, NotFound, iso_naive
from pileus.services.objectstore.core import dynamic, links
from pileus.services.objectstore.core import objects as decisions
from pileus.services.objectstore.core.faults import Mismatch
from pileus.services.objectstore.core.intake import Body
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.core.objects import Permit, Put
from pileus.services.objectstore.core.stock import expired
from pileus.services.objectstore.db import containers, objects
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import DLO, SLO, SYMLINK, ObjectRow, Whole

DEPTH = 10
"""Manifests within manifests."""


class Segment(Struct, frozen=True, omit_defaults=True):
    """One of a static manifest, in the names and the form that `multipart-manifest=get` shows: the body of the object
    is the JSON list of them."""

    name: str = ""
    """`/container/object`; empty with `data`."""
    bytes: int = 0
    """Of the whole segment, or of `data`."""
    hash: str = ""
    content_type: str = ""
    last_modified: str = ""
    range: str = ""
    """`first-last` as in HTTP, both there; empty: all of it."""
    sub_slo: bool = False
    data: str = ""
    """Base64: bytes that stand in the manifest itself."""

    def told(self) -> dict[str, Any]:
        """As the manifest says it: fields in Swift's order."""
        if self.data:
            return {"data": self.data}
        found: dict[str, Any] = {
            "name": self.name, "bytes": self.bytes, "hash": self.hash, "content_type": self.content_type,
            "last_modified": self.last_modified,
        }  # fmt: skip
        return found | ({"range": self.range} if self.range else {}) | ({"sub_slo": True} if self.sub_slo else {})

    @property
    def place(self) -> tuple[str, str]:
        """Container and object."""
        container, _, name = self.name.removeprefix("/").partition("/")
        return container, name

    @property
    def span(self) -> tuple[int, int]:
        """First byte of the segment, and the one behind the last."""
        if not self.range:
            return 0, self.bytes
        first, _, last = self.range.partition("-")
        return int(first), int(last) + 1

    @property
    def size(self) -> int:
        """What it brings to the whole."""
        if self.data:
            return len(base64.b64decode(self.data))
        first, end = self.span
        return end - first


class Wish(Struct, frozen=True, kw_only=True):
    """A segment as a client asks for it; what is None is not compared."""

    told: str = ""
    """Its path as the client wrote it, for what is said of it."""
    container: str = ""
    name: str = ""
    etag: str | None = None
    size: int | None = None
    range: str = ""
    """`first-last`, `first-` or `-count`."""
    data: bytes | None = None
    """Bytes of the manifest's own, instead of an object."""


class Piece(Struct, frozen=True):
    """`length` bytes from `offset` of the segment at `index`."""

    index: int
    offset: int
    length: int


def plan(segments: Sequence[Segment], first: int, end: int) -> Iterator[Piece]:
    """What bytes `first` to `end` (exclusive) of the whole are made of, in order. Pure."""
    at = 0
    for index, segment in enumerate(segments if first < end else ()):
        begin, _ = segment.span
        size = segment.size
        if at + size > first and at < end:
            skip = max(0, first - at)
            yield Piece(index, begin + skip, min(size, end - at) - skip)
        at += size
        if at >= end:
            return


def segments_of(text: bytes) -> list[Segment]:
    """What a static manifest's body says."""
    return _DECODER.decode(text)


def put_static(
    tx: Tx,
    near: Neighbours,
    ctx: Ctx,
    account: str,
    container: str,
    name: str,
    wishes: Sequence[Wish],
    want: Put,
    permit: Permit,
) -> tuple[ObjectRow, list[Segment]]:
    """Check the segments and make the manifest, in one decision.

    `want.etag` is the MD5 of the segments' ETags, when the client says one. Raises `Invalid` of type `BadSegments`, its details:
    `problems`, a list of (path as it was written, reason); `Mismatch`; and what `objects.put` raises. A `Fault` of `permit` is the reason
    why that segment will not do.
    """
    segments, problems = _resolved(tx, near, account, wishes, permit)
    if problems:
        raise Invalid("Some segments will not do.", type="BadSegments", details={"problems": problems})
    etag = etag_of(segments)
    if want.etag and want.etag != etag:
        raise Mismatch("The segments are not those of the ETag.", type="BadDigest", details={"computed": etag})
    text = json.dumps([one.told() for one in segments]).encode()
    body = Body(size=len(text), hashes={"md5": hashlib.md5(text, usedforsecurity=False).hexdigest()}, data=text)
    shown = sum(segment.size for segment in segments)
    made = msgspec.structs.replace(want, etag="", kind=SLO, shown_size=shown, shown_etag=etag)
    return decisions.put(tx, near, ctx, account, container, name, made, body), segments


def put_kept(
    tx: Tx, near: Neighbours, ctx: Ctx, account: str, container: str, name: str, text: bytes, want: Put
) -> ObjectRow:
    """A manifest as another cluster keeps it. Its segments are not looked at: they may come later.

    `want.etag` is the MD5 of the text. Raises `Invalid` of type `BadManifest`, and what `objects.put` raises.
    """
    segments = _kept(text, near.settings.segments_max)
    body = Body(size=len(text), hashes={"md5": hashlib.md5(text, usedforsecurity=False).hexdigest()}, data=text)
    shown = sum(segment.size for segment in segments)
    made = msgspec.structs.replace(want, kind=SLO, shown_size=shown, shown_etag=etag_of(segments))
    return decisions.put(tx, near, ctx, account, container, name, made, body)


def _kept(text: bytes, most: int) -> list[Segment]:
    """What a manifest of another cluster says, every field looked at. Raises `Invalid`."""
    try:
        segments = [_sound(one) for one in segments_of(text)]
    except (msgspec.MsgspecError, ValueError) as error:
        raise Invalid(f"The manifest cannot be read: {error}.", type="BadManifest") from error
    if not 0 < len(segments) <= most:
        raise Invalid(f"A manifest has from 1 to {most} segments.", type="BadManifest")
    return segments


def _sound(one: Segment) -> Segment:
    """Raises `ValueError`."""
    if one.data:
        data = base64.b64decode(one.data, validate=True)
        return Segment(data=one.data, bytes=len(data), hash=hashlib.md5(data, usedforsecurity=False).hexdigest())
    first, end = one.span
    if not (all(one.place) and one.hash and 0 <= first < end <= max(one.bytes, 1)):
        raise ValueError(f"segment {one.name!r} is not whole")
    return one


def etag_of(segments: Sequence[Segment]) -> str:
    """MD5 over the segments' ETags, each followed by its range where it has one."""
    words = (f"{one.hash}:{one.range};" if one.range else one.hash for one in segments)
    return hashlib.md5("".join(words).encode(), usedforsecurity=False).hexdigest()


def _resolved(
    tx: Tx, near: Neighbours, account: str, wishes: Sequence[Wish], permit: Permit
) -> tuple[list[Segment], list[tuple[str, str]]]:
    """The segments as they are, and what speaks against any. One query per container."""
    rows: dict[tuple[str, str], ObjectRow | Fault] = {}
    problems: list[tuple[str, str]] = []
    for container in sorted({wish.container for wish in wishes if wish.data is None}):
        names = sorted({wish.name for wish in wishes if wish.container == container and wish.data is None})
        # one that is not there is judged as one without an ACL: strangers are not to learn which there are
        row = containers.find(tx, account, container) or ContainerRow(0, account, container, "", "", 0, 0)
        rows |= {(container, name): found for name, found in _rows(tx, near, account, row, names, permit).items()}
    segments: list[Segment] = []
    for index, wish in enumerate(wishes):
        there, name = rows.get((wish.container, wish.name)), wish.told or f"/{wish.container}/{wish.name}"
        seen = there if isinstance(there, ObjectRow) else None
        wrong = [there.message] if isinstance(there, Fault) else _wrong(tx, wish, seen, last=index == len(wishes) - 1)
        problems += [(name, reason) for reason in wrong]
        if not wrong:
            segments.append(_segment(wish, seen))
    return segments, problems


def _rows(
    tx: Tx, near: Neighbours, account: str, container: ContainerRow, names: list[str], permit: Permit
) -> Mapping[str, ObjectRow | Fault]:
    """What stands at those names, links followed; or why nobody may know."""
    try:
        permit(container)
    except Fault as fault:
        return dict.fromkeys(names, fault)
    found: dict[str, ObjectRow | Fault] = {}
    for name, row in objects.some(tx, container.id, names).items():
        try:
            found[name] = _end(tx, near, account, container, row, permit)
        except (Conflict, NotFound):
            continue
        except Fault as fault:
            found[name] = fault
    return found


def _end(tx: Tx, near: Neighbours, account: str, container: ContainerRow, row: ObjectRow, permit: Permit) -> ObjectRow:
    """What a link leads to, and what a dynamic manifest is worth just now."""
    if row.kind == SYMLINK:
        row = links.follow(tx, near, account, container, Whole(row, "", "", None), permit)[1].object
    if row.kind == DLO:
        size, etag = dynamic.measured(tx, near, account, Whole(row, "", "", None), permit)
        row = msgspec.structs.replace(row, size=size, etag=etag)
    return row


def _wrong(tx: Tx, wish: Wish, row: ObjectRow | None, last: bool) -> list[str]:
    """All that speaks against a segment. The last one may be empty."""
    if wish.data is not None:
        return []
    if row is None or expired(tx, row):
        return ["404 Not Found"]
    found = []
    if wish.range and _satisfied(wish.range, row.size) is None:
        found.append("Unsatisfiable Range")
    if row.size == 0 and not last:
        found.append("Too small; each segment must be at least 1 byte.")
    if wish.size is not None and wish.size != row.size:
        found.append("Size Mismatch")
    if wish.etag is not None and wish.etag != row.etag:
        found.append("Etag Mismatch")
    return found


def _segment(wish: Wish, row: ObjectRow | None) -> Segment:
    if wish.data is not None or row is None:
        data = wish.data or b""
        digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
        return Segment(bytes=len(data), hash=digest, data=base64.b64encode(data).decode())
    return Segment(
        f"/{wish.container}/{wish.name}",
        row.size,
        row.etag,
        row.content_type,
        iso_naive(row.modified_at),
        (_satisfied(wish.range, row.size) or "") if wish.range else "",
        row.kind == SLO,
    )


def _satisfied(text: str, size: int) -> str | None:
    """`first-last` of what there is; empty: all of it; None: nothing."""
    first, _, last = text.partition("-")
    if not first:
        count = int(last)
        begin, end = max(0, size - count), size - 1
    else:
        begin, end = int(first), min(int(last), size - 1) if last else size - 1
    if begin > end:
        return None
    return "" if (begin, end) == (0, size - 1) else f"{begin}-{end}"


_DECODER = msgspec.json.Decoder(list[Segment])
