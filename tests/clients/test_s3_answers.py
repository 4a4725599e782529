"""What S3's answers say beside the bytes: times, versions, rules that will end things, browsers, forms."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from clients.s3_users import Users, refused
from cloud import LiveCloud
from pileus.kernel.types import digest

DAY = datetime.timedelta(days=1)


@pytest.fixture(scope="module")
def users(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Users]:
    live = LiveCloud(tmp_path_factory.mktemp("s3-answers")).start()
    yield Users(live)
    live.stop()


@pytest.fixture(scope="module")
def s3(users: Users) -> Any:
    return users.of("owen", "shop")


@pytest.fixture
def bucket(s3: Any, request: pytest.FixtureRequest) -> str:
    name = "a-" + hashlib.md5(request.node.nodeid.encode(), usedforsecurity=False).hexdigest()[:12]
    s3.create_bucket(Bucket=name)
    return name


def test_one_time_everywhere(s3: Any, bucket: str) -> None:
    """A header has seconds; lists say the same, or clients copy what has not changed."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    at = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    assert s3.list_objects_v2(Bucket=bucket)["Contents"][0]["LastModified"] == at
    assert s3.list_object_versions(Bucket=bucket)["Versions"][0]["LastModified"] == at
    copied = s3.copy_object(Bucket=bucket, Key="c", CopySource=f"{bucket}/k")["CopyObjectResult"]["LastModified"]
    assert s3.head_object(Bucket=bucket, Key="c")["LastModified"] == copied


def test_encodings_stay_as_they_are(s3: Any, bucket: str) -> None:
    for said, kept in (
        ("deflate, gzip", "deflate, gzip"), ("gzip, aws-chunked", "gzip"), ("aws-chunked,gzip", "gzip"), ("aws-chunked", None),
    ):  # fmt: skip
        s3.put_object(Bucket=bucket, Key="k", ContentEncoding=said)
        assert s3.head_object(Bucket=bucket, Key="k").get("ContentEncoding") == kept


def test_the_null_version_has_no_id_for_writers(s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    assert "VersionId" not in s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    assert s3.get_object(Bucket=bucket, Key="k")["VersionId"] == "null"
    assert s3.delete_object(Bucket=bucket, Key="k")["VersionId"] == "null"


def test_when_rules_will_end_it(s3: Any, bucket: str) -> None:
    def filtered(id: str, days: int, **marks: Any) -> dict[str, Any]:
        return {"ID": id, "Status": "Enabled", "Filter": marks, "Expiration": {"Days": days}}

    rules = [
        {"ID": "old form", "Status": "Enabled", "Prefix": "logs/", "Expiration": {"Days": 3}},
        filtered("tagged", 2, Tag={"Key": "kind", "Value": "scrap"}),
        filtered("all", 9, Prefix=""),
        {**filtered("off", 1, Prefix=""), "Status": "Disabled"},
        {"ID": "parts", "Status": "Enabled", "Prefix": "logs/", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 4}},
    ]  # fmt: skip
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == rules

    def midnight(made: datetime.datetime, days: int) -> str:
        """The one that follows, and so many days."""
        day = made.replace(hour=0, minute=0, second=0, microsecond=0)
        return (day + (days + 1) * DAY).strftime("%a, %d %b %Y %H:%M:%S GMT")

    def changed(key: str) -> datetime.datetime:
        return s3.head_object(Bucket=bucket, Key=key)["LastModified"]

    put = {"Bucket": bucket, "Body": b"1"}
    told = s3.put_object(**put, Key="logs/1")["Expiration"]
    assert told == f'expiry-date="{midnight(changed("logs/1"), 3)}", rule-id="old%20form"'
    told = s3.put_object(**put, Key="k")["Expiration"]
    assert told == f'expiry-date="{midnight(changed("k"), 9)}", rule-id="all"'
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": "kind", "Value": "scrap"}]})
    for read in (s3.head_object, s3.get_object):
        assert (
            read(Bucket=bucket, Key="k")["Expiration"] == f'expiry-date="{midnight(changed("k"), 2)}", rule-id="tagged"'
        )
    assert "Expiration" not in s3.head_object(Bucket=bucket, Key="k", VersionId="null")
    begun = s3.create_multipart_upload(Bucket=bucket, Key="logs/big")
    since = s3.list_multipart_uploads(Bucket=bucket)["Uploads"][0]["Initiated"]
    ends = begun["AbortDate"].strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert (begun["AbortRuleId"], ends) == ("parts", midnight(since, 4))
    assert s3.list_parts(Bucket=bucket, Key="logs/big", UploadId=begun["UploadId"])["AbortRuleId"] == "parts"
    long = {"Rules": [{**rules[0], "ID": "x" * 256}]}
    where = {"Bucket": bucket, "LifecycleConfiguration": long}
    assert refused("InvalidArgument", s3.put_bucket_lifecycle_configuration, **where) == 400


