"""Bodies of `Content-Encoding: aws-chunked`: a stream of chunks, each signed on top of the one before, and trailers.

Bytes are handed on as they come; a signature that does not fit is found at the end of its chunk and raised there, so that
the write which is fed by this stream is given up whole.
"""

import hashlib
import hmac
import re
from collections.abc import AsyncIterator, Collection, MutableMapping

from pileus.services.objectstore.api.s3.faults import fault
from pileus.services.objectstore.api.s3.signing.v4 import EMPTY, ClaimV4, chain, sign

_HEAD = re.compile(rb"([0-9a-fA-F]{1,16})(?:[ \t]*;[ \t]*chunk-signature[ \t]*=[ \t]*([0-9a-f]{64})[ \t]*)?\Z")
_LONGEST_LINE = 8192
_LARGEST_CHUNK = 5 * 1024**3


async def decoded(
    body: AsyncIterator[bytes],
    claim: ClaimV4 | None,
    secret: str,
    trailers: MutableMapping[str, str],
    announced: Collection[str] = (),
) -> AsyncIterator[bytes]:
    """The bytes within; `trailers` is filled (lower-case names) when the last has been given.

    `claim`      None: nobody signed the request, and so no chunk of it.
    `announced`  names of the request's `x-amz-trailer`: a body that ends without one of them was cut.
    """
    source = _Source(body)
    signed = claim if claim is not None and claim.payload != "unsigned-trailer" else None
    key, previous = (signed.scope.key(secret), signed.signature) if signed is not None else (b"", "")
    while True:
        size, signature = _head(await source.line(), signed is not None)
        digest = hashlib.sha256()
        left = size
        while left:
            piece = await source.some(left)
            left -= len(piece)
            if signed is not None:
                digest.update(piece)
            yield piece
        if signed is not None:
            _compare(sign(key, chain(signed, previous, "PAYLOAD", EMPTY, digest.hexdigest())), signature)
            previous = signature
        if size == 0:
            break
        if await source.line() != b"":
            raise fault("IncompleteBody")  # a chunk is longer than it says
    if signed is not None and signed.payload == "chunks":
        if await source.line() != b"":
            raise fault("IncompleteBody")  # something stands behind the last chunk
    else:
        await _read_trailers(source, signed, key, previous, trailers)
    if set(announced) != set(trailers):
        raise fault("MalformedTrailerError")
    await source.end()


def _head(line: bytes, signed: bool) -> tuple[int, str]:
    found = _HEAD.match(line)
    if found is None or signed is not (found[2] is not None):
        raise fault("IncompleteBody")
    size = int(found[1], 16)
    if size > _LARGEST_CHUNK:
        raise fault("EntityTooLarge")
    return size, (found[2] or b"").decode()


def _compare(wanted: str, given: str) -> None:
    if not hmac.compare_digest(wanted.encode(), given.encode()):
        raise fault("SignatureDoesNotMatch")


async def _read_trailers(
    source: "_Source", claim: ClaimV4 | None, key: bytes, previous: str, trailers: MutableMapping[str, str]
) -> None:
    text, signature = b"", ""
    while line := await source.line():
        name, colon, value = line.partition(b":")
        try:
            field, content = name.strip().decode("ascii").lower(), value.strip().decode("ascii")
        except UnicodeDecodeError:
            raise fault("MalformedTrailerError") from None
        if not colon or not field or len(trailers) > 32:
            raise fault("MalformedTrailerError")
        if field == "x-amz-trailer-signature":
            signature = content
            continue
        trailers[field] = content
        text += field.encode() + b":" + content.encode() + b"\n"
    if claim is not None:
        _compare(sign(key, chain(claim, previous, "TRAILER", hashlib.sha256(text).hexdigest())), signature)


class _Source:
    """Lines and bytes from a stream of pieces of any size."""

    def __init__(self, body: AsyncIterator[bytes]) -> None:
        self._body = body
        self._held = b""
        self._ended = False

    async def _more(self) -> bool:
        try:
            self._held += await anext(self._body)
        except StopAsyncIteration:
            self._ended = True
            return False
        return True

    async def line(self) -> bytes:
        """Up to the next CRLF, which is taken too. The body's very end counts as one."""
        while (at := self._held.find(b"\r\n")) < 0:
            if len(self._held) > _LONGEST_LINE:
                raise fault("IncompleteBody")
            if not await self._more():
                if self._held:
                    raise fault("IncompleteBody")
                return b""
        if at > _LONGEST_LINE:
            raise fault("IncompleteBody")
        found, self._held = self._held[:at], self._held[at + 2 :]
        return found

    async def some(self, most: int) -> bytes:
        while not self._held:
            if not await self._more():
                raise fault("IncompleteBody")
        found, self._held = self._held[:most], self._held[most:]
        return found

    async def end(self) -> None:
        while not self._held and await self._more():
            pass
        if self._held:
            raise fault("IncompleteBody")  # something stands behind the last chunk
