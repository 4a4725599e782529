"""Bucket policies, public access blocks and object ownership as boto3 meets them, on both databases.

Keys are `user.project.role` (tests/object_server.py). Owner: olga of the project shop. Eve belongs to rivals, mia is olga's colleague.
"""

from __future__ import annotations

import asyncio
import datetime
import functools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore import UNSIGNED
from botocore.client import Config

from clients.s3_users import refused
from object_server import running

BLOCK = {
    "BlockPublicAcls": False,
    "IgnorePublicAcls": False,
    "BlockPublicPolicy": False,
    "RestrictPublicBuckets": False,
}


class Shops:
    """Clients of one object store."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.olga = self.of("olga.shop")

    def of(self, who: str, role: str = "member", **config: Any) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=f"{who}.{role}",
            aws_secret_access_key="secret",
            config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}, **config),
        )

    @functools.cached_property
    def mia(self) -> Any:
        return self.of("mia.shop")

    @functools.cached_property
    def rita(self) -> Any:
        return self.of("rita.shop", "reader")

    @functools.cached_property
    def eve(self) -> Any:
        return self.of("eve.rivals")

    @functools.cached_property
    def nobody(self) -> Any:
        config = Config(signature_version=UNSIGNED, retries={"max_attempts": 1}, s3={"addressing_style": "path"})
        return boto3.client("s3", endpoint_url=self.url, region_name="us-east-1", config=config)

    def swift(self, method: str, path: str, who: str = "", account: str = "shop", **headers: str) -> httpx.Response:
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        content = b"x" if method == "PUT" and "X_Symlink_Target" not in headers else None
        if who:
            said["X-Auth-Token"] = who
        return httpx.request(method, f"{self.url}/v1/AUTH_{account}/{path}", headers=said, content=content)

    def put(self, bucket: str, *statements: dict[str, Any]) -> None:
        document = {"Version": "2012-10-17", "Statement": list(statements)}
        self.olga.put_bucket_policy(Bucket=bucket, Policy=json.dumps(document))


def allow(action: Any, *places: str, effect: str = "Allow", who: Any = "*", when: Any = None) -> dict[str, Any]:
    found: dict[str, Any] = {"Effect": effect, "Principal": who, "Action": action}
    found["Resource"] = [f"arn:aws:s3:::{place}" for place in places or ("box", "box/*")]
    return found | ({"Condition": when} if when else {})


def deny(action: Any, *places: str, who: Any = "*", when: Any = None) -> dict[str, Any]:
    return allow(action, *places, effect="Deny", who=who, when=when)


def denied(call: Callable[..., Any], **given: Any) -> None:
    assert refused("AccessDenied", call, **given) == 403


@pytest.fixture
async def shops(ready_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Shops]:
    section = {"s3_object_ownership": request.param} if hasattr(request, "param") else {}
    async with running(tmp_path, url=ready_url, part_least=0, **section) as it:
        made = Shops(it.url)
        await asyncio.to_thread(made.olga.create_bucket, Bucket="box")
        yield made


def story(play: Callable[[Shops], None]) -> Callable[[Shops], Awaitable[None]]:
    """boto3 waits: it does so in a thread, while the store answers in this one."""

    async def test(shops: Shops) -> None:
        await asyncio.to_thread(play, shops)

    test.__name__, test.__doc__ = play.__name__, play.__doc__
    return test


@story
def test_a_policy_is_kept_as_it_was_put(shops: Shops) -> None:
    olga = shops.olga
    assert refused("NoSuchBucketPolicy", olga.get_bucket_policy, Bucket="box") == 404
    assert refused("NoSuchBucketPolicy", olga.get_bucket_policy_status, Bucket="box") == 404
    text = json.dumps({"Version": "2012-10-17", "Statement": allow("s3:GetObject", "box/open/*")}, indent=3)
    olga.put_bucket_policy(Bucket="box", Policy=text)
    assert olga.get_bucket_policy(Bucket="box")["Policy"] == text
    assert olga.get_bucket_policy_status(Bucket="box")["PolicyStatus"]["IsPublic"] is True
    olga.put_bucket_tagging(Bucket="box", Tagging={"TagSet": [{"Key": "a", "Value": "box"}]})
    assert shops.swift("POST", "box", "olga:shop:member", X_Container_Meta_Colour="red").status_code == 204
    assert olga.get_bucket_policy(Bucket="box")["Policy"] == text
    wrong = {
        "not JSON": "MalformedPolicy",
        '{"Version": "2012-10-17", "Statement": {"Effect": "Deny"}}': "MalformedPolicy",
        json.dumps(
            {"Statement": allow("s3:GetObject", "box/*", when={"StringEquals": {"aws:SourceVpc": "x"}})}
        ): "MalformedPolicy",
    }
    for bad, code in wrong.items():
        assert refused(code, olga.put_bucket_policy, Bucket="box", Policy=bad) == 400
    assert refused("EntityTooLarge", olga.put_bucket_policy, Bucket="box", Policy=" " * 30_000) == 400
    assert olga.get_bucket_policy(Bucket="box")["Policy"] == text
    olga.delete_bucket_policy(Bucket="box")
    olga.delete_bucket_policy(Bucket="box")
    assert refused("NoSuchBucketPolicy", olga.get_bucket_policy, Bucket="box") == 404
    olga.put_bucket_policy(Bucket="box", Policy=text)
    olga.delete_bucket(Bucket="box")
    olga.create_bucket(Bucket="box")
    assert refused("NoSuchBucketPolicy", olga.get_bucket_policy, Bucket="box") == 404
    assert refused("AccessDenied", shops.eve.get_bucket_policy, Bucket="box") == 403
    assert refused("AccessDenied", shops.rita.put_bucket_policy, Bucket="box", Policy=text) == 403


@story
def test_it_lets_others_in(shops: Shops) -> None:
    olga, eve, nobody = shops.olga, shops.eve, shops.nobody
    for key in ("open/k", "shut/k"):
        olga.put_object(Bucket="box", Key=key, Body=key.encode())
    shops.put(
        "box",
        allow("s3:GetObject", "box/open/*"),
        allow(["s3:PutObject", "s3:DeleteObject"], "box/in/*", who={"AWS": "rivals"}),
        allow(
            "s3:ListBucket",
            "box",
            who={"AWS": "arn:aws:iam::rivals:user/eve"},
            when={"StringLike": {"s3:prefix": "open/*"}},
        ),
    )
    for one in (eve, nobody):
        assert one.get_object(Bucket="box", Key="open/k")["Body"].read() == b"open/k"
        denied(one.get_object, Bucket="box", Key="shut/k")
    assert refused("403", nobody.head_object, Bucket="box", Key="open/none") == 403
    assert refused("404", eve.head_object, Bucket="box", Key="open/none") == 404
    assert refused("403", eve.head_object, Bucket="box", Key="shut/none") == 403
    assert [o["Key"] for o in eve.list_objects_v2(Bucket="box", Prefix="open/")["Contents"]] == ["open/k"]
    denied(eve.list_objects_v2, Bucket="box")
    denied(eve.list_objects_v2, Bucket="box", Prefix="shut/")
    denied(nobody.list_objects_v2, Bucket="box", Prefix="open/")
    denied(shops.of("ida.rivals").list_objects_v2, Bucket="box", Prefix="open/")
    eve.put_object(Bucket="box", Key="in/k", Body=b"eve")
    denied(eve.get_object, Bucket="box", Key="in/k")
    denied(eve.put_object, Bucket="box", Key="k", Body=b"eve")
    denied(eve.put_object, Bucket="box", Key="in/k", Body=b"", ACL="public-read")
    denied(eve.put_object, Bucket="box", Key="in/k", Body=b"", Tagging="a=b")
    gone = eve.delete_objects(Bucket="box", Delete={"Objects": [{"Key": "in/k"}, {"Key": "open/k"}]})
    assert [one["Key"] for one in gone["Deleted"]] == ["in/k"]
    assert [(one["Key"], one["Code"]) for one in gone["Errors"]] == [("open/k", "AccessDenied")]
    for settings in (eve.get_bucket_versioning, eve.get_bucket_acl, eve.get_bucket_policy, eve.delete_bucket):
        denied(settings, Bucket="box")


@story
def test_a_denial_holds_for_the_owner_too_but_not_for_its_policy(shops: Shops) -> None:
    olga, mia = shops.olga, shops.mia
    olga.put_object(Bucket="box", Key="k", Body=b"1")
    olga.put_bucket_acl(Bucket="box", ACL="public-read")
    shops.put("box", deny("s3:*", who={"AWS": "arn:aws:iam::shop:user/mia"}))
    for call in (mia.list_objects_v2, mia.head_bucket, mia.get_bucket_acl, mia.get_bucket_tagging):
        assert refused("403" if call == mia.head_bucket else "AccessDenied", call, Bucket="box") == 403
    denied(mia.get_object, Bucket="box", Key="k")
    denied(mia.delete_object, Bucket="box", Key="k")
    assert olga.get_object(Bucket="box", Key="k")["Body"].read() == b"1"
    shops.put("box", deny("*"))
    denied(olga.get_object, Bucket="box", Key="k")
    denied(olga.put_bucket_acl, Bucket="box", ACL="private")
    denied(olga.delete_bucket, Bucket="box")
    denied(shops.rita.get_bucket_policy, Bucket="box")
    assert "Deny" in olga.get_bucket_policy(Bucket="box")["Policy"]
    shops.put("box", deny("*"), allow("*"))
    denied(shops.eve.get_bucket_policy, Bucket="box")
    olga.delete_bucket_policy(Bucket="box")
    assert olga.get_object(Bucket="box", Key="k")["Body"].read() == b"1"


@story
def test_what_it_opens_of_a_bucket_stays_the_owners_business(shops: Shops) -> None:
    eve = shops.eve
    shops.put("box", allow("*", who={"AWS": "rivals"}))
    text = json.dumps({"Statement": allow("*")})
    assert refused("MethodNotAllowed", eve.get_bucket_policy, Bucket="box") == 405
    assert refused("MethodNotAllowed", eve.put_bucket_policy, Bucket="box", Policy=text) == 405
    assert refused("MethodNotAllowed", eve.delete_bucket_policy, Bucket="box") == 405
    eve.put_bucket_tagging(Bucket="box", Tagging={"TagSet": [{"Key": "a", "Value": "box"}]})
    eve.put_bucket_versioning(Bucket="box", VersioningConfiguration={"Status": "Enabled"})
    made = eve.put_object(Bucket="box", Key="k", Body=b"1", Tagging="a=b", ACL="public-read")["VersionId"]
    assert shops.nobody.get_object(Bucket="box", Key="k")["Body"].read() == b"1"
    eve.delete_object(Bucket="box", Key="k", VersionId=made)
    assert "box" not in [one["Name"] for one in eve.list_buckets()["Buckets"]]
    eve.delete_bucket(Bucket="box")


@story
def test_versions_have_actions_of_their_own(shops: Shops) -> None:
    olga, eve = shops.olga, shops.eve
    olga.put_bucket_versioning(Bucket="box", VersioningConfiguration={"Status": "Enabled"})
    first = olga.put_object(Bucket="box", Key="k", Body=b"1")["VersionId"]
    second = olga.put_object(Bucket="box", Key="k", Body=b"2")["VersionId"]
    shops.put("box", allow(["s3:GetObject", "s3:DeleteObject"]))
    assert eve.get_object(Bucket="box", Key="k")["Body"].read() == b"2"
    denied(eve.get_object, Bucket="box", Key="k", VersionId=first)
    denied(eve.delete_object, Bucket="box", Key="k", VersionId=first)
    denied(eve.list_object_versions, Bucket="box")
    one = {"StringEquals": {"s3:VersionId": first}}
    shops.put("box", allow(["s3:GetObjectVersion", "s3:DeleteObjectVersion"], when=one), allow("s3:ListBucketVersions"))
    assert eve.get_object(Bucket="box", Key="k", VersionId=first)["Body"].read() == b"1"
    denied(eve.get_object, Bucket="box", Key="k", VersionId=second)
    denied(eve.get_object, Bucket="box", Key="k")
    eve.create_bucket(Bucket="eve")
    source = {"Bucket": "box", "Key": "k", "VersionId": first}
    eve.copy_object(Bucket="eve", Key="k", CopySource=source)
    denied(eve.copy_object, Bucket="eve", Key="k", CopySource=source | {"VersionId": second})
    assert len(eve.list_object_versions(Bucket="box")["Versions"]) == 2
    many = [{"Key": "k", "VersionId": version} for version in (first, second)]
    gone = eve.delete_objects(Bucket="box", Delete={"Objects": many})
    assert [one["VersionId"] for one in gone["Deleted"]] == [first]
    assert [one["VersionId"] for one in gone["Errors"]] == [second]


@story
def test_conditions_on_tags(shops: Shops) -> None:
    olga, eve = shops.olga, shops.eve
    olga.put_object(Bucket="box", Key="open", Body=b"1", Tagging="level=open")
    olga.put_object(Bucket="box", Key="shut", Body=b"1", Tagging="level=shut")
    is_open = {"StringEquals": {"s3:ExistingObjectTag/level": "open"}}
    made_open = {
        "StringEquals": {"s3:RequestObjectTag/level": "open"},
        "ForAllValues:StringEquals": {"s3:RequestObjectTagKeys": ["level"]},
    }
    shops.put(
        "box",
        allow(["s3:GetObject", "s3:GetObjectTagging"], "box/*", when=is_open),
        allow(["s3:PutObject", "s3:PutObjectTagging"], "box/*", when=made_open),
    )
    assert eve.get_object(Bucket="box", Key="open")["Body"].read() == b"1"
    assert eve.get_object_tagging(Bucket="box", Key="open")["TagSet"]
    denied(eve.get_object, Bucket="box", Key="shut")
    denied(eve.get_object_tagging, Bucket="box", Key="shut")
    denied(eve.put_object, Bucket="box", Key="k", Body=b"")
    denied(eve.put_object, Bucket="box", Key="k", Body=b"", Tagging="level=open&more=1")
    eve.put_object(Bucket="box", Key="k", Body=b"", Tagging="level=open")
    tags = {"TagSet": [{"Key": "level", "Value": "shut"}]}
    denied(eve.put_object_tagging, Bucket="box", Key="k", Tagging=tags)
    denied(eve.delete_object_tagging, Bucket="box", Key="k")
    tags["TagSet"][0]["Value"] = "open"
    eve.put_object_tagging(Bucket="box", Key="shut", Tagging=tags)


@story
def test_conditions_on_the_request(shops: Shops) -> None:
    olga, eve = shops.olga, shops.eve
    olga.put_object(Bucket="box", Key="k", Body=b"1")

    def reads(when: dict[str, Any]) -> bool:
        shops.put("box", allow("s3:GetObject", "box/*", when=when))
        return (
            httpx.get(f"{shops.url}/box/k", headers={"Referer": "http://a.org/x", "User-Agent": "me/1"}).status_code
            == 200
        )

    assert reads({"StringLike": {"aws:Referer": "http://a.org/*"}, "StringEquals": {"aws:UserAgent": "me/1"}})
    assert not reads({"StringLike": {"aws:Referer": "http://b.org/*"}})
    assert reads({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}})
    assert not reads({"NotIpAddress": {"aws:SourceIp": "127.0.0.1"}})
    assert reads({"Bool": {"aws:SecureTransport": "false"}})
    assert reads(
        {
            "DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"},
            "StringEquals": {"aws:PrincipalType": "Anonymous"},
        }
    )
    assert not reads({"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}})
    assert not reads({"Null": {"aws:PrincipalArn": "false"}})
    assert reads({"StringEquals": {"aws:ResourceAccount": "shop", "aws:userid": "anonymous"}})
    assert reads({"Null": {"s3:authType": "true"}})
    assert not reads({"Null": {"s3:TlsVersion": "false"}})
    home = {"StringLike": {"s3:prefix": ["home/${aws:username}/*"]}}
    shops.put("box", allow("s3:*", "box/home/${aws:username}/*"), allow("s3:ListBucket", "box", when=home))
    eve.put_object(Bucket="box", Key="home/eve-name/k", Body=b"mine")
    denied(eve.put_object, Bucket="box", Key="home/olga-name/k", Body=b"")
    assert eve.list_objects_v2(Bucket="box", Prefix="home/eve-name/")["KeyCount"] == 1
    denied(eve.list_objects_v2, Bucket="box", Prefix="home/")
    place = {"Bucket": "box", "Key": "home/eve-name/k"}
    url = shops.of("eve.rivals", signature_version="s3v4").generate_presigned_url("get_object", place)
    assert httpx.get(url).content == b"mine"
    for when in (
        {"StringEquals": {"s3:authType": "REST-QUERY-STRING"}},
        {
            "NumericGreaterThanEquals": {"s3:signatureAge": "0"},
            "StringEquals": {"s3:x-amz-content-sha256": "UNSIGNED-PAYLOAD"},
        },
    ):
        shops.put("box", allow("s3:*"), deny("s3:*", "box/*", when=when))
        assert httpx.get(url).status_code == 403
        assert eve.get_object(Bucket="box", Key="home/eve-name/k")["Body"].read() == b"mine"
    shops.put(
        "box",
        allow("s3:*"),
        deny("s3:*", "box/*", when={"StringNotEquals": {"s3:signatureversion": "AWS4-HMAC-SHA256"}}),
    )
    assert httpx.get(url).status_code == 200
    assert httpx.get(eve.generate_presigned_url("get_object", place)).status_code == 403  # version 2
    assert httpx.get(f"{shops.url}/box/home/eve-name/k").status_code == 403


@story
def test_conditions_on_headers_and_copies(shops: Shops) -> None:
    olga, eve = shops.olga, shops.eve
    for key in ("open/k", "shut/k"):
        olga.put_object(Bucket="box", Key=key, Body=key.encode())
    olga.create_bucket(Bucket="target")
    shops.put("box", allow("s3:GetObject", "box/*"))
    shops.put("target", allow("s3:PutObject", "target/*", when={"StringLike": {"s3:x-amz-copy-source": "box/open/*"}}))
    eve.copy_object(Bucket="target", Key="k", CopySource={"Bucket": "box", "Key": "open/k"})
    denied(eve.copy_object, Bucket="target", Key="k", CopySource={"Bucket": "box", "Key": "shut/k"})
    denied(eve.put_object, Bucket="target", Key="k", Body=b"")
    shops.put("box", allow("s3:GetObject", "box/open/*"), allow("s3:PutObject", "box/up/*"))
    eve.create_bucket(Bucket="eve")
    where = {"Bucket": "eve", "Key": "k", "UploadId": eve.create_multipart_upload(Bucket="eve", Key="k")["UploadId"]}
    eve.upload_part_copy(**where, PartNumber=1, CopySource="box/open/k")
    denied(eve.upload_part_copy, **where, PartNumber=2, CopySource="box/shut/k")
    only = {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}}
    shops.put("box", allow("s3:PutObject", "box/*", when=only))
    denied(eve.put_object, Bucket="box", Key="k", Body=b"")
    eve.put_object(Bucket="box", Key="k", Body=b"", ACL="bucket-owner-full-control")
    shops.put(
        "box",
        allow(["s3:PutObject", "s3:PutObjectAcl"], "box/*"),
        deny("s3:PutObject", "box/*", when={"StringLike": {"s3:x-amz-acl": "public*"}}),
    )
    eve.put_object(Bucket="box", Key="k", Body=b"", ACL="authenticated-read")
    denied(eve.put_object, Bucket="box", Key="k", Body=b"", ACL="public-read")
    shops.put(
        "box",
        allow("s3:PutObject", "box/*"),
        deny("s3:PutObject", "box/*", when={"Null": {"s3:x-amz-server-side-encryption": "true"}}),
    )
    denied(eve.put_object, Bucket="box", Key="k", Body=b"")


@story
def test_uploads_in_parts(shops: Shops) -> None:
    eve, ida = shops.eve, shops.of("ida.rivals")
    shops.put(
        "box",
        allow("s3:PutObject", "box"),
        allow("s3:AbortMultipartUpload", "box/*", who={"AWS": "arn:aws:iam::rivals:user/ida"}),
    )
    denied(eve.create_multipart_upload, Bucket="box", Key="up/k")
    shops.put(
        "box",
        allow("s3:PutObject", "box/up/*", who={"AWS": "rivals"}),
        allow(
            ["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
            "box/*",
            who={"AWS": "arn:aws:iam::rivals:user/ida"},
        ),
    )
    where = {
        "Bucket": "box",
        "Key": "up/k",
        "UploadId": eve.create_multipart_upload(Bucket="box", Key="up/k")["UploadId"],
    }
    etag = eve.upload_part(**where, PartNumber=1, Body=b"x")["ETag"]
    denied(ida.upload_part, **where, PartNumber=1, Body=b"y")
    done = {"MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": etag}]}}
    denied(ida.complete_multipart_upload, **where, **done)
    assert len(ida.list_parts(**where)["Parts"]) == len(eve.list_parts(**where)["Parts"]) == 1
    denied(shops.of("jim.rivals").abort_multipart_upload, **where)
    denied(shops.nobody.list_parts, **where)
    denied(eve.list_multipart_uploads, Bucket="box")
    eve.complete_multipart_upload(**where, **done)
    where["UploadId"] = eve.create_multipart_upload(Bucket="box", Key="up/k")["UploadId"]
    ida.abort_multipart_upload(**where)
    # parts are judged by what their upload was begun with
    given = {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control", "s3:RequestObjectTag/a": "b"}}
    shops.put("box", allow(["s3:PutObject", "s3:PutObjectTagging"], "box/*", when=given))
    denied(eve.create_multipart_upload, Bucket="box", Key="k", ACL="bucket-owner-full-control")
    begun = eve.create_multipart_upload(Bucket="box", Key="k", ACL="bucket-owner-full-control", Tagging="a=b")
    tagged = {"Bucket": "box", "Key": "k", "UploadId": begun["UploadId"]}
    parts = [{"PartNumber": 1, "ETag": eve.upload_part(**tagged, PartNumber=1, Body=b"x")["ETag"]}]
    eve.complete_multipart_upload(**tagged, MultipartUpload={"Parts": parts})
    assert shops.olga.get_object_tagging(Bucket="box", Key="k")["TagSet"] == [{"Key": "a", "Value": "b"}]
    where["UploadId"] = eve.create_multipart_upload(
        Bucket="box", Key="up/k", ACL="bucket-owner-full-control", Tagging="a=b"
    )["UploadId"]
    shops.put("box", deny("s3:AbortMultipartUpload", "box/*"), allow("s3:PutObject", "box/up/*"))
    denied(eve.abort_multipart_upload, **where)
    denied(shops.olga.abort_multipart_upload, **where)


@story
def test_locks(shops: Shops) -> None:
    olga, eve = shops.olga, shops.eve
    olga.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    too_long = {"NumericGreaterThan": {"s3:object-lock-remaining-retention-days": "10"}}
    acts = ["s3:PutObject", "s3:PutObjectRetention", "s3:DeleteObjectVersion"]
    shops.put("locked", allow(acts, "locked/*"), deny("s3:PutObjectRetention", "locked/*", when=too_long))

    def until(number: int) -> datetime.datetime:
        return datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=number)

    version = eve.put_object(
        Bucket="locked", Key="k", Body=b"", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=until(5)
    )["VersionId"]
    denied(
        eve.put_object,
        Bucket="locked",
        Key="k",
        Body=b"",
        ObjectLockMode="GOVERNANCE",
        ObjectLockRetainUntilDate=until(20),
    )
    denied(eve.put_object, Bucket="locked", Key="k", Body=b"", ObjectLockLegalHoldStatus="ON")
    one = {"Bucket": "locked", "Key": "k", "VersionId": version}
    denied(eve.put_object_retention, **one, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": until(20)})
    eve.put_object_retention(**one, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": until(6)})
    denied(eve.put_object_retention, **one, Retention={}, BypassGovernanceRetention=True)
    denied(eve.delete_object, **one, BypassGovernanceRetention=True)
    denied(eve.delete_object, **one)
    shops.put("locked", allow([*acts, "s3:BypassGovernanceRetention"], "locked/*"))
    eve.delete_object(**one, BypassGovernanceRetention=True)


@story
def test_forms(shops: Shops) -> None:
    shops.put(
        "box", allow("s3:PutObject", "box/in/*", when={"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}})
    )
    for acl, key, status in (
        ("bucket-owner-full-control", "in/k", 204),
        ("private", "in/k", 403),
        ("bucket-owner-full-control", "k", 403),
    ):
        fields = {"key": (None, key), "acl": (None, acl), "file": ("f", b"bytes")}
        assert httpx.post(f"{shops.url}/box", files=fields).status_code == status
    shops.put("box", allow("s3:PutObject", "box/*", when={"StringEquals": {"s3:authType": "POST"}}))
    denied(shops.eve.put_object, Bucket="box", Key="k", Body=b"")
    form = shops.eve.generate_presigned_post("box", "k")
    assert httpx.post(form["url"], data=form["fields"], files={"file": b"bytes"}).status_code == 204


# --- the public access block ------------------------------------------------------------------------------------------


@story
def test_public_access_is_blocked(shops: Shops) -> None:
    olga, eve, nobody = shops.olga, shops.eve, shops.nobody

    def block(**switches: bool) -> None:
        olga.put_public_access_block(Bucket="box", PublicAccessBlockConfiguration=BLOCK | switches)

    assert refused("NoSuchPublicAccessBlockConfiguration", olga.get_public_access_block, Bucket="box") == 404
    block(BlockPublicAcls=True, BlockPublicPolicy=True)
    assert olga.get_public_access_block(Bucket="box")["PublicAccessBlockConfiguration"] == BLOCK | {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
    }
    for acl in ("public-read", "authenticated-read"):
        denied(olga.put_bucket_acl, Bucket="box", ACL=acl)
        denied(olga.put_object, Bucket="box", Key="k", Body=b"", ACL=acl)
    denied(
        olga.put_object,
        Bucket="box",
        Key="k",
        Body=b"",
        GrantRead='uri="http://acs.amazonaws.com/groups/global/AllUsers"',
    )
    olga.put_object(Bucket="box", Key="k", Body=b"1", GrantRead="id=AUTH_rivals")
    denied(olga.put_object_acl, Bucket="box", Key="k", ACL="public-read")
    document = json.dumps({"Statement": allow("s3:GetObject")})
    denied(olga.put_bucket_policy, Bucket="box", Policy=document)
    shops.put("box", allow("s3:ListBucket", who={"AWS": "rivals"}))
    assert eve.list_objects_v2(Bucket="box")["KeyCount"] == 1
    assert shops.swift("POST", "box", "olga:shop:member", X_Container_Read=".r:*").status_code == 403
    assert shops.swift("POST", "box", "olga:shop:member", X_Container_Read="rivals:*").status_code == 204
    olga.delete_bucket_policy(Bucket="box")
    olga.delete_public_access_block(Bucket="box")
    assert refused("NoSuchPublicAccessBlockConfiguration", olga.get_public_access_block, Bucket="box") == 404
    # what is open already is closed, on both faces, and opens again
    olga.put_object_acl(Bucket="box", Key="k", ACL="public-read")
    olga.put_bucket_acl(Bucket="box", ACL="public-read")
    assert shops.swift("POST", "box", "olga:shop:member", X_Container_Read=".r:*").status_code == 204
    for closed in (False, True, False):
        block(IgnorePublicAcls=closed)
        status = 403 if closed else 200
        assert httpx.get(f"{shops.url}/box/k").status_code == status
        assert httpx.get(f"{shops.url}/box").status_code == status
        assert shops.swift("GET", "box/k").status_code == (401 if closed else 200)
        assert shops.swift("GET", "box/k", "olga:shop:member").status_code == 200
        assert olga.get_object(Bucket="box", Key="k")["Body"].read() == b"1"
    assert shops.swift("POST", "box", "olga:shop:member", X_Remove_Container_Read="x").status_code == 204
    olga.put_bucket_acl(Bucket="box", ACL="private")
    olga.put_object_acl(Bucket="box", Key="k", ACL="private")
    shops.put(
        "box",
        allow("s3:GetObject"),
        allow("s3:ListBucket", who={"AWS": "rivals"}),
        allow("s3:PutObject", who={"AWS": "shop"}),
    )
    nobody.get_object(Bucket="box", Key="k")
    block(RestrictPublicBuckets=True)
    denied(nobody.get_object, Bucket="box", Key="k")
    denied(eve.get_object, Bucket="box", Key="k")
    denied(eve.list_objects_v2, Bucket="box")
    shops.rita.put_object(Bucket="box", Key="k", Body=b"by a reader, whom the policy lets write")
    denied(eve.put_public_access_block, Bucket="box", PublicAccessBlockConfiguration=BLOCK)


# --- ownership --------------------------------------------------------------------------------------------------------


def owners(shops: Shops, mode: str) -> dict[str, str]:
    """Whose objects are that eve writes by the policy's leave, by the ACL that she gives them."""
    found = {}
    for acl in ("", "private", "bucket-owner-full-control"):
        given = {"ACL": acl} if acl else {}
        try:
            shops.eve.put_object(Bucket=mode, Key="k" + acl, Body=b"eve", **given)
            found[acl] = shops.eve.get_object_acl(Bucket=mode, Key="k" + acl)["Owner"]["ID"]
        except shops.eve.exceptions.ClientError as error:
            found[acl] = error.response["Error"]["Code"]
    return found


