"""CORS rules of a bucket, and the preflights that they answer."""

from collections.abc import MutableMapping

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Request
from pileus.kernel.types import NotFound
from pileus.services.objectstore.api.s3 import actions, answers, bodies, cross_origin
from pileus.services.objectstore.api.s3.access import account_of
from pileus.services.objectstore.api.s3.address import Address
from pileus.services.objectstore.api.s3.cross_origin import Rule
from pileus.services.objectstore.api.s3.faults import fault
from pileus.services.objectstore.api.s3.operations.buckets import find
from pileus.services.objectstore.core import containers
from pileus.services.objectstore.core.containers import Change
from pileus.services.objectstore.core.neighbours import Neighbours


async def get_rules(near: Neighbours, request: Request, where: Address) -> Answer:
    row = await near.db.read(find, near, request, where.bucket, actions.GET_CORS)
    rules = cross_origin.read(row.kept.system)
    if not rules:
        raise fault("NoSuchCORSConfiguration")
    return answers.document("CORSConfiguration", cross_origin.shown(rules))


async def put_rules(near: Neighbours, request: Request, where: Address) -> Answer:
    wanted = cross_origin.of_document(await bodies.document(request, "CORSConfiguration"))
    await near.db.write(_set, near, request, where.bucket, wanted)
    return Answer(200, raw=b"", media=answers.XML)


async def delete_rules(near: Neighbours, request: Request, where: Address) -> Answer:
    await near.db.write(_set, near, request, where.bucket, "")
    return Answer(204)


def _set(tx: Tx, near: Neighbours, request: Request, name: str, wanted: str) -> None:
    row = find(tx, near, request, name, actions.PUT_CORS)
    containers.update(tx, near, request.ctx, row, Change(system={cross_origin.KEPT: wanted}))


async def preflight(near: Neighbours, request: Request, where: Address) -> Answer:
    """A browser asks before it sends: without credentials, so that only the bucket's rules can answer."""
    origin, method = request.headers.get("origin"), request.headers.get("access-control-request-method")
    if origin is None or method is None:
        raise fault("BadRequest", "Insufficient information. Origin request header needed.")
    asked = [name.strip().lower() for name in request.headers.get("access-control-request-headers", "").split(",")]
    names = [name for name in asked if name]
    for rule in await near.db.read(rules_of, near, request, where.bucket):
        if rule.fits(origin, method, names):
            headers = cross_origin.headers_of(rule, origin)
            if names:
                headers["Access-Control-Allow-Headers"] = ", ".join(names)
            return Answer(200, raw=b"", headers=headers, media=answers.XML)
    raise fault(
        "AccessForbidden", "CORSResponse: This CORS request is not allowed.", Method=method, ResourceType="BUCKET"
    )


def rules_of(tx: Tx, near: Neighbours, request: Request, name: str) -> list[Rule]:
    """Those of a bucket by its name; none for one that is not there."""
    try:
        return cross_origin.read(containers.bucket(tx, near, account_of(near, request), name).kept.system)
    except NotFound:
        return []


async def opened(near: Neighbours, request: Request, where: Address, headers: MutableMapping[str, str]) -> None:
    """Let a browser read this answer where the bucket's rules say so."""
    origin = request.headers.get("origin")
    if origin is None or not where.bucket or request.method == "OPTIONS":
        return
    method = request.headers.get("access-control-request-method", request.method)
    for rule in await near.db.read(rules_of, near, request, where.bucket):
        if rule.fits(origin, method):
            for name, value in cross_origin.headers_of(rule, origin).items():
                headers.setdefault(name, value)
            return


OPERATIONS = {
    ("GET", "/bucket?cors"): (get_rules, "What browsers of other sites may do."),
    ("PUT", "/bucket?cors"): (put_rules, "Let browsers of other sites in."),
    ("DELETE", "/bucket?cors"): (delete_rules, "Let no browser of another site in."),
    ("OPTIONS", "/bucket"): (preflight, "A browser's question before a request."),
    ("OPTIONS", "/object"): (preflight, "A browser's question before a request."),
}
