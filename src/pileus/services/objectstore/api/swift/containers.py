"""Containers: their pages, their headers, and what may be set on them."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import msgspec

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer
from pileus.kernel.types import Conflict, Fault, Invalid
from pileus.services.objectstore.api.swift import acl, etags, guarding, listings, metadata, versions
from pileus.services.objectstore.api.swift import syncing as checks
from pileus.services.objectstore.api.swift.accounts import domain_of
from pileus.services.objectstore.api.swift.answers import bad, told, unmet
from pileus.services.objectstore.api.swift.call import Call
from pileus.services.objectstore.api.swift.container_headers import ARCHIVE_TOLD, OWNERS, SYNC, shown
from pileus.services.objectstore.api.swift.items import items
from pileus.services.objectstore.api.swift.listings import Asked
from pileus.services.objectstore.api.swift.paths import check_container
from pileus.services.objectstore.core import accounts, containers, syncing
from pileus.services.objectstore.core.containers import Change, Usage
from pileus.services.objectstore.core.listings import of_container
from pileus.services.objectstore.core.quotas import is_number
from pileus.services.objectstore.db import objects
from pileus.services.objectstore.db.containers import ContainerRow

ARCHIVES = {"x-versions-location": False, "x-history-location": True}
"""Header -> whether the archive is a history."""


async def serve(call: Call) -> Answer:
    await call.see()
    call.authorize()
    if call.method == "PUT":
        return await _put(call)
    if call.scene.container is None:
        raise told(404)
    match call.method:
        case "GET" | "HEAD":
            return await _get(call, call.scene.container)
        case "POST":
            return await _post(call)
        case _:
            return await _delete(call, call.scene.container)


async def _get(call: Call, row: ContainerRow) -> Answer:
    if call.query.has("versions") and call.method == "GET":
        return await versions.listing(call, row)
    asked = listings.asked(call.query, call.headers, call.near.settings.listing, folders=True)
    usage, rows = await call.near.db.read_aside(_read, row, asked, call.path.account, call.method == "HEAD")
    headers = shown(row, usage, call.owner) | ({"Vary": "Accept"} if asked.vary else {})
    media = f"{asked.media}; charset=utf-8"
    if call.method == "HEAD":
        return told(204, "", headers | {"Content-Length": "0"}, media)
    raw = listings.rendered(asked.media, "container", row.name, rows)
    return Answer(
        200 if raw else 204, raw=raw, headers=headers | {"Content-Type": media, "Content-Length": str(len(raw))}
    )


def _read(tx: Tx, row: ContainerRow, asked: Asked, account: str, bare: bool) -> tuple[Usage, list[dict[str, Any]]]:
    usage = containers.usage(tx, row)
    return usage, [] if bare else items(tx, row, of_container(tx, row, asked.wanted).items)


async def _put(call: Call) -> Answer:
    check_container(call.path.container)
    change = _change(call)
    place = call.word("x-storage-policy")
    made = await call.near.db.write(_make, call, change, _place(call, place))
    return told(201, "") if made else told(202)


def _place(call: Call, name: str) -> str:
    """The storage policy by its name, however it is written. Raises 400."""
    found = next((place for place in call.near.stores if place.lower() == name.lower()), "")
    if name and not found:
        raise bad(f"Invalid X-Storage-Policy '{name}'")
    return found


def _make(tx: Tx, call: Call, change: Change, place: str) -> bool:
    try:
        row, made = containers.put(tx, call.near, call.ctx, call.path.account, call.path.container, change, place=place)
    except Fault as fault:
        raise _told(fault) from fault
    syncing.note_all(tx, row, call.scene.kept)
    system = domain_of(call)
    if system:
        accounts.update(tx, call.near, call.ctx, call.path.account, {}, system)
    return made


async def _post(call: Call) -> Answer:
    change = _change(call)
    await call.near.db.write(_update, call, change)
    return told(204, "")


def _update(tx: Tx, call: Call, change: Change) -> None:
    row = containers.find(tx, call.path.account, call.path.container)
    if row is None:
        raise told(404)
    try:
        after = containers.update(tx, call.near, call.ctx, row, change)
    except Fault as fault:
        raise _told(fault) from fault
    syncing.note_all(tx, after, row.kept)


def _told(fault: Fault) -> Answer:
    if isinstance(fault, Conflict):
        return told(409)
    return bad(fault.message) if isinstance(fault, Invalid) else told(fault.status)


async def _delete(call: Call, row: ContainerRow) -> Answer:
    def decide(tx: Tx) -> None:
        found = containers.find(tx, row.account, row.name)
        if found is None:
            raise told(404)
        try:
            containers.delete(tx, call.near, call.ctx, found)
        except Conflict:
            hidden = bool(found.versioning) or not objects.any_in(tx, found.id)
            raise told(409, "Delete all versions before deleting container." if hidden else None) from None

    await call.near.db.write(decide)
    return told(204, "")


# --- what a request sets -------------------------------------------------------------------------------------------------


def _change(call: Call) -> Change:
    """Raises 400, 412."""
    meta = metadata.taken(call.near.settings, "container", call.headers)
    _check_quotas(meta)
    change = Change(meta=meta, versioning=_versioning(call), **_archive(call.headers))
    if not call.owner:
        return msgspec.structs.replace(change, meta={k: v for k, v in meta.items() if k not in OWNERS})
    system = {name: given for name in SYNC if (given := _given(call.headers, f"container-{name}")) is not None}
    if system.get(SYNC[0]):
        checks.check(call.near, system[SYNC[0]])
    try:
        rules = {
            word: acl.cleaned(f"x-container-{word}", metadata.text(given))
            for word in ("read", "write")
            if (given := _given(call.headers, f"container-{word}")) is not None
        }
    except ValueError as error:
        raise told(400, str(error)) from None
    if any(guarding.blocked(call.scene.container, words) for words in rules.values()):
        raise told(403, "Public access control lists are blocked in this container.")
    return msgspec.structs.replace(
        change, system=system | _archive_told(call.headers) | etags.wanted(call, "container"), **rules
    )


def _given(headers: Mapping[str, str], name: str) -> str | None:
    """A header's value, empty when the request takes it away, None when it says nothing."""
    if f"x-remove-{name}" in headers:
        return headers.get(f"x-{name}", "")
    return headers.get(f"x-{name}")


