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
    return await remove_all(call, _named(call))


async def _named(call: Call) -> AsyncIterator[Doomed]:
    """Objects as they are named, containers when all of these are gone. Raises 406, 411, 413, and 400 for a line without end."""
    if not call.headers.get("content-type", "text/plain").startswith("text/plain"):
        raise told(406, "")
    if "content-length" not in call.headers and call.headers.get("transfer-encoding", "").lower() != "chunked":
        raise told(411)
    count, containers = 0, []
    async for line in lines(call.stream()):
        text = line.strip()
        if not text:
            continue
        count += 1
        if count > MOST:
            raise told(413, f"Maximum Bulk Deletes: {MOST} per request")
        one = _doomed(call.path.account, unquote_to_bytes(text))
        if one.path is None or one.path.name:
            yield one
        else:
            containers.append(one)
    for one in containers:
        yield one


def _doomed(account: str, name: bytes) -> Doomed:
    try:
        text = name.decode().lstrip("/")
    except UnicodeDecodeError:
        text = "\0"
    container, _, rest = text.partition("/")
    return Doomed(quote(name), None if "\0" in text else Path(account, container, rest), 412)


async def lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line
        if len(rest) > LINE_MAX:
            raise told(400, "Invalid File Name")
    if rest:
        yield rest
