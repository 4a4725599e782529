"""What S3 says to the unusual: heads, conditions, parts, checksums, lists, and what it refuses."""

from __future__ import annotations

import base64
import hashlib
import http.client
import re
import zlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from botocore.auth import HmacV1Auth, S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError

from clients.s3_users import Users, refused
from cloud import LiveCloud

PART = 5 << 20


@pytest.fixture(scope="module")
def users(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Users]:
    settings = {"PILEUS_OBJECTSTORE_S3_DOMAINS": "objects.example"}
    live = LiveCloud(tmp_path_factory.mktemp("s3-wire"), settings=settings).start()
    yield Users(live)
    live.stop()


@pytest.fixture(scope="module")
def s3(users: Users) -> Any:
    return users.of("owen", "shop")


@pytest.fixture
def bucket(s3: Any, request: pytest.FixtureRequest) -> str:
    name = "w-" + hashlib.md5(request.node.nodeid.encode(), usedforsecurity=False).hexdigest()[:12]
    s3.create_bucket(Bucket=name)
    return name


def begun(s3: Any, bucket: str, bodies: list[bytes], **asked: Any) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """An upload with those parts; the parts are as `CompleteMultipartUpload` has them."""
    where = {"Bucket": bucket, "Key": "big"}
    where["UploadId"] = s3.create_multipart_upload(**where, **asked)["UploadId"]
    more = {"ChecksumAlgorithm": asked["ChecksumAlgorithm"]} if "ChecksumAlgorithm" in asked else {}
    parts = []
    for number, body in enumerate(bodies, 1):
        made = s3.upload_part(**where, PartNumber=number, Body=body, **more)
        sums = {name: value for name, value in made.items() if name.startswith("Checksum") and name != "ChecksumType"}
        parts.append({"PartNumber": number, "ETag": made["ETag"], **sums})
    return where, parts


def test_conditions(s3: Any, users: Users, bucket: str) -> None:
    made = s3.put_object(Bucket=bucket, Key="k", Body=b"1", CacheControl="max-age=9", ACL="public-read")
    url = f"{users.url}/{bucket}/k"
    same = httpx.get(url, headers={"If-None-Match": made["ETag"]})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", made["ETag"])
    assert {"last-modified", "cache-control", "x-amz-request-id", "date", "server"} <= set(same.headers)
    other = httpx.get(url, headers={"If-Match": '"x"'})
    assert (other.status_code, "<Condition>If-Match</Condition>" in other.text) == (412, True)
    assert httpx.head(url, headers={"If-Match": '"x"'}).status_code == 412
    lost = httpx.head(url + "none")
    assert (lost.status_code, lost.content) == (403, b"")
    put = {"Bucket": bucket, "Body": b"2"}
    assert refused("PreconditionFailed", s3.put_object, **put, Key="k", IfNoneMatch="*") == 412
    assert refused("PreconditionFailed", s3.put_object, **put, Key="k", IfMatch='"x"') == 412
    assert refused("NoSuchKey", s3.put_object, **put, Key="none", IfMatch='"x"') == 404
    assert refused("PreconditionFailed", s3.delete_object, Bucket=bucket, Key="k", IfMatch='"x"') == 412
    gone = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k", "VersionId": "null", "ETag": "x"}]})
    assert gone["Errors"][0]["Code"] == "PreconditionFailed"
    copy = {"Bucket": bucket, "Key": "k2", "CopySource": f"{bucket}/k"}
    assert refused("PreconditionFailed", s3.copy_object, **copy, CopySourceIfMatch="x") == 412
    assert refused("PreconditionFailed", s3.copy_object, **copy, CopySourceIfNoneMatch=made["ETag"]) == 412
    s3.put_object(**put, Key="k", IfMatch=made["ETag"])
    s3.delete_object(Bucket=bucket, Key="k", IfMatch="*")


def test_a_refused_body_is_not_asked_for(users: Users) -> None:
    port = int(users.url.rpartition(":")[2])
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    link.putrequest("PUT", "/nobodys-bucket/k")
    link.putheader("Content-Length", "1000000")
    link.putheader("Expect", "100-continue")
    link.endheaders()
    answer = link.getresponse()
    assert (answer.status, b"NoSuchBucket" in answer.read()) == (404, True)
    link.close()


