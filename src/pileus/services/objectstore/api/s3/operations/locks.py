"""Object lock: the bucket's setting, an object's retention and legal hold."""

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Request
from pileus.services.objectstore.api.s3 import access, actions, answers, bodies, facts, locking, xml
from pileus.services.objectstore.api.s3.actions import Action
from pileus.services.objectstore.api.s3.address import Address
from pileus.services.objectstore.api.s3.facts import NOTHING, Said
from pileus.services.objectstore.api.s3.faults import fault
from pileus.services.objectstore.api.s3.operations.buckets import find
from pileus.services.objectstore.api.s3.operations.objects import keep, one
from pileus.services.objectstore.core import containers
from pileus.services.objectstore.core.containers import Change
from pileus.services.objectstore.core.locks import ENABLED, HOLD, MODE, UNTIL
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import ObjectRow


async def get_configuration(near: Neighbours, request: Request, where: Address) -> Answer:
    row = await near.db.read(find, near, request, where.bucket, actions.GET_LOCK)
    if ENABLED not in row.kept.system:
        raise fault("ObjectLockConfigurationNotFoundError")
    return answers.document("ObjectLockConfiguration", locking.show_default(row.kept.system))


async def put_configuration(near: Neighbours, request: Request, where: Address) -> Answer:
    asked = locking.read_default(await bodies.document(request, "ObjectLockConfiguration"))
    await near.db.write(_configure, near, request, where.bucket, asked)
    return Answer(200, raw=b"", media=answers.XML)


def _configure(tx: Tx, near: Neighbours, request: Request, name: str, wanted: str) -> None:
    row = find(tx, near, request, name, actions.PUT_LOCK)
    if row.versioning != "enabled":
        raise fault(
            "InvalidBucketState", "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration"
        )
    containers.update(tx, near, request.ctx, row, Change(system={ENABLED: wanted}))


async def get_retention(near: Neighbours, request: Request, where: Address) -> Answer:
    _, made = await near.db.read(_locked, near, request, where, actions.GET_RETENTION)
    system = made.kept.system
    if MODE not in system:
        raise fault("NoSuchObjectLockConfiguration")
    body = [("Mode", system[MODE]), ("RetainUntilDate", answers.moment(int(system[UNTIL])))]
    return answers.document("Retention", body)


async def put_retention(near: Neighbours, request: Request, where: Address) -> Answer:
    root = await bodies.document(request, "Retention")
    mode, until = xml.text_of(root, "Mode"), xml.text_of(root, "RetainUntilDate")
    if bool(mode) != bool(until) or mode not in ("", *locking.MODES):
        raise fault("MalformedXML")
    await near.db.write(_retain, near, request, where, mode, until)
    return Answer(200, raw=b"", media=answers.XML)


def _retain(tx: Tx, near: Neighbours, request: Request, where: Address, mode: str, until: str) -> None:
    """What is locked may be locked for longer; else GOVERNANCE is passed with the header that says so, COMPLIANCE never."""
    row, made = _locked(tx, near, request, where, actions.PUT_RETENTION, facts.retention(mode, until))
    wanted = locking.retention(mode, until, tx.now) if mode else {MODE: "", UNTIL: ""}
    old_mode, old_until = made.kept.system.get(MODE, ""), int(made.kept.system.get(UNTIL) or 0)
    if old_until > tx.now:
        longer = bool(mode) and int(wanted[UNTIL]) >= old_until
        bypass = request.headers.get("x-amz-bypass-governance-retention", "").lower() == "true"
        same = longer and old_mode == mode
        if not same and not (old_mode == "GOVERNANCE" and bypass):
            raise fault("AccessDenied", "Access Denied because object protected by object lock.")
        if not same:
            access.check(near, request, row, actions.BYPASS, where.key, made)
    keep(tx, made, wanted)


async def get_hold(near: Neighbours, request: Request, where: Address) -> Answer:
    _, made = await near.db.read(_locked, near, request, where, actions.GET_HOLD)
    if HOLD not in made.kept.system:
        raise fault("NoSuchObjectLockConfiguration")
    return answers.document("LegalHold", [("Status", made.kept.system[HOLD])])


async def put_hold(near: Neighbours, request: Request, where: Address) -> Answer:
    status = xml.text_of(await bodies.document(request, "LegalHold"), "Status")
    if status not in ("ON", "OFF"):
        raise fault("MalformedXML")
    await near.db.write(_hold, near, request, where, status)
    return Answer(200, raw=b"", media=answers.XML)


def _hold(tx: Tx, near: Neighbours, request: Request, where: Address, status: str) -> None:
    given = {"s3:object-lock-legal-hold": (status,)}
    _, made = _locked(tx, near, request, where, actions.PUT_HOLD, given)
    keep(tx, made, {HOLD: status})


def _locked(
    tx: Tx, near: Neighbours, request: Request, where: Address, action: Action, said: Said = NOTHING
) -> tuple[ContainerRow, ObjectRow]:
    row, made = one(tx, near, request, where, action, said)
    if ENABLED not in row.kept.system:
        raise fault("InvalidRequest", "Bucket is missing Object Lock Configuration")
    return row, made


OPERATIONS = {
    ("GET", "/bucket?object-lock"): (get_configuration, "A bucket's object lock."),
    ("PUT", "/bucket?object-lock"): (put_configuration, "What new objects of a bucket are locked with."),
    ("GET", "/object?retention"): (get_retention, "Until when an object may not go."),
    ("PUT", "/object?retention"): (put_retention, "Keep an object until a day."),
    ("GET", "/object?legal-hold"): (get_hold, "Whether an object is held."),
    ("PUT", "/object?legal-hold"): (put_hold, "Hold an object, or let it go."),
}
