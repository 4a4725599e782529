"""Settings of buckets that are read by many clients and not kept here: told as S3 tells those that nobody has set."""

from collections.abc import Awaitable, Callable

from pileus.kernel.rest import Answer, Request
from pileus.services.objectstore.api.s3 import actions, answers
from pileus.services.objectstore.api.s3.actions import Action
from pileus.services.objectstore.api.s3.address import Address
from pileus.services.objectstore.api.s3.faults import fault
from pileus.services.objectstore.api.s3.operations.buckets import find
from pileus.services.objectstore.core.neighbours import Neighbours

Handle = Callable[[Neighbours, Request, Address], Awaitable[Answer]]
_UNSET = {
    "encryption": ("ServerSideEncryptionConfigurationNotFoundError", actions.GET_ENCRYPTION),
    "website": ("NoSuchWebsiteConfiguration", actions.GET_WEBSITE),
    "replication": ("ReplicationConfigurationNotFoundError", actions.GET_REPLICATION),
}
_PLAIN = {
    "accelerate": ("AccelerateConfiguration", actions.GET_ACCELERATION),
    "logging": ("BucketLoggingStatus", actions.GET_LOGGING),
    "notification": ("NotificationConfiguration", actions.GET_NOTIFICATION),
}
_SETS = {
    "encryption": actions.PUT_ENCRYPTION,
    "website": actions.PUT_WEBSITE,
    "replication": actions.PUT_REPLICATION,
    "accelerate": actions.PUT_ACCELERATION,
    "logging": actions.PUT_LOGGING,
    "notification": actions.PUT_NOTIFICATION,
}


def _unset(name: str, code: str, action: Action) -> Handle:
    async def get(near: Neighbours, request: Request, where: Address) -> Answer:
        await near.db.read(find, near, request, where.bucket, action)
        raise fault(code)

    get.__name__ = f"get_{name}"
    return get


def _plain(name: str, root: str, action: Action) -> Handle:
    async def get(near: Neighbours, request: Request, where: Address) -> Answer:
        await near.db.read(find, near, request, where.bucket, action)
        return answers.document(root, [])

    get.__name__ = f"get_{name}"
    return get


def _refuse(action: Action) -> Handle:
    """What would not be obeyed is not taken."""

    async def refuse(near: Neighbours, request: Request, where: Address) -> Answer:
        await near.db.read(find, near, request, where.bucket, action)
        raise fault("NotImplemented", "This setting of buckets is not implemented.")

    return refuse


OPERATIONS: dict[tuple[str, str], tuple[Handle, str]] = {
    **{("GET", f"/bucket?{n}"): (_unset(n, *said), f"Says that no {n} is set.") for n, said in _UNSET.items()},
    **{("GET", f"/bucket?{n}"): (_plain(n, *said), f"Says that no {n} is set.") for n, said in _PLAIN.items()},
    **{
        (m, f"/bucket?{n}"): (_refuse(action), f"Refused: {n}.")
        for m in ("PUT", "DELETE")
        for n, action in _SETS.items()
    },
}
