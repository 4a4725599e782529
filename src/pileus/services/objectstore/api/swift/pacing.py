"""Bounds on changes and listings a second, as Swift's clients meet them: a wait, 498, 497."""

import asyncio

from pileus.kernel.rest import Answer
from pileus.kernel.types import TooMany
from pileus.services.objectstore.api.swift.answers import told
from pileus.services.objectstore.api.swift.call import Call
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.core.pacing import PATIENCE, Pace, Work
from pileus.services.objectstore.core.settings import ObjectSettings

SHUT_OUT = 1.0
"""Seconds after which an account that is refused hears so."""


async def keep(pace: Pace, call: Call) -> None:
    """Wait for the call's turn. Raises 497, 498."""
    if not pace.needed:
        return
    if pace.refuses(call.path.account):
        await asyncio.sleep(SHUT_OUT)
        raise told(497, "Your account has been blacklisted")
    work = _work(call)
    claims = pace.claims(call.path.account, call.path.container, work) if work is not None else ()
    if not claims or not await _may(call):
        return
    try:
        await pace.wait(claims)
    except TooMany:
        raise told(498, "Slow down") from None


def _work(call: Call) -> Work | None:
    kind, method = call.path.kind, call.method
    if method == "GET":
        return Work.LISTING if kind == "container" else None
    if method not in ("PUT", "POST", "DELETE", "COPY"):
        return None
    if kind == "object":
        return Work.OBJECT
    return Work.CONTAINER if kind == "container" and method in ("PUT", "DELETE") else Work.OTHER


async def _may(call: Call) -> bool:
    """What is refused anyway costs nobody anything; why is told where it is refused."""
    try:
        await call.see()
        call.authorize()
    except Answer:
        return False
    return True


def told_of(near: Neighbours) -> dict[str, object]:
    """For `/info`; empty when nothing is bounded."""
    own: ObjectSettings = near.settings
    if not (own.account_changes or own.container_changes or own.container_listings):
        return {}
    return {
        "account_ratelimit": own.account_changes,
        "max_sleep_time_seconds": PATIENCE,
        "container_ratelimits": [[0, own.container_changes]] if own.container_changes else [],
        "container_listing_ratelimits": [[0, own.container_listings]] if own.container_listings else [],
    }
