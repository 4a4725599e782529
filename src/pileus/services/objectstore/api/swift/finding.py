"""The object that a path, a version and links lead to."""

from collections.abc import AsyncIterator

from msgspec import Struct

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer
from pileus.kernel.types import Conflict, Fault, Micros, NotFound, Pieces, as_bytes
from pileus.services.objectstore.api.swift.answers import PLAIN, told
from pileus.services.objectstore.api.swift.call import Call, Scene, glance
from pileus.services.objectstore.api.swift.conditions import tags_of
from pileus.services.objectstore.api.swift.paths import Path
from pileus.services.objectstore.api.swift.times import stamp
from pileus.services.objectstore.core import links, objects, reading
from pileus.services.objectstore.core.objects import Permit
from pileus.services.objectstore.core.rooms import TABLES
from pileus.services.objectstore.core.stock import NULL
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import DATA, MARKER, SYMLINK, Whole, part

DELETED = "application/x-deleted;swift_versions_deleted=1"
"""The media type of a delete marker."""


class Found(Struct, frozen=True):
    path: Path
    """Of the object itself, where links lead elsewhere."""
    container: ContainerRow
    whole: Whole
    linked: bool = False

    def open(self, call: Call, permit: Permit) -> "Opener":
        return Opener(call, self, permit)


class Opener:
    """The bytes of something found, any stretch of them."""

    def __init__(self, call: Call, found: Found, permit: Permit) -> None:
        self._call, self._found, self._permit = call, found, permit

    def __call__(self, first: int, end: int) -> Pieces:
        found = self._found
        return reading.content(self._call.near, found.path.account, found.whole, self._permit, first, end)

    def text(self, first: int, end: int) -> AsyncIterator[bytes]:
        """Of a manifest: its own text."""
        return as_bytes(reading.raw(self._call.near, self._found.whole, first, end))


def version_of(call: Call, row: ContainerRow) -> Micros | None:
    """`?version-id=`, which no signature of a URL covers: there it means nothing. Raises 400."""
    text = call.query.one("version-id")
    if not text or call.allowed is not None:
        return None
    check_versioned(row, text != "null")
    found = parsed_version(text)
    if found is None:
        raise told(400, "Invalid version parameter")
    return found


def parsed_version(text: str) -> Micros | None:
    """None for what no version can be called."""
    if text == "null":
        return NULL
    seconds, dot, rest = text.partition(".")
    if not (text.isascii() and seconds.isdigit() and (rest.isdigit() or not dot) and len(seconds) < 12):
        return None
    return int(seconds) * 1_000_000 + int((rest + "00000")[:5]) * 10


def permit(call: Call, method: str = "GET") -> Permit:
    """Whether the caller may also use a container that the request leads to."""

    def judge(row: ContainerRow) -> None:
        account = call.scene.account if row.account == call.path.account else None
        call.authorize(method, Path(row.account, row.name, "-"), Scene(account, row), whole=True)

    return judge


async def find(call: Call, path: Path | None = None, *, follow: bool = True) -> Found:
    """What GET, HEAD and COPY read; the caller may. Raises 401, 403, 404, 409."""
    return await call.near.db.read(_found, call, path or call.path, follow and _follows(call))


def depends_on(whole: Whole) -> tuple[str, ...] | None:
    """By what a plain answer is stamped; None for one that depends on more: the time, or other objects, or a file.

    A bucket policy may ask of the time and of the request: it is not kept either."""
    row = whole.object
    if row.kind != DATA or row.delete_at or (row.body_id and whole.data is None):
        return None
    return *TABLES, part(row.container_id)


def _follows(call: Call) -> bool:
    return call.query.one("symlink") != "get"


def _found(tx: Tx, call: Call, path: Path, follow: bool) -> Found:
    try:
        scene = glance(tx, call.near, path)
    except Answer:
        call.authorize("GET" if path != call.path or call.method == "COPY" else "", path, Scene())
        raise
    if path == call.path:
        call.scene = scene
    call.authorize("GET" if path != call.path or call.method == "COPY" else "", path, scene)
    if call.query.one("version-id") and path == call.path and not call.owner and call.allowed is None:
        raise call.refused()
    if scene.container is None:
        raise told(404)
    version = version_of(call, scene.container)
    try:
        whole = objects.fetch_in(tx, scene.container, path.name, version)
    except NotFound:
        if "*" in tags_of(call.headers.get("if-match", "")):
            raise told(412, "", _unversioned(scene.container, version)) from None
        raise told(404, None, _unversioned(scene.container, version)) from None
    if whole.object.kind == MARKER:
        version_id = stamp(whole.object.stamp) if whole.object.versioned else "null"
        raise told(404, None, {"X-Object-Version-Id": version_id}, DELETED)
    if whole.object.kind != SYMLINK or not follow:
        depends = (
            depends_on(whole) if tx.stamps is not None and path == call.path and not scene.container.policy else None
        )
        if depends is not None and tx.stamps is not None:
            call.read_from = depends, tx.stamps.of(depends)
        return Found(path, scene.container, whole)
    return _followed(tx, call, path, scene.container, whole)


def _followed(tx: Tx, call: Call, path: Path, row: ContainerRow, whole: Whole) -> Found:
    target = links.target_of(path.account, whole.object)
    end = Path(target.account, target.container, target.name)
    try:
        row, last = links.follow(tx, call.near, path.account, row, whole, permit(call))
    except Conflict as fault:
        raise told(409, fault.message, _location(fault, end), PLAIN) from None
    except NotFound:
        raise told(404, None, {"Content-Location": str(end)}) from None
    except Answer as refusal:
        refusal.headers["Content-Location"] = str(end)
        raise
    return Found(Path(row.account, row.name, last.object.name), row, last, True)


def _location(fault: Fault, end: Path) -> dict[str, str]:
    return {} if fault.type == "LinkLoop" else {"Content-Location": str(end)}


def check_versioned(row: ContainerRow, wanted: bool) -> None:
    """Raises 400 for a version of something that never had any."""
    if wanted and not row.versioning:
        raise told(400, "version-aware operations require that the container is versioned")


def _unversioned(row: ContainerRow, version: Micros | None) -> dict[str, str]:
    return {"X-Object-Version-Id": "null"} if version is None and row.versioning else {}