def test_locks_are_not_weakened(s3: Any) -> None:
    s3.create_bucket(Bucket="locks", ObjectLockEnabledForBucket=True)
    until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
    s3.put_object(Bucket="locks", Key="k", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=until)
    where = {"Bucket": "locks", "Key": "k"}

    def wanted(mode: str, more: int = 0) -> dict[str, Any]:
        return {"Mode": mode, "RetainUntilDate": until + datetime.timedelta(seconds=more)}

    for other in (wanted("COMPLIANCE"), wanted("GOVERNANCE", -1)):
        assert refused("AccessDenied", s3.put_object_retention, **where, Retention=other) == 403
    assert refused("MalformedXML", s3.put_object_retention, **where, Retention=wanted("governance")) == 400
    s3.put_object_retention(**where, Retention=wanted("GOVERNANCE", 5))
    s3.put_object_retention(**where, Retention=wanted("COMPLIANCE"), BypassGovernanceRetention=True)


def test_browsers_ask_of_presigned_urls_too(s3: Any, bucket: str) -> None:
    rule = {"AllowedMethods": ["PUT"], "AllowedOrigins": ["https://page.example"]}
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    url = s3.generate_presigned_url("put_object", {"Bucket": bucket, "Key": "k"})
    asked = {"Origin": "https://page.example", "Access-Control-Request-Method": "PUT"}
    assert httpx.options(url).status_code == 400
    assert httpx.options(url, headers=asked).headers["access-control-allow-origin"] == "https://page.example"
    assert httpx.options(url, headers={**asked, "Access-Control-Request-Method": "GET"}).status_code == 403
    put = httpx.put(url, content=b"1", headers={"Origin": "https://page.example"})
    assert (put.status_code, put.headers["access-control-allow-origin"]) == (200, "https://page.example")


def test_deletes_with_demands(s3: Any, bucket: str) -> None:
    where = {"Bucket": bucket, "Key": "k"}
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    etag = s3.put_object(**where, Body=b"123")["ETag"]
    at = s3.head_object(**where)["LastModified"]
    for wrong in ({"IfMatch": '"x"'}, {"IfMatchSize": 4}, {"IfMatchLastModifiedTime": past}):
        assert refused("PreconditionFailed", s3.delete_object, **where, **wrong) == 412
    for demand in ({"ETag": "x"}, {"Size": 4}, {"LastModifiedTime": past}):
        said = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k", **demand}]})
        assert said["Errors"][0]["Code"] == "PreconditionFailed"
    s3.delete_object(**where, IfMatch=etag, IfMatchSize=3, IfMatchLastModifiedTime=at)
    s3.delete_object(**where, IfMatchSize=3)
    s3.put_object(**where, Body=b"123")
    right = {"Key": "k", "Size": 3, "LastModifiedTime": s3.head_object(**where)["LastModified"]}
    assert "Errors" not in s3.delete_objects(Bucket=bucket, Delete={"Objects": [right]})


def form(
    s3: Any, bucket: str, file: tuple[str, bytes], fields: dict[str, str], conditions: list[Any]
) -> httpx.Response:
    made = s3.generate_presigned_post(bucket, fields.pop("key"), Fields=fields, Conditions=[*conditions])
    return httpx.post(made["url"], data=made["fields"], files={"file": file})


def test_forms_say_what_was_made(s3: Any, bucket: str) -> None:
    named = form(s3, bucket, ("a.txt", b"1"), {"key": "up/${filename}", "success_action_status": "201"},
                 [{"success_action_status": "201"}])  # fmt: skip
    assert (named.status_code, "<PostResponse><Location>" in named.text, "<Key>up/a.txt</Key>" in named.text) == (
        201,
        True,
        True,
    )
    # what the file's name makes of the key is what the policy is about
    policy = {
        "expiration": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 600)),
        "conditions": [{"bucket": bucket}, ["starts-with", "$key", "mine/"]],
    }
    for file, status in (("mine/x", 204), ("theirs/x", 403)):
        assert posted(s3, bucket, policy, {"key": "${filename}"}, file).status_code == status
    policy["expiration"] = "2126-01-01 00:00:00+00:00"
    assert "InvalidPolicyDocument" in posted(s3, bucket, policy, {"key": "mine/y"}, "y").text


