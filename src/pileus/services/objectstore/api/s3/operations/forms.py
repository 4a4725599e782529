"""Uploads by a browser's form: fields first, then the file."""

from urllib.parse import quote, urlencode

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Request
from pileus.kernel.types import clock
from pileus.services.objectstore.api.forms import Malformed, Part, boundary_of, parts
from pileus.services.objectstore.api.s3 import actions, answers, caller, checksums, metadata, refusals, tags, xml
from pileus.services.objectstore.api.s3.address import Address
from pileus.services.objectstore.api.s3.facts import Form
from pileus.services.objectstore.api.s3.faults import fault
from pileus.services.objectstore.api.s3.operations.buckets import find
from pileus.services.objectstore.api.s3.operations.objects import added, written
from pileus.services.objectstore.api.s3.signing import forms
from pileus.services.objectstore.core import intake, limits, objects
from pileus.services.objectstore.core.intake import Body
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.core.objects import Put
from pileus.services.objectstore.db.columns import Details
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import ObjectRow

_FIELDS_MOST = 20 * 1024
"""Bytes of all fields before the file."""


async def post_object(near: Neighbours, request: Request, where: Address) -> Answer:
    boundary = boundary_of(request.headers.get("content-type", ""))
    if boundary is None:
        raise fault("PreconditionFailed", "Bucket POST must be of the enclosure-type multipart/form-data")
    try:
        return await _post(near, request, where, boundary)
    except Malformed:
        raise fault("MalformedPOSTRequest") from None


async def _post(near: Neighbours, request: Request, where: Address, boundary: bytes) -> Answer:
    fields: dict[str, str] = {}
    room = _FIELDS_MOST
    async for part in parts(request.stream(), boundary):
        if part.name == "file":
            return await _store(near, request, where, fields, part)
        text = await _text(part, room)
        room -= len(text) + len(part.name)
        fields[part.name.lower()] = text
    raise fault("InvalidArgument", "POST requires exactly one file upload per request.", ArgumentName="file")


async def _text(part: Part, most: int) -> str:
    raw = b""
    async for chunk in part.body:
        raw += chunk
        if len(raw) > most:
            raise fault("MaxPostPreDataLengthExceeded")
    return raw.decode("utf-8", "replace")


async def _store(near: Neighbours, request: Request, where: Address, fields: dict[str, str], file: Part) -> Answer:
    key = fields["key"] = fields.get("key", "").replace("${filename}", file.file or "")
    if not key:
        raise fault("InvalidArgument", "Bucket POST must contain a field named 'key'.", ArgumentName="key")
    least, most = await _judge(near, request, where, fields)
    said = {**fields, **({"x-amz-acl": fields["acl"]} if "acl" in fields else {})}
    refusals.check_headers(said)
    asked = checksums.wanted(said) or checksums.Wanted(checksums.DEFAULT)
    if "tagging" in fields:
        said[tags.HEADER] = tags.kept(
            tags.of_document(xml.parsed(fields["tagging"].encode(), "Tagging"), tags.ON_OBJECT)
        )
    limits.check_object_name(near, key)
    details = metadata.details_of(said, as_text=False)
    media = fields.get("content-type") or file.headers.get("content-type") or "binary/octet-stream"
    metadata.check_value("Content-Type", media)
    request.memo[Form] = Form(said)
    row = await near.db.read(find, near, request, where.bucket, actions.PUT_OBJECT, key)

    def decide(tx: Tx, body: Body) -> ObjectRow:
        standing = find(tx, near, request, where.bucket, actions.PUT_OBJECT, key)
        if body.size < least:
            raise fault("EntityTooSmall")
        made = checksums.of_hex(body.hashes[asked.algorithm])
        checksums.judge(asked, made, {})
        system = {**checksums.kept(asked.algorithm, made), **added(tx, near, request, said, standing, key)}
        kept = Details(details.meta, details.headers, system)
        want = Put(content_type=media, details=kept)
        return objects.put(tx, near, request.ctx, row.account, row.name, key, want, body)

    made = await intake.store(near, row.place, file.body, decide, hashes=(asked.algorithm,), most=most)
    return _answer(request, row, made, fields)


async def _judge(near: Neighbours, request: Request, where: Address, fields: dict[str, str]) -> tuple[int, int | None]:
    """Who sends it, and how long the file may be. A form that nobody signed is anonymous: the bucket's grants decide."""
    form = forms.read(fields, clock())
    if form is None:
        return 0, None
    key = await caller.access_key(near.identity, form.access)
    form.check(key.secret)
    caller.become(request, key)
    return form.check_conditions(where.bucket)


def _answer(request: Request, row: ContainerRow, made: ObjectRow, fields: dict[str, str]) -> Answer:
    location = f"{request.base}/{quote(row.name)}/{quote(made.name)}"
    headers = {"ETag": f'"{made.etag}"', "Location": location, **written(row, made)}
    redirect = fields.get("success_action_redirect") or fields.get("redirect")
    if redirect and redirect.lower().startswith(("http://", "https://")):
        told = urlencode({"bucket": row.name, "key": made.name, "etag": f'"{made.etag}"'})
        return Answer(
            303, raw=b"", headers={**headers, "Location": f"{redirect}{'&' if '?' in redirect else '?'}{told}"}
        )
    status = fields.get("success_action_status", "204")
    if status == "201":
        body = [("Location", location), ("Bucket", row.name), ("Key", made.name), ("ETag", f'"{made.etag}"')]
        return Answer(201, raw=xml.document("PostResponse", body, namespace=""), headers=headers, media=answers.XML)
    return Answer(200, raw=b"", headers=headers, media=answers.XML) if status == "200" else Answer(204, headers=headers)


OPERATIONS = {("POST", "/bucket"): (post_object, "Store an object by a form.")}
