"""Signatures of S3 requests: version 4 (header, query, streamed bodies, forms) and version 2.

`read` finds what a request claims, without a secret; the access key's secret is then asked of identity, and `check` holds
the claim against it. Pure: no database, no clock but the `now` that is passed.
"""

from pileus.services.objectstore.api.s3.signing import v2, v4
from pileus.services.objectstore.api.s3.signing.claim import Claim
from pileus.services.objectstore.api.s3.signing.message import Message

__all__ = ["Claim", "Message", "read"]


def read(message: Message, now: int) -> Claim | None:
    """What the request claims of its sender; None for one that is anonymous.

    `now` in microseconds. Raises the S3 fault for claims that are malformed, too old or from the future, or of two kinds.
    """
    claims = [claim for kind in (v4, v2) for claim in kind.read(message, now)]
    if len(claims) > 1:
        raise v4.ambiguous()
    if not claims and (given := message.headers.get("authorization", "").strip()):
        raise v4.unsupported(given)
    return claims[0] if claims else None
