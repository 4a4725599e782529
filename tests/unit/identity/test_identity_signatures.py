"""Signatures against those that Amazon's and OpenStack's own clients make."""

import base64
import hashlib
import hmac
from copy import deepcopy
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from keystoneclient.contrib.ec2.utils import Ec2Signer

from pileus.services.identity.core.signatures import ec2_fits, s3_fits

ACCESS, SECRET = "966afbde20b84200ae4e62e09acf46b2", "89cdf9e94e2643cab35b8b8ac5a51f83"
PARAMS = {
    "Action": "DescribeInstances",
    "AWSAccessKeyId": ACCESS,
    "Timestamp": "2026-11-23T12:00:00Z",
    "Filter.1": "a b/ü~",
}


def signed(version: str | None, **more: Any) -> dict[str, Any]:
    """A request as `/v3/ec2tokens` is shown it, signed by keystoneclient."""
    params = dict(PARAMS) if version is None else {**PARAMS, "SignatureVersion": version}
    request = {
        "access": ACCESS,
        "host": "cloud:8773",
        "verb": "GET",
        "path": "/services/Cloud",
        "params": params,
        **more,
    }
    request["signature"] = Ec2Signer(SECRET).generate(deepcopy(request))
    return request


def signed_v4(method: str = "GET", query: bool = False, body: bytes = b"") -> dict[str, Any]:
    """The same signed by botocore, by header or in the URL."""
    url = (
        "http://cloud:8773/services/Cloud?Action=Describe&Name=a%20b%2F~x" if method == "GET" else "http://cloud:8773/"
    )
    request = AWSRequest(method=method, url=url, data=body, headers={"Host": "cloud:8773"})
    signer = (SigV4QueryAuth if query else SigV4Auth)(Credentials(ACCESS, SECRET), "ec2", "RegionOne")
    signer.add_auth(request)
    prepared = request.prepare()
    _, _, rest = prepared.url.partition("//")
    path, _, asked = rest.partition("?")
    from urllib.parse import parse_qsl

    params = dict(parse_qsl(asked))
    headers = {name: value.decode() if isinstance(value, bytes) else value for name, value in prepared.headers.items()}
    if query:
        signature = params.pop("X-Amz-Signature")
        headers.pop("Authorization", None)
    else:
        signature = headers["Authorization"].rpartition("Signature=")[2]
    return {
        "access": ACCESS, "host": "cloud:8773", "verb": method, "path": "/" + path.partition("/")[2], "params": params,
        "headers": headers, "body_hash": hashlib.sha256(body).hexdigest(), "signature": signature,
    }  # fmt: skip


GOOD = {
    "v0": lambda: signed("0"),
    "v1": lambda: signed("1"),
    "v2": lambda: signed("2"),
    "v4 by header": signed_v4,
    "v4 of a POST": lambda: signed_v4("POST", body=b"Action=Describe"),
    "v4 in the URL": lambda: signed_v4(query=True),
}


@pytest.mark.parametrize("form", GOOD)
def test_what_clients_sign_fits(form: str) -> None:
    assert ec2_fits(SECRET, GOOD[form]())


@pytest.mark.parametrize("form", GOOD)
def test_another_secret_does_not(form: str) -> None:
    assert not ec2_fits(SECRET[::-1], GOOD[form]())


CHANGES: dict[str, Any] = {
    "verb": "PUT",
    "path": "/other",
    "host": "elsewhere:8773",
    "signature": "x",
}


@pytest.mark.parametrize("part", CHANGES)
def test_a_changed_request_does_not_fit(part: str) -> None:
    assert not ec2_fits(SECRET, {**signed("2"), part: CHANGES[part]})


@pytest.mark.parametrize(
    ("part", "value"), [("verb", "PUT"), ("path", "/x"), ("body_hash", "0" * 64), ("params", {"a": "b"})]
)
def test_a_changed_request_of_version_4_does_not_fit(part: str, value: Any) -> None:
    assert not ec2_fits(SECRET, {**signed_v4(), part: value})


def test_the_date_must_be_that_of_the_credential() -> None:
    request = signed_v4()
    request["headers"]["X-Amz-Date"] = "20010101T000000Z"
    assert not ec2_fits(SECRET, request)


def test_hosts_signed_without_their_port_fit() -> None:
    request = signed("2", host="cloud")
    assert ec2_fits(SECRET, {**request, "host": "cloud:8773"})


@pytest.mark.parametrize("part", ["signature", "verb", "path", "host", "params"])
def test_what_is_incomplete_does_not_fit(part: str) -> None:
    request = signed("2")
    del request[part]
    assert not ec2_fits(SECRET, request)


@pytest.mark.parametrize("part", ["headers", "body_hash", "verb", "path", "signature"])
def test_what_is_incomplete_in_version_4_does_not_fit(part: str) -> None:
    request = signed_v4()
    del request[part]
    assert not ec2_fits(SECRET, request)


@pytest.mark.parametrize("version", ["3", "", None])
def test_unknown_versions_do_not_fit(version: str | None) -> None:
    request = signed("2")
    request["params"]["SignatureVersion"] = version
    assert not ec2_fits(SECRET, request)


# --- S3 -------------------------------------------------------------------------------------------------------------


def s3_v4() -> tuple[bytes, str]:
    """String to sign and signature, as botocore makes them."""
    request = AWSRequest(method="PUT", url="http://s3.cloud/bucket/a%20b", data=b"data", headers={"Host": "s3.cloud"})
    signer = S3SigV4Auth(Credentials(ACCESS, SECRET), "s3", "RegionOne")
    signer.add_auth(request)
    bare = AWSRequest(method="PUT", url=request.url, data=b"data", headers=dict(request.headers.items()))
    bare.context.update(request.context)
    del bare.headers["Authorization"]
    text = signer.string_to_sign(bare, signer.canonical_request(bare))
    return text.encode(), request.headers["Authorization"].rpartition("Signature=")[2]


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_s3_version_4(encode: Any) -> None:
    text, signature = s3_v4()
    assert s3_fits(SECRET, encode(text).decode(), signature)
    assert not s3_fits(SECRET, encode(text + b" ").decode(), signature)
    assert not s3_fits("other", encode(text).decode(), signature)


def test_s3_version_2() -> None:
    text = b"PUT\n\ntext/plain\nMon, 23 Nov 2026 12:00:00 +0000\n/bucket/\xc3\xbc\xff"
    signature = base64.b64encode(hmac.new(SECRET.encode(), text, "sha1").digest()).decode()
    token = base64.b64encode(text).decode()
    assert s3_fits(SECRET, token, signature)
    assert not s3_fits(SECRET, token, signature.lower())


@pytest.mark.parametrize(
    "text",
    [
        b"AWS4-HMAC-SHA256\n20261123T000000Z\n20261123/r/s3/aws4_request",
        b"AWS4-HMAC-SHA256\n20261123T000000Z\n20261123/r/ec2/aws4_request\n" + b"0" * 64,
        b"AWS4-HMAC-SHA256\n20261123T000000Z\n20261123/r/s3/other\n" + b"0" * 64,
        b"AWS4-HMAC-SHA512\n20261123T000000Z\n20261123/r/s3/aws4_request\n" + b"0" * 64,
        b"AWS4\xff\n\n\n",
    ],
)
def test_s3_strings_of_another_form(text: bytes) -> None:
    assert not s3_fits(SECRET, base64.b64encode(text).decode(), "0" * 64)


@pytest.mark.parametrize("token", ["x", "====", "\u00fc"])
def test_s3_tokens_that_are_no_base64(token: str) -> None:
    assert not s3_fits(SECRET, token, "0")
