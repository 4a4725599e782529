"""Requests of browsers: each container says which origins may read it."""

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer
from pileus.services.objectstore.api.swift.answers import told
from pileus.services.objectstore.api.swift.call import Call, look
from pileus.services.objectstore.db.columns import Settings

ALWAYS = (
    "cache-control", "content-language", "content-type", "etag", "expires", "last-modified", "pragma",
    "x-openstack-request-id", "x-timestamp", "x-trans-id",
)  # fmt: skip
ALLOWED = "POST, HEAD, DELETE, PUT, OPTIONS, GET"


def allowed(call: Call) -> str:
    return ALLOWED + (", COPY" if call.path.name else "")


async def preflight(call: Call) -> Answer:
    """OPTIONS: what may be done, and for a browser whether its origin may do it. Raises 401."""
    methods = {"Allow": allowed(call)}
    if not call.path.container:
        return told(200, "", methods)
    origin = call.headers.get("origin")
    if not origin:
        return told(200, "", methods)
    kept = await call.near.db.read(_kept, call)
    method = call.headers.get("access-control-request-method", "")
    allows = _allows(kept, origin)
    if not allows or method not in methods["Allow"].split(", "):
        raise told(401, None, {"Allow": ALLOWED})
    asked = call.headers.get("access-control-request-headers", "")
    found = methods | {"Access-Control-Allow-Origin": allows, "Access-Control-Allow-Methods": methods["Allow"]}
    vary = [*(["Origin"] if allows != "*" else []), *(["Access-Control-Request-Headers"] if asked else [])]
    if vary:
        found["Vary"] = ", ".join(vary)
    if "access-control-max-age" in kept.meta:
        found["Access-Control-Max-Age"] = kept.meta["access-control-max-age"]
    if asked:
        found["Access-Control-Allow-Headers"] = asked
    return told(200, "", found)


def _kept(tx: Tx, call: Call) -> Settings:
    return look(tx, call.path).kept


def _allows(kept: Settings, origin: str) -> str:
    """What the answer says of that origin; empty: nothing."""
    words = kept.meta.get("access-control-allow-origin", "").split()
    return "*" if "*" in words else origin if origin in words else ""


async def opened(call: Call, answer: Answer) -> Answer:
    """An answer to a browser's own request, readable to it where the container says so."""
    origin = call.headers.get("origin")
    if not origin or not call.path.container or call.method == "OPTIONS":
        return answer
    kept = call.scene.kept
    allows = _allows(kept, origin)
    if not allows:
        return answer
    own = kept.meta.get("access-control-expose-headers", "").split()
    meta = [name.lower() for name in answer.headers if name.lower().startswith(("x-object-meta-", "x-container-meta-"))]
    answer.headers["Access-Control-Expose-Headers"] = ", ".join(dict.fromkeys([*ALWAYS, *own, *meta]))
    answer.headers["Access-Control-Allow-Origin"] = allows
    if allows != "*":
        answer.headers["Vary"] = ", ".join(["Origin", *filter(None, [answer.headers.get("Vary", "")])])
    return answer
