"""Who asks: the signature is read, the access key's owner asked for, the signature judged."""

from msgspec import Struct

from pileus.contracts.identity import AccessKey, Identity
from pileus.kernel.rest import Request
from pileus.kernel.types import Fault, clock
from pileus.services.objectstore.api.s3 import signing
from pileus.services.objectstore.api.s3.address import Address
from pileus.services.objectstore.api.s3.faults import fault
from pileus.services.objectstore.api.s3.signing import Claim, Message


class Signed(Struct, frozen=True):
    """A request whose signature is good. `secret` judges the chunks of its body."""

    claim: Claim
    secret: str


async def know(request: Request, identity: Identity) -> None:
    """Put the caller into `request.ctx`, and `Signed` into `request.memo`; a request without signature stays anonymous."""
    claim = signing.read(message_of(request), clock())
    if claim is None:
        return
    key = await access_key(identity, claim.access)
    claim.check(key.secret)
    become(request, key)
    request.memo[Signed] = Signed(claim, key.secret)


def become(request: Request, key: AccessKey) -> None:
    """The key's owner is the caller of this request."""
    ctx = request.ctx
    request.ctx = key.ctx.__class__(
        **{name: getattr(key.ctx, name) for name in key.ctx.__struct_fields__}
        | {"request_id": ctx.request_id, "address": ctx.address, "global_request_id": ctx.global_request_id}
    )


async def access_key(identity: Identity, access: str) -> AccessKey:
    """Raises `InvalidAccessKeyId`, or `AccessDenied` for a key whose owner may not enter its project."""
    try:
        return await identity.access_key(access)
    except Fault as refusal:
        if refusal.status == 404:
            raise fault("InvalidAccessKeyId", AWSAccessKeyId=access) from None
        if refusal.status == 401:
            raise fault("AccessDenied") from None
        raise


def message_of(request: Request) -> Message:
    """The request as it was signed: with the path that the client sent, before any mount."""
    scope = request.scope
    raw = scope.get("raw_path")
    where = request.memo[Address]
    return Message(
        method=request.method,
        path=raw.decode("latin-1") if raw else request.path,
        query=scope.get("query_string", b"").decode("latin-1"),
        headers=request.headers,
        bucket=where.bucket if where.by_host else "",
    )