def _check_quotas(meta: Mapping[str, str]) -> None:
    for name in ("bytes", "count"):
        value = meta.get(f"quota-{name}", "")
        if value and not is_number(value):
            raise told(400, f"Invalid {name} quota.")


def _archive(headers: Mapping[str, str]) -> dict[str, Any]:
    """Where overwritten objects go. Raises 400, 412."""
    given = {name: value for name in ARCHIVES if (value := _given(headers, name.removeprefix("x-"))) is not None}
    wanted = {name: unquote(metadata.text(value)) for name, value in given.items() if value}
    if len(wanted) > 1:
        raise bad("Only one of x-versions-location or x-history-location may be specified")
    if any("/" in value for value in given.values()):
        raise unmet("Container name cannot contain slashes")
    for name, value in wanted.items():
        return {"archive": value, "history": ARCHIVES[name]}
    return {"archive": ""} if given else {}


def _archive_told(headers: Mapping[str, str]) -> dict[str, str]:
    """The archive's name as the client wrote it: it is shown so, and may come back so. Empty: no longer."""
    given = [value for name in ARCHIVES if (value := _given(headers, name.removeprefix("x-"))) is not None]
    return {ARCHIVE_TOLD: max(map(metadata.text, given))} if given else {}


def _versioning(call: Call) -> str | None:
    """None: it stays as it is. Raises 400."""
    given = call.headers.get("x-versions-enabled")
    row = call.scene.container
    if given is None:
        return None
    if row is not None and row.kept.archive:
        raise told(
            400,
            "Cannot enable object versioning on a container that is already using the legacy versioned writes feature.",
        )
    if listings.truth(given):
        return "enabled"
    return "suspended" if row is not None and row.versioning else None
