"""The names of S3's actions: what policies may speak of, whether it is built here or not."""

from collections.abc import Mapping

from pileus.services.objectstore.core.bucket_policy.faults import Malformed
from pileus.services.objectstore.core.bucket_policy.patterns import Pattern, tokens

_BUCKET = """
    CreateBucket DeleteBucket DeleteBucketPolicy DeleteBucketWebsite GetAccelerateConfiguration GetAnalyticsConfiguration
    GetBucketAcl GetBucketCORS GetBucketLocation GetBucketLogging GetBucketNotification GetBucketObjectLockConfiguration
    GetBucketOwnershipControls GetBucketPolicy GetBucketPolicyStatus GetBucketPublicAccessBlock GetBucketRequestPayment
    GetBucketTagging GetBucketVersioning GetBucketWebsite GetEncryptionConfiguration GetIntelligentTieringConfiguration
    GetInventoryConfiguration GetLifecycleConfiguration GetMetricsConfiguration GetReplicationConfiguration ListBucket
    ListBucketMultipartUploads ListBucketVersions PutAccelerateConfiguration PutAnalyticsConfiguration PutBucketAcl
    PutBucketCORS PutBucketLogging PutBucketNotification PutBucketObjectLockConfiguration PutBucketOwnershipControls
    PutBucketPolicy PutBucketPublicAccessBlock PutBucketRequestPayment PutBucketTagging PutBucketVersioning
    PutBucketWebsite PutEncryptionConfiguration PutIntelligentTieringConfiguration PutInventoryConfiguration
    PutLifecycleConfiguration PutMetricsConfiguration PutReplicationConfiguration
"""
_OBJECT = """
    AbortMultipartUpload BypassGovernanceRetention DeleteObject DeleteObjectTagging DeleteObjectVersion
    DeleteObjectVersionTagging GetObject GetObjectAcl GetObjectAttributes GetObjectLegalHold GetObjectRetention
    GetObjectTagging GetObjectTorrent GetObjectVersion GetObjectVersionAcl GetObjectVersionAttributes
    GetObjectVersionForReplication GetObjectVersionTagging GetObjectVersionTorrent InitiateReplication
    ListMultipartUploadParts ObjectOwnerOverrideToBucketOwner PutObject PutObjectAcl PutObjectLegalHold
    PutObjectRetention PutObjectTagging PutObjectVersionAcl PutObjectVersionTagging ReplicateDelete ReplicateObject
    ReplicateTags RestoreObject UpdateObjectEncryption
"""
ACTIONS = frozenset(f"s3:{name}" for name in (_BUCKET + _OBJECT).split())
_LOWER: Mapping[str, str] = {name.lower(): name for name in ACTIONS}


def named(text: str) -> frozenset[str]:
    """The actions that a word of a policy means, wildcards followed. Raises `Malformed` where there is none."""
    word = text.lower()
    if word in _LOWER:
        return frozenset({_LOWER[word]})
    pattern = Pattern(tokens(word, wild=True, variables=False, known=str))
    found = frozenset(name for low, name in _LOWER.items() if pattern.matches(low, lambda key: None))
    if not found:
        raise Malformed(f"Policy has invalid action: {text[:100]}")
    return found