SHOP, RIVALS = "AUTH_shop", "AUTH_rivals"
OWNERS = {
    "BucketOwnerEnforced": {"": SHOP, "private": "AccessControlListNotSupported", "bucket-owner-full-control": SHOP},
    "BucketOwnerPreferred": {"": RIVALS, "private": RIVALS, "bucket-owner-full-control": SHOP},
    "ObjectWriter": {"": RIVALS, "private": RIVALS, "bucket-owner-full-control": RIVALS},
    "": dict.fromkeys(("", "private", "bucket-owner-full-control"), SHOP),
}


@story
def test_whose_objects_are(shops: Shops) -> None:
    olga, eve = shops.olga, shops.eve
    assert refused("OwnershipControlsNotFoundError", olga.get_bucket_ownership_controls, Bucket="box") == 404
    for mode, wanted in OWNERS.items():
        name = mode.lower() or "unset"
        olga.create_bucket(Bucket=name, **({"ObjectOwnership": mode} if mode else {}))
        shops.put(name, allow("*", name, f"{name}/*", who={"AWS": "rivals"}))
        assert owners(shops, name) == wanted
        parts = eve.create_multipart_upload(Bucket=name, Key="parts")["UploadId"]
        assert eve.list_parts(Bucket=name, Key="parts", UploadId=parts)["Owner"]["ID"] == wanted[""]
    olga.delete_bucket_policy(Bucket="objectwriter")
    one = {"Bucket": "objectwriter", "Key": "k"}
    assert eve.get_object(**one)["Body"].read() == b"eve"
    denied(olga.get_object, **one)
    denied(olga.get_object_acl, **one)
    eve.put_object_acl(**one, ACL="bucket-owner-read")
    assert olga.get_object(**one)["Body"].read() == b"eve"
    denied(olga.put_object_acl, **one, ACL="private")
    rule = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    olga.put_bucket_ownership_controls(Bucket="objectwriter", OwnershipControls=rule)
    assert olga.get_bucket_ownership_controls(Bucket="objectwriter")["OwnershipControls"] == rule
    denied(eve.get_object, **one)
    assert olga.get_object_acl(**one)["Owner"]["ID"] == SHOP
    olga.delete_object(**one)
    denied(eve.put_bucket_ownership_controls, Bucket="box", OwnershipControls=rule)


