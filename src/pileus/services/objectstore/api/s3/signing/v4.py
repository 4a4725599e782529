"""Version 4: AWS4-HMAC-SHA256, in the Authorization header or in the query (presigned)."""

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from pileus.kernel.types import MINUTE, SECOND, Fault
from pileus.services.objectstore.api.s3.faults import fault
from pileus.services.objectstore.api.s3.signing.claim import Payload
from pileus.services.objectstore.api.s3.signing.message import Message, encoded

ALGORITHM = "AWS4-HMAC-SHA256"
SKEW = 15 * MINUTE
LONGEST = 604_800
"""Seconds that a presigned URL may live."""
UNSIGNED = "UNSIGNED-PAYLOAD"
_STREAMED: Mapping[str, Payload] = {
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD": "chunks",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER": "chunks-trailer",
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER": "unsigned-trailer",
}
_STAMP = re.compile(r"\d{8}T\d{6}Z\Z", re.ASCII)
_HEX64 = re.compile(r"[0-9a-fA-F]{64}\Z")
_PART = re.compile(r"\s*(Credential|SignedHeaders|Signature)\s*=\s*([^,\s]+)\s*\Z")
EMPTY = hashlib.sha256(b"").hexdigest()


class Scope(Struct, frozen=True):
    """Day (`20261123`), region and service that a key was made for."""

    day: str
    region: str
    service: str

    def __str__(self) -> str:
        return f"{self.day}/{self.region}/{self.service}/aws4_request"

    def key(self, secret: str) -> bytes:
        return _key(secret, self.day, self.region, self.service)


@lru_cache(maxsize=1024)
def _key(secret: str, day: str, region: str, service: str) -> bytes:
    """The same all day long."""
    key = ("AWS4" + secret).encode()
    for part in (day, region, service, "aws4_request"):
        key = _mac(key, part)
    return key


class ClaimV4(Struct, frozen=True, kw_only=True):
    """Implements `Claim`. `stamp` is the time as signed; `canonical` the request's canonical form.

    There are two where the path was not written as S3 would have written it: clients sign theirs, or S3's.
    """

    access: str
    scope: Scope
    stamp: str
    signature: str
    canonical: tuple[str, ...]
    payload: Payload
    sha256: str = ""

    def check(self, secret: str) -> None:
        key, strings = self.scope.key(secret), [self._string(form) for form in self.canonical]
        given = self.signature.encode()
        if not any(hmac.compare_digest(_mac(key, string).hex().encode(), given) for string in strings):
            raise fault("SignatureDoesNotMatch", AWSAccessKeyId=self.access, StringToSign=strings[0])

    def _string(self, canonical: str) -> str:
        digest = hashlib.sha256(canonical.encode("latin-1", "replace")).hexdigest()
        return f"{ALGORITHM}\n{self.stamp}\n{self.scope}\n{digest}"


def ambiguous() -> Fault:
    return fault(
        "InvalidArgument",
        "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or "
        "the Authorization header should be specified",
    )


def unsupported(authorization: str) -> Fault:
    """For a header that is of no kind known here: nobody is taken for anonymous who says who he is."""
    if authorization.startswith("AWS4-"):
        return fault(
            "InvalidRequest", f"The authorization mechanism you have provided is not supported. Please use {ALGORITHM}."
        )
    return fault(
        "InvalidArgument",
        "Unsupported Authorization Type",
        ArgumentName="Authorization",
        ArgumentValue=authorization.split(maxsplit=1)[0][:64],
    )


def read(message: Message, now: int) -> Iterator[ClaimV4]:
    """What the header, and what the query claims."""
    authorization = message.headers.get("authorization", "")
    if authorization.startswith(ALGORITHM):
        yield _of_header(message, authorization[len(ALGORITHM) :], now)
    parameters = message.parameters
    if "X-Amz-Algorithm" in parameters or "X-Amz-Signature" in parameters:
        yield _of_query(message, parameters, now)


