"""Signatures of requests, as Amazon's clients make them: EC2 versions 0, 1, 2 and 4, S3 versions 2 and 4.

Everything here is pure: secrets and descriptions of requests go in, verdicts come out. A request that cannot be understood is not signed.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

V4 = "AWS4-HMAC-SHA256"
_S3_SERVICES = frozenset({"s3", "iam", "sts"})
_OLD_BOTO = re.compile(r"Boto/2\.[0-9]\.[0-2]")
"""Versions that sign the host without its port."""


class Unsigned(Exception):
    """The request's signature cannot be computed: a part is missing, or of an unknown form."""


def ec2_fits(secret: str, request: Mapping[str, Any]) -> bool:
    """Whether a request's `signature` is the one that `secret` makes.

    `request` has `verb`, `host`, `path`, `params` and, for version 4, `headers` and `body_hash` (hex SHA-256 of the body).
    Some clients sign the host without its port, so that fits too.
    """
    given = request.get("signature")
    if not given:
        return False
    host = str(request.get("host", ""))
    hosts = [host, host.rsplit(":", 1)[0]] if ":" in host else [host]
    try:
        return any(_same(str(given), _ec2(secret, request, one)) for one in hosts)
    except (Unsigned, KeyError, TypeError, ValueError):
        return False


def s3_fits(secret: str, token: str, signature: str) -> bool:
    """Whether `signature` is the one that `secret` makes of a string to sign, given in base64 of either alphabet."""
    try:
        text = base64.urlsafe_b64decode(token)
        made = _s3_v4(secret, text) if text.startswith(b"AWS4") else _s3_v2(secret, text)
    except (Unsigned, binascii.Error, ValueError):
        return False
    return _same(signature, made)


def v4_key(secret: str, date: str, region: str, service: str) -> bytes:
    """The key that signs requests of one day, region and service."""
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _same(given: str, made: str) -> bool:
    return hmac.compare_digest(given.encode(), made.encode())


# --- EC2 ------------------------------------------------------------------------------------------------------------


def _ec2(secret: str, request: Mapping[str, Any], host: str) -> str:
    params: Mapping[str, Any] = request.get("params") or {}
    version = params.get("SignatureVersion")
    make = _BY_VERSION.get(version)
    if make is not None:
        return make(secret, request, params, host)
    if version is None and _is_v4(request, params):
        return _ec2_v4(secret, request, params, host)
    raise Unsigned(f"unknown signature version {version!r}")


def _is_v4(request: Mapping[str, Any], params: Mapping[str, Any]) -> bool:
    headers: Mapping[str, Any] = request.get("headers") or {}
    return str(headers.get("Authorization", "")).startswith(V4) or params.get("X-Amz-Algorithm") == V4


def _ec2_v0(secret: str, request: Mapping[str, Any], params: Mapping[str, Any], host: str) -> str:
    return _base64_mac(secret, f"{params['Action']}{params['Timestamp']}", "sha1")


def _ec2_v1(secret: str, request: Mapping[str, Any], params: Mapping[str, Any], host: str) -> str:
    return _base64_mac(secret, "".join(f"{key}{params[key]}" for key in sorted(params, key=str.lower)), "sha1")


def _ec2_v2(secret: str, request: Mapping[str, Any], params: Mapping[str, Any], host: str) -> str:
    query = _query({**params, "SignatureMethod": "HmacSHA256"})
    return _base64_mac(secret, "\n".join((request["verb"], host, request["path"], query)), "sha256")


_BY_VERSION: Mapping[object, Callable[[str, Mapping[str, Any], Mapping[str, Any], str], str]] = {
    "0": _ec2_v0,
    "1": _ec2_v1,
    "2": _ec2_v2,
}


def _ec2_v4(secret: str, request: Mapping[str, Any], params: Mapping[str, Any], host: str) -> str:
    given: Mapping[str, str] = request.get("headers") or {}
    headers = {name.lower().strip(): str(value).strip() for name, value in given.items()}
    signed, credential = _parts_v4(headers, params)
    moment = str(headers.get("x-amz-date") or params.get("X-Amz-Date") or "")
    _, date, region, service, *_ = credential.split("/")
    if not moment.startswith(date):
        raise Unsigned("the request's date is not that of its credential")
    if "host" in headers:
        headers["host"] = _host_v4(headers, host, str(request.get("host", "")))
    verb = request["verb"].upper()
    canonical = [
        verb,
        request["path"],
        "" if verb == "POST" else _query(params),
        *(f"{name}:{headers[name]}" for name in signed.split(";") if name in headers),
        "",
        signed,
        request["body_hash"],
    ]
    scope = credential.partition("/")[2]
    digest = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
    text = "\n".join((V4, moment, scope, digest))
    return hmac.new(v4_key(secret, date, region, service), text.encode(), hashlib.sha256).hexdigest()


def _host_v4(headers: Mapping[str, str], host: str, full: str) -> str:
    """The host as it was signed: the header itself, or without its port."""
    if host != full or _OLD_BOTO.match(headers.get("user-agent", "")):
        return headers["host"].split(":")[0]
    return headers["host"]


def _parts_v4(headers: Mapping[str, str], params: Mapping[str, Any]) -> tuple[str, str]:
    """Names of the signed headers, and the credential with its scope: from the header, or of a signed URL."""
    text = headers.get("authorization")
    if text is None:
        return str(params["X-Amz-SignedHeaders"]), str(params["X-Amz-Credential"])
    found = dict(part.strip().split("=", 1) for part in text.partition(" ")[2].split(",") if "=" in part)
    return found["SignedHeaders"], found["Credential"]


def _query(params: Mapping[str, Any]) -> str:
    return "&".join(f"{quote(name, safe='')}={quote(str(params[name]), safe='-_~')}" for name in sorted(params))


def _base64_mac(secret: str, text: str, digest: str) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), digest)).decode()


# --- S3 -------------------------------------------------------------------------------------------------------------


def _s3_v2(secret: str, text: bytes) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), text, "sha1")).decode()


def _s3_v4(secret: str, text: bytes) -> str:
    """A string to sign has four lines: algorithm, moment, scope (`date/region/service/aws4_request`), digest."""
    lines = text.decode().split("\n")
    scope = lines[2].split("/") if len(lines) == 4 else []
    if lines[0] != V4 or len(scope) != 4 or scope[3] != "aws4_request" or scope[2] not in _S3_SERVICES:
        raise Unsigned("this is no string to sign of S3")
    key = v4_key(secret, scope[0], scope[1], scope[2])
    return hmac.new(key, text, hashlib.sha256).hexdigest()