@story
def test_without_lists(shops: Shops) -> None:
    olga, eve = shops.olga, shops.eve
    rule = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    olga.put_object(Bucket="box", Key="k", Body=b"1", ACL="public-read")
    olga.put_bucket_acl(Bucket="box", ACL="public-read")
    set_it = {"Bucket": "box", "OwnershipControls": rule}
    assert refused("InvalidBucketAclWithObjectOwnership", olga.put_bucket_ownership_controls, **set_it) == 400
    olga.put_bucket_acl(Bucket="box", ACL="private")
    olga.put_bucket_ownership_controls(**set_it)
    denied(eve.get_object, Bucket="box", Key="k")
    assert len(olga.get_object_acl(Bucket="box", Key="k")["Grants"]) == 1
    for call, given in (
        (olga.put_bucket_acl, {"ACL": "private"}),
        (olga.put_object_acl, {"Key": "k", "ACL": "private"}),
        (olga.put_object, {"Key": "k", "ACL": "public-read"}),
        (olga.put_object, {"Key": "k", "GrantRead": "id=AUTH_rivals"}),
        (olga.copy_object, {"Key": "k2", "CopySource": "box/k", "ACL": "private"}),
        (olga.create_multipart_upload, {"Key": "k", "ACL": "private"}),
    ):
        assert refused("AccessControlListNotSupported", call, Bucket="box", **given) == 400
    olga.copy_object(Bucket="box", Key="k2", CopySource="box/k", ACL="bucket-owner-full-control")
    olga.put_object(Bucket="box", Key="k", Body=b"2", GrantFullControl="id=AUTH_shop")
    both = {"Bucket": "box2", "ObjectOwnership": "BucketOwnerEnforced"}
    assert refused("InvalidBucketAclWithObjectOwnership", olga.create_bucket, **both, ACL="public-read") == 400
    olga.delete_bucket_ownership_controls(Bucket="box")
    olga.put_bucket_acl(Bucket="box", ACL="public-read")