def posted(s3: Any, bucket: str, policy: dict[str, Any], fields: dict[str, str], file: str) -> httpx.Response:
    """A form signed by hand, with version 2."""
    import hmac

    keys = s3._request_signer._credentials
    text = base64.b64encode(json.dumps(policy).encode())
    sign = base64.b64encode(hmac.new(keys.secret_key.encode(), text, hashlib.sha1).digest()).decode()
    signed = {**fields, "AWSAccessKeyId": keys.access_key, "policy": text.decode(), "signature": sign}
    return httpx.post(f"{s3.meta.endpoint_url}/{bucket}", data=signed, files={"file": (file, b"1")})


def test_checksums_of_forms(s3: Any, bucket: str) -> None:
    running = digest("sha256")
    running.update(b"1")
    right = base64.b64encode(bytes.fromhex(running.hexdigest())).decode()
    for value, status in ((right, 204), (right[:8] + right[:36], 400)):
        fields = {"key": "k", "x-amz-checksum-sha256": value}
        assert form(s3, bucket, ("f", b"1"), fields, [{"x-amz-checksum-sha256": value}]).status_code == status
    assert s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")["ChecksumSHA256"] == right


def test_renames(s3: Any, users: Users, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="ü old", Body=b"123", Metadata={"a": "b"}, Tagging="k=v")["ETag"]
    new = {"Bucket": bucket, "Key": "new"}
    assert refused("InvalidRequest", s3.rename_object, **new, RenameSource="new") == 400
    assert refused("NoSuchKey", s3.rename_object, **new, RenameSource="none") == 404
    assert (
        refused("PreconditionFailed", s3.rename_object, **new, RenameSource="%C3%BC%20old", SourceIfMatch='"x"') == 412
    )
    assert refused("NoSuchKey", s3.rename_object, **new, RenameSource="%C3%BC%20old", DestinationIfMatch=etag) == 404
    stranger = users.of("eve", "elsewhere")
    assert refused("AccessDenied", stranger.rename_object, **new, RenameSource="%C3%BC%20old") == 403
    for _ in range(2):  # the second finds it done: the token is the same
        s3.rename_object(**new, RenameSource="%C3%BC%20old", ClientToken="once")
    got = s3.get_object(**new)
    assert (got["Body"].read(), got["Metadata"], got["ETag"]) == (b"123", {"a": "b"}, etag)
    assert s3.get_object_tagging(**new)["TagSet"] == [{"Key": "k", "Value": "v"}]
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["new"]
    s3.put_object(Bucket=bucket, Key="other", Body=b"4")
    assert (
        refused("PreconditionFailed", s3.rename_object, **new, RenameSource="other", DestinationIfNoneMatch="*") == 412
    )
    s3.rename_object(**new, RenameSource="other")
    assert s3.get_object(**new)["Body"].read() == b"4"
    unsaid = httpx.put(f"{users.url}/{bucket}/new", headers={"x-amz-rename-source": "other"})
    assert (unsaid.status_code, "<Code>InvalidRequest</Code>" in unsaid.text) == (400, True)


def test_buckets_are_made_with_tags(s3: Any) -> None:
    marked = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}]
    s3.create_bucket(Bucket="marked", CreateBucketConfiguration={"Tags": marked})
    assert s3.get_bucket_tagging(Bucket="marked")["TagSet"] == marked


def test_grants_are_for_projects_that_are_there(s3: Any, users: Users, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    own, other = (one.list_buckets()["Owner"]["ID"] for one in (s3, users.of("eve", "elsewhere")))

    def to(who: str) -> dict[str, Any]:
        return {"Bucket": bucket, "GrantRead": f"id={who}"}

    for unknown in ("nobody", own[:-1] + "x", "AUTH_"):
        assert refused("InvalidArgument", s3.put_bucket_acl, **to(unknown)) == 400
        assert refused("InvalidArgument", s3.put_object_acl, **to(unknown), Key="k") == 400
        assert refused("InvalidArgument", s3.put_object, **to(unknown), Key="k2") == 400
    s3.put_bucket_acl(**to(other))
    assert users.of("eve", "elsewhere").list_objects_v2(Bucket=bucket)["KeyCount"] == 1
