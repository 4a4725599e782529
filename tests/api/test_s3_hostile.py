"""Bad requests to the S3 face: each gets S3's own error, none a 500, and nothing is left of any."""

from __future__ import annotations

import base64
import hashlib
import http.client
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from cloud import LiveCloud
from pileus.kernel.types import Fault
from pileus.services.objectstore.api.s3 import xml

Send = Callable[..., httpx.Response]
BILLION = (
    b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><%s><Object><Key>&b;</Key></Object></%s>'
)
OUTSIDE = b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><%s>&x;</%s>'


@pytest.fixture(scope="module")
def send(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Send]:
    """`send("PUT", "/bucket/key?x", body, {"header": "value"})`, signed by the admin's key."""
    live = LiveCloud(tmp_path_factory.mktemp("s3")).start()
    with live.client("admin") as admin:
        said = admin.get("/identity/v3/auth/tokens", headers={"X-Subject-Token": admin.headers["X-Auth-Token"]}).json()
        path = f"/identity/v3/users/{said['token']['user']['id']}/credentials/OS-EC2"
        keys = admin.post(path, json={"tenant_id": said["token"]["project"]["id"]}).json()["credential"]
    base = f"http://127.0.0.1:{8080 + live.shift}"

    def go(
        method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None, **said: Any
    ) -> httpx.Response:
        made = AWSRequest(method, base + path, headers=headers or {}, data=body)
        S3SigV4Auth(Credentials(keys["access"], keys["secret"]), "s3", "us-east-1").add_auth(made)
        # httpx tidies paths: `..` would never leave it
        connection = http.client.HTTPConnection("127.0.0.1", 8080 + live.shift, timeout=120)
        signed = {name.lower(): value for name, value in made.headers.items()}
        connection.request(method, path, body=body, headers={**signed, **said})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return httpx.Response(answer.status, headers=answer.getheaders(), content=content)

    assert go("PUT", "/hostile").status_code == 200
    yield go
    live.stop()


def code(answer: httpx.Response) -> str:
    return answer.text.partition("<Code>")[2].partition("</Code>")[0]


@pytest.mark.parametrize("form", [BILLION, OUTSIDE, b"<%s><%s>", b"<" * 100, b"", b"\xff\xfe", b"<a>" * 5000])
@pytest.mark.parametrize(
    ("method", "what", "root"),
    [
        ("POST", "delete", b"Delete"),
        ("PUT", "acl", b"AccessControlPolicy"),
        ("PUT", "cors", b"CORSConfiguration"),
        ("PUT", "lifecycle", b"LifecycleConfiguration"),
        ("PUT", "tagging", b"Tagging"),
        ("PUT", "versioning", b"VersioningConfiguration"),
        ("PUT", "object-lock", b"ObjectLockConfiguration"),
    ],
)
def test_documents(send: Send, method: str, what: str, root: bytes, form: bytes) -> None:
    body = form % (root, root) if form.count(b"%s") == 2 else form
    answer = send(method, f"/hostile?{what}", body, {"Content-MD5": base64_md5(body)})
    assert answer.status_code == 400
    assert code(answer) in {"MalformedXML", "MalformedACLError", "MissingSecurityHeader"}
    assert "root:" not in answer.text


def test_documents_have_a_bound() -> None:
    for count, fits in ((99_999, True), (100_000, False)):
        body = b"<Delete>%s</Delete>" % (b"<a/>" * count)
        if fits:
            assert len(xml.parsed(body, "Delete")) == count
        else:
            with pytest.raises(Fault) as refused:
                xml.parsed(body, "Delete")
            assert refused.value.type == "MalformedXML"


NAMES = [
    "\x01",
    "\x7f",
    "a\nb",
    "../../etc/passwd",
    "..",
    "/",
    "//a",
    "%2e%2e",
    "é" * 400,
    "\U0001f600",
    "<&>\"'",
    " ",
    "a b+c",
    "?x=1",
    "#",
]


@pytest.mark.parametrize("name", NAMES)
def test_keys_of_every_kind(send: Send, name: str) -> None:
    path = "/hostile/" + quote(name, safe="")
    assert send("PUT", path, b"body").status_code == 200
    assert send("GET", path).content == b"body"
    listed = send("GET", "/hostile?list-type=2&encoding-type=url")
    assert f"<Key>{quote(name, safe='/-_.~*')}</Key>" in listed.text
    assert send("GET", "/hostile").status_code == 200
    assert send("DELETE", path).status_code == 204
    assert "<KeyCount>0</KeyCount>" in send("GET", "/hostile?list-type=2").text


def test_keys_that_cannot_be(send: Send) -> None:
    assert code(send("PUT", "/hostile/" + "a" * 1025)) == "KeyTooLongError"
    assert code(send("PUT", "/hostile/%ff%fe")) == "InvalidURI"
    assert send("PUT", "/hostile/a%00b").status_code == 400
    assert code(send("PUT", "/..")) == "InvalidBucketName"


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("max-keys=-1", {}), ("max-keys=x", {}), ("max-keys=99999999999999", {}), ("list-type=3", {}), ("encoding-type=x", {}),
        ("list-type=2&continuation-token=%00", {}), ("list-type=2&continuation-token=", {}), ("versions&version-id-marker=1", {}),
        ("versions&key-marker=a&version-id-marker=x", {}), ("uploads&max-uploads=0", {}),
    ],
)  # fmt: skip
def test_parameters(send: Send, query: str, headers: dict[str, str]) -> None:
    assert code(send("GET", f"/hostile?{query}", headers=headers)) == "InvalidArgument"


@pytest.mark.parametrize(
    "headers",
    [
        {"x-amz-acl": "all-mine"}, {"x-amz-tagging": "a=1&a=2"}, {"x-amz-tagging": "%ff=1"}, {"Content-MD5": "x"},
        {"x-amz-checksum-crc32": "x"}, {"x-amz-sdk-checksum-algorithm": "MD4"}, {"x-amz-object-lock-mode": "GOVERNANCE"},
        {"x-amz-object-lock-legal-hold": "MAYBE"}, {"x-amz-storage-class": "GLACIER"}, {"x-amz-copy-source": "/"},
        {"x-amz-copy-source": "/hostile/%ff"}, {"x-amz-grant-read": "everybody"}, {"x-amz-meta-a": "x" * 3000},
        {"x-amz-checksum-crc32": "AAAAAA==", "x-amz-checksum-crc32c": "AAAAAA=="},
    ],
)  # fmt: skip
def test_headers(send: Send, headers: dict[str, str]) -> None:
    answer = send("PUT", "/hostile/k", b"body", headers)
    assert (answer.status_code, bool(code(answer))) == (400, True)
    assert send("HEAD", "/hostile/k").status_code == 404


def test_bodies_that_are_not_what_was_signed(send: Send) -> None:
    wrong = {"x-amz-content-sha256": hashlib.sha256(b"other").hexdigest()}
    assert code(send("PUT", "/hostile/k", b"body", **wrong)) == "SignatureDoesNotMatch"
    digest = base64_md5(b"other")
    assert code(send("PUT", "/hostile/k", b"body", {"Content-MD5": digest})) == "BadDigest"
    assert code(send("PUT", "/hostile/k?partNumber=0&uploadId=x", b"body")) == "InvalidArgument"
    assert code(send("PUT", "/hostile/k?partNumber=1&uploadId=..%2Fx", b"body")) == "NoSuchUpload"
    assert send("HEAD", "/hostile/k").status_code == 404


def base64_md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