def test_parts_of_what_has_none(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"12345")
    got = s3.get_object(Bucket=bucket, Key="k", PartNumber=1)
    assert (got["ContentRange"], got["Body"].read(), "PartsCount" in got) == ("bytes 0-4/5", b"12345", False)
    assert refused("InvalidPartNumber", s3.get_object, Bucket=bucket, Key="k", PartNumber=2) == 416


@pytest.mark.parametrize("algorithm", ["CRC32C", "SHA256"])
def test_checksums_of_uploads_are_judged(s3: Any, bucket: str, algorithm: str) -> None:
    name = f"Checksum{algorithm}"
    where, parts = begun(s3, bucket, [b"1" * PART, b"2"], ChecksumAlgorithm=algorithm)
    complete = s3.complete_multipart_upload
    wrong = [parts[0], {**parts[1], name: parts[0][name]}]
    assert refused("InvalidPart", complete, **where, MultipartUpload={"Parts": wrong}) == 400
    bare = [{"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for part in parts]
    assert refused("InvalidRequest", complete, **where, MultipartUpload={"Parts": bare}) == 400
    good = {"MultipartUpload": {"Parts": parts}}
    assert refused("InvalidRequest", complete, **where, **good, MpuObjectSize=5) == 400
    assert refused("BadDigest", complete, **where, **good, **{name: parts[0][name]}) == 400
    other = "SHA1" if algorithm != "SHA1" else "CRC32"
    assert refused("InvalidRequest", s3.upload_part, **where, PartNumber=3, Body=b"3", ChecksumAlgorithm=other) == 400
    done = complete(**where, **good, MpuObjectSize=PART + 1)
    assert done["ChecksumType"] == "COMPOSITE"
    assert done[name].endswith("-2")
    assert complete(**where, **good)["ETag"] == done["ETag"]
    copied = s3.copy_object(Bucket=bucket, Key="c", CopySource=f"{bucket}/big", ChecksumAlgorithm=algorithm)
    whole = s3.get_object(Bucket=bucket, Key="c", ChecksumMode="ENABLED")
    assert (copied["CopyObjectResult"][name], whole["ChecksumType"]) == (whole[name], "FULL_OBJECT")
    if algorithm == "SHA256":
        assert base64.b64decode(whole[name]) == hashlib.sha256(b"1" * PART + b"2").digest()


def test_a_full_checksum_of_an_upload(s3: Any, bucket: str) -> None:
    asked = {"ChecksumAlgorithm": "CRC32", "ChecksumType": "FULL_OBJECT"}
    s3.put_object(Bucket=bucket, Key="whole", Body=b"1" * PART + b"2", ChecksumAlgorithm="CRC32")
    said = s3.head_object(Bucket=bucket, Key="whole", ChecksumMode="ENABLED")["ChecksumCRC32"]
    where, parts = begun(s3, bucket, [b"1" * PART, b"2"], **asked)
    call = {**where, "MultipartUpload": {"Parts": parts}}
    assert refused("BadDigest", s3.complete_multipart_upload, **call, ChecksumCRC32="AAAAAA==") == 400
    done = s3.complete_multipart_upload(**call, ChecksumCRC32=said, ChecksumType="FULL_OBJECT")
    assert (done["ChecksumCRC32"], done["ChecksumType"]) == (said, "FULL_OBJECT")


def test_copied_parts(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="ä+ %2F?k", Body=b"0123456789")
    source = {"CopySource": {"Bucket": bucket, "Key": "ä+ %2F?k"}}
    where, _ = begun(s3, bucket, [], ChecksumAlgorithm="CRC32")
    copy = {**where, **source, "PartNumber": 1}
    for span in ("bytes=5-20", "bytes=-5", "bytes=5-", "bytes=7-5", "5-7", "bytes=0-1,3-4"):
        assert refused("InvalidArgument", s3.upload_part_copy, **copy, CopySourceRange=span) == 400
    assert refused("NoSuchKey", s3.upload_part_copy, **{**copy, "CopySource": f"{bucket}/none"}) == 404
    assert refused("PreconditionFailed", s3.upload_part_copy, **copy, CopySourceIfMatch="x") == 412
    made = s3.upload_part_copy(**copy, CopySourceRange="bytes=2-4")["CopyPartResult"]
    again = s3.upload_part_copy(**copy, CopySourceRange="bytes=5-9")["CopyPartResult"]
    stale = {"Parts": [{"PartNumber": 1, "ETag": made["ETag"], "ChecksumCRC32": made["ChecksumCRC32"]}]}
    assert refused("InvalidPart", s3.complete_multipart_upload, **where, MultipartUpload=stale) == 400
    listed = s3.list_parts(**where)
    assert (listed["ChecksumAlgorithm"], len(listed["Parts"])) == ("CRC32", 1)
    parts = {"Parts": [{"PartNumber": 1, "ETag": again["ETag"], "ChecksumCRC32": again["ChecksumCRC32"]}]}
    s3.complete_multipart_upload(**where, MultipartUpload=parts)
    assert s3.get_object(Bucket=bucket, Key="big")["Body"].read() == b"56789"
    assert refused("NoSuchUpload", s3.upload_part, **where, PartNumber=2, Body=b"late") == 404


def test_copies_of_what_swift_made(s3: Any, users: Users, bucket: str) -> None:
    """Manifests and links are made of names in their account: a copy has bytes of its own."""
    account = s3.list_buckets()["Owner"]["ID"]
    with users.live.client("owen", project="shop") as http_client:
        head = {"X-Auth-Token": http_client.headers["X-Auth-Token"]}
    base = f"{users.url}/v1/{account}/{bucket}"
    for n in range(3):
        assert httpx.put(f"{base}/seg/{n}", headers=head, content=str(n) * 5).status_code == 201
    segments = [{"path": f"/{bucket}/seg/{n}"} for n in range(3)]
    assert httpx.put(f"{base}/slo?multipart-manifest=put", headers=head, json=segments).status_code == 201
    assert httpx.put(f"{base}/dlo", headers=head | {"X-Object-Manifest": f"{bucket}/seg/"}).status_code == 201
    assert httpx.put(f"{base}/link", headers=head | {"X-Symlink-Target": f"{bucket}/seg/1"}).status_code == 201
    whole = {"slo": b"000001111122222", "dlo": b"000001111122222", "link": b"11111"}
    where, _ = begun(s3, bucket, [])
    for number, (key, body) in enumerate(whole.items(), 1):
        s3.copy_object(Bucket=bucket, Key="copy-" + key, CopySource=f"{bucket}/{key}")
        made = s3.upload_part_copy(**where, PartNumber=number, CopySource=f"{bucket}/{key}")["CopyPartResult"]
        assert made["ETag"].strip('"') == hashlib.md5(body, usedforsecurity=False).hexdigest()
    for n in range(3):
        s3.delete_object(Bucket=bucket, Key=f"seg/{n}")
    for key, body in whole.items():
        assert s3.get_object(Bucket=bucket, Key="copy-" + key)["Body"].read() == body


def test_uploads_under_a_delimiter(s3: Any, bucket: str) -> None:
    for key in ("a/1", "a/2", "b", "b", "c--x", "c/x", "d/1/2"):
        s3.create_multipart_upload(Bucket=bucket, Key=key)
    listed = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    assert [one["Key"] for one in listed["Uploads"]] == ["b", "b", "c--x"]
    assert [one["Prefix"] for one in listed["CommonPrefixes"]] == ["a/", "c/", "d/"]
    below = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/", Prefix="d/")
    assert [one["Prefix"] for one in below["CommonPrefixes"]] == ["d/1/"]
    double = s3.list_multipart_uploads(Bucket=bucket, Delimiter="--")
    assert [one["Prefix"] for one in double["CommonPrefixes"]] == ["c--"]
    seen, marker = [], {}
    for _ in range(10):
        page = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/", MaxUploads=1, **marker)
        seen += [one["Key"] for one in page.get("Uploads", [])]
        seen += [one["Prefix"] for one in page.get("CommonPrefixes", [])]
        if not page["IsTruncated"]:
            break
        marker = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page.get("NextUploadIdMarker", "")}
    assert seen == ["a/", "b", "b", "c--x", "c/", "d/"]


def test_lists(s3: Any, bucket: str) -> None:
    for key in ("a", "a//b", "a/b", "a/c", "b--c--d", "b--e", "c d+é"):
        s3.put_object(Bucket=bucket, Key=key)

    def found(**asked: Any) -> tuple[list[str], list[str]]:
        page = s3.list_objects_v2(Bucket=bucket, **asked)
        return [o["Key"] for o in page.get("Contents", [])], [p["Prefix"] for p in page.get("CommonPrefixes", [])]

    assert found(Delimiter="--") == (["a", "a//b", "a/b", "a/c", "c d+é"], ["b--"])
    assert found(Delimiter="--", Prefix="b--") == (["b--e"], ["b--c--"])
    assert found(Delimiter="/", Prefix="a/") == (["a/b", "a/c"], ["a//"])
    assert found(Delimiter="/", Prefix="/") == ([], [])
    assert found(MaxKeys=0) == ([], [])
    assert found(StartAfter="b") == (["b--c--d", "b--e", "c d+é"], [])
    assert found(StartAfter="zzz") == ([], [])
    assert found(Delimiter=" ", Prefix="c") == ([], ["c "])
    raw = s3.list_objects(Bucket=bucket, EncodingType="url", Prefix="c d+", Delimiter="é", Marker="c d")
    assert (raw["Prefix"], raw["Delimiter"], raw["Marker"]) == ("c%20d%2B", "%C3%A9", "c%20d")
    assert raw["CommonPrefixes"] == [{"Prefix": "c%20d%2B%C3%A9"}]
    page = s3.list_objects_v2(Bucket=bucket, Delimiter="/", MaxKeys=1)
    both = s3.list_objects_v2(
        Bucket=bucket, Delimiter="/", MaxKeys=1, ContinuationToken=page["NextContinuationToken"], StartAfter="c"
    )
    assert both["CommonPrefixes"] == [{"Prefix": "a/"}]


@pytest.mark.parametrize(
    ("method", "path", "headers", "code", "status"),
    [
        ("PUT", "k?renameObject", {}, "InvalidArgument", 400),
        ("PUT", "k?whatever", {}, "NotImplemented", 501),
        ("PUT", "k?versionId=null", {}, "InvalidArgument", 400),
        ("PUT", "k?partNumber=1", {}, "InvalidArgument", 400),
        ("PUT", "k?uploadId=x", {}, "InvalidArgument", 400),
        ("PUT", "k?acl&tagging", {}, "InvalidArgument", 400),
        ("DELETE", "?metadataTable", {}, "NotImplemented", 501),
        ("DELETE", "?whatever", {}, "NotImplemented", 501),
        ("GET", "?session", {}, "NotImplemented", 501),
        ("GET", "k?versionId=", {}, "InvalidArgument", 400),
        ("POST", "k", {}, "MethodNotAllowed", 405),
        ("PATCH", "k", {}, "MethodNotAllowed", 405),
        ("POST", "k?select&select-type=2", {}, "NotImplemented", 501),
        ("PUT", "k", {"x-amz-server-side-encryption-customer-key": "x"}, "NotImplemented", 501),
        ("PUT", "k", {"x-amz-storage-class": "GLACIER"}, "InvalidStorageClass", 400),
        ("PUT", "k", {"x-amz-copy-source": "b/k", "x-amz-storage-class": "GLACIER"}, "InvalidStorageClass", 400),
        ("PUT", "k", {"x-amz-copy-source": "b/k", "x-amz-server-side-encryption": "aws:kms"}, "NotImplemented", 501),
        ("PUT", "k", {"x-amz-trailer": "x-amz-checksum-md4"}, "InvalidRequest", 400),
        ("PUT", "k", {"x-amz-trailer": "x-amz-checksum-crc32"}, "MalformedTrailerError", 400),
        ("PUT", "-new", {"x-amz-object-ownership": "Whoever"}, "InvalidArgument", 400),
    ],
)
def test_what_would_not_be_obeyed(
    s3: Any, users: Users, bucket: str, method: str, path: str, headers: dict[str, str], code: str, status: int
) -> None:
    place = f"/{bucket}{path}" if path[0] in "?-" else f"/{bucket}/{path}"
    made = AWSRequest(method, users.url + place, headers=headers, data=b"")
    S3SigV4Auth(s3._request_signer._credentials, "s3", "us-east-1").add_auth(made)
    answer = httpx.request(method, users.url + place, headers=dict(made.headers))
    assert (answer.text.partition("<Code>")[2].partition("<")[0], answer.status_code) == (code, status)
    s3.head_bucket(Bucket=bucket)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_rules_half_understood_are_refused(s3: Any, users: Users, bucket: str) -> None:
    ends = "<Expiration><Days>1</Days></Expiration>"
    for inner in (
        f"<Filter><Suffix>x</Suffix></Filter>{ends}",
        f"<Filter><Prefix>a</Prefix></Filter><Prefix>b</Prefix>{ends}",
        f"<Filter><And><Prefix>a</Prefix><Prefix>b</Prefix></And></Filter>{ends}",
        f"<Filter><Prefix>a</Prefix><Tag><Key>a</Key><Value>b</Value></Tag></Filter>{ends}",
        f"<Filter/>{ends}<Archive/>",
    ):
        body = f"<LifecycleConfiguration><Rule><Status>Enabled</Status>{inner}</Rule></LifecycleConfiguration>".encode()
        head = {"Content-MD5": base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()}
        made = AWSRequest("PUT", f"{users.url}/{bucket}?lifecycle", headers=head, data=body)
        S3SigV4Auth(s3._request_signer._credentials, "s3", "us-east-1").add_auth(made)
        answer = httpx.put(f"{users.url}/{bucket}?lifecycle", headers=dict(made.headers), content=body)
        assert (answer.status_code, "MalformedXML" in answer.text) == (400, True)
    assert refused("NoSuchLifecycleConfiguration", s3.get_bucket_lifecycle_configuration, Bucket=bucket) == 404


def test_names_and_fields_of_copies_and_forms(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    assert refused("KeyTooLongError", s3.copy_object, Bucket=bucket, Key="a" * 1025, CopySource=f"{bucket}/k") == 400
    form = s3.generate_presigned_post(bucket, "${filename}", Conditions=[["starts-with", "$key", ""]])
    answer = httpx.post(form["url"], data=form["fields"], files={"file": ("a" * 1025, b"1234")})
    assert (answer.status_code, "KeyTooLongError" in answer.text) == (400, True)
    tagging = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
    for said, status in ((tagging, 204), ("<Tagging/>", 400)):
        tagged = s3.generate_presigned_post(bucket, "k", Fields={"tagging": said}, Conditions=[{"tagging": said}])
        answer = httpx.post(tagged["url"], data=tagged["fields"], files={"file": ("b", b"1")})
        assert answer.status_code == status
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "a", "Value": "b"}]
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["k"]


