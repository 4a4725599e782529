"""Checksums of S3: every algorithm, by header and by trailer, of wholes, of parts and of copies."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest

from clients.s3_users import Users, refused
from cloud import LiveCloud
from pileus.kernel.types import digest

PART = 5 << 20
BODY = b"body" * 9000
ALGORITHMS = ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256", "SHA512", "MD5", "XXHASH64", "XXHASH3", "XXHASH128"]
CYCLIC = ("CRC32", "CRC32C", "CRC64NVME")


@pytest.fixture(scope="module")
def users(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Users]:
    live = LiveCloud(tmp_path_factory.mktemp("s3-checksums")).start()
    yield Users(live)
    live.stop()


@pytest.fixture(scope="module")
def s3(users: Users) -> Any:
    made = users.of("owen", "shop")
    made.create_bucket(Bucket="sums")
    return made


@pytest.fixture(scope="module")
def silent(users: Users) -> Any:
    """A client that asks for no checksum of its own accord."""
    said = {"request_checksum_calculation": "when_required", "response_checksum_validation": "when_required"}
    return users.of("owen", "shop", **said)


def summed(algorithm: str, *bodies: bytes) -> str:
    running = digest(algorithm.lower())
    for body in bodies:
        running.update(body)
    return base64.b64encode(bytes.fromhex(running.hexdigest())).decode()


@pytest.mark.parametrize("size", [9, 36_000])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_each_by_header(s3: Any, algorithm: str, size: int) -> None:
    name, right, where = "Checksum" + algorithm, summed(algorithm, BODY[:size]), {"Bucket": "sums", "Key": algorithm}
    made = s3.put_object(**where, Body=BODY[:size], **{name: right})
    assert (made[name], made["ChecksumType"]) == (right, "FULL_OBJECT")
    assert s3.head_object(**where, ChecksumMode="ENABLED")[name] == right
    said = s3.get_object_attributes(**where, ObjectAttributes=["Checksum"])["Checksum"]
    assert (said[name], said["ChecksumType"]) == (right, "FULL_OBJECT")
    assert refused("BadDigest", s3.put_object, **where, Body=b"other", **{name: right}) == 400
    assert refused("InvalidRequest", s3.put_object, **where, Body=BODY, **{name: right[4:]}) == 400


@pytest.mark.parametrize("payload", ["STREAMING-UNSIGNED-PAYLOAD-TRAILER", "UNSIGNED-PAYLOAD"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_each_by_trailer(users: Users, s3: Any, algorithm: str, payload: str) -> None:
    """By hand: boto3 sends trailers over TLS alone. Without a body in chunks there are none."""
    name, url = "x-amz-checksum-" + algorithm.lower(), f"{users.url}/sums/trailed"

    def put(value: str) -> httpx.Response:
        body = f"9\r\nbody-body\r\n0\r\n{name}:{value}\r\n\r\n".encode()
        headers = {
            "x-amz-trailer": name, "x-amz-content-sha256": payload, "x-amz-decoded-content-length": "9",
            "Content-Encoding": "aws-chunked", "Content-Length": str(len(body)),
        }  # fmt: skip
        request = AWSRequest(method="PUT", url=url, data=body, headers=headers)
        keys = s3._request_signer._credentials
        signer = S3SigV4Auth(keys, "s3", "us-east-1")
        request.context["payload_signing_enabled"] = False
        signer.payload = lambda _: payload  # type: ignore[method-assign]
        signer.add_auth(request)
        return httpx.put(url, content=body, headers=dict(request.headers))

    right = summed(algorithm, b"body-body")
    if payload == "UNSIGNED-PAYLOAD":
        assert "<Code>MalformedTrailerError</Code>" in put(right).text
        return
    assert (put(right).status_code, put(right).headers[name]) == (200, right)
    wrong = put(summed(algorithm, b"x"))
    assert (wrong.status_code, "<Code>BadDigest</Code>" in wrong.text) == (400, True)


def test_who_says_nothing_gets_crc64(silent: Any, s3: Any) -> None:
    where, right = {"Bucket": "sums", "Key": "silent"}, summed("CRC64NVME", BODY)
    made = silent.put_object(**where, Body=BODY)
    assert (made["ChecksumCRC64NVME"], made["ChecksumType"]) == (right, "FULL_OBJECT")
    assert "ChecksumCRC64NVME" not in silent.get_object(**where)
    assert s3.get_object(**where)["ChecksumCRC64NVME"] == right
    assert "ChecksumCRC64NVME" not in s3.get_object(**where, Range="bytes=1-2")
    assert s3.get_object(**where, PartNumber=1)["ChecksumCRC64NVME"] == right
    copied = s3.copy_object(Bucket="sums", Key="copy", CopySource="sums/silent")["CopyObjectResult"]
    assert copied["ChecksumCRC64NVME"] == right


def test_parts_of_who_says_nothing(silent: Any, s3: Any) -> None:
    where, bodies = {"Bucket": "sums", "Key": "silent-parts"}, [b"a" * PART, b"b"]
    upload = {**where, "UploadId": silent.create_multipart_upload(**where)["UploadId"]}
    made = [silent.upload_part(**upload, PartNumber=n, Body=body) for n, body in enumerate(bodies, 1)]
    assert made[1]["ChecksumCRC64NVME"] == summed("CRC64NVME", b"b")
    parts = {"Parts": [{"PartNumber": n, "ETag": one["ETag"]} for n, one in enumerate(made, 1)]}
    done = silent.complete_multipart_upload(**upload, MultipartUpload=parts)
    assert (done["ChecksumCRC64NVME"], done["ChecksumType"]) == (summed("CRC64NVME", *bodies), "FULL_OBJECT")
    assert s3.get_object(**where)["ChecksumCRC64NVME"] == done["ChecksumCRC64NVME"]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_parts_are_told(s3: Any, algorithm: str) -> None:
    """By GET and HEAD of one, and by the object's attributes, page by page."""
    name, kind = "Checksum" + algorithm, "FULL_OBJECT" if algorithm in CYCLIC else "COMPOSITE"
    where, bodies = {"Bucket": "sums", "Key": "parts-" + algorithm}, [b"a" * PART, b"b" * PART, b"c"]
    begun = s3.create_multipart_upload(**where, ChecksumAlgorithm=algorithm, ChecksumType=kind)
    assert (begun["ChecksumAlgorithm"], begun["ChecksumType"]) == (algorithm, kind)
    upload, sums, parts = {**where, "UploadId": begun["UploadId"]}, [summed(algorithm, one) for one in bodies], []
    for number, body in enumerate(bodies, 1):
        made = s3.upload_part(**upload, PartNumber=number, Body=body, **{name: sums[number - 1]})
        parts.append({"PartNumber": number, "ETag": made["ETag"], name: made[name]})
    assert [part[name] for part in s3.list_parts(**upload)["Parts"]] == sums
    if kind == "FULL_OBJECT":
        right = summed(algorithm, *bodies)
    else:
        right = summed(algorithm, b"".join(base64.b64decode(one) for one in sums)) + "-3"
    done = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, **{name: right})
    assert (done[name], done["ChecksumType"]) == (right, kind)
    for number, value in enumerate(sums, 1):
        for read in (s3.get_object, s3.head_object):
            one = read(**where, PartNumber=number, ChecksumMode="ENABLED")
            assert (one[name], one["ChecksumType"], one["PartsCount"]) == (value, kind, 3)
    page = s3.get_object_attributes(**where, ObjectAttributes=["ObjectParts"], MaxParts=1, PartNumberMarker=1)
    told = page["ObjectParts"]
    assert told.pop("Parts") == [{"PartNumber": 2, "Size": PART, name: sums[1]}]
    assert told == {
        "TotalPartsCount": 3,
        "PartNumberMarker": 1,
        "NextPartNumberMarker": 2,
        "MaxParts": 1,
        "IsTruncated": True,
    }
    rest = s3.get_object_attributes(**where, ObjectAttributes=["ObjectParts"], PartNumberMarker=2)["ObjectParts"]
    assert ([one["PartNumber"] for one in rest["Parts"]], rest["IsTruncated"]) == ([3], False)


def test_kinds_that_do_not_fit(s3: Any) -> None:
    where = {"Bucket": "sums", "Key": "k"}
    for algorithm, kind in (
        ("SHA512", "FULL_OBJECT"),
        ("XXHASH3", "FULL_OBJECT"),
        ("CRC64NVME", "COMPOSITE"),
        ("CRC32", "HALF"),
    ):
        given = {"ChecksumAlgorithm": algorithm, "ChecksumType": kind}
        assert refused("InvalidRequest", s3.create_multipart_upload, **where, **given) == 400
