"""The S3 face: every operation behind the same door, where the signature is judged."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import TypeAlias

from pileus.kernel.rest import Answer, Face, Operation, Request
from pileus.kernel.types import Fault
from pileus.services.objectstore.api.s3 import address, caller, pacing, refusals
from pileus.services.objectstore.api.s3.address import Address
from pileus.services.objectstore.api.s3.dialect import S3Dialect
from pileus.services.objectstore.api.s3.operations import (
    acls,
    attributes,
    buckets,
    completions,
    copies,
    cors,
    defaults,
    deletions,
    forms,
    lifecycles,
    listings,
    locks,
    objects,
    policies,
    protections,
    renames,
    tagging,
    upload_listings,
    uploads,
    versions,
)
from pileus.services.objectstore.core import multipart
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.core.pacing import Work

S3Handle: TypeAlias = Callable[[Neighbours, Request, Address], Awaitable[Answer]]
NOUNS = (
    acls,
    attributes,
    buckets,
    completions,
    copies,
    cors,
    defaults,
    deletions,
    forms,
    lifecycles,
    listings,
    locks,
    objects,
    policies,
    protections,
    renames,
    tagging,
    upload_listings,
    uploads,
    versions,
)


def build(near: Neighbours) -> Face:
    operations = list(_operations(near))
    return Face("s3", S3Dialect(near.settings, operations), near.policy, near.db, operations)


def info(near: Neighbours) -> dict[str, object]:
    """What Swift's `/info` says of it."""
    return {
        "max_bucket_listing": listings.PAGE,
        "max_parts_listing": listings.PAGE,
        "max_upload_part_num": len(multipart.NUMBERS),
        "max_multi_delete_objects": deletions.MOST,
        "allow_multipart_uploads": True,
        "min_segment_size": near.settings.part_least,
        "s3_acl": True,
    }


def takes(near: Neighbours) -> Callable[[str, str, str, Mapping[str, str]], bool]:
    """For `Face.beside` of the Swift face, which shares the port."""
    domains = near.settings.s3_domains

    def asked(method: str, path: str, query: str, headers: Mapping[str, str]) -> bool:
        return address.takes(method, path, query, headers, domains)

    return asked


def _operations(near: Neighbours) -> Iterator[Operation]:
    for noun in NOUNS:
        for (method, path), (handle, summary) in noun.OPERATIONS.items():
            kind = path.strip("/").partition("?")[0]
            yield Operation(
                method=method, path=path, name=handle.__name__, resource=kind, summary=summary,
                public=True, raw=True, handle=_known(near, handle, pacing.work_of(method, path)),
            )  # fmt: skip


def _known(near: Neighbours, handle: S3Handle, work: Work | None) -> Callable[[Request], Awaitable[Answer]]:
    async def run(request: Request) -> Answer:
        where = request.memo[Address]
        try:
            if request.method != "OPTIONS":  # browsers ask without credentials, also of presigned URLs
                await caller.know(request, near.identity)
            refusals.check_headers(request.headers)
            await pacing.keep(near, request, where, work)
            answer = await handle(near, request, where)
        except Fault as refusal:
            await cors.opened(near, request, where, refusal.headers)
            raise
        await cors.opened(near, request, where, answer.headers)
        return answer

    return run
