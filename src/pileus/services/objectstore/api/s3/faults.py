"""S3's error codes, with the status and the sentence of each, and which of them the core's refusals are."""

from typing import ClassVar

from pileus.kernel.types import Fault

_CODES: dict[str, tuple[int, str]] = {
    "AccessControlListNotSupported": (400, "The bucket does not allow ACLs"),
    "AccessDenied": (403, "Access Denied"),
    "AccessForbidden": (403, "CORSResponse: This CORS request is not allowed."),
    "AuthorizationHeaderMalformed": (400, "The authorization header that you provided is not valid."),
    "AuthorizationQueryParametersError": (400, "The authorization query parameters that you provided are not valid."),
    "BadRequest": (400, "Bad Request"),
    "BadDigest": (400, "The Content-MD5 or checksum value that you specified did not match what the server received."),
    "BucketAlreadyExists": (409, "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Specify a different name and try again."),
    "BucketAlreadyOwnedByYou": (409, "Your previous request to create the named bucket succeeded and you already own it."),
    "BucketNotEmpty": (409, "The bucket you tried to delete is not empty."),
    "EntityTooLarge": (400, "Your proposed upload exceeds the maximum allowed object size."),
    "EntityTooSmall": (400, "Your proposed upload is smaller than the minimum allowed object size."),
    "IncompleteBody": (400, "The request body terminated unexpectedly"),
    "InternalError": (500, "An internal error occurred. Try again."),
    "InvalidAccessKeyId": (403, "The AWS access key ID that you provided does not exist in our records."),
    "InvalidArgument": (400, "Invalid Argument"),
    "InvalidBucketAclWithObjectOwnership": (400, "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"),
    "InvalidBucketName": (400, "The specified bucket is not valid."),
    "InvalidBucketState": (409, "The request is not valid for the current state of the bucket."),
    "InvalidDigest": (400, "The Content-MD5 you specified was invalid."),
    "InvalidLocationConstraint": (400, "The specified location-constraint is not valid."),
    "InvalidObjectState": (403, "The operation is not valid for the current state of the object."),
    "InvalidPart": (400, "One or more of the specified parts could not be found. The part might not have been uploaded, or the specified entity tag might not have matched the part's entity tag."),
    "InvalidPartNumber": (416, "The requested partnumber is not satisfiable"),
    "InvalidPartOrder": (400, "The list of parts was not in ascending order. Parts must be ordered by part number."),
    "InvalidPolicyDocument": (400, "The content of the form does not meet the conditions specified in the policy document."),
    "InvalidRange": (416, "The requested range is not satisfiable"),
    "InvalidRequest": (400, "Invalid Request"),
    "InvalidStorageClass": (400, "The storage class you specified is not valid."),
    "InvalidTag": (400, "The tag provided was not a valid tag."),
    "InvalidURI": (400, "Couldn't parse the specified URI."),
    "KeyTooLongError": (400, "Your key is too long."),
    "MalformedACLError": (400, "The XML you provided was not well-formed or did not validate against our published schema."),
    "MalformedPolicy": (400, "This policy contains invalid Json"),
    "MalformedPOSTRequest": (400, "The body of your POST request is not well-formed multipart/form-data."),
    "MalformedTrailerError": (400, "The request contained trailing data that was not well-formed or did not conform to our published schema."),
    "MalformedXML": (400, "The XML you provided was not well-formed or did not validate against our published schema"),
    "MaxPostPreDataLengthExceeded": (400, "Your POST request fields preceding the upload file were too large."),
    "MetadataTooLarge": (400, "Your metadata headers exceed the maximum allowed metadata size."),
    "MethodNotAllowed": (405, "The specified method is not allowed against this resource."),
    "MissingContentLength": (411, "You must provide the Content-Length HTTP header."),
    "MissingSecurityHeader": (400, "Your request is missing a required header."),
    "NoSuchBucket": (404, "The specified bucket does not exist"),
    "NoSuchBucketPolicy": (404, "The bucket policy does not exist"),
    "NoSuchCORSConfiguration": (404, "The CORS configuration does not exist"),
    "NoSuchKey": (404, "The specified key does not exist."),
    "NoSuchLifecycleConfiguration": (404, "The lifecycle configuration does not exist."),
    "NoSuchObjectLockConfiguration": (404, "The specified object does not have a ObjectLock configuration"),
    "NoSuchTagSet": (404, "The TagSet does not exist"),
    "NoSuchUpload": (404, "The specified multipart upload does not exist. The upload ID might not be valid, or the multipart upload might have been aborted or completed."),
    "NoSuchVersion": (404, "The specified version does not exist."),
    "NoSuchWebsiteConfiguration": (404, "The specified bucket does not have a website configuration"),
    "NotImplemented": (501, "A header or query you provided implies functionality that is not implemented."),
    "NotModified": (304, "Not Modified"),
    "ObjectLockConfigurationNotFoundError": (404, "Object Lock configuration does not exist for this bucket"),
    "NoSuchPublicAccessBlockConfiguration": (404, "The public access block configuration was not found"),
    "OwnershipControlsNotFoundError": (404, "The bucket ownership controls were not found"),
    "PreconditionFailed": (412, "At least one of the pre-conditions you specified did not hold"),
    "QuotaExceeded": (403, "The quota of the bucket or of its project is exceeded."),
    "ReplicationConfigurationNotFoundError": (404, "The replication configuration was not found"),
    "RequestTimeTooSkewed": (403, "The difference between the request time and the current time is too large."),
    "RequestTimeout": (400, "Your socket connection to the server was not read from or written to within the timeout period."),
    "ServerSideEncryptionConfigurationNotFoundError": (404, "The server side encryption configuration was not found"),
    "ServiceUnavailable": (503, "Service is unable to handle request."),
    "SignatureDoesNotMatch": (403, "The request signature we calculated does not match the signature you provided. Check your key and signing method."),
    "SlowDown": (503, "Please reduce your request rate."),
    "TooManyBuckets": (400, "You have attempted to create more buckets than allowed."),
    "UnexpectedContent": (400, "This request contains unsupported content."),
    "UnresolvableGrantByEmailAddress": (400, "The email address you provided does not match any account on record."),
    "XAmzContentSHA256Mismatch": (400, "The provided 'x-amz-content-sha256' header does not match what was computed."),
}  # fmt: skip
_CORE = {
    "BadDigest": "BadDigest",
    "BucketLocked": "InvalidBucketState",
    "BucketOwned": "BucketAlreadyOwnedByYou",
    "BucketTaken": "BucketAlreadyExists",
    "ClientGone": "IncompleteBody",
    "ContainerNotEmpty": "BucketNotEmpty",
    "HTTPMethodNotAllowed": "MethodNotAllowed",
    "InvalidPart": "InvalidPart",
    "InvalidPartOrder": "InvalidPartOrder",
    "Locked": "AccessDenied",
    "MetadataTooLarge": "MetadataTooLarge",
    "NameTooLong": "KeyTooLongError",
    "NoSuchAccount": "NoSuchBucket",
    "NoSuchContainer": "NoSuchBucket",
    "NoSuchObject": "NoSuchKey",
    "NoSuchUpload": "NoSuchUpload",
    "NoSuchVersion": "NoSuchVersion",
    "NotModified": "NotModified",
    "PartTooSmall": "EntityTooSmall",
    "Precondition": "PreconditionFailed",
    "QuotaExceeded": "QuotaExceeded",
    "TooManyContainers": "TooManyBuckets",
    "SyncedVersions": "InvalidBucketState",
    "TwoVersionings": "InvalidBucketState",
}
"""The code of each type of refusal that `core` and the kernel make."""
_BY_STATUS = {
    401: "AccessDenied", 403: "AccessDenied", 404: "NoSuchKey", 405: "MethodNotAllowed", 408: "RequestTimeout",
    411: "MissingContentLength", 413: "EntityTooLarge", 416: "InvalidRange", 429: "SlowDown", 501: "NotImplemented",
    503: "ServiceUnavailable", 507: "ServiceUnavailable",
}  # fmt: skip


class S3Fault(Fault):
    """A refusal with S3's code in `type`. `details` with a capital become elements of the error's XML."""

    status: int  # type: ignore[misc]
    title: ClassVar[str] = "S3"


def fault(code: str, message: str = "", **details: object) -> S3Fault:
    """The refusal of that code."""
    status, sentence = _CODES[code]
    found = S3Fault(message or sentence, type=code, details=details)
    found.status = status
    return found


def translated(refusal: Fault) -> S3Fault:
    """Any refusal as S3 says it."""
    if isinstance(refusal, S3Fault):
        return refusal
    code = _CORE.get(refusal.type) or _BY_STATUS.get(refusal.status)
    if code is None:
        code = "InternalError" if refusal.status >= 500 else "InvalidArgument"
        found = fault(code, refusal.message if code == "InvalidArgument" else "")
    else:
        found = fault(code)
    found.headers.update(refusal.headers)
    return found
