"""What requests do, by the names that S3's policies have for it, and which right of an access control list gives it."""

from collections.abc import Iterator

from msgspec import Struct

READ, WRITE, READ_ACP, WRITE_ACP = "READ", "WRITE", "READ_ACP", "WRITE_ACP"
OWNER, LOOK = "OWNER", "LOOK"
"""What no grant gives: settings of a bucket, its removal, tags, locks, versions to destroy; and to read such settings."""
READING = frozenset({READ, READ_ACP, LOOK})
GRANTED = frozenset({READ, WRITE, READ_ACP, WRITE_ACP})


class Action(Struct, frozen=True):
    """`version`  its name where the request means one version; empty: the same.
    `stays`    the bucket's own members keep it, whatever a policy says.
    """

    name: str
    right: str
    version: str = ""
    stays: bool = False

    def on(self, versioned: bool) -> "Action":
        return Action(self.version, self.right) if versioned and self.version else self


def _settings(names: str, right: str) -> Iterator[Action]:
    for name in names.split():
        yield Action(f"s3:{name}", right)


LIST_BUCKET = Action("s3:ListBucket", READ)
LIST_VERSIONS = Action("s3:ListBucketVersions", READ)
LIST_UPLOADS = Action("s3:ListBucketMultipartUploads", READ)
GET_BUCKET_ACL, PUT_BUCKET_ACL = Action("s3:GetBucketAcl", READ_ACP), Action("s3:PutBucketAcl", WRITE_ACP)
(
    GET_LOCATION, GET_VERSIONING, GET_BUCKET_TAGS, GET_CORS, GET_LIFECYCLE, GET_LOCK, GET_BLOCK, GET_OWNERSHIP,
    GET_POLICY_STATUS, GET_PAYMENT, GET_WEBSITE, GET_ENCRYPTION, GET_REPLICATION, GET_ACCELERATION, GET_LOGGING,
    GET_NOTIFICATION,
) = _settings(
    "GetBucketLocation GetBucketVersioning GetBucketTagging GetBucketCORS GetLifecycleConfiguration "
    "GetBucketObjectLockConfiguration GetBucketPublicAccessBlock GetBucketOwnershipControls GetBucketPolicyStatus "
    "GetBucketRequestPayment GetBucketWebsite GetEncryptionConfiguration GetReplicationConfiguration "
    "GetAccelerateConfiguration GetBucketLogging GetBucketNotification",
    LOOK,
)  # fmt: skip
(
    DELETE_BUCKET, PUT_VERSIONING, PUT_BUCKET_TAGS, PUT_CORS, PUT_LIFECYCLE, PUT_LOCK, PUT_BLOCK, PUT_OWNERSHIP,
    PUT_PAYMENT, PUT_WEBSITE, DELETE_WEBSITE, PUT_ENCRYPTION, PUT_REPLICATION, PUT_ACCELERATION, PUT_LOGGING,
    PUT_NOTIFICATION,
) = _settings(
    "DeleteBucket PutBucketVersioning PutBucketTagging PutBucketCORS PutLifecycleConfiguration "
    "PutBucketObjectLockConfiguration PutBucketPublicAccessBlock PutBucketOwnershipControls PutBucketRequestPayment "
    "PutBucketWebsite DeleteBucketWebsite PutEncryptionConfiguration PutReplicationConfiguration "
    "PutAccelerateConfiguration PutBucketLogging PutBucketNotification",
    OWNER,
)  # fmt: skip
GET_POLICY = Action("s3:GetBucketPolicy", LOOK, stays=True)
PUT_POLICY = Action("s3:PutBucketPolicy", OWNER, stays=True)
DELETE_POLICY = Action("s3:DeleteBucketPolicy", OWNER, stays=True)

GET_OBJECT = Action("s3:GetObject", READ, "s3:GetObjectVersion")
GET_ATTRIBUTES = Action("s3:GetObjectAttributes", READ, "s3:GetObjectVersionAttributes")
GET_ACL = Action("s3:GetObjectAcl", READ_ACP, "s3:GetObjectVersionAcl")
PUT_ACL = Action("s3:PutObjectAcl", WRITE_ACP, "s3:PutObjectVersionAcl")
GET_TAGS = Action("s3:GetObjectTagging", LOOK, "s3:GetObjectVersionTagging")
PUT_TAGS = Action("s3:PutObjectTagging", OWNER, "s3:PutObjectVersionTagging")
DELETE_TAGS = Action("s3:DeleteObjectTagging", OWNER, "s3:DeleteObjectVersionTagging")
GET_RETENTION, GET_HOLD = Action("s3:GetObjectRetention", LOOK), Action("s3:GetObjectLegalHold", LOOK)
PUT_RETENTION, PUT_HOLD = Action("s3:PutObjectRetention", OWNER), Action("s3:PutObjectLegalHold", OWNER)
BYPASS = Action("s3:BypassGovernanceRetention", OWNER)
PUT_OBJECT = Action("s3:PutObject", WRITE)
DELETE_OBJECT = Action("s3:DeleteObject", WRITE)
DELETE_VERSION = Action("s3:DeleteObjectVersion", OWNER)
ABORT_UPLOAD = Action("s3:AbortMultipartUpload", OWNER)
LIST_PARTS = Action("s3:ListMultipartUploadParts", LOOK)