def _of_header(message: Message, text: str, now: int) -> ClaimV4:
    parts: dict[str, str] = {}
    for part in text.split(","):
        found = _PART.match(part)
        if found is None or found[1] in parts:
            raise fault("AuthorizationHeaderMalformed")
        parts[found[1]] = found[2]
    if len(parts) != 3:
        raise fault("AuthorizationHeaderMalformed")
    access, scope = _credential(parts["Credential"], "AuthorizationHeaderMalformed")
    stamp, at = _stamp(message.headers)
    if not stamp.startswith(scope.day):
        raise fault(
            "AuthorizationHeaderMalformed", f'Invalid credential date "{scope.day}": it is not that of the request.'
        )
    _check_skew(at, now)
    given = message.headers.get("x-amz-content-sha256")
    if given is None:
        raise fault("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
    payload, sha256 = _payload(given)
    return ClaimV4(
        access=access,
        scope=scope,
        stamp=stamp,
        signature=parts["Signature"],
        canonical=_canonical(message, parts["SignedHeaders"], message.pairs, given),
        payload=payload,
        sha256=sha256,
    )


def _of_query(message: Message, parameters: Mapping[str, str], now: int) -> ClaimV4:
    error = "AuthorizationQueryParametersError"
    needed = ("Algorithm", "Credential", "Signature", "Date", "SignedHeaders", "Expires")
    if any("X-Amz-" + name not in parameters for name in needed):
        raise fault(
            error,
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, "
            "X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
        )
    if parameters["X-Amz-Algorithm"] != ALGORITHM:
        raise fault(error, f'X-Amz-Algorithm only supports "{ALGORITHM}"')
    access, scope = _credential(parameters["X-Amz-Credential"], error)
    stamp = parameters["X-Amz-Date"]
    at = moment_of(stamp)
    if at is None or not stamp.startswith(scope.day):
        raise fault(error, "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
    _check_life(parameters["X-Amz-Expires"], at, now)
    given = message.headers.get("x-amz-content-sha256", UNSIGNED)
    payload, sha256 = _payload(given, strict=False)
    pairs = [(name, value) for name, value in message.pairs if name != b"X-Amz-Signature"]
    return ClaimV4(
        access=access,
        scope=scope,
        stamp=stamp,
        signature=parameters["X-Amz-Signature"],
        canonical=_canonical(message, parameters["X-Amz-SignedHeaders"], pairs, given),
        payload=payload,
        sha256=sha256,
    )


def _check_life(text: str, at: int, now: int) -> None:
    if text.startswith("-") and text[1:].isdigit():
        raise fault("AuthorizationQueryParametersError", "X-Amz-Expires must be non-negative")
    if not text.isascii() or not text.isdigit() or len(text) > 19 or int(text) >= 1 << 63:
        raise fault("AuthorizationQueryParametersError", "X-Amz-Expires should be a number")
    if int(text) > LONGEST:
        raise fault(
            "AuthorizationQueryParametersError",
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds",
        )
    if now > at + int(text) * SECOND:
        raise fault("AccessDenied", "Request has expired")
    if at > now + SKEW:
        raise fault("AccessDenied", "Request is not valid yet")


def _credential(text: str, error: str) -> tuple[str, Scope]:
    """`<access key>/<day>/<region>/s3/aws4_request`; an access key may hold slashes. Any region is ours."""
    parts = text.rsplit("/", 4)
    if len(parts) != 5 or not parts[0] or parts[4] != "aws4_request":
        raise fault(
            error,
            'The Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
        )
    if parts[3] != "s3":
        raise fault(error, f'Credential has the service "{parts[3]}": it must be "s3".')
    return parts[0], Scope(parts[1], parts[2], parts[3])


def _stamp(headers: Mapping[str, str]) -> tuple[str, int]:
    """The request's time: of `x-amz-date`, else of `Date`, which may also be in HTTP's form."""
    given = headers.get("x-amz-date") or headers.get("date", "")
    at = moment_of(given)
    if at is not None:
        return given, at
    try:
        when = datetime.strptime(given, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    except ValueError:
        raise fault("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header") from None
    return when.strftime("%Y%m%dT%H%M%SZ"), int(when.timestamp()) * SECOND


def moment_of(stamp: str) -> int | None:
    """Microseconds of a time as signed; None for what is none."""
    try:
        return int(datetime.fromisoformat(stamp).timestamp()) * SECOND if _STAMP.match(stamp) else None
    except ValueError:
        return None


def _check_skew(at: int, now: int) -> None:
    if abs(at - now) > SKEW:
        raise fault("RequestTimeTooSkewed", MaxAllowedSkewMilliseconds=SKEW // 1000)


def _payload(given: str, *, strict: bool = True) -> tuple[Payload, str]:
    """`strict`: what no body can have is refused now, else when there is a body."""
    if given == UNSIGNED:
        return "unsigned", ""
    if given in _STREAMED:
        return _STREAMED[given], ""
    if given.startswith("STREAMING-"):
        raise fault("NotImplemented")
    if strict and not _HEX64.match(given):
        raise fault(
            "InvalidArgument",
            "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, a STREAMING- form, or a valid sha256 value.",
            ArgumentName="x-amz-content-sha256",
            ArgumentValue=given,
        )
    return "whole", given


def _canonical(message: Message, signed: str, pairs: Iterable[tuple[bytes, bytes]], payload: str) -> tuple[str, ...]:
    names = signed.split(";")
    if "host" not in names:
        raise fault(
            "AccessDenied", "There were headers present in the request which were not signed", HeadersNotSigned="host"
        )
    unsigned = [name for name in message.headers if name.startswith("x-amz-") and name not in names and _must(name)]
    if unsigned:
        raise fault(
            "AccessDenied",
            "There were headers present in the request which were not signed",
            HeadersNotSigned=", ".join(sorted(unsigned)),
        )
    lines = "".join(f"{name}:{' '.join(message.headers.get(name, '').split())}\n" for name in names)
    query = "&".join(sorted(f"{encoded(name)}={encoded(value)}" for name, value in pairs))
    paths = dict.fromkeys((_path(message.path), message.path))
    return tuple(f"{message.method}\n{path}\n{query}\n{lines}\n{signed}\n{payload}" for path in paths)


def _must(name: str) -> bool:
    """Whether a header of Amazon's must be signed: the payload's hash stands in the canonical request by itself."""
    return name != "x-amz-content-sha256"


def _path(raw: str) -> str:

    return encoded(unquote_to_bytes(raw), "/") or "/"


def _mac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode("latin-1", "replace"), "sha256")


def chain(claim: ClaimV4, previous: str, kind: str, *digests: str) -> str:
    """What a chunk's or the trailer's signature is made over. `kind` is `PAYLOAD` or `TRAILER`."""
    return "\n".join((f"{ALGORITHM}-{kind}", claim.stamp, str(claim.scope), previous, *digests))


def sign(key: bytes, string: str) -> str:
    return _mac(key, string).hex()
