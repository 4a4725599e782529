"""Tags of buckets and objects."""

from collections.abc import Mapping

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Request
from pileus.services.objectstore.api.s3 import actions, answers, bodies, facts, tags
from pileus.services.objectstore.api.s3.actions import Action
from pileus.services.objectstore.api.s3.address import Address
from pileus.services.objectstore.api.s3.faults import fault
from pileus.services.objectstore.api.s3.operations.buckets import find
from pileus.services.objectstore.api.s3.operations.objects import keep, one, version_header
from pileus.services.objectstore.core import containers
from pileus.services.objectstore.core.containers import Change
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import ObjectRow


async def get_bucket_tags(near: Neighbours, request: Request, where: Address) -> Answer:
    row = await near.db.read(find, near, request, where.bucket, actions.GET_BUCKET_TAGS)
    if tags.KEPT not in row.kept.system:
        raise fault("NoSuchTagSet")
    return answers.document("Tagging", tags.shown(tags.read(row.kept.system)))


async def put_bucket_tags(near: Neighbours, request: Request, where: Address) -> Answer:
    wanted = tags.of_document(await bodies.document(request, "Tagging"), tags.ON_BUCKET)
    await near.db.write(_set_of_bucket, near, request, where.bucket, wanted)
    return Answer(204)


async def delete_bucket_tags(near: Neighbours, request: Request, where: Address) -> Answer:
    await near.db.write(_set_of_bucket, near, request, where.bucket, {})
    return Answer(204)


def _set_of_bucket(tx: Tx, near: Neighbours, request: Request, name: str, wanted: Mapping[str, str]) -> None:
    row = find(tx, near, request, name, actions.PUT_BUCKET_TAGS)
    containers.update(tx, near, request.ctx, row, Change(system={tags.KEPT: tags.kept(wanted)}))


async def get_object_tags(near: Neighbours, request: Request, where: Address) -> Answer:
    row, made = await near.db.read(one, near, request, where, actions.GET_TAGS)
    answer = answers.document("Tagging", tags.shown(tags.read(made.kept.system)))
    answer.headers.update(version_header(row, made))
    return answer


async def put_object_tags(near: Neighbours, request: Request, where: Address) -> Answer:
    wanted = tags.of_document(await bodies.document(request, "Tagging"), tags.ON_OBJECT)
    row, made = await near.db.write(_set_of_object, near, request, where, actions.PUT_TAGS, wanted)
    return Answer(200, raw=b"", headers=version_header(row, made), media=answers.XML)


async def delete_object_tags(near: Neighbours, request: Request, where: Address) -> Answer:
    row, made = await near.db.write(_set_of_object, near, request, where, actions.DELETE_TAGS, {})
    return Answer(204, headers=version_header(row, made))


def _set_of_object(
    tx: Tx, near: Neighbours, request: Request, where: Address, action: Action, wanted: Mapping[str, str]
) -> tuple[ContainerRow, ObjectRow]:
    row, made = one(tx, near, request, where, action, facts.new_tags(wanted))
    return row, keep(tx, made, {tags.KEPT: tags.kept(wanted)})


OPERATIONS = {
    ("GET", "/bucket?tagging"): (get_bucket_tags, "Tags of a bucket."),
    ("PUT", "/bucket?tagging"): (put_bucket_tags, "Set a bucket's tags."),
    ("DELETE", "/bucket?tagging"): (delete_bucket_tags, "Remove a bucket's tags."),
    ("GET", "/object?tagging"): (get_object_tags, "Tags of an object."),
    ("PUT", "/object?tagging"): (put_object_tags, "Set an object's tags."),
    ("DELETE", "/object?tagging"): (delete_object_tags, "Remove an object's tags."),
}