@pytest.mark.parametrize("shops", ["ObjectWriter"], indirect=True)
@story
def test_ownership_of_buckets_that_do_not_say_it_is_a_setting(shops: Shops) -> None:
    shops.put("box", allow("s3:PutObject", "box/*"))
    shops.eve.put_object(Bucket="box", Key="k", Body=b"1")
    assert shops.eve.get_object(Bucket="box", Key="k")["Body"].read() == b"1"
    denied(shops.olga.get_object, Bucket="box", Key="k")
    assert refused("OwnershipControlsNotFoundError", shops.olga.get_bucket_ownership_controls, Bucket="box") == 404


# --- the other face ---------------------------------------------------------------------------------------------------


@story
def test_swift_opens_what_it_opens_and_a_denial_closes_it(shops: Shops) -> None:
    olga = shops.olga
    olga.put_object(Bucket="box", Key="k", Body=b"1")
    olga.put_object(Bucket="box", Key="shut/k", Body=b"1")
    shops.put("box", allow("*"))
    assert shops.swift("GET", "box/k").status_code == 401
    assert shops.swift("PUT", "box/k", "eve:rivals:member").status_code == 403
    lists = {"X_Container_Read": ".r:*,.rlistings,rivals:*", "X_Container_Write": "rivals:*"}
    assert shops.swift("POST", "box", "olga:shop:member", **lists).status_code == 204
    assert shops.swift("PUT", "box/k", "eve:rivals:member").status_code == 201
    shops.put(
        "box",
        deny(["s3:GetObject", "s3:PutObject"], "box/shut/*"),
        deny("s3:DeleteObject", "box/*", who={"AWS": "rivals"}),
        deny("s3:ListBucket", "box", when={"StringNotLike": {"s3:prefix": "open*"}}),
        deny("s3:GetObject", "box/*", when={"StringLike": {"aws:Referer": "http://evil*"}}),
    )
    for who, refusal in (("", 401), ("eve:rivals:member", 403), ("rita:shop:reader", 403)):
        assert shops.swift("GET", "box/k", who).status_code == 200
        assert shops.swift("GET", "box/k", who, Referer="http://evil.org").status_code == refusal
        assert shops.swift("GET", "box/shut/k", who).status_code == refusal
        assert shops.swift("HEAD", "box/shut/k", who).status_code == refusal
        assert shops.swift("GET", "box", who).status_code == refusal
        assert shops.swift("GET", "box?prefix=open", who).status_code in (200, 204)
    assert shops.swift("DELETE", "box/k", "eve:rivals:member").status_code == 403
    assert shops.swift("PUT", "box/shut/k", "eve:rivals:member").status_code == 403
    copy = {"Destination": "mine/k", "Destination_Account": "AUTH_rivals"}
    assert shops.swift("PUT", "mine", "eve:rivals:member", "rivals").status_code == 201
    assert shops.swift("COPY", "box/shut/k", "eve:rivals:member", **copy).status_code == 403
    link = {"X_Symlink_Target": "box/shut/k", "X_Symlink_Target_Account": "AUTH_shop"}
    assert shops.swift("PUT", "mine/link", "eve:rivals:member", "rivals", **link).status_code == 201
    assert shops.swift("GET", "mine/link", "eve:rivals:member", "rivals").status_code == 403
    denied(shops.eve.get_object, Bucket="mine", Key="link")
    # its owner's operators could take the policy away as well
    assert shops.swift("GET", "box/shut/k", "olga:shop:member").status_code == 200
    assert shops.swift("DELETE", "box/shut/k", "mia:shop:member").status_code == 204


