"""Whose an object is that somebody else wrote into a bucket: S3's object ownership.

Where neither the bucket nor the settings say it, all is the bucket's owner's, and lists of grants are obeyed.
"""

from collections.abc import Iterable, Mapping

from pileus.kernel.db import Tx
from pileus.services.objectstore.api.s3 import grants
from pileus.services.objectstore.api.s3.faults import fault
from pileus.services.objectstore.api.s3.grants import FULL, Grant
from pileus.services.objectstore.core import accounts, public_access
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import ObjectRow

KEPT = "ownership"
"""In a container's `system`."""
WRITER = "owner"
"""In an object's `system`: the account of another project that wrote it."""
ENFORCED, PREFERRED, OBJECT_WRITER = "BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"
CHOICES = frozenset({ENFORCED, PREFERRED, OBJECT_WRITER})
HEADER = "x-amz-object-ownership"


def mode(near: Neighbours, row: ContainerRow) -> str:
    """One of `CHOICES`, or empty."""
    return row.kept.system.get(KEPT) or near.settings.s3_object_ownership


def enforced(near: Neighbours, row: ContainerRow) -> bool:
    """Whether there are no lists of grants in this bucket."""
    return mode(near, row) == ENFORCED


def owner_of(near: Neighbours, row: ContainerRow, made: ObjectRow | None) -> str:
    """The account whose that object is."""
    return row.account if made is None else owner_by(near, row, made.kept.system)


def owner_by(near: Neighbours, row: ContainerRow, system: Mapping[str, str]) -> str:
    """The same, of what is kept of an object, or of an upload."""
    own = mode(near, row)
    return system.get(WRITER, row.account) if own in (PREFERRED, OBJECT_WRITER) else row.account


def writer(near: Neighbours, row: ContainerRow, account: str, headers: Mapping[str, str]) -> str:
    """Whose a new object of that account will be; empty for the bucket's owner's."""
    own = mode(near, row)
    if not account or account == row.account or own not in (PREFERRED, OBJECT_WRITER):
        return ""
    given = own == PREFERRED and headers.get("x-amz-acl") == "bucket-owner-full-control"
    return "" if given else account


def wanted(near: Neighbours, row: ContainerRow, owner: str, headers: Mapping[str, str]) -> list[Grant] | None:
    """The grants that headers ask for on an object of that owner; None: they say nothing.

    Raises `AccessControlListNotSupported`, `AccessDenied` where public ones are blocked.
    """
    found = grants.of_headers(headers)
    if found is None:
        return None
    canned = headers.get("x-amz-acl", "")
    if canned.startswith("bucket-owner-"):
        found = [Grant(FULL if canned.endswith("full-control") else "READ", f"id:{row.account}")]
    if enforced(near, row) and found != [Grant(FULL, f"id:{row.account}")]:
        raise fault("AccessControlListNotSupported")
    check_public(row, found)
    return grants.without_owner(found, owner)


def check_public(row: ContainerRow, found: Iterable[Grant]) -> None:
    """Raises `AccessDenied` for grants to everybody where they are blocked."""
    if public_access.blocks(row.kept.system, public_access.BLOCK_ACLS) and any(grant.public for grant in found):
        raise fault("AccessDenied", "Public access control lists are blocked in this bucket.")


def check_known(tx: Tx, near: Neighbours, found: Iterable[Grant]) -> None:
    """Raises `InvalidArgument` for a grant to an account of no project."""
    for account in sorted({grant.who.removeprefix("id:") for grant in found if not grant.public}):
        project = accounts.project_of(near, account)
        if not project or not near.identity.project_exists(tx, project):
            raise fault("InvalidArgument", "Invalid id", ArgumentName="CanonicalUser/ID", ArgumentValue=account)


def check_lists(near: Neighbours, row: ContainerRow) -> None:
    """Raises `AccessControlListNotSupported` where there are none."""
    if enforced(near, row):
        raise fault("AccessControlListNotSupported")
