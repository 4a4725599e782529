"""Version 2: HMAC-SHA1, in the Authorization header or in the query. Old clients still have it."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime

from msgspec import Struct

from pileus.kernel.types import SECOND
from pileus.services.objectstore.api.s3.faults import fault
from pileus.services.objectstore.api.s3.signing.claim import Payload
from pileus.services.objectstore.api.s3.signing.message import Message
from pileus.services.objectstore.api.s3.signing.v4 import SKEW

_SIGNED_PARAMETERS = frozenset(
    {
        "accelerate", "acl", "analytics", "cors", "defaultObjectAcl", "delete", "encryption", "inventory", "legal-hold",
        "lifecycle", "location", "logging", "metrics", "notification", "object-lock", "partNumber", "policy",
        "policyStatus", "publicAccessBlock", "replication", "requestPayment", "response-cache-control",
        "response-content-disposition", "response-content-encoding", "response-content-language", "response-content-type",
        "response-expires", "restore", "retention", "select", "select-type", "tagging", "torrent", "uploadId", "uploads",
        "versionId", "versioning", "versions", "website",
    }
)  # fmt: skip
"""Parameters that belong to the resource, and so are signed."""


class ClaimV2(Struct, frozen=True, kw_only=True):
    """Implements `Claim`. Version 2 says nothing of the body but its `Content-MD5`.

    `strings`  what may have been signed: of a bucket alone, clients sign `/bucket` or `/bucket/`.
    """

    access: str
    signature: str
    strings: tuple[str, ...]
    payload: Payload = "unsigned"
    sha256: str = ""

    def check(self, secret: str) -> None:
        try:
            given = base64.b64decode(self.signature, validate=True)
        except (binascii.Error, ValueError):
            given = b""
        made = [hmac.new(secret.encode(), s.encode("latin-1", "replace"), hashlib.sha1).digest() for s in self.strings]
        if not any(hmac.compare_digest(one, given) for one in made):
            raise fault("SignatureDoesNotMatch", AWSAccessKeyId=self.access, StringToSign=self.strings[0])


def read(message: Message, now: int) -> Iterator[ClaimV2]:
    """What the header, and what the query claims."""
    authorization = message.headers.get("authorization", "")
    if authorization.startswith("AWS "):
        access, colon, signature = authorization[4:].strip().rpartition(":")
        if not colon or not access:
            raise fault("InvalidArgument", "AWS authorization header is invalid.  Expected AwsAccessKeyId:signature")
        _check_date(message.headers, now)
        # With x-amz-date, which is signed among its kind, the place of the date stays empty.
        date = "" if "x-amz-date" in message.headers else message.headers.get("date", "")
        yield ClaimV2(access=access, signature=signature, strings=_strings(message, date))
    parameters = message.parameters
    if "AWSAccessKeyId" in parameters or ("Signature" in parameters and "Expires" in parameters):
        yield _of_query(message, parameters, now)


def _of_query(message: Message, parameters: Mapping[str, str], now: int) -> ClaimV2:
    access, signature, expires = (parameters.get(name, "") for name in ("AWSAccessKeyId", "Signature", "Expires"))
    if not access or not signature or not expires:
        raise fault(
            "AccessDenied", "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters"
        )
    if not expires.isascii() or not expires.isdigit() or len(expires) > 10 or int(expires) >= 1 << 31:
        raise fault("AccessDenied", f"Invalid date (should be seconds since epoch): {expires}")
    if now > int(expires) * SECOND:
        raise fault("AccessDenied", "Request has expired")
    return ClaimV2(access=access, signature=signature, strings=_strings(message, expires))


def _check_date(headers: Mapping[str, str], now: int) -> None:
    given = headers["x-amz-date"] if "x-amz-date" in headers else headers.get("date", "")
    try:
        at = int(parsedate_to_datetime(given).timestamp()) * SECOND
        if at < 0:
            raise ValueError
    except (ValueError, TypeError, OverflowError):
        raise fault("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header") from None
    if abs(at - now) > SKEW:
        raise fault("RequestTimeTooSkewed", MaxAllowedSkewMilliseconds=SKEW // 1000)


def _strings(message: Message, date: str) -> tuple[str, ...]:
    headers = message.headers
    mine = sorted(name for name in headers if name.startswith("x-amz-"))
    amazon = "".join(f"{name}:{' '.join(headers[name].split())}\n" for name in mine)
    place = f"/{message.bucket}{message.path}" if message.bucket else message.path
    places = (place, place + "/") if place.count("/") == 1 and len(place) > 1 else (place,)
    first = (message.method, headers.get("content-md5", ""), headers.get("content-type", ""), date)
    return tuple("\n".join(first) + f"\n{amazon}{one}{_parameters(message)}" for one in places)


def _parameters(message: Message) -> str:
    """Those of the resource, sorted, their values decoded; a name without `=` stays without."""
    found = []
    for part in message.query.split("&") if message.query else ():
        name, equals, _ = part.partition("=")
        if name in _SIGNED_PARAMETERS:
            value = Message(method="", path="", query=part, headers={}).parameters[name]
            found.append(name + (f"={value}" if equals else ""))
    return "?" + "&".join(sorted(found)) if found else ""