@story
def test_answers_are_not_kept_where_a_policy_asks_of_the_request(shops: Shops) -> None:
    assert shops.swift("POST", "box", "olga:shop:member", X_Container_Read="rivals:*").status_code == 204
    shops.olga.put_object(Bucket="box", Key="k", Body=b"1")
    said = {"X-Auth-Token": "eve:rivals:member", "User-Agent": "good"}
    for _ in range(3):
        assert httpx.get(f"{shops.url}/v1/AUTH_shop/box/k", headers=said).status_code == 200
    shops.put("box", deny("s3:GetObject", when={"StringEquals": {"aws:UserAgent": "bad"}}))
    for _ in range(2):
        assert httpx.get(f"{shops.url}/v1/AUTH_shop/box/k", headers=said).status_code == 200
        assert httpx.get(f"{shops.url}/v1/AUTH_shop/box/k", headers=said | {"User-Agent": "bad"}).status_code == 403


@story
def test_manifests_lead_nobody_in(shops: Shops) -> None:
    olga, eve = shops.olga, shops.eve
    olga.create_bucket(Bucket="segments")
    olga.put_object(Bucket="segments", Key="m/1", Body=b"secret")
    manifest = {"X_Object_Manifest": "segments/m/"}
    assert shops.swift("PUT", "box/m", "olga:shop:member", **manifest).status_code == 201
    shops.put("box", allow("s3:GetObject"))
    denied(eve.get_object, Bucket="box", Key="m")
    shops.put("segments", allow("s3:GetObject", "segments/m/*"))
    denied(eve.get_object, Bucket="box", Key="m")  # what lies behind a manifest is judged as a whole
    shops.put("segments", allow("s3:GetObject", "segments/*"))
    assert eve.get_object(Bucket="box", Key="m")["Body"].read() == b"secret"
    shops.put(
        "segments", allow("s3:GetObject", "segments/*"), deny("s3:GetObject", "segments/other", who={"AWS": "rivals"})
    )
    denied(eve.get_object, Bucket="box", Key="m")
    assert olga.get_object(Bucket="box", Key="m")["Body"].read() == b"secret"


