"""An object gets another name in its bucket: at once, and without a byte moved."""

from urllib.parse import unquote_to_bytes

from msgspec import Struct

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Request
from pileus.services.objectstore.api.s3 import access, actions, answers
from pileus.services.objectstore.api.s3.address import Address
from pileus.services.objectstore.api.s3.conditions import conditions_of
from pileus.services.objectstore.api.s3.faults import fault
from pileus.services.objectstore.api.s3.operations.buckets import find
from pileus.services.objectstore.api.s3.operations.objects import must_stand
from pileus.services.objectstore.core import limits, objects
from pileus.services.objectstore.core.conditions import check_read
from pileus.services.objectstore.core.faults import NotModified
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.core.objects import Put
from pileus.services.objectstore.db.columns import Details
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import ObjectRow

SOURCE = "x-amz-rename-source"
_RENAMED = "renamed"
"""In `details.system`: the token of the request, so that the same one may come twice."""


class _Asked(Struct, frozen=True):
    source: str
    target: str
    token: str


async def rename(near: Neighbours, request: Request, where: Address) -> Answer:
    asked = _Asked(_source(request), where.key, request.headers.get("x-amz-client-token", ""))
    if asked.source == asked.target:
        raise fault("InvalidRequest", "The source of a rename and its destination are the same.")
    if not asked.token.isascii() or len(asked.token) > 64:
        raise fault("InvalidArgument", "A client token has up to 64 ASCII characters.", ArgumentName="ClientToken")
    await near.db.write(_rename, near, request, where.bucket, asked)
    return Answer(200, raw=b"", media=answers.XML)


def _source(request: Request) -> str:
    """A key of the same bucket, percent-encoded. Raises `InvalidArgument`."""
    try:
        key = unquote_to_bytes(request.headers.get(SOURCE, "")).decode("utf-8")
    except UnicodeDecodeError:
        key = ""
    if not key:
        raise fault("InvalidArgument", f"{SOURCE} must be a key of the bucket.", ArgumentName=SOURCE)
    return key


def _rename(tx: Tx, near: Neighbours, request: Request, bucket: str, asked: _Asked) -> None:
    row = find(tx, near, request, bucket, actions.PUT_OBJECT, asked.target)
    limits.check_object_name(near, asked.target)
    made = objects.find_version(tx, row, asked.source, None)
    if made is None or 0 < made.delete_at <= tx.now:
        if _done_before(tx, row, asked):
            return
        access.check(near, request, row, actions.LIST_BUCKET, said={"s3:prefix": (asked.source,)})
        raise fault("NoSuchKey")
    for action in (actions.GET_OBJECT, actions.DELETE_OBJECT):
        access.check(near, request, row, action, asked.source, made)
    _check_source(request, made)
    must_stand(tx, request.headers, row, asked.target)
    kept = made.kept
    system = {**kept.system, **({_RENAMED: asked.token} if asked.token else {})}
    want = Put(
        content_type=made.content_type,
        details=Details(kept.meta, kept.headers, system),
        conditions=conditions_of(request.headers),
        delete_at=made.delete_at,
    )
    objects.copy(tx, near, request.ctx, made, row.account, row.name, asked.target, want)
    objects.delete(tx, near, request.ctx, row, asked.source)


def _done_before(tx: Tx, row: ContainerRow, asked: _Asked) -> bool:
    there = objects.find_version(tx, row, asked.target, None) if asked.token else None
    return there is not None and there.kept.system.get(_RENAMED) == asked.token


def _check_source(request: Request, made: ObjectRow) -> None:
    try:
        check_read(conditions_of(request.headers, SOURCE + "-"), made)
    except NotModified:
        raise fault("PreconditionFailed") from None


OPERATIONS = {("PUT", "/object?renameObject"): (rename, "Give an object another name in its bucket.")}
