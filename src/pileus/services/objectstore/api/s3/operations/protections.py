"""What holds against lists and policies: the public access block, and whose objects are; and who pays."""

from xml.etree.ElementTree import Element

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Request
from pileus.services.objectstore.api.s3 import actions, answers, bodies, grants, ownership, xml
from pileus.services.objectstore.api.s3.actions import Action
from pileus.services.objectstore.api.s3.address import Address
from pileus.services.objectstore.api.s3.faults import fault
from pileus.services.objectstore.api.s3.operations.buckets import find
from pileus.services.objectstore.core import containers, public_access
from pileus.services.objectstore.core.containers import Change
from pileus.services.objectstore.core.neighbours import Neighbours

_SWITCHES = {
    "BlockPublicAcls": public_access.BLOCK_ACLS,
    "IgnorePublicAcls": public_access.IGNORE_ACLS,
    "BlockPublicPolicy": public_access.BLOCK_POLICY,
    "RestrictPublicBuckets": public_access.RESTRICT,
}


async def get_block(near: Neighbours, request: Request, where: Address) -> Answer:
    row = await near.db.read(find, near, request, where.bucket, actions.GET_BLOCK)
    if public_access.KEPT not in row.kept.system:
        raise fault("NoSuchPublicAccessBlockConfiguration", BucketName=row.name)
    shown: list[xml.Node] = [(n, public_access.blocks(row.kept.system, word)) for n, word in _SWITCHES.items()]
    return answers.document("PublicAccessBlockConfiguration", shown)


async def put_block(near: Neighbours, request: Request, where: Address) -> Answer:
    root = await bodies.document(request, "PublicAccessBlockConfiguration")
    _once(root, set(_SWITCHES))
    said = {name: xml.text_of(root, name, "false").lower() for name in _SWITCHES}
    if not set(said.values()) <= {"true", "false"}:
        raise fault("MalformedXML")
    words = [word for name, word in _SWITCHES.items() if said[name] == "true"]
    await _set(near, request, where, actions.PUT_BLOCK, {public_access.KEPT: " ".join(words) or "none"})
    return Answer(200, raw=b"", media=answers.XML)


async def delete_block(near: Neighbours, request: Request, where: Address) -> Answer:
    await _set(near, request, where, actions.PUT_BLOCK, {public_access.KEPT: ""})
    return Answer(204)


async def get_ownership(near: Neighbours, request: Request, where: Address) -> Answer:
    row = await near.db.read(find, near, request, where.bucket, actions.GET_OWNERSHIP)
    kept = row.kept.system.get(ownership.KEPT)
    if kept is None:
        raise fault("OwnershipControlsNotFoundError", BucketName=row.name)
    return answers.document("OwnershipControls", [("Rule", [("ObjectOwnership", kept)])])


async def put_ownership(near: Neighbours, request: Request, where: Address) -> Answer:
    root = await bodies.document(request, "OwnershipControls")
    _once(root, {"Rule"})
    for rule in root:
        _once(rule, {"ObjectOwnership"})
    wanted = xml.text_of(root, "Rule/ObjectOwnership")
    if wanted not in ownership.CHOICES:
        raise fault("MalformedXML")
    await near.db.write(_own, near, request, where.bucket, wanted)
    return Answer(200, raw=b"", media=answers.XML)


def _own(tx: Tx, near: Neighbours, request: Request, name: str, wanted: str) -> None:
    row = find(tx, near, request, name, actions.PUT_OWNERSHIP)
    if wanted == ownership.ENFORCED and grants.read(row.kept.system):
        raise fault("InvalidBucketAclWithObjectOwnership")
    containers.update(tx, near, request.ctx, row, Change(system={ownership.KEPT: wanted}))


async def delete_ownership(near: Neighbours, request: Request, where: Address) -> Answer:
    await _set(near, request, where, actions.PUT_OWNERSHIP, {ownership.KEPT: ""})
    return Answer(204)


async def get_payment(near: Neighbours, request: Request, where: Address) -> Answer:
    await near.db.read(find, near, request, where.bucket, actions.GET_PAYMENT)
    return answers.document("RequestPaymentConfiguration", [("Payer", "BucketOwner")])


async def put_payment(near: Neighbours, request: Request, where: Address) -> Answer:
    """Nobody pays here; what is, may be said."""
    root = await bodies.document(request, "RequestPaymentConfiguration")
    _once(root, {"Payer"})
    payer = xml.text_of(root, "Payer")
    if payer not in ("BucketOwner", "Requester"):
        raise fault("MalformedXML")
    await near.db.read(find, near, request, where.bucket, actions.PUT_PAYMENT)
    if payer == "Requester":
        raise fault("NotImplemented", "Requesters do not pay here.")
    return Answer(200, raw=b"", media=answers.XML)


def _once(root: Element, known: set[str]) -> None:
    """Raises `MalformedXML` for what is not known, and for what is said twice."""
    names = [one.tag for one in root]
    if not set(names) <= known or len(set(names)) < len(names):
        raise fault("MalformedXML")


async def _set(near: Neighbours, request: Request, where: Address, action: Action, system: dict[str, str]) -> None:
    await near.db.write(_change, near, request, where.bucket, action, system)


def _change(tx: Tx, near: Neighbours, request: Request, name: str, action: Action, system: dict[str, str]) -> None:
    row = find(tx, near, request, name, action)
    containers.update(tx, near, request.ctx, row, Change(system=system))


OPERATIONS = {
    ("GET", "/bucket?publicAccessBlock"): (get_block, "What of a bucket is closed to everybody in any case."),
    ("PUT", "/bucket?publicAccessBlock"): (put_block, "Close a bucket to everybody, whatever lists and policies say."),
    ("DELETE", "/bucket?publicAccessBlock"): (delete_block, "Let lists and policies open a bucket."),
    ("GET", "/bucket?ownershipControls"): (get_ownership, "Whose objects in a bucket are."),
    ("PUT", "/bucket?ownershipControls"): (put_ownership, "Say whose objects in a bucket are."),
    ("DELETE", "/bucket?ownershipControls"): (delete_ownership, "All is the bucket's owner's again."),
    ("GET", "/bucket?requestPayment"): (get_payment, "Who pays: the owner."),
    ("PUT", "/bucket?requestPayment"): (put_payment, "Say that the owner pays."),
}
