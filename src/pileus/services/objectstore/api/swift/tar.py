"""Tar archives as they come: file by file, each a stream. Nothing an archive says can make us hold more than a few blocks."""

import asyncio
import bz2
import zlib
from collections.abc import AsyncIterator
from typing import Protocol

from msgspec import Struct

BLOCK = 512
HEADER_MAX = 64 * 1024
"""Bytes of one extended header, or of a long name; and characters of all that global headers say."""
STEP = 256 * 1024
"""Bytes that are unpacked at once."""
FORMATS = ("tar", "tar.gz", "tar.bz2")


class BadArchive(ValueError):
    """The bytes are no archive, or not all of one."""


class Entry(Struct, frozen=True):
    """A regular file. `body` is to be read before the next entry is asked for."""

    name: str
    size: int
    more: dict[str, str]
    """What its extended header says."""
    body: AsyncIterator[bytes]


class _Unpacker(Protocol):
    eof: bool
    unused_data: bytes

    def decompress(self, data: bytes, max_length: int = ...) -> bytes: ...


def unpacked(kind: str, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The archive behind its compression. Raises `BadArchive`."""
    if kind == "tar.gz":
        return _gunzipped(chunks)
    return _bunzipped(chunks) if kind == "tar.bz2" else chunks


async def _gunzipped(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    unpacker, begun = zlib.decompressobj(wbits=31), False
    async for chunk in chunks:
        rest = chunk
        while rest:
            try:
                out = await asyncio.to_thread(unpacker.decompress, rest, STEP)
            except zlib.error as error:
                raise BadArchive("invalid compressed data" if begun else "not a gzip file") from error
            begun = True
            if out:
                yield out
            rest = unpacker.unconsumed_tail
            if unpacker.eof:
                rest, unpacker = unpacker.unused_data, zlib.decompressobj(wbits=31)


async def _bunzipped(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    unpacker = bz2.BZ2Decompressor()
    async for chunk in chunks:
        rest = chunk
        while rest or not unpacker.needs_input:
            try:
                out = await asyncio.to_thread(unpacker.decompress, rest, STEP)
            except (OSError, EOFError) as error:
                raise BadArchive("invalid compressed data") from error
            if out:
                yield out
            rest = b""
            if unpacker.eof:
                rest, unpacker = unpacker.unused_data, bz2.BZ2Decompressor()


class _Source:
    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks, self._held = chunks, b""

    async def exactly(self, size: int) -> bytes:
        """Fewer bytes at the end alone."""
        while len(self._held) < size:
            chunk = await anext(self._chunks, b"")
            if not chunk:
                break
            self._held += chunk
        taken, self._held = self._held[:size], self._held[size:]
        return taken

    async def some(self, most: int) -> bytes:
        """What is there, at least a byte and at most `most`; nothing at the end."""
        if not self._held:
            self._held = await anext(self._chunks, b"")
        taken, self._held = self._held[:most], self._held[most:]
        return taken


async def entries(chunks: AsyncIterator[bytes]) -> AsyncIterator[Entry]:
    """The regular files of an archive: ustar, GNU and pax. Raises `BadArchive`."""
    source, common, own, name, begun = _Source(chunks), dict[str, str](), dict[str, str](), "", False
    while True:
        block = await source.exactly(BLOCK)
        if not block and not begun:
            raise BadArchive("empty file")
        if not block.strip(b"\0"):
            return
        begun = True
        if len(block) < BLOCK:
            raise BadArchive("truncated header")
        size, kind = _size_of(block), block[156:157]
        if kind in (b"x", b"g", b"L"):
            text = await _header(source, size)
            if kind == b"L":
                name = text.rstrip(b"\0").decode("utf-8", "surrogateescape")
            elif kind == b"x":
                own = _records(text)
            else:
                common |= _records(text)
                if sum(len(word) for pair in common.items() for word in pair) > HEADER_MAX:
                    raise BadArchive("header too long")
            continue
        more = common | own
        size = _number(more["size"]) if "size" in more else size
        entry = Entry(more.get("path") or name or _name_of(block), size, more, _body(source, size))
        own, name = {}, ""
        if kind in (b"0", b"\0", b"7"):
            yield entry
        async for _ in entry.body:
            pass
        await source.exactly(-size % BLOCK)


def _name_of(block: bytes) -> str:
    name = block[:100].rstrip(b"\0")
    prefix = block[345:500].rstrip(b"\0") if block[257:263] == b"ustar\0" else b""
    return (prefix + b"/" + name if prefix else name).decode("utf-8", "surrogateescape")


def _size_of(block: bytes) -> int:
    """Raises `BadArchive` when the header's sum is wrong."""
    try:
        told = int(block[148:156].strip(b" \0") or b"0", 8)
        field = block[124:136]
        size = int.from_bytes(field[1:], "big") if field[0] & 0x80 else int(field.strip(b" \0") or b"0", 8)
    except ValueError:
        raise BadArchive("invalid header") from None
    if told != sum(block) - sum(block[148:156]) + 8 * 32:
        raise BadArchive("invalid header")
    return size


def _number(text: str) -> int:
    """Raises `BadArchive`."""
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise BadArchive("invalid header")
    return int(text)


async def _header(source: _Source, size: int) -> bytes:
    if size > HEADER_MAX:
        raise BadArchive("header too long")
    text = await source.exactly(size)
    await source.exactly(-size % BLOCK)
    if len(text) < size:
        raise BadArchive("truncated header")
    return text


def _records(text: bytes) -> dict[str, str]:
    """`12 path=a/b` and newline, over and over."""
    found = {}
    while text:
        length, space, _ = text.partition(b" ")
        if not (space and length.isdigit() and len(length) < 8 and len(length) < int(length) <= len(text)):
            raise BadArchive("invalid header")
        name, equals, value = text[len(length) + 1 : int(length)].removesuffix(b"\n").partition(b"=")
        if equals:
            found[name.decode("utf-8", "replace")] = value.decode("utf-8", "surrogateescape")
        text = text[int(length) :]
    return found


async def _body(source: _Source, size: int) -> AsyncIterator[bytes]:
    left = size
    while left:
        chunk = await source.some(min(left, STEP))
        if not chunk:
            raise BadArchive("unexpected end of data")
        left -= len(chunk)
        yield chunk