def test_chunks_that_nobody_signed(s3: Any, users: Users, bucket: str) -> None:
    """SDKs without keys send `aws-chunked` with a trailer: the frame is not the content."""
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read-write")
    body = b"7\r\ncontent\r\n0\r\nx-amz-checksum-crc32:rrmsRQ==\r\n\r\n"
    head = {
        "Content-Encoding": "aws-chunked", "x-amz-decoded-content-length": "7", "x-amz-trailer": "x-amz-checksum-crc32",
    }  # fmt: skip
    url = f"{users.url}/{bucket}/k"
    wrong = httpx.put(url, headers=head, content=body)
    assert (wrong.status_code, "BadDigest" in wrong.text) == (400, True)
    right = base64.b64encode(zlib.crc32(b"content").to_bytes(4, "big"))
    good = body.replace(b"rrmsRQ==", right)
    for cut in range(len(good)):
        answer = httpx.put(url, headers=head, content=good[:cut])
        assert answer.status_code == 400 or cut >= len(good) - 2, (cut, answer.text)
        if answer.status_code == 200:
            assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"content"
    assert httpx.put(url, headers=head | {"x-amz-decoded-content-length": "6"}, content=good).status_code == 400
    assert httpx.put(url, headers=head | {"x-amz-decoded-content-length": "8"}, content=good).status_code == 400
    assert httpx.put(url, headers=head, content=good).status_code == 200
    assert "ContentEncoding" not in s3.head_object(Bucket=bucket, Key="k")


