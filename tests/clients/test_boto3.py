"""boto3 on the S3 face, with keys that identity gave."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from typing import Any

import boto3
import httpx
import pytest
from botocore.client import Config
from botocore.exceptions import ClientError

from cloud import LiveCloud

PART = 5 << 20


@pytest.fixture(scope="module")
def client(live: LiveCloud) -> Callable[..., Any]:
    """`client("demo", signature_version="s3")`: a boto3 client of that user in the project of the same name."""
    keys: dict[str, dict[str, str]] = {}

    def make(user: str = "admin", **config: Any) -> Any:
        if user not in keys:
            with live.client(user) as http:
                token = http.get("/identity/v3/auth/tokens", headers={"X-Subject-Token": http.headers["X-Auth-Token"]})
                said = token.json()["token"]
                path = f"/identity/v3/users/{said['user']['id']}/credentials/OS-EC2"
                made = http.post(path, json={"tenant_id": said["project"]["id"]})
                keys[user] = made.json()["credential"]
        return boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{8080 + live.shift}",
            region_name="us-east-1",
            aws_access_key_id=keys[user]["access"],
            aws_secret_access_key=keys[user]["secret"],
            config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}, **config),
        )

    return make


@pytest.fixture(scope="module")
def s3(client: Callable[..., Any]) -> Any:
    return client()


@pytest.fixture
def bucket(s3: Any, request: pytest.FixtureRequest) -> str:
    name = "b-" + hashlib.md5(request.node.nodeid.encode(), usedforsecurity=False).hexdigest()[:12]
    s3.create_bucket(Bucket=name)
    return name


def refused(code: str, call: Callable[..., Any], **given: Any) -> int:
    with pytest.raises(ClientError) as caught:
        call(**given)
    assert caught.value.response["Error"]["Code"] == code
    return int(caught.value.response["ResponseMetadata"]["HTTPStatusCode"])


def test_a_bucket_comes_and_goes(s3: Any) -> None:
    s3.create_bucket(Bucket="first-bucket")
    assert "first-bucket" in [b["Name"] for b in s3.list_buckets()["Buckets"]]
    assert s3.head_bucket(Bucket="first-bucket")["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert s3.get_bucket_location(Bucket="first-bucket")["LocationConstraint"] is None
    s3.create_bucket(Bucket="first-bucket")  # us-east-1: made again as it is
    again = {"Bucket": "first-bucket", "ACL": "public-read"}
    assert refused("BucketAlreadyOwnedByYou", s3.create_bucket, **again) == 409
    s3.put_object(Bucket="first-bucket", Key="k", Body=b"x")
    assert refused("BucketNotEmpty", s3.delete_bucket, Bucket="first-bucket") == 409
    s3.delete_object(Bucket="first-bucket", Key="k")
    s3.delete_bucket(Bucket="first-bucket")
    assert refused("NoSuchBucket", s3.list_objects_v2, Bucket="first-bucket") == 404
    assert refused("InvalidBucketName", s3.create_bucket, Bucket="UPPER-case") == 400


@pytest.mark.parametrize("signature", ["s3v4", "s3"])
@pytest.mark.parametrize("size", [0, 5, 100_000])
def test_what_is_put_is_got(client: Callable[..., Any], bucket: str, signature: str, size: int) -> None:
    s3, data = client(signature_version=signature), os.urandom(size)
    key = "a/ä b+c&=?#%"
    meta = {"colour": "blue"}
    made = s3.put_object(
        Bucket=bucket, Key=key, Body=data, ContentType="text/x-test", Metadata=meta, CacheControl="no-store"
    )
    got = s3.get_object(Bucket=bucket, Key=key)
    assert got["Body"].read() == data
    assert got["ETag"] == made["ETag"] == f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'
    assert (got["ContentType"], got["Metadata"], got["CacheControl"]) == ("text/x-test", meta, "no-store")
    assert s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == size
    if size:
        part = s3.get_object(Bucket=bucket, Key=key, Range="bytes=1-3")
        assert (part["Body"].read(), part["ContentRange"]) == (data[1:4], f"bytes 1-3/{size}")
        assert refused("InvalidRange", s3.get_object, Bucket=bucket, Key=key, Range=f"bytes={size}-") == 416
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_checksums(s3: Any, bucket: str, algorithm: str) -> None:
    made = s3.put_object(Bucket=bucket, Key="k", Body=b"body" * 9000, ChecksumAlgorithm=algorithm)
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got["Checksum" + algorithm] == made["Checksum" + algorithm]
    assert got["Body"].read() == b"body" * 9000
    wrong = {"Checksum" + algorithm: made["Checksum" + algorithm]}
    assert refused("BadDigest", s3.put_object, Bucket=bucket, Key="other", Body=b"else", **wrong) == 400
    assert refused("404", s3.head_object, Bucket=bucket, Key="other") == 404


def test_listings(s3: Any, bucket: str) -> None:
    keys = [f"{folder}/{n}" for folder in "abc" for n in range(3)] + ["z"]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    one, two = s3.get_paginator("list_objects"), s3.get_paginator("list_objects_v2")
    for pages in (one, two):
        for size in (1, 4, 1000):
            found = pages.paginate(Bucket=bucket, PaginationConfig={"PageSize": size})
            assert [o["Key"] for page in found for o in page.get("Contents", [])] == keys
            cut = list(pages.paginate(Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": size}))
            assert [p["Prefix"] for page in cut for p in page.get("CommonPrefixes", [])] == ["a/", "b/", "c/"]
            assert [o["Key"] for page in cut for o in page.get("Contents", [])] == ["z"]
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket, Prefix="b/", StartAfter="b/0")["Contents"]] == [
        "b/1",
        "b/2",
    ]


def test_many_are_removed_at_once(s3: Any, bucket: str) -> None:
    for n in range(5):
        s3.put_object(Bucket=bucket, Key=str(n), Body=b"")
    gone = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": str(n)} for n in range(6)]})
    assert sorted(d["Key"] for d in gone["Deleted"]) == list("012345")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_copies(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="from ä", Body=b"body", Metadata={"a": "1"})
    copied = s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": "from ä"})
    got = s3.get_object(Bucket=bucket, Key="to")
    assert (got["Body"].read(), got["Metadata"], got["ETag"]) == (
        b"body",
        {"a": "1"},
        copied["CopyObjectResult"]["ETag"],
    )
    fresh = {"MetadataDirective": "REPLACE", "Metadata": {"b": "2"}}
    s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": "to"}, **fresh)
    assert s3.head_object(Bucket=bucket, Key="to")["Metadata"] == {"b": "2"}
    source = {"Bucket": bucket, "Key": "to"}
    assert refused("InvalidRequest", s3.copy_object, Bucket=bucket, Key="to", CopySource=source) == 400
    assert (
        refused("PreconditionFailed", s3.copy_object, Bucket=bucket, Key="x", CopySource=source, CopySourceIfMatch="no")
        == 412
    )
    assert (
        refused("NoSuchKey", s3.copy_object, Bucket=bucket, Key="x", CopySource={"Bucket": bucket, "Key": "none"})
        == 404
    )


def test_uploads_in_parts(s3: Any, bucket: str) -> None:
    data = os.urandom(PART + 1000)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="big", Metadata={"m": "1"})["UploadId"]
    assert [u["UploadId"] for u in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == [upload]
    where = {"Bucket": bucket, "Key": "big", "UploadId": upload}
    parts = []
    for number, body in ((1, data[:PART]), (2, data[PART:])):
        parts.append({"PartNumber": number, "ETag": s3.upload_part(**where, PartNumber=number, Body=body)["ETag"]})
    assert [p["Size"] for p in s3.list_parts(**where)["Parts"]] == [PART, 1000]
    assert refused("NoSuchKey", s3.get_object, Bucket=bucket, Key="big") == 404
    assert (
        refused("InvalidPartOrder", s3.complete_multipart_upload, **where, MultipartUpload={"Parts": parts[::-1]})
        == 400
    )
    bad = [{"PartNumber": 1, "ETag": '"0"'}]
    assert refused("InvalidPart", s3.complete_multipart_upload, **where, MultipartUpload={"Parts": bad}) == 400
    done = s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
    assert done["ETag"].endswith('-2"')
    got = s3.get_object(Bucket=bucket, Key="big")
    assert (got["Body"].read(), got["Metadata"]) == (data, {"m": "1"})
    cut = s3.get_object(Bucket=bucket, Key="big", Range=f"bytes={PART - 2}-{PART + 1}")
    assert cut["Body"].read() == data[PART - 2 : PART + 2]
    other = s3.create_multipart_upload(Bucket=bucket, Key="copy")["UploadId"]
    where = {"Bucket": bucket, "Key": "copy", "UploadId": other}
    source = {"CopySource": {"Bucket": bucket, "Key": "big"}, "CopySourceRange": "bytes=10-19"}
    etag = s3.upload_part_copy(**where, PartNumber=1, **source)["CopyPartResult"]["ETag"]
    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == data[10:20]
    third = s3.create_multipart_upload(Bucket=bucket, Key="never")["UploadId"]
    s3.abort_multipart_upload(Bucket=bucket, Key="never", UploadId=third)
    assert refused("NoSuchUpload", s3.list_parts, Bucket=bucket, Key="never", UploadId=third) == 404


def test_the_transfer_library(s3: Any, bucket: str, tmp_path: Any) -> None:
    file = tmp_path / "big"
    file.write_bytes(os.urandom(20 << 20))
    s3.upload_file(str(file), bucket, "big")
    s3.download_file(bucket, "big", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == file.read_bytes()


def test_conditions(s3: Any, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"1", IfNoneMatch="*")["ETag"]
    assert refused("PreconditionFailed", s3.put_object, Bucket=bucket, Key="k", Body=b"2", IfNoneMatch="*") == 412
    assert refused("PreconditionFailed", s3.get_object, Bucket=bucket, Key="k", IfMatch='"x"') == 412
    assert refused("304", s3.get_object, Bucket=bucket, Key="k", IfNoneMatch=etag) == 304


def test_others_see_nothing(client: Callable[..., Any], s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"secret")
    demo = client("demo")
    assert refused("AccessDenied", demo.get_object, Bucket=bucket, Key="k") == 403
    assert refused("AccessDenied", demo.put_object, Bucket=bucket, Key="k", Body=b"") == 403
    assert refused("AccessDenied", demo.list_objects_v2, Bucket=bucket) == 403
    assert refused("BucketAlreadyExists", demo.create_bucket, Bucket=bucket) == 409
    assert bucket not in [b["Name"] for b in demo.list_buckets()["Buckets"]]
    url = s3.meta.endpoint_url + f"/{bucket}/k"
    assert httpx.get(url).status_code == 403


def test_presigned_urls(s3: Any, bucket: str) -> None:
    put = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "k"}, ExpiresIn=600)
    assert httpx.put(put, content=b"by url").status_code == 200
    params = {"Bucket": bucket, "Key": "k", "ResponseContentType": "text/x"}
    got = httpx.get(s3.generate_presigned_url("get_object", Params=params, ExpiresIn=600))
    assert (got.content, got.headers["content-type"]) == (b"by url", "text/x")
    assert "SignatureDoesNotMatch" in httpx.get(put).text


def test_tags(s3: Any, bucket: str) -> None:
    tags = [{"Key": "colour", "Value": "ä b&="}, {"Key": "empty", "Value": ""}]
    s3.put_object(Bucket=bucket, Key="k", Body=b"", Tagging="a=1&b=")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [
        {"Key": "a", "Value": "1"},
        {"Key": "b", "Value": ""},
    ]
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": tags})
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == tags
    assert s3.get_object(Bucket=bucket, Key="k")["TagCount"] == 2
    s3.copy_object(Bucket=bucket, Key="c", CopySource={"Bucket": bucket, "Key": "k"})
    assert s3.get_object_tagging(Bucket=bucket, Key="c")["TagSet"] == tags
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []
    twice = {"TagSet": [tags[0], tags[0]]}
    assert refused("InvalidTag", s3.put_object_tagging, Bucket=bucket, Key="k", Tagging=twice) == 400
    assert refused("NoSuchTagSet", s3.get_bucket_tagging, Bucket=bucket) == 404
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags


def test_grants(client: Callable[..., Any], s3: Any, bucket: str) -> None:
    demo, url = client("demo"), s3.meta.endpoint_url + f"/{bucket}/k"
    s3.put_object(Bucket=bucket, Key="k", Body=b"open", ACL="public-read")
    assert httpx.get(url).content == b"open"
    assert demo.get_object(Bucket=bucket, Key="k")["Body"].read() == b"open"
    assert refused("AccessDenied", demo.list_objects_v2, Bucket=bucket) == 403
    assert refused("AccessDenied", demo.get_object, Bucket=bucket, Key="none") == 403
    s3.put_object_acl(Bucket=bucket, Key="k", ACL="private")
    assert httpx.get(url).status_code == 403
    s3.put_object_acl(Bucket=bucket, Key="k", ACL="authenticated-read")
    assert httpx.get(url).status_code == 403
    assert demo.get_object(Bucket=bucket, Key="k")["Body"].read() == b"open"
    theirs = demo.list_buckets()["Owner"]["ID"]
    s3.put_bucket_acl(Bucket=bucket, GrantWrite=f'id="{theirs}"', GrantRead=f'id="{theirs}"')
    demo.put_object(Bucket=bucket, Key="theirs", Body=b"1")
    assert [o["Key"] for o in demo.list_objects_v2(Bucket=bucket)["Contents"]] == ["k", "theirs"]
    assert refused("AccessDenied", demo.delete_bucket, Bucket=bucket) == 403
    assert refused("AccessDenied", demo.get_bucket_acl, Bucket=bucket) == 403
    said = s3.get_bucket_acl(Bucket=bucket)
    again = {"Owner": said["Owner"], "Grants": said["Grants"]}
    s3.put_bucket_acl(Bucket=bucket, AccessControlPolicy=again)
    assert s3.get_bucket_acl(Bucket=bucket)["Grants"] == said["Grants"]


def test_cors(s3: Any, bucket: str) -> None:
    assert refused("NoSuchCORSConfiguration", s3.get_bucket_cors, Bucket=bucket) == 404
    rule = {
        "AllowedOrigins": ["https://*.example"],
        "AllowedMethods": ["GET"],
        "AllowedHeaders": ["x-amz-*"],
        "MaxAgeSeconds": 60,
    }
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == [rule]
    url = s3.meta.endpoint_url + f"/{bucket}/k"
    asked = {
        "Origin": "https://a.example",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "x-amz-date",
    }
    answer = httpx.options(url, headers=asked)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "https://a.example")
    assert httpx.options(url, headers=asked | {"Origin": "https://b.other"}).status_code == 403
    assert (
        httpx.get(url, headers={"Origin": "https://a.example"}).headers["access-control-allow-origin"]
        == "https://a.example"
    )
    assert "access-control-allow-origin" not in httpx.get(url, headers={"Origin": "https://b.other"}).headers


def test_versions(s3: Any, bucket: str) -> None:
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"null")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    one, two = (s3.put_object(Bucket=bucket, Key="k", Body=body)["VersionId"] for body in (b"1", b"2"))
    for version, body in ((one, b"1"), (two, b"2"), ("null", b"null")):
        got = s3.get_object(Bucket=bucket, Key="k", VersionId=version)
        assert (got["Body"].read(), got["VersionId"]) == (body, version)
    gone = s3.delete_object(Bucket=bucket, Key="k")
    assert gone["DeleteMarker"]
    assert refused("NoSuchKey", s3.get_object, Bucket=bucket, Key="k") == 404
    assert refused("MethodNotAllowed", s3.get_object, Bucket=bucket, Key="k", VersionId=gone["VersionId"]) == 405
    s3.delete_object(Bucket=bucket, Key="k", VersionId=gone["VersionId"])
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"2"
    s3.delete_object(Bucket=bucket, Key="k", VersionId=two)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"1"


def test_locks(s3: Any, bucket: str) -> None:
    name = bucket + "-lock"
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}
    s3.put_object_lock_configuration(
        Bucket=name, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
    )
    assert s3.get_object_lock_configuration(Bucket=name)["ObjectLockConfiguration"]["Rule"] == rule
    where = {"Bucket": name, "Key": "k"}
    version = s3.put_object(**where, Body=b"kept")["VersionId"]
    assert s3.get_object_retention(**where)["Retention"]["Mode"] == "GOVERNANCE"
    assert s3.delete_object(**where)["DeleteMarker"]
    assert refused("AccessDenied", s3.delete_object, **where, VersionId=version) == 403
    s3.put_object_legal_hold(**where, VersionId=version, LegalHold={"Status": "ON"})
    assert refused("AccessDenied", s3.delete_object, **where, VersionId=version, BypassGovernanceRetention=True) == 403
    s3.put_object_legal_hold(**where, VersionId=version, LegalHold={"Status": "OFF"})
    s3.delete_object(**where, VersionId=version, BypassGovernanceRetention=True)
    suspended = {"Status": "Suspended"}
    assert (
        refused("InvalidBucketState", s3.put_bucket_versioning, Bucket=name, VersioningConfiguration=suspended) == 409
    )


def test_what_is_not_built_says_so(s3: Any, bucket: str) -> None:
    requester = {"Payer": "Requester"}
    assert (
        refused("NotImplemented", s3.put_bucket_request_payment, Bucket=bucket, RequestPaymentConfiguration=requester)
        == 501
    )
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"
    assert (
        refused("NotImplemented", s3.put_object, Bucket=bucket, Key="k", Body=b"", ServerSideEncryption="AES256") == 501
    )
    assert refused("404", s3.head_object, Bucket=bucket, Key="k") == 404


def test_lists_of_versions(s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for n in range(3):
        for key in ("a/1", "a/2", "b"):
            s3.put_object(Bucket=bucket, Key=key, Body=str(n).encode())
    s3.delete_object(Bucket=bucket, Key="b")
    for size in (1, 2, 1000):
        pages = list(
            s3.get_paginator("list_object_versions").paginate(Bucket=bucket, PaginationConfig={"PageSize": size})
        )
        found = [(v["Key"], v["IsLatest"]) for page in pages for v in page.get("Versions", [])]
        assert found == [
            ("a/1", True),
            ("a/1", False),
            ("a/1", False),
            ("a/2", True),
            ("a/2", False),
            ("a/2", False),
        ] + 3 * [("b", False)]
        assert [(m["Key"], m["IsLatest"]) for page in pages for m in page.get("DeleteMarkers", [])] == [("b", True)]
    cut = s3.list_object_versions(Bucket=bucket, Delimiter="/")
    assert [p["Prefix"] for p in cut["CommonPrefixes"]] == ["a/"]


def test_lifecycle_rules(s3: Any, bucket: str) -> None:
    assert refused("NoSuchLifecycleConfiguration", s3.get_bucket_lifecycle_configuration, Bucket=bucket) == 404
    rules = [
        {"ID": "1", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 3}},
        {
            "ID": "2",
            "Status": "Disabled",
            "Filter": {"And": {"Prefix": "a", "Tags": [{"Key": "k", "Value": "v"}]}},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 2},
        },
        {
            "ID": "3",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
        },
    ]
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == rules
    moved = [
        {
            "ID": "4",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "Transitions": [{"Days": 1, "StorageClass": "GLACIER"}],
        }
    ]
    put = s3.put_bucket_lifecycle_configuration
    assert refused("NotImplemented", put, Bucket=bucket, LifecycleConfiguration={"Rules": moved}) == 501
    s3.delete_bucket_lifecycle(Bucket=bucket)
    assert refused("NoSuchLifecycleConfiguration", s3.get_bucket_lifecycle_configuration, Bucket=bucket) == 404


def test_forms(client: Callable[..., Any], s3: Any, bucket: str) -> None:
    conditions = [["content-length-range", 2, 10], {"acl": "public-read"}, {"success_action_status": "201"}]
    fields = {"acl": "public-read", "success_action_status": "201"}
    form = s3.generate_presigned_post(bucket, "up/${filename}", Fields=fields, Conditions=conditions)
    answer = httpx.post(form["url"], data=form["fields"], files={"file": ("ä.txt", b"content", "text/x-form")})
    assert (answer.status_code, "<Key>up/ä.txt</Key>" in answer.text) == (201, True)
    got = s3.get_object(Bucket=bucket, Key="up/ä.txt")
    assert (got["Body"].read(), got["ContentType"]) == (b"content", "text/x-form")
    assert httpx.get(f"{s3.meta.endpoint_url}/{bucket}/up/%C3%A4.txt").content == b"content"
    for body, code in ((b"x", "EntityTooSmall"), (b"x" * 11, "EntityTooLarge")):
        assert code in httpx.post(form["url"], data=form["fields"], files={"file": ("b", body)}).text
    more = {**form["fields"], "x-amz-meta-more": "1"}
    assert "Extra input fields" in httpx.post(form["url"], data=more, files={"file": ("b", b"1234")}).text
    bare = httpx.post(form["url"], data={"key": "k"}, files={"file": ("b", b"1234")})
    assert (bare.status_code, "AccessDenied" in bare.text) == (403, True)
    cut = httpx.post(form["url"], headers={"content-type": "multipart/form-data; boundary=b"}, content=b"--b\r\nx")
    assert "MalformedPOSTRequest" in cut.text
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["up/ä.txt"]


def test_parts_and_attributes_are_told(s3: Any, bucket: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="big", ChecksumAlgorithm="CRC32")["UploadId"]
    where = {"Bucket": bucket, "Key": "big", "UploadId": upload}
    parts = []
    for number, body in ((1, b"1" * PART), (2, b"22")):
        made = s3.upload_part(**where, PartNumber=number, Body=body, ChecksumAlgorithm="CRC32")
        parts.append({"PartNumber": number, "ETag": made["ETag"], "ChecksumCRC32": made["ChecksumCRC32"]})
    done = s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
    assert done["ChecksumCRC32"].endswith("-2")
    got = s3.get_object(Bucket=bucket, Key="big", PartNumber=2)
    assert (got["Body"].read(), got["PartsCount"], got["ContentRange"]) == (
        b"22",
        2,
        f"bytes {PART}-{PART + 1}/{PART + 2}",
    )
    assert s3.head_object(Bucket=bucket, Key="big", PartNumber=1)["ContentLength"] == PART
    assert refused("InvalidPartNumber", s3.get_object, Bucket=bucket, Key="big", PartNumber=3) == 416
    names = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]
    said = s3.get_object_attributes(Bucket=bucket, Key="big", ObjectAttributes=names)
    assert (said["ETag"], said["ObjectSize"]) == (done["ETag"].strip('"'), PART + 2)
    assert (said["ObjectParts"]["TotalPartsCount"], said["Checksum"]["ChecksumCRC32"]) == (2, done["ChecksumCRC32"])


def test_what_swift_made_is_read(live: LiveCloud, s3: Any, bucket: str) -> None:
    with live.client("admin") as http:
        token = http.headers["X-Auth-Token"]
        project = http.get("/identity/v3/auth/tokens", headers={"X-Subject-Token": token}).json()["token"]["project"][
            "id"
        ]
        base, head = f"http://127.0.0.1:{8080 + live.shift}/v1/AUTH_{project}/{bucket}", {"X-Auth-Token": token}
        for n in range(3):
            assert httpx.put(f"{base}/seg/{n}", headers=head, content=str(n) * 5).status_code == 201
        segments = [{"path": f"/{bucket}/seg/{n}"} for n in range(3)]
        assert httpx.put(f"{base}/slo?multipart-manifest=put", headers=head, json=segments).status_code == 201
        assert httpx.put(f"{base}/dlo", headers=head | {"X-Object-Manifest": f"{bucket}/seg/"}).status_code == 201
        assert httpx.put(f"{base}/link", headers=head | {"X-Symlink-Target": f"{bucket}/seg/1"}).status_code == 201
    for key in ("slo", "dlo"):
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"000001111122222"
        assert s3.get_object(Bucket=bucket, Key=key, Range="bytes=4-10")["Body"].read() == b"0111112"
    assert s3.get_object(Bucket=bucket, Key="link")["Body"].read() == b"11111"
    s3.put_object(Bucket=bucket, Key="by-s3", Body=b"both ways")
    assert httpx.get(f"{base}/by-s3", headers=head).content == b"both ways"
