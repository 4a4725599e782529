"""Container sync as clients and other clusters see it."""

import hmac
from urllib.parse import quote

from pileus.kernel.rest import Query
from pileus.kernel.types import SECOND, Invalid, Micros
from pileus.services.objectstore.api.swift.answers import PLAIN, bad, told
from pileus.services.objectstore.api.swift.call import Call
from pileus.services.objectstore.api.swift.paths import decoded
from pileus.services.objectstore.core import syncing
from pileus.services.objectstore.core.neighbours import Neighbours

HEADER = "x-container-sync-auth"


def check(near: Neighbours, text: str) -> None:
    """Raises 400 for a container that could not follow."""
    try:
        syncing.follower(near, text)
    except Invalid as fault:
        raise told(400, fault.message) from None


async def admit(call: Call) -> None:
    """Lets another cluster's change of an object through: one that knows the realm's key and the container's. Raises 400, 401."""
    words = call.headers[HEADER].split()
    key = (await call.see()).kept.system.get(syncing.KEY, "") if call.path.name else ""
    realm_keys = syncing.keys(call.near, words[0]) if len(words) == 3 else []
    at = call.headers.get("x-timestamp", "0")
    nonce = words[1] if len(words) > 1 else ""
    what = key, call.method, quote(decoded(call.request.path)), at, nonce
    marks = [syncing.signature(one, *what).encode() for one in realm_keys]
    if not (key and any(hmac.compare_digest(mark, words[2].encode()) for mark in marks)):
        text = "X-Container-Sync-Auth header not valid; contact cluster operator for support."
        realm_told = {"Www-Authenticate": f'SwiftContainerSync realm="{call.path.account}"'}
        raise told(401, text, realm_told, PLAIN)
    call.caller = None
    call.stamp = _stamp(at)
    if not call.stamp and "x-timestamp" in call.headers:
        raise bad(f"X-Timestamp should be a UNIX timestamp float value; was {at!r}")
    own = call.path
    call.allowed = lambda method, path: path == own
    if call.method == "HEAD":  # asks whether it has to send: the link then, not what it leads to
        call.query = Query("symlink=get&multipart-manifest=get")


def _stamp(text: str) -> Micros:
    """`X-Timestamp` as a time; 0 for what is none."""
    seconds, _, rest = text.partition("_")[0].partition(".")
    if not (text.isascii() and seconds.isdigit() and (not rest or rest.isdigit()) and len(seconds) < 12):
        return 0
    return int(seconds) * SECOND + int((rest + "00000")[:5]) * 10


def realms(near: Neighbours) -> dict[str, object]:
    """For `/info`."""
    found: dict[str, dict[str, dict[str, object]]] = {
        realm.upper(): {"clusters": {}} for realm in near.settings.sync_realms
    }
    own = near.settings.sync_clusters
    for name in (*own, *near.settings.sync_peers):
        realm, _, cluster = name.partition("/")
        if realm.upper() in found:
            found[realm.upper()]["clusters"][cluster.upper()] = {"current": True} if name in own else {}
    return {"realms": found}