@pytest.mark.parametrize("signature", ["s3v4", "s3"])
def test_presigned_urls_are_for_one_method(users: Users, s3: Any, bucket: str, signature: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    signer = users.of("owen", "shop", signature_version=signature)
    url = signer.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k"})
    assert httpx.get(url).content == b"1"
    for method in ("PUT", "DELETE", "HEAD"):
        assert httpx.request(method, url).status_code == 403
    end = re.sub(r"Expires=\d+", "Expires=4000000000" if signature == "s3" else "Expires=9000", url)
    for change in (url + "&acl", url + "&versionId=null", url.replace("/k?", "/k2?"), end):
        assert httpx.get(change).status_code == 403
    assert httpx.get(url, headers={"x-amz-expected-bucket-owner": "x"}).status_code == 403
    split = signer.generate_presigned_url(
        "get_object", {"Bucket": bucket, "Key": "k", "ResponseContentType": "a\r\nSet-Cookie: b=c"}
    )
    assert "set-cookie" not in httpx.get(split).headers


def test_what_a_delete_marker_says(s3: Any, users: Users, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    marker = s3.delete_object(Bucket=bucket, Key="k")
    assert marker["DeleteMarker"]
    with pytest.raises(ClientError) as caught:
        s3.head_object(Bucket=bucket, Key="k")
    heads = caught.value.response["ResponseMetadata"]["HTTPHeaders"]
    assert (heads["x-amz-delete-marker"], heads["x-amz-version-id"]) == ("true", marker["VersionId"])
    with pytest.raises(ClientError) as caught:
        s3.get_object(Bucket=bucket, Key="never")
    assert "x-amz-delete-marker" not in caught.value.response["ResponseMetadata"]["HTTPHeaders"]
    assert refused("MethodNotAllowed", s3.get_object, Bucket=bucket, Key="k", VersionId=marker["VersionId"]) == 405
    copy = {"Bucket": bucket, "Key": "c", "CopySource": f"{bucket}/k?versionId={marker['VersionId']}"}
    assert refused("InvalidRequest", s3.copy_object, **copy) == 400


@pytest.mark.parametrize("host", ["objects.example", "Objects.Example:8080"])
@pytest.mark.parametrize("signature", [S3SigV4Auth, HmacV1Auth])
def test_buckets_named_by_hosts(s3: Any, users: Users, bucket: str, host: str, signature: Any) -> None:
    """Paths begin with the key; both signatures know of it."""
    port = int(users.url.rpartition(":")[2])

    def ask(method: str, path: str, place: str, body: bytes = b"") -> tuple[int, bytes]:
        made = AWSRequest(method, f"http://{host}{path}", headers={"Host": place}, data=body)
        made.auth_path = f"/{place.partition('.')[0]}{path}" if place != host else path
        region = ("s3", "us-east-1") if signature is S3SigV4Auth else ()
        signature(s3._request_signer._credentials, *region).add_auth(made)
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        link.request(method, path, body=body, headers=dict(made.headers))
        answer = link.getresponse()
        said = answer.status, answer.read()
        link.close()
        return said

    below = f"{bucket}.{host}"
    assert ask("PUT", "/v1/k%20k", below, b"1")[0] == 200
    assert ask("GET", "/v1/k%20k", below) == (200, b"1")
    assert b"<Key>v1/k k</Key>" in ask("GET", "/", below)[1]
    assert b"<Name>" + bucket.encode() in ask("GET", "/", host)[1]
    assert ask("DELETE", "/v1/k%20k", below)[0] == 204
    assert b"NoSuchBucket" in ask("GET", "/k", f"none-at-all.{host}")[1]


SHA, MD5 = hashlib.sha256(b"bytes").hexdigest(), base64.b64encode(hashlib.md5(b"bytes").digest()).decode()
WRONG_SHA, WRONG_MD5 = hashlib.sha256(b"").hexdigest(), base64.b64encode(hashlib.md5(b"").digest()).decode()
CRC = base64.b64encode(zlib.crc32(b"bytes").to_bytes(4)).decode()


@pytest.mark.parametrize(
    ("headers", "code", "said"),
    [
        (
            {"x-amz-content-sha256": WRONG_SHA, "content-md5": WRONG_MD5},
            "XAmzContentSHA256Mismatch",
            f"<ClientComputedContentSHA256>{WRONG_SHA}</ClientComputedContentSHA256>"
            f"<S3ComputedContentSHA256>{SHA}</S3ComputedContentSHA256>",
        ),
        ({"content-md5": WRONG_MD5}, "BadDigest", f"<CalculatedDigest>{MD5}</CalculatedDigest>"),
        ({"content-md5": "none"}, "InvalidDigest", "The Content-MD5 you specified was invalid."),
        (
            {"x-amz-checksum-crc32": CRC[:-3] + "x=="},
            "InvalidRequest",
            "Value for x-amz-checksum-crc32 header is invalid.",
        ),
        ({"x-amz-checksum-none": CRC}, "InvalidRequest", "The algorithm type you specified"),
        ({"x-amz-sdk-checksum-algorithm": "CRC32"}, "InvalidRequest", "no corresponding x-amz-checksum-*"),
        ({"x-amz-trailer": "x-amz-checksum-crc32"}, "MalformedTrailerError", "trailing data"),
        (
            {"x-amz-trailer": "x-amz-checksum-crc32,x-amz-checksum-sha1"},
            "InvalidRequest",
            "Multiple checksum Types are not allowed.",
        ),
        (
            {"x-amz-trailer": "x-amz-checksum-crc32", "x-amz-checksum-crc32": CRC},
            "InvalidRequest",
            "Expecting a single x-amz-checksum- header<",
        ),
        ({"x-amz-copy-source": "/b/k?nothing"}, "InvalidArgument", "<ArgumentName>x-amz-copy-source</ArgumentName>"),
    ],
)
@pytest.mark.parametrize("signature", [HmacV1Auth, S3SigV4Auth])
def test_promises_of_a_body(
    s3: Any, users: Users, bucket: str, headers: dict[str, str], code: str, said: str, signature: Any
) -> None:
    """Also those of which the older signature knows nothing."""
    answer = signed(s3, users, f"/{bucket}/k", headers, signature)
    assert (answer.status_code, f"<Code>{code}</Code>" in answer.text, said in answer.text) == (400, True, True), (
        answer.text
    )
    assert signed(s3, users, f"/{bucket}/k", {"x-amz-content-sha256": SHA.upper()}, signature).status_code == 200


def signed(
    s3: Any, users: Users, path: str, headers: dict[str, str], signature: Any, method: str = "PUT"
) -> httpx.Response:
    made = AWSRequest(method, users.url + path, data=b"bytes", headers=headers)
    key = s3._request_signer._credentials
    (signature(key, "s3", "us-east-1") if signature is S3SigV4Auth else signature(key)).add_auth(made)
    if "x-amz-content-sha256" in headers and signature is S3SigV4Auth:
        made = AWSRequest(method, users.url + path, data=b"bytes", headers=headers)
        signer = signature(key, "s3", "us-east-1")
        signer.payload = lambda request: headers["x-amz-content-sha256"]
        signer.add_auth(made)
    return httpx.request(method, users.url + path, headers=dict(made.headers.items()), content=b"bytes")


def test_nobody_asks_the_service_for_its_head(s3: Any, users: Users) -> None:
    assert signed(s3, users, "/", {}, HmacV1Auth, "HEAD").status_code == 405
