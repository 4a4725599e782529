"""Static large objects: manifests that name their segments."""

import base64
import binascii
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import msgspec

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer
from pileus.kernel.types import Fault, Forbidden, Invalid
from pileus.services.objectstore.api.swift import bulk_reports, listings, times
from pileus.services.objectstore.api.swift.answers import PLAIN, WORDS, bad, told
from pileus.services.objectstore.api.swift.call import Call, look
from pileus.services.objectstore.api.swift.dialect import worded
from pileus.services.objectstore.api.swift.finding import find, permit
from pileus.services.objectstore.api.swift.listings import JSON
from pileus.services.objectstore.api.swift.paths import Path
from pileus.services.objectstore.api.swift.removing import Doomed, remove_all, status_line
from pileus.services.objectstore.api.swift.written import Written, made, quoted
from pileus.services.objectstore.core import manifests
from pileus.services.objectstore.core.aside import aside
from pileus.services.objectstore.core.manifests import Segment, Wish
from pileus.services.objectstore.core.objects import Permit, Put
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import SLO

KEYS = {"path", "etag", "size_bytes", "range"}
_RANGE = re.compile(r"(\d{1,32}-\d{0,32}|-\d{1,32})\Z", re.ASCII)
DOOMED_MAX = 100_000
"""Names that one DELETE of a manifest takes away, those of the manifests within it too."""
NO_OBJECT = "path does not refer to an object. Path must be of the form /container/object."


# --- in -------------------------------------------------------------------------------------------------------------------


async def put(call: Call, want: Put) -> Answer:
    """Raises 400, 413, 422."""
    if "x-symlink-target" in call.headers:
        raise bad("Symlink requests require a zero byte body")
    text = await _text(call, call.near.settings.manifest_bytes)
    wishes = await aside(read, text, call.path, call.near.settings.segments_max)
    if listings.truth(call.query.one("heartbeat")):
        return Answer(202, stream=_heartbeat(call, want, wishes), media=bulk_reports.media(call.headers))
    return made(await _written(call, want, wishes))


async def put_again(call: Call, want: Put, segments: Sequence[Segment]) -> Written:
    """A copy of a manifest, which names segments in the account that it comes to. Raises 400."""
    return await _written(call, want, [_as_wish(one) for one in segments])


def _as_wish(one: Segment) -> Wish:
    if one.data:
        return Wish(data=base64.b64decode(one.data))
    container, name = one.place
    return Wish(container=container, name=name, etag=one.hash, size=one.bytes, range=one.range)


async def _written(call: Call, want: Put, wishes: Sequence[Wish]) -> Written:
    try:
        return await call.near.db.write(_put, call, want, wishes)
    except Invalid as fault:
        if fault.type != "BadSegments":
            raise
        media = bulk_reports.media(call.headers)
        raw = bulk_reports.rendered(media, {}, _problems(fault), "upload")
        raise Answer(400, raw=raw, media=media) from fault


def check_reserved(call: Call) -> None:
    """Raises 400 for the header that manifests alone show."""
    if "x-static-large-object" in call.headers:
        add = "To create a static large object add query param multipart-manifest=put."
        raise told(400, f"X-Static-Large-Object is a reserved header. {add}")


async def take(call: Call, want: Put) -> Answer:
    """A manifest as another cluster keeps it, maybe before its segments (container sync). Raises 400, 413, 422."""
    text = await _text(call, 2 * call.near.settings.manifest_bytes)
    return made(await call.near.db.write(_keep, call, want, text))


def _keep(tx: Tx, call: Call, want: Put, text: bytes) -> Written:
    row = look(tx, call.path).container
    if row is None:
        raise told(404)
    return Written(manifests.put_kept(tx, call.near, call.ctx, *call.path, text, want), row)


async def _text(call: Call, most: int) -> bytes:
    size, chunks = 0, []
    async for chunk in call.stream():
        size += len(chunk)
        if size > most:
            raise told(413, f"Manifest body size must be <= {most} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def _put(tx: Tx, call: Call, want: Put, wishes: Sequence[Wish]) -> Written:
    row = look(tx, call.path).container
    if row is None:
        raise told(404)
    judge = _reasoning(permit(call))
    return Written(manifests.put_static(tx, call.near, call.ctx, *call.path, wishes, want, judge)[0], row)


def _reasoning(judge: Permit) -> Permit:
    """Segments that the caller may not read are told of with the others that will not do."""

    def judged(row: ContainerRow) -> None:
        try:
            judge(row)
        except Answer as refusal:
            raise Forbidden(status_line(refusal.status)) from None

    return judged


def _problems(fault: Fault) -> list[tuple[str, str]]:
    found = msgspec.convert(fault.details["problems"], list[tuple[str, str]])
    return [(bulk_reports.named(name), reason) for name, reason in found]


async def _heartbeat(call: Call, want: Put, wishes: Sequence[Wish]) -> AsyncIterator[bytes]:
    """The outcome as a report behind a status that was sent before."""
    yield b" "
    media, problems = bulk_reports.media(call.headers), []
    try:
        written = await call.near.db.write(_put, call, want, wishes)
        facts = {
            "Response Status": "201 Created", "Etag": quoted(written.row),
            "Last Modified": times.http(written.row.stamp), "Response Body": "",
        }  # fmt: skip
    except Answer as refusal:
        facts = _facts(refusal.status)
    except Fault as fault:
        problems = _problems(fault) if fault.type == "BadSegments" else []
        facts = _facts(400 if problems else worded(fault).status)
    yield b"\r\n\r\n"
    if media == JSON and "Etag" not in facts:
        facts = {name: facts[name] for name in ("Response Status", "Response Body")}
    yield bulk_reports.rendered(media, facts, problems, "upload")


def _facts(status: int) -> dict[str, str]:
    title, sentence = WORDS.get(status, ("", ""))
    return {"Response Body": f"{title}\n{sentence}", "Response Status": f"{status} {title}"}


# --- a client's manifest --------------------------------------------------------------------------------------------------


def read(text: bytes, path: Path, most: int) -> list[Wish]:
    """What a body asks for. Raises 400 with what is wrong, at most as much as there may be segments, 413."""
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError):
        raise told(400, "Manifest must be valid JSON.\n") from None
    if not isinstance(entries, list):
        raise told(400, "Manifest must be a list.\n")
    if sum("data" not in one for one in entries if isinstance(one, dict)) > most:
        raise told(413, f"Number of object-backed segments must be <= {most}")
    wishes, problems = [], []
    for index, entry in enumerate(entries):
        try:
            wishes.append(_wish(entry, path))
        except ValueError as error:
            problems += [f"Index {index}: {reason}" for reason in error.args]
            if len(problems) > most:
                break
    if entries and not any("data" not in one for one in entries if isinstance(one, dict)):
        problems.append("Inline data segments require at least one object-backed segment.")
    if problems:
        raise told(400, "".join(f"{problem}\n" for problem in problems), media=PLAIN)
    return wishes