@story
def test_a_writer_owns_what_he_wrote_but_not_its_place(shops: Shops) -> None:
    olga, eve = shops.olga, shops.eve
    olga.create_bucket(Bucket="objectwriter", ObjectOwnership="ObjectWriter")
    shops.put("objectwriter", allow("s3:PutObject", "objectwriter/*", who={"AWS": "rivals"}))
    one = {"Bucket": "objectwriter", "Key": "k"}
    eve.put_object(**one, Body=b"eve")
    assert eve.get_object(**one)["Body"].read() == b"eve"
    denied(eve.delete_object, **one)
    denied(eve.rename_object, **one | {"Key": "other"}, RenameSource="k")
    denied(eve.put_object_tagging, **one, Tagging={"TagSet": []})
    olga.delete_object(**one)


@story
def test_who_pays(shops: Shops) -> None:
    olga = shops.olga
    olga.put_bucket_request_payment(Bucket="box", RequestPaymentConfiguration={"Payer": "BucketOwner"})
    assert olga.get_bucket_request_payment(Bucket="box")["Payer"] == "BucketOwner"
    asked = {"RequestPaymentConfiguration": {"Payer": "Requester"}}
    assert refused("NotImplemented", olga.put_bucket_request_payment, Bucket="box", **asked) == 501
    denied(shops.eve.put_bucket_request_payment, Bucket="box", **asked)
