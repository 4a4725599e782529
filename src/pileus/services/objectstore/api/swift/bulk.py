"""Bulk delete: names in a body, one a line."""

from collections.abc import AsyncIterator
from urllib.parse import quote, unquote_to_bytes

from pileus.kernel.rest import Answer
from pileus.services.objectstore.api.swift.answers import told
from pileus.services.objectstore.api.swift.call import Call
from pileus.services.objectstore.api.swift.paths import CONTAINER_MAX, OBJECT_MAX, Path
from pileus.services.objectstore.api.swift.removing import Doomed, remove_all

MOST = 10_000
LINE_MAX = 3 * (OBJECT_MAX + CONTAINER_MAX) + 2
"""Bytes, as every byte of a name may be percent-encoded."""


async def delete(call: Call) -> Answer:
    if "content-length" not in call.headers and call.headers.get("transfer-encoding", "").lower() != "chunked":
        raise told(411)
    return await remove_all(call, _named(call))


async def _named(call: Call) -> AsyncIterator[Doomed | tuple[str, int]]:
    """Raises 413 for too many, 400 for a line without end."""
    count = 0
    async for line in lines(call.stream()):
        text = line.strip()
        if not text:
            continue
        count += 1
        if count > MOST:
            raise told(413, f"Maximum Bulk Deletes: {MOST} per request")
        try:
            name = unquote_to_bytes(text).decode().lstrip("/")
        except UnicodeDecodeError:
            yield quote(unquote_to_bytes(text)), 412
            continue
        container, _, rest = name.partition("/")
        if "\0" in name:
            yield quote(name), 412
        elif len(name.encode()) > OBJECT_MAX + CONTAINER_MAX + 2:
            yield quote(name[:64]), 414
        else:
            yield Doomed(Path(call.path.account, container, rest))


async def lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line
        if len(rest) > LINE_MAX:
            raise told(400, "Line too long.")
    if rest:
        yield rest
