"""The page of S3's operations is the code's."""

from __future__ import annotations

import s3_operations


def test_the_page_is_current() -> None:
    assert s3_operations.PAGE.read_text(encoding="utf-8") == s3_operations.page(), "run: python tests/s3_operations.py"


def test_what_is_known_to_be_so() -> None:
    said = {name: s3_operations.status(method, path) for name, method, path in s3_operations.listed()}
    assert not [
        name
        for name, _, path in s3_operations.listed()
        if "?" not in s3_operations.route(path) and "?" in path and name != "ListObjectsV2"
    ]
    works = (
        "GetObject",
        "UploadPart",
        "CompleteMultipartUpload",
        "ListObjectsV2",
        "PutObjectLegalHold",
        "DeleteObjects",
    )
    assert {said[name] for name in works} == {"works"}
    assert (said["GetBucketWebsite"], said["PutBucketEncryption"], said["PutBucketPolicy"]) == (
        "unset",
        "refused",
        "works",
    )
