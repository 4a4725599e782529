"""Accounts: what they hold, in headers and in pages; their metadata."""

import json
import re
from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer
from pileus.kernel.types import clock
from pileus.services.objectstore.api.swift import etags, listings, metadata, times
from pileus.services.objectstore.api.swift.answers import HTML, told
from pileus.services.objectstore.api.swift.call import ACCOUNT_ACL, PROJECT_DOMAIN, Call
from pileus.services.objectstore.api.swift.container_headers import OWNERS, RFC_ETAGS
from pileus.services.objectstore.api.swift.listings import Asked
from pileus.services.objectstore.api.swift.tempauth import DOMAIN
from pileus.services.objectstore.core import accounts
from pileus.services.objectstore.core.accounts import Account
from pileus.services.objectstore.core.listings import Listed, Subdir, of_account
from pileus.services.objectstore.core.quotas import is_number
from pileus.services.objectstore.db import counters
from pileus.services.objectstore.db.containers import ContainerRow

QUOTAS = re.compile(r"quota-(bytes|count)(-policy-.+)?\Z")
"""Names of what bounds an account: set from above alone, as `X-Account-Quota-…`; the bytes also as metadata."""


async def serve(call: Call) -> Answer:
    await call.see()
    call.authorize()
    match call.method:
        case "GET" | "HEAD":
            return await _get(call)
        case "POST":
            return await _set(call, 204)
        case "PUT":
            return await _set(call, 201 if call.scene.account is None else 202)
        case _:
            return await _delete(call)


async def _get(call: Call) -> Answer:
    asked = listings.asked(call.query, call.headers, call.near.settings.listing)
    account, page, uses = await call.near.db.read_aside(_read, call.path.account, asked, call.method == "HEAD")
    headers = _headers(account, call.owner) | ({"Vary": "Accept"} if asked.vary else {})
    if account.row is None:
        now = times.stamp(clock())
        headers |= {"X-Timestamp": now, "X-Put-Timestamp": now}
        headers.pop("Accept-Ranges")
    media = f"{asked.media}; charset=utf-8"
    if call.method == "HEAD":
        return told(204 if account.row is not None else 200, "", headers, media)
    rows = [_row(item, uses) for item in page.items]
    raw = listings.rendered(asked.media, "account", call.path.account, rows)
    return Answer(
        200 if raw else 204, raw=raw, headers=headers | {"Content-Type": media, "Content-Length": str(len(raw))}
    )


def _read(
    tx: Tx, name: str, asked: Asked, bare: bool
) -> tuple[Account, Listed[ContainerRow], dict[int, tuple[int, int]]]:
    account = accounts.find(tx, name)
    if bare or account.row is None:
        return account, Listed([], False), {}
    page = of_account(tx, name, asked.wanted)
    return account, page, counters.sums_of(tx, [one.id for one in page.items if isinstance(one, ContainerRow)])


def _row(item: ContainerRow | Subdir, uses: dict[int, tuple[int, int]]) -> dict[str, Any]:
    if isinstance(item, Subdir):
        return {"subdir": item.name}
    objects, size = uses.get(item.id, (0, 0))
    return {
        "name": item.name, "count": objects, "bytes": size, "last_modified": times.listed(item.created_at),
        "storage_policy": item.place,
    }  # fmt: skip


