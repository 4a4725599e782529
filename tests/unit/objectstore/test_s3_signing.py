"""Signatures as botocore makes them, and what is wrong with those that nobody made."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from botocore.auth import HmacV1Auth, HmacV1QueryAuth, S3SigV4Auth, S3SigV4PostAuth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from pileus.kernel.types import SECOND, Fault, clock
from pileus.services.objectstore.api.s3.signing import Message, chunks, forms, read
from pileus.services.objectstore.api.s3.signing.v4 import EMPTY, ClaimV4, chain, sign

ACCESS, SECRET = "AKID/with/slash", "s3cr3t+/="
WHO = Credentials(ACCESS, SECRET)
HOST = "http://s3.test:8080"


def request(method: str = "GET", path: str = "/bucket/key", headers: dict[str, str] | None = None) -> AWSRequest:
    made = AWSRequest(method, HOST + path, headers=headers or {}, data=b"")
    made.context["payload_signing_enabled"] = True
    return made


def message(made: AWSRequest, bucket: str = "") -> Message:
    prepared = made.prepare()
    at = urlsplit(prepared.url)
    headers = {"host": "s3.test:8080"}
    for name, value in prepared.headers.items():
        headers[name.lower()] = value.decode() if isinstance(value, bytes) else value
    return Message(method=prepared.method, path=at.path, query=at.query, headers=headers, bucket=bucket)


def claim_of(made: AWSRequest, bucket: str = "", now: int | None = None):
    claim = read(message(made, bucket), clock() if now is None else now)
    assert claim is not None
    return claim


def judge(made: Message, now: int, secret: str = SECRET) -> None:
    claim = read(made, now)
    if claim is not None:
        claim.check(secret)


def refused(code: str, made: Message, now: int | None = None, secret: str = SECRET) -> Fault:
    with pytest.raises(Fault) as caught:
        judge(made, clock() if now is None else now, secret)
    assert caught.value.type == code
    return caught.value


PATHS = [
    "/",
    "/bucket",
    "/bucket/a%20b/%C3%A9%2B~",
    "/bucket/a//b/../c",
    "/bucket?list-type=2&prefix=a%2Fb&delimiter=%2F",
    "/bucket?uploads",
    "/bucket/k?partNumber=1&uploadId=x",
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("signer", [S3SigV4Auth, S3SigV4QueryAuth])
def test_version_4_as_botocore_signs(path: str, signer) -> None:
    made = request("PUT", path, {"x-amz-meta-colour": "  deep   blue ", "content-type": "text/plain"})
    signer(WHO, "s3", "RegionOne").add_auth(made)
    claim = claim_of(made)
    assert claim.access == ACCESS
    claim.check(SECRET)
    refused("SignatureDoesNotMatch", message(made), secret="other")


@pytest.mark.parametrize("path", [p for p in PATHS if "list-type" not in p])
@pytest.mark.parametrize("signer", [HmacV1Auth, HmacV1QueryAuth])
def test_version_2_as_botocore_signs(path: str, signer) -> None:
    made = request("PUT", path, {"x-amz-meta-colour": "blue", "content-type": "text/plain"})
    signer(WHO).add_auth(made)
    claim = claim_of(made)
    assert claim.access == ACCESS
    claim.check(SECRET)
    refused("SignatureDoesNotMatch", message(made), secret="other")


def test_what_was_not_signed_is_refused() -> None:
    made = request()
    S3SigV4Auth(WHO, "s3", "r").add_auth(made)
    plain = message(made)
    assert read(Message(method="GET", path="/", query="", headers={"host": "x"}), 0) is None
    for kind, code in (("AWS4-ECDSA-P256-SHA256 Credential=x", "InvalidRequest"), ("Bearer x", "InvalidArgument")):
        refused(code, Message(method="GET", path="/", query="", headers={"host": "x", "authorization": kind}))
    added = Message(method="GET", path=plain.path, query="", headers={**plain.headers, "x-amz-acl": "public-read"})
    assert refused("AccessDenied", added).details["HeadersNotSigned"] == "x-amz-acl"
    refused("SignatureDoesNotMatch", Message(method="DELETE", path=plain.path, query="", headers=plain.headers))
    refused("SignatureDoesNotMatch", Message(method="GET", path=plain.path, query="acl", headers=plain.headers))
    no_hash = {k: v for k, v in plain.headers.items() if k != "x-amz-content-sha256"}
    refused("InvalidRequest", Message(method="GET", path=plain.path, query="", headers=no_hash))
    refused("RequestTimeTooSkewed", plain, clock() + 16 * 60 * SECOND)
    refused("RequestTimeTooSkewed", plain, clock() - 16 * 60 * SECOND)
    both = Message(
        method="GET", path="/", query="AWSAccessKeyId=a&Signature=b&Expires=1999999999", headers=plain.headers
    )
    refused("InvalidArgument", both)


def test_presigned_urls_end() -> None:
    made = request()
    before = clock()
    S3SigV4QueryAuth(WHO, "s3", "r", expires=60).add_auth(made)
    claim_of(made, now=before + 55 * SECOND).check(SECRET)
    assert "expired" in refused("AccessDenied", message(made), clock() + 62 * SECOND).message
    long = request()
    S3SigV4QueryAuth(WHO, "s3", "r", expires=604801).add_auth(long)
    refused("AuthorizationQueryParametersError", message(long))


@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=30))
def test_no_header_or_query_brings_it_down(authorization: str, query: str, date: str) -> None:
    statuses = set()
    for start in ("", "AWS4-HMAC-SHA256 ", "AWS "):
        headers = {"host": "x", "authorization": start + authorization, "x-amz-date": date, "date": date}
        for head in ("", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=", "AWSAccessKeyId="):
            try:
                claim = read(Message(method="GET", path="/", query=head + query, headers=headers), clock())
                if claim is not None:
                    claim.check(SECRET)
            except Fault as e:
                statuses.add(e.status)
    assert statuses <= {400, 403}


# --- chunked bodies ---------------------------------------------------------------------------------------------------


def seed(payload: str) -> ClaimV4:
    class Streaming(S3SigV4Auth):
        def payload(self, request: AWSRequest) -> str:
            return payload

    made = request("PUT")
    Streaming(WHO, "s3", "r").add_auth(made)
    claim = claim_of(made)
    claim.check(SECRET)
    assert isinstance(claim, ClaimV4)
    return claim


def wire(claim: ClaimV4, parts: list[bytes], trailers: dict[str, str]) -> bytes:
    """A body as an SDK sends it."""
    signed, key, previous, out = claim.payload != "unsigned-trailer", claim.scope.key(SECRET), claim.signature, b""
    for part in [*parts, b""]:
        head = f"{len(part):x}"
        if signed:
            previous = sign(key, chain(claim, previous, "PAYLOAD", EMPTY, hashlib.sha256(part).hexdigest()))
            head += f";chunk-signature={previous}"
        out += head.encode() + b"\r\n" + (part + b"\r\n" if part else b"")
    text = "".join(f"{k}:{v}\n" for k, v in trailers.items())
    out += text.replace("\n", "\r\n").encode()
    if claim.payload == "chunks-trailer":
        last = sign(key, chain(claim, previous, "TRAILER", hashlib.sha256(text.encode()).hexdigest()))
        out += f"x-amz-trailer-signature:{last}\r\n".encode()
    return out + b"\r\n"


async def run(claim: ClaimV4, raw: bytes, step: int) -> tuple[bytes, dict[str, str]]:
    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(raw), step):
            yield raw[at : at + step]

    trailers: dict[str, str] = {}
    announced = () if claim.payload == "chunks" else ("x-amz-checksum-crc32",)
    stream = chunks.decoded(pieces(), claim, SECRET, trailers, announced)
    return b"".join([piece async for piece in stream]), trailers


KINDS = [
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("step", [1, 7, 100_000])
async def test_chunks_come_out_as_they_went_in(kind: str, step: int) -> None:
    claim = seed(kind)
    parts = [b"first", b"\r\n0\r\n" * 50, bytes(range(256))]
    trailers = {} if kind == KINDS[0] else {"x-amz-checksum-crc32": "AAAAAA=="}
    raw = wire(claim, parts, trailers)
    assert await run(claim, raw, step) == (b"".join(parts), trailers)
    assert (await run(claim, wire(claim, [], trailers), step))[0] == b""


@pytest.mark.parametrize("kind", KINDS)
async def test_chunks_that_were_touched_are_refused(kind: str) -> None:
    claim = seed(kind)
    trailers = {} if kind == KINDS[0] else {"x-amz-checksum-crc32": "AAAAAA=="}
    raw = wire(claim, [b"first", b"second"], trailers)
    for cut in range(1, len(raw) - 4):
        with pytest.raises(Fault):
            await run(claim, raw[:cut], 64)
    with pytest.raises(Fault):
        await run(claim, raw + b"more", 64)
    if kind != KINDS[2]:
        for old, new in ((b"first", b"fIrst"), (b"AAAAAA==", b"AAAAAB==")):
            if old in raw:
                with pytest.raises(Fault) as caught:
                    await run(claim, raw.replace(old, new), 64)
                assert caught.value.type == "SignatureDoesNotMatch"


# --- forms --------------------------------------------------------------------------------------------------------------


def form(conditions: list, ends: timedelta = timedelta(minutes=5), **fields: str) -> dict[str, str]:
    until = (datetime.now(UTC) + ends).strftime("%Y-%m-%dT%H:%M:%SZ")
    made = request("POST", "/bucket")
    made.context["s3-presign-post-fields"] = {"key": "up/${filename}", **fields}
    made.context["s3-presign-post-policy"] = {"expiration": until, "conditions": conditions}
    S3SigV4PostAuth(WHO, "s3", "r").add_auth(made)
    return {k.lower(): v for k, v in made.context["s3-presign-post-fields"].items()}


def test_forms_as_botocore_signs() -> None:
    fields = form([{"bucket": "bucket"}, ["starts-with", "$key", "up/"], ["content-length-range", 1, 9]])
    found = forms.read(fields, clock())
    assert found is not None
    assert found.access == ACCESS
    found.check(SECRET)
    assert found.check_conditions("bucket") == (1, 9)
    with pytest.raises(Fault):
        found.check("other")
    with pytest.raises(Fault) as caught:
        found.check_conditions("elsewhere")
    assert caught.value.type == "AccessDenied"


def test_forms_are_held_to_their_policy() -> None:
    extra = forms.read({**form([["starts-with", "$key", "up/"]]), "acl": "public-read"}, clock())
    assert extra is not None
    with pytest.raises(Fault, match="Extra input fields: acl"):
        extra.check_conditions("bucket")
    with pytest.raises(Fault, match="expired"):
        forms.read(form([], timedelta(minutes=-1)), clock())
    for bad in ("", "!!", base64.b64encode(b"[").decode(), base64.b64encode(b"[" * 100_000).decode()):
        with pytest.raises(Fault) as caught:
            forms.read({"policy": bad}, clock())
        assert caught.value.type == "InvalidPolicyDocument"


def test_forms_of_version_2() -> None:
    until = (datetime.now(UTC) + timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    policy = base64.b64encode(json.dumps({"expiration": until, "conditions": [{"key": "k"}]}).encode()).decode()
    signature = base64.b64encode(hmac.new(SECRET.encode(), policy.encode(), hashlib.sha1).digest()).decode()
    fields = {"key": "k", "policy": policy, "awsaccesskeyid": ACCESS, "signature": signature}
    found = forms.read(fields, clock())
    assert found is not None
    found.check(SECRET)
    assert found.check_conditions("b") == (0, None)
