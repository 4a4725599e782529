"""Answers to GET and HEAD of one object: conditions, ranges, and the headers it carries."""

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from pileus.kernel.rest import Answer
from pileus.kernel.types import Extent, Micros, Pieces, new_hex
from pileus.services.objectstore.api.swift import conditions, metadata, times
from pileus.services.objectstore.api.swift.answers import HTML, page
from pileus.services.objectstore.api.swift.call import Call
from pileus.services.objectstore.core import ranges
from pileus.services.objectstore.core.ranges import Span
from pileus.services.objectstore.db.objects import ObjectRow

Opens = Callable[[int, int], Pieces]
"""Bytes from the first to the one before the second."""


class Shown(Struct, frozen=True):
    """An object, ready to be read."""

    headers: dict[str, str]
    """All but its length, type and ranges."""
    media: str
    etag: str
    """Without quotes."""
    size: int
    modified_at: Micros
    open: Opens
    whole_only: bool = False
    """Several ranges are as none (dynamic manifests)."""
    data: bytes | None = None
    """All of it, where it is at hand."""
    part: Span | None = None
    """The one segment of a manifest that is asked for by its number."""


def carried(row: ObjectRow) -> dict[str, str]:
    """The headers of any object. When a version's name will lead elsewhere is no matter of the version's."""
    kept = row.kept
    found = metadata.shown("object", kept.meta)
    found |= {metadata.title(name): value for name, value in kept.headers.items()}
    if row.delete_at and not row.versioned:
        found["X-Delete-At"] = str(row.delete_at // 1_000_000)
    found["Etag"] = row.etag
    found["Last-Modified"] = times.http(row.modified_at)
    found["X-Timestamp"] = times.stamp(row.modified_at)
    return found


async def answer(call: Call, shown: Shown) -> Answer:
    """What a reader gets of it: all, parts, or why not."""
    refused = conditions.failed(call.headers, shown.etag, shown.modified_at)
    if refused == 412:
        return Answer(412, raw=b"", headers=shown.headers | {"Content-Length": "0"}, media=HTML)
    headers = shown.headers | {"Accept-Ranges": "bytes", "Content-Type": shown.media}
    if refused:
        return Answer(304, raw=b"", headers=headers | {"Content-Length": "0"})
    if shown.part is not None:
        headers |= {"Content-Range": _told(shown.part, shown.size), "Content-Length": str(shown.part.size)}
        if call.method == "HEAD":
            return Answer(206, raw=b"", headers=headers)
        return await _given(206, headers, shown, shown.part)
    if call.method == "HEAD":
        return Answer(200, raw=b"", headers=headers | {"Content-Length": str(shown.size)})
    asked = ranges.parsed(call.headers.get("range", ""))
    if shown.whole_only and asked is not None and len(asked) > 1:
        asked = None
    spans = ranges.planned(asked, shown.size) if asked is not None else None
    if spans is None:
        headers["Content-Length"] = str(shown.size)
        return await _given(200, headers, shown, Span(0, shown.size))
    if not spans:
        raw = page(416)
        return Answer(416, raw=raw, headers=headers | {"Content-Range": f"bytes */{shown.size}"})
    if len(spans) == 1:
        span = spans[0]
        headers |= {"Content-Range": _told(span, shown.size), "Content-Length": str(span.size)}
        return await _given(206, headers, shown, span)
    return await _parts(shown, spans, headers)


async def _given(status: int, headers: dict[str, str], shown: Shown, span: Span) -> Answer:
    """What comes in one piece goes in one piece. What is wrong with the first bytes is still told with a status."""
    if shown.data is not None:
        return Answer(status, headers=headers, raw=shown.data[span.start : span.end])
    stream = shown.open(*span)
    first = await anext(stream, b"")
    if isinstance(first, bytes) and len(first) == span.size:
        await closed(stream)
        return Answer(status, headers=headers, raw=first)
    return Answer(status, headers=headers, stream=_continued(first, stream))


async def _parts(shown: Shown, spans: list[Span], headers: dict[str, str]) -> Answer:
    boundary = new_hex()
    heads = [
        f"--{boundary}\r\nContent-Type: {shown.media}\r\nContent-Range: {_told(span, shown.size)}\r\n\r\n".encode()
        for span in spans
    ]
    tail = f"--{boundary}--".encode()

    async def body() -> Pieces:
        for head, span in zip(heads, spans, strict=True):
            yield head
            stream = shown.open(*span)
            try:
                async for chunk in stream:
                    yield chunk
            finally:
                await closed(stream)
            yield b"\r\n"
        yield tail

    size = sum(len(head) + span.size + 2 for head, span in zip(heads, spans, strict=True)) + len(tail)
    headers |= {"Content-Type": f"multipart/byteranges;boundary={boundary}", "Content-Length": str(size)}
    return Answer(206, headers=headers, stream=body())


def _told(span: Span, size: int) -> str:
    return f"bytes {span.start}-{span.end - 1}/{size}"


async def _continued(first: bytes | Extent, stream: Pieces) -> Pieces:
    try:
        if first:
            yield first
        async for chunk in stream:
            yield chunk
    finally:
        await closed(stream)


async def closed(stream: Any) -> None:
    close = getattr(stream, "aclose", None)
    if close is not None:
        await close()
