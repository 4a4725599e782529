"""Settings of buckets that are read by many clients and not kept here: told as S3 tells those that nobody has set."""

from collections.abc import Awaitable, Callable

from pileus.kernel.rest import Answer, Request
from pileus.services.objectstore.api.s3 import answers, xml
from pileus.services.objectstore.api.s3.access import LOOK, OWNER
from pileus.services.objectstore.api.s3.address import Address
from pileus.services.objectstore.api.s3.faults import fault
from pileus.services.objectstore.api.s3.operations.buckets import find
from pileus.services.objectstore.core.neighbours import Neighbours

Handle = Callable[[Neighbours, Request, Address], Awaitable[Answer]]
_UNSET = {
    "policy": "NoSuchBucketPolicy",
    "policyStatus": "NoSuchBucketPolicy",
    "encryption": "ServerSideEncryptionConfigurationNotFoundError",
    "website": "NoSuchWebsiteConfiguration",
    "replication": "ReplicationConfigurationNotFoundError",
    "publicAccessBlock": "NoSuchPublicAccessBlockConfiguration",
    "ownershipControls": "OwnershipControlsNotFoundError",
}
_PLAIN: dict[str, tuple[str, list[xml.Node]]] = {
    "accelerate": ("AccelerateConfiguration", []),
    "logging": ("BucketLoggingStatus", []),
    "notification": ("NotificationConfiguration", []),
    "requestPayment": ("RequestPaymentConfiguration", [("Payer", "BucketOwner")]),
}


def _unset(name: str, code: str) -> Handle:
    async def get(near: Neighbours, request: Request, where: Address) -> Answer:
        await near.db.read(find, near, request, where.bucket, LOOK)
        raise fault(code)

    get.__name__ = f"get_{name}"
    return get


def _plain(name: str, root: str, body: list[xml.Node]) -> Handle:
    async def get(near: Neighbours, request: Request, where: Address) -> Answer:
        await near.db.read(find, near, request, where.bucket, LOOK)
        return answers.document(root, body)

    get.__name__ = f"get_{name}"
    return get


async def refuse(near: Neighbours, request: Request, where: Address) -> Answer:
    """What would not be obeyed is not taken."""
    await near.db.read(find, near, request, where.bucket, OWNER)
    raise fault("NotImplemented", "This setting of buckets is not implemented.")


OPERATIONS: dict[tuple[str, str], tuple[Handle, str]] = {
    **{("GET", f"/bucket?{n}"): (_unset(n, code), f"Says that no {n} is set.") for n, code in _UNSET.items()},
    **{("GET", f"/bucket?{n}"): (_plain(n, *said), f"Says that no {n} is set.") for n, said in _PLAIN.items()},
    **{(m, f"/bucket?{n}"): (refuse, f"Refused: {n}.") for m in ("PUT", "DELETE") for n in (*_UNSET, *_PLAIN)},
}
