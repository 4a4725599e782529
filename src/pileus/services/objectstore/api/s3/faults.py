"""S3's error codes, with the status and the sentence of each."""

from pileus.kernel import types
from pileus.kernel.types import Fault

_BY_STATUS: dict[int, type[Fault]] = {
    400: types.Invalid,
    403: types.Forbidden,
    404: types.NotFound,
    405: types.NotAllowed,
    409: types.Conflict,
    411: types.LengthRequired,
    412: types.Stale,
    501: types.NotBuilt,
}
_CODES: dict[str, tuple[int, str]] = {
    "AccessDenied": (403, "Access Denied"),
    "AuthorizationHeaderMalformed": (400, "The authorization header that you provided is not valid."),
    "AuthorizationQueryParametersError": (400, "The authorization query parameters that you provided are not valid."),
    "EntityTooLarge": (400, "Your proposed upload exceeds the maximum allowed object size."),
    "EntityTooSmall": (400, "Your proposed upload is smaller than the minimum allowed object size."),
    "IncompleteBody": (
        400,
        "You did not provide the number of bytes specified by the Content-Length HTTP header.",
    ),
    "InvalidAccessKeyId": (403, "The AWS access key ID that you provided does not exist in our records."),
    "InvalidArgument": (400, "Invalid Argument"),
    "InvalidPolicyDocument": (400, "The content of the form does not meet the conditions specified in the policy document."),
    "InvalidRequest": (400, "Invalid Request"),
    "MalformedPOSTRequest": (400, "The body of your POST request is not well-formed multipart/form-data."),
    "MalformedTrailerError": (400, "The request contained trailing data that was not well-formed or did not conform to our published schema."),
    "MissingSecurityHeader": (400, "Your request is missing a required header."),
    "NotImplemented": (501, "A header you provided implies functionality that is not implemented."),
    "RequestTimeTooSkewed": (403, "The difference between the request time and the current time is too large."),
    "SignatureDoesNotMatch": (
        403,
        "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
    ),
    "XAmzContentSHA256Mismatch": (400, "The provided 'x-amz-content-sha256' header does not match what was computed."),
}  # fmt: skip


def fault(code: str, message: str = "", **details: object) -> Fault:
    """The refusal of that code; `details` become further elements of the error's XML."""
    status, sentence = _CODES[code]
    return _BY_STATUS[status](message or sentence, type=code, details=details)
