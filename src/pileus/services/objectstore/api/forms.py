"""`multipart/form-data` as it comes: part by part, each a stream, nothing held but a few lines."""

import re
from collections.abc import AsyncIterator

from msgspec import Struct

HEAD_MAX = 16 * 1024
"""Bytes of one part's headers."""
_PARAMETER = re.compile(r';\s*(\w+)="((?:[^"\\]|\\.)*)"|;\s*(\w+)=([^;"\s]+)')


class Malformed(ValueError):
    """No form, or one that ends before its end."""


class Part(Struct, frozen=True):
    name: str
    file: str | None
    """The file's name; None for a plain field."""
    headers: dict[str, str]
    body: AsyncIterator[bytes]
    """To be read to its end before the next part is asked for."""


def boundary_of(media: str) -> bytes | None:
    """The boundary in a content type; None when it is no form's."""
    kind, _, rest = media.partition(";")
    if kind.strip().lower() != "multipart/form-data":
        return None
    found = {(m[1] or m[3]).lower(): m[2] if m[1] else m[4] for m in _PARAMETER.finditer(";" + rest)}
    text = found.get("boundary", "")
    return text.encode() if 0 < len(text) <= 200 else None


class _Input:
    """Bytes that can be looked at before they are taken."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks, self.held = chunks, b""

    async def more(self) -> bool:
        chunk = await anext(self._chunks, b"")
        self.held += chunk
        return bool(chunk)

    async def until(self, mark: bytes, most: int) -> bytes:
        """What stands before `mark`, which is taken too. Raises `Malformed`."""
        while (at := self.held.find(mark)) < 0:
            if len(self.held) > most or not await self.more():
                raise Malformed("invalid form")
        taken, self.held = self.held[:at], self.held[at + len(mark) :]
        return taken


async def parts(chunks: AsyncIterator[bytes], boundary: bytes) -> AsyncIterator[Part]:
    """Raises `Malformed`."""
    source = _Input(chunks)
    await source.until(b"--" + boundary, HEAD_MAX)
    while True:
        while len(source.held) < 2 and await source.more():
            pass
        if source.held[:2] == b"--":
            return
        await source.until(b"\r\n", 200)
        source.held = b"\r\n" + source.held
        part = _part(await source.until(b"\r\n\r\n", HEAD_MAX), source, boundary)
        yield part
        async for _ in part.body:
            pass


def _part(head: bytes, source: _Input, boundary: bytes) -> Part:
    headers = {}
    for line in head.decode("utf-8", "replace").split("\r\n"):
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    disposition = headers.get("content-disposition", "")
    found = {(m[1] or m[3]).lower(): _unescaped(m[2]) if m[1] else m[4] for m in _PARAMETER.finditer(disposition)}
    return Part(found.get("name", ""), found.get("filename"), headers, _body(source, b"\r\n--" + boundary))


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


async def _body(source: _Input, mark: bytes) -> AsyncIterator[bytes]:
    while (at := source.held.find(mark)) < 0:
        keep = len(mark) - 1
        if len(source.held) > keep:
            out, source.held = source.held[:-keep], source.held[-keep:]
            yield out
        if not await source.more():
            raise Malformed("invalid form")
    out, source.held = source.held[:at], source.held[at + len(mark) :]
    if out:
        yield out