def _headers(account: Account, owner: bool) -> dict[str, str]:
    kept = account.kept
    found = {
        "X-Account-Container-Count": str(account.containers),
        "X-Account-Object-Count": str(account.objects),
        "X-Account-Bytes-Used": str(account.bytes),
        "Accept-Ranges": "bytes",
    }
    for count in account.counts:
        name = f"X-Account-Storage-Policy-{metadata.title(count.place)}"
        found |= {
            f"{name}-Container-Count": str(count.containers),
            f"{name}-Object-Count": str(count.objects),
            f"{name}-Bytes-Used": str(count.bytes),
        }
    if account.row is not None:
        found["X-Timestamp"] = times.stamp(account.row.created_at)
    found |= metadata.shown("account", kept.meta, () if owner else OWNERS)
    marks = {**kept.meta, **kept.system}
    found |= {f"X-Account-{metadata.title(name)}": value for name, value in marks.items() if QUOTAS.match(name)}
    if PROJECT_DOMAIN in kept.system:
        found["X-Account-Project-Domain-Id"] = kept.system[PROJECT_DOMAIN]
    if RFC_ETAGS in kept.system:
        found["X-Account-Rfc-Compliant-Etags"] = kept.system[RFC_ETAGS]
    if owner and ACCOUNT_ACL in kept.system:
        found["X-Account-Access-Control"] = kept.system[ACCOUNT_ACL]
    return found


async def _set(call: Call, status: int) -> Answer:
    meta = metadata.taken(call.near.settings, "account", call.headers)
    system = {}
    if not call.owner:
        meta = {name: value for name, value in meta.items() if name not in OWNERS}
    elif "x-account-access-control" in call.headers and call.ctx.user_domain_id == DOMAIN:
        system[ACCOUNT_ACL] = _acl(call.word("x-account-access-control"))
    system |= _quotas(call, meta) | etags.wanted(call, "account")
    metadata.check_merged(call.near.settings, call.scene.account_kept.meta, meta)
    await call.near.db.write(_update, call, meta, system)
    return told(status, "" if status != 202 else None, media=HTML)


def _update(tx: Tx, call: Call, meta: dict[str, str], system: dict[str, str]) -> None:
    accounts.update(tx, call.near, call.ctx, call.path.account, meta, system | domain_of(call))


def domain_of(call: Call) -> dict[str, str]:
    """What an account is to remember of its project, as soon as somebody of the project comes: names in ACLs count in the
    default domain alone."""
    ctx = call.caller
    known = PROJECT_DOMAIN in call.scene.account_kept.system
    if not known and ctx is not None and call.path.account.endswith(ctx.project_id or "/"):
        return {PROJECT_DOMAIN: ctx.project_domain_id}
    return {}


def _quotas(call: Call, meta: dict[str, str]) -> dict[str, str]:
    """What is to bound the account. Raises 400, 403."""
    found = {name: "" for name in meta if QUOTAS.match(name)}
    for header, value in call.headers.items():
        for prefix, removes in (("x-account-", False), ("x-remove-account-", True)):
            name = header.removeprefix(prefix)
            if header.startswith(prefix) and QUOTAS.match(name):
                found[name.lower()] = "" if removes else metadata.text(value).strip()
    if not found:
        return {}
    if call.caller is None or not call.is_reseller():
        raise told(403)
    if any(value and not is_number(value) for value in (*found.values(), *(meta[n] for n in meta if QUOTAS.match(n)))):
        raise told(400)
    return found


def _acl(text: str) -> str:
    """TempAuth's ACL of an account, as it is stored. Raises 400."""
    if not text or text == "{}":
        return ""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    wrong = "" if isinstance(found, dict) else f"Syntax error in input ({text!r})"
    for level, names in found.items() if isinstance(found, dict) else ():
        if level not in ("admin", "read-write", "read-only"):
            wrong = f"Key {json.dumps(level)} not recognized"
        elif not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            wrong = f"Value for key {json.dumps(level)} must be a list"
    if wrong:
        said = f"X-Account-Access-Control invalid: {wrong}\n\nInput: {text}\n"
        raise told(400, said, media="text/plain; charset=UTF-8")
    return json.dumps(found, sort_keys=True, separators=(",", ":"))


async def _delete(call: Call) -> Answer:
    if call.query.pairs:
        raise told(400)
    if call.scene.account is None:
        raise told(404)
    await call.near.db.write(accounts.delete, call.near, call.ctx, call.path.account)
    return told(204, "", {"X-Account-Status": "Deleted"})
