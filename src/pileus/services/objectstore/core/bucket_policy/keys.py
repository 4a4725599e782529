"""Condition keys: which there are, and of which actions each says something. A key elsewhere would never be there."""

from collections.abc import Mapping

from pileus.services.objectstore.core.bucket_policy.actions import ACTIONS
from pileus.services.objectstore.core.bucket_policy.faults import Malformed


def _s3(names: str) -> frozenset[str]:
    found = frozenset(f"s3:{name}" for name in names.split())
    assert found <= ACTIONS
    return found


_LISTS = _s3("ListBucket ListBucketVersions ListBucketMultipartUploads")
_VERSIONS = _s3(
    "DeleteObjectVersion DeleteObjectVersionTagging GetObjectVersion GetObjectVersionAcl GetObjectVersionAttributes "
    "GetObjectVersionTagging PutObjectVersionAcl PutObjectVersionTagging BypassGovernanceRetention "
    "GetObjectRetention GetObjectLegalHold PutObjectRetention PutObjectLegalHold"
)
_TAGGED = _s3(
    "GetObject GetObjectVersion GetObjectAcl GetObjectVersionAcl GetObjectAttributes GetObjectVersionAttributes "
    "GetObjectTagging GetObjectVersionTagging PutObjectTagging PutObjectVersionTagging DeleteObjectTagging "
    "DeleteObjectVersionTagging PutObjectAcl PutObjectVersionAcl"
)
_PUT = _s3("PutObject")
_TAGGING = _PUT | _s3("PutObjectTagging PutObjectVersionTagging")
_ACLS = _PUT | _s3("PutObjectAcl PutObjectVersionAcl PutBucketAcl")
_RETAINED = _PUT | _s3("PutObjectRetention")
_HELD = _PUT | _s3("PutObjectLegalHold")
_GLOBAL = (
    "aws:currenttime aws:epochtime aws:multifactorauthage aws:multifactorauthpresent aws:principalaccount aws:principalarn "
    "aws:principalisawsservice aws:principaltype aws:referer aws:requestedregion aws:resourceaccount aws:securetransport "
    "aws:sourceip aws:useragent aws:userid aws:username aws:viaawsservice s3:authtype s3:resourceaccount s3:signatureage "
    "s3:signatureversion s3:tlsversion s3:x-amz-content-sha256"
)
KEYS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(_GLOBAL.split(), ACTIONS),
    **dict.fromkeys(("s3:prefix", "s3:delimiter", "s3:max-keys"), _LISTS),
    "s3:versionid": _VERSIONS,
    **dict.fromkeys(
        (
            "s3:x-amz-acl",
            *(f"s3:x-amz-grant-{right}" for right in ("read", "write", "read-acp", "write-acp", "full-control")),
        ),
        _ACLS,
    ),
    **dict.fromkeys(
        (
            "s3:x-amz-copy-source",
            "s3:x-amz-metadata-directive",
            "s3:x-amz-storage-class",
            "s3:x-amz-website-redirect-location",
            "s3:x-amz-server-side-encryption",
            "s3:x-amz-server-side-encryption-aws-kms-key-id",
            "s3:x-amz-server-side-encryption-customer-algorithm",
            "s3:if-none-match",
        ),
        _PUT,
    ),
    "s3:if-match": _PUT | _s3("DeleteObject"),
    "s3:requestobjecttagkeys": _TAGGING,
    "s3:object-lock-mode": _RETAINED,
    "s3:object-lock-retain-until-date": _RETAINED,
    "s3:object-lock-remaining-retention-days": _RETAINED,
    "s3:object-lock-legal-hold": _HELD,
}
_TAGS: Mapping[str, frozenset[str]] = {"s3:existingobjecttag/": _TAGGED, "s3:requestobjecttag/": _TAGGING}
"""Keys that go on with a tag's own name, which has its case."""


def known(text: str) -> str:
    """A key as it is asked for. Raises `Malformed` for one that no request would ever have."""
    low = text.lower()
    if low in KEYS:
        return low
    for beginning in _TAGS:
        if low.startswith(beginning) and len(low) > len(beginning):
            return beginning + text[len(beginning) :]
    raise Malformed(f"Policy has an invalid condition key: {text[:100]}")


def applies(key: str, actions: frozenset[str]) -> bool:
    """Whether that key (from `known`) is ever there for any of the actions."""
    of = KEYS.get(key) or next(of for beginning, of in _TAGS.items() if key.startswith(beginning))
    return not of.isdisjoint(actions)
