"""Which bucket and which key a request means: by its path, or by its host."""

from collections.abc import Mapping, Sequence
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from pileus.services.objectstore.api.s3.faults import fault

_SWIFT = frozenset(
    {"", "v1", "v1.0", "info", "auth", "crossdomain.xml", "endpoints", "healthcheck", "openapi", "metrics"}
)
"""First segments of paths that are Swift's, or the cloud's own."""
_SIGNED = ("AWS4-", "AWS ")
_PARAMETERS = ("X-Amz-Algorithm=", "X-Amz-Signature=", "AWSAccessKeyId=")


class Address(Struct, frozen=True):
    """`key` empty: the bucket itself; `bucket` empty too: the service.   `by_host`  whether the host named the bucket."""

    bucket: str
    key: str
    by_host: bool


def takes(method: str, path: str, query: str, headers: Mapping[str, str], domains: Sequence[str]) -> bool:
    """Whether a request speaks S3: it is signed as such, or names a bucket where Swift has nothing."""
    if headers.get("authorization", "").startswith(_SIGNED) or any(name in query for name in _PARAMETERS):
        return True
    if "x-auth-token" in headers or "x-storage-token" in headers:
        return False
    return bool(_of_host(headers.get("host", ""), domains)) or path.split("/", 2)[1] not in _SWIFT


def read(path: str, host: str, domains: Sequence[str]) -> Address:
    """From a path still percent-encoded. Raises `InvalidURI` for one that is not UTF-8."""
    try:
        text = unquote_to_bytes(path).decode("utf-8")
    except UnicodeDecodeError:
        raise fault("InvalidURI") from None
    bucket = _of_host(host, domains)
    if bucket:
        return Address(bucket, text[1:], by_host=True)
    bucket, _, key = text[1:].partition("/")
    return Address(bucket, key, by_host=False)


def _of_host(host: str, domains: Sequence[str]) -> str:
    name = host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host
    name = name.lower()
    for domain in domains:
        if name.endswith("." + domain.lower()):
            return name[: -len(domain) - 1]
    return ""
