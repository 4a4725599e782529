"""Bodies of requests: read whole where they are XML, else as a stream that proves itself at its end."""

import base64
import binascii
from collections.abc import AsyncIterator, Mapping
from xml.etree.ElementTree import Element

from pileus.kernel.rest import Request
from pileus.services.objectstore.api.s3 import checksums, xml
from pileus.services.objectstore.api.s3.caller import Signed
from pileus.services.objectstore.api.s3.faults import fault
from pileus.services.objectstore.api.s3.signing import chunks
from pileus.services.objectstore.api.s3.signing.v4 import UNSIGNED, ClaimV4
from pileus.services.objectstore.core.aside import aside
from pileus.services.objectstore.core.intake import Body, hashed

LARGEST_XML = 4 << 20


class Upload:
    """The body of a PUT. `chunks()` gives its bytes; when they are in, `check` holds them against all that was said of them.

    `size`    bytes announced.
    `hashes`  those that the intake has to compute beside MD5.
    `md5`     hex, of `Content-MD5`; empty: not said.
    """

    def __init__(self, request: Request, *, sums: bool = True, default: str = "", document: bool = False) -> None:
        """`sums`: checksums in headers are the body's.   `default`: the algorithm where the request names none.
        `document`: Amazon tells of the MD5 of XML in base64, of objects in hex."""
        headers = request.headers
        self._document = document
        signed = request.memo.get(Signed)
        self._request = request
        self._claim = signed.claim if signed is not None else None
        self._secret = signed.secret if signed is not None else ""
        self._trailers: dict[str, str] = {}
        self.size = _announced(headers, self._chunked)
        self.md5 = _md5(headers)
        self.asked = checksums.wanted(headers) if sums else None
        if self.asked is None and default:
            self.asked = checksums.Wanted(default)
        if "x-amz-trailer" in headers and not self._chunked:
            raise fault("MalformedTrailerError")
        whole = ("sha256",) if self._sha256 else ()
        self.hashes = tuple(dict.fromkeys((*whole, *((self.asked.algorithm,) if self.asked is not None else ()))))

    @property
    def _chunked(self) -> bool:
        """Where nobody signed chunks, the body's coding says that it has some."""
        if isinstance(self._claim, ClaimV4):
            return self._claim.payload in ("chunks", "chunks-trailer", "unsigned-trailer")
        return "aws-chunked" in self._request.headers.get("content-encoding", "")

    @property
    def _sha256(self) -> str:
        """As it was said. Signatures of version 2 know nothing of it: there it is a header like others, and no less a promise."""
        if isinstance(self._claim, ClaimV4):
            return self._claim.sha256
        said = self._request.headers.get("x-amz-content-sha256", "") if self._claim is not None else ""
        return "" if said == UNSIGNED or said.startswith("STREAMING-") else said

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes within. Raises what speaks against them as soon as it is seen."""
        stream = self._request.stream()
        if self._chunked:
            claim = self._claim if isinstance(self._claim, ClaimV4) else None
            names = self._request.headers.get("x-amz-trailer", "").lower().split(",")
            announced = [name.strip() for name in names if name.strip()]
            stream = chunks.decoded(stream, claim, self._secret, self._trailers, announced)
        given = 0
        async for chunk in stream:
            given += len(chunk)
            if given <= self.size:
                yield chunk
        if given != self.size:
            raise fault(
                "IncompleteBody",
                "You did not provide the number of bytes specified by the Content-Length HTTP header",
                NumberBytesExpected=self.size,
                NumberBytesProvided=given,
            )

    def check(self, body: Body) -> dict[str, str]:
        """The checksum to be kept, by name. Raises `XAmzContentSHA256Mismatch`, `BadDigest`."""
        if self._sha256 and body.hashes["sha256"] != self._sha256.lower():
            raise fault(
                "XAmzContentSHA256Mismatch",
                ClientComputedContentSHA256=self._sha256,
                S3ComputedContentSHA256=body.hashes["sha256"],
            )
        if self.md5 and body.md5 != self.md5:
            raise fault(
                "BadDigest",
                "The Content-MD5 you specified did not match what we received.",
                ExpectedDigest=checksums.of_hex(self.md5) if self._document else self.md5,
                CalculatedDigest=checksums.of_hex(body.md5),
            )
        if self.asked is None:
            return {}
        value = checksums.of_hex(body.hashes[self.asked.algorithm])
        checksums.judge(self.asked, value, self._trailers)
        return {self.asked.algorithm: value}


async def document(request: Request, root: str, *, sums: bool = True) -> Element:
    """A body that is XML. Raises `EntityTooLarge`, `MalformedXML`."""
    return await aside(xml.parsed, await small(request, sums=sums), root)


async def small(request: Request, limit: int = LARGEST_XML, *, sums: bool = True) -> bytes:
    """A whole body, proved like any other (`sums`: also by checksums in headers). Raises `EntityTooLarge`."""
    if "content-length" not in request.headers and "transfer-encoding" not in request.headers:
        return b""
    upload = Upload(request, sums=sums, document=True)
    if upload.size > limit:
        raise fault("EntityTooLarge")
    raw = b"".join([chunk async for chunk in upload.chunks()])
    upload.check(Body(size=len(raw), hashes=await hashed(raw, upload.hashes)))
    return raw


def _announced(headers: Mapping[str, str], chunked: bool) -> int:
    text = headers.get("x-amz-decoded-content-length" if chunked else "content-length", "")
    if not text:
        raise fault("MissingContentLength")
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        if chunked:
            raise fault("MissingContentLength")
        raise fault("InvalidArgument", "The length of the body is not a number.")
    return int(text)


def _md5(headers: Mapping[str, str]) -> str:
    text = headers.get("content-md5")
    if text is None:
        return ""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != 16:
        raise fault("InvalidDigest")
    return raw.hex()
