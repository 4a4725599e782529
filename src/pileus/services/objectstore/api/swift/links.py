"""Symbolic links: objects that lead to another one."""

from urllib.parse import quote, unquote

import msgspec

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer
from pileus.kernel.types import NotFound
from pileus.services.objectstore.api.swift.answers import HTML, PLAIN, bad, told, unmet
from pileus.services.objectstore.api.swift.call import Call, Scene, look
from pileus.services.objectstore.api.swift.paths import Path
from pileus.services.objectstore.api.swift.written import Written
from pileus.services.objectstore.core import links, objects
from pileus.services.objectstore.core.intake import EMPTY
from pileus.services.objectstore.core.objects import Put
from pileus.services.objectstore.db.columns import Details
from pileus.services.objectstore.db.objects import SLO, SYMLINK, ObjectRow

MEDIA = "application/symlink"


def headers(row: ObjectRow, account: str) -> dict[str, str]:
    """What `?symlink=get` shows beside the link's own headers."""
    target = links.target_of(account, row)
    found = {"X-Symlink-Target": quote(f"{target.container}/{target.name}")}
    if target.account != account:
        found["X-Symlink-Target-Account"] = quote(target.account)
    if target.etag:
        found |= {"X-Symlink-Target-Etag": target.etag, "X-Symlink-Target-Bytes": row.kept.system.get(links.SIZE, "0")}
    return found


def elsewhere(path: Path, row: ObjectRow) -> Answer:
    """What a POST to a link hears."""
    target = links.target_of(path.account, row)
    place = str(Path(target.account, target.container, target.name))
    text = "The requested POST was applied to a symlink. POST directly to the target to apply requested metadata."
    return told(307, text, {"Location": place} | ({"X-Symlink-Target-Etag": target.etag} if target.etag else {}))


async def put(call: Call, want: Put) -> Written:
    """Raises 400, 409, 412."""
    first = await anext(call.stream(), b"") if "transfer-encoding" in call.headers else b""
    if first or call.headers.get("content-length", "0") != "0":
        raise bad("Symlink requests require a zero byte body")
    if want.etag and want.etag != EMPTY.md5:
        raise told(422)
    target = _target(call)
    if target == call.path:
        raise bad("Symlink cannot target itself")
    etag = call.word("x-symlink-target-etag").strip('"')
    if any(mark in etag for mark in ';"\\'):
        raise bad("Bad X-Symlink-Target-Etag format")
    system = {links.TARGET: f"{target.container}/{target.name}"}
    if target.account != call.path.account:
        system[links.ACCOUNT] = target.account
    return await call.near.db.write(_put, call, want, target, etag, system)


def _target(call: Call) -> Path:
    container, _, name = unquote(call.word("x-symlink-target")).partition("/")
    if not container or not name:
        media = PLAIN if call.word("x-symlink-target").startswith("/") else HTML
        raise told(412, "X-Symlink-Target header must be of the form <container name>/<object name>", media=media)
    account = unquote(call.word("x-symlink-target-account")) or call.path.account
    if "/" in account:
        raise unmet("Account name cannot contain slashes")
    return Path(account, container, name)


def _put(tx: Tx, call: Call, want: Put, target: Path, etag: str, system: dict[str, str]) -> Written:
    path = call.path
    row = look(tx, path).container
    if row is None:
        raise told(404)
    media = call.word("content-type") or MEDIA
    if etag:
        media, promised = _told(call, media) if call.stamp else _promised(tx, call, target, etag)
        system = system | {links.ETAG: etag} | promised
    details = Details(want.details.meta, want.details.headers, system)
    link = msgspec.structs.replace(want, content_type=media, details=details, etag="", kind=SYMLINK)
    return Written(objects.put(tx, call.near, call.ctx, path.account, path.container, path.name, link, EMPTY), row)


def _told(call: Call, media: str) -> tuple[str, dict[str, str]]:
    """The same as another cluster says it, whose target may come later or never. Raises 400."""
    size = call.word("x-symlink-target-bytes")
    if not size.isdecimal():
        raise bad("X-Symlink-Target-Bytes is no number")
    return media, {links.SIZE: str(int(size))}


def _promised(tx: Tx, call: Call, target: Path, etag: str) -> tuple[str, dict[str, str]]:
    """The media type of what a static link leads to, and what the link remembers of it. Raises 409."""
    there = {"Content-Location": str(target)}
    scene = look(tx, target)
    call.authorize("HEAD", target, Scene(scene.account, scene.container))
    try:
        _, whole = objects.fetch(tx, call.near, *target, lambda row: None)
    except NotFound:
        raise told(409, "X-Symlink-Target does not exist", there, PLAIN) from None
    own = links.own_etag(whole.object)
    if own != etag:
        text = f"Object Etag {own!r} does not match X-Symlink-Target-Etag header {etag!r}"
        raise told(409, text, there, PLAIN)
    row = whole.object
    kept = {links.SIZE: str(row.size)} | ({links.SLO_ETAG: row.etag} if row.kind == SLO else {})
    return row.content_type, kept