def _wish(entry: Any, path: Path) -> Wish:
    """Raises `ValueError` whose arguments are all that is wrong."""
    if not isinstance(entry, dict):
        raise ValueError("not a JSON object")
    if "data" in entry:
        return _inline(entry)
    extra = sorted(set(entry) - KEYS)
    problems = [f"extraneous keys {', '.join(json.dumps(key) for key in extra)}"] if extra else []
    if "path" not in entry:
        raise ValueError(*problems, 'missing keys "path"')
    problems += _wrong(entry)
    if problems:
        raise ValueError(*problems)
    container, slash, name = entry["path"].lstrip("/").partition("/")
    if not (container and slash and name):
        raise ValueError(NO_OBJECT)
    if (container, name) == path[1:]:
        raise ValueError("manifest must not include itself as a segment")
    size = entry.get("size_bytes")
    return Wish(
        told=entry["path"], container=container, name=name, etag=entry.get("etag"), size=None if size is None else int(size),
        range=entry.get("range") or "",
    )  # fmt: skip


def _wrong(entry: Mapping[str, Any]) -> list[str]:
    problems = []
    if not isinstance(entry["path"], str):
        problems.append('"path" must be a string')
    if not isinstance(entry.get("etag"), str | None):
        problems.append('"etag" must be a string or null (if provided)')
    size = entry.get("size_bytes")
    if size is not None and not (
        str(size).isascii() and str(size).isdigit() and len(str(size)) < 20 and not isinstance(size, bool)
    ):
        problems.append("invalid size_bytes")
    span = entry.get("range")
    if span is not None and not isinstance(span, str):
        problems.append("invalid range")
    elif span and "," in span:
        problems.append("multiple ranges (only one allowed)")
    elif span and not _RANGE.match(span):
        problems.append("invalid range")
    return problems


def _inline(entry: Mapping[str, Any]) -> Wish:
    extra = sorted(set(entry) - {"data"})
    if extra:
        raise ValueError(f"extraneous keys {', '.join(json.dumps(key) for key in extra)}")
    try:
        data = base64.b64decode(entry["data"], validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise ValueError("data must be valid base64") from None
    if not data:
        raise ValueError("too small; each segment must be at least 1 byte.")
    return Wish(data=data)


# --- away -----------------------------------------------------------------------------------------------------------------


async def delete(call: Call) -> Answer:
    """The manifest (or that version of it) with all its segments, and those of manifests in it. Answers with a report."""
    return await remove_all(call, _gathered(call))


async def _gathered(call: Call) -> AsyncIterator[Doomed]:
    """All names before the first of them goes: what names others is read while it is there. Raises 400 for too many."""
    found = []
    async for path in _named(call, call.path, {call.path}):
        found.append(path)
        if len(found) > DOOMED_MAX:
            raise told(400, "Too many buffered slo segments to delete.")
    for path in found:
        version = call.query.one("version-id") if path == call.path else None
        yield Doomed(bulk_reports.named("/".join(path[1:])), path, version=version)


async def _named(call: Call, path: Path, read: set[Path], depth: int = 0) -> AsyncIterator[Path]:
    """The segments, those of manifests within before these, and the manifest at last. No manifest is read twice."""
    found = await find(call, path, follow=False)
    if found.whole.object.kind != SLO:
        raise told(400, "Not an SLO manifest")
    text = b"".join([chunk async for chunk in found.open(call, permit(call)).text(0, found.whole.object.weight)])
    for one in manifests.segments_of(text):
        segment = Path(path.account, *one.place)
        if one.sub_slo and depth < manifests.DEPTH and segment not in read:
            read.add(segment)
            try:
                async for inner in _named(call, segment, read, depth + 1):
                    yield inner
            except Answer:
                yield segment
        elif not one.data:
            yield segment
    yield path
