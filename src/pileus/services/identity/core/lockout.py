"""Locked accounts: so many wrong passwords in a row, and none is looked at any more for a while.

A login takes a place *before* its password is looked at and says afterwards how that went, both in the database. Failures and
logins under way together never pass the number of attempts allowed: however many guesses come at once, through however many
processes, no more are looked at.
"""

import asyncio
import contextlib
import zlib
from collections.abc import Awaitable, Callable
from typing import Literal, TypeAlias

from msgspec.structs import replace

from pileus.kernel.db import Tx, signals
from pileus.kernel.types import SECOND, Unauthorized, cloud
from pileus.services.identity.core import refusals
from pileus.services.identity.core.changes import changed
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.db import attempts
from pileus.services.identity.db.attempts import AttemptRow
from pileus.services.identity.db.users import UserRow

Place: TypeAlias = Literal["taken", "locked", "full"]
_GIVEN_UP = 30 * SECOND
"""A login under way for longer went down with its process: it counts as failed."""
_TURN = SECOND
"""A login that found all places taken looks again when one ends, and after this time."""
_ENDED = "identity.login.ended"
_NOBODIES = 512
"""Rows that logins of unknown users write, so that they take the time of known ones."""


async def bounded(near: Near, row: UserRow | None, account: str, look: Callable[[], Awaitable[str]]) -> str:
    """The result of `look` at a password, which raises `Unauthorized` for a wrong one; counted where the rule is on.

    Locked accounts and unknown users go the same way, in vain: a decision, a look, a decision.
    """
    limit = near.compliance.lockout_failure_attempts
    if not limit or (row is not None and row.options.get("ignore_lockout_failure_attempts") is True):
        return await look()
    nobody = f"nobody-{zlib.crc32(account.encode()) % _NOBODIES}"
    if row is None:
        await near.db.write(_pass_by, nobody)
        return await _in_vain(near, nobody, look)
    async with near.guard.queue(row.id, limit):
        ended = signals.subscribe(_ENDED)
        while (place := await near.db.write(_enter, near, row.id, nobody)) == "full":
            await ended.wait(_TURN)
        if place == "locked":
            return await _in_vain(near, nobody, look)
        fits = False
        try:
            found = await look()
            fits = True
            return found
        finally:
            await asyncio.shield(near.db.write(_leave, near, row.id, fits))


async def _in_vain(near: Near, nobody: str, look: Callable[[], Awaitable[str]]) -> str:
    with contextlib.suppress(Unauthorized):
        await look()
    await near.db.write(_pass_by, nobody)
    raise refusals.unauthorized()


def _enter(tx: Tx, near: Near, id: str, nobody: str) -> Place:
    limit, duration = near.compliance.lockout_failure_attempts, near.compliance.lockout_duration * SECOND
    row = attempts.find(tx, id)
    if row.pending and tx.now - (row.pending_since or 0) > _GIVEN_UP:
        row = replace(row, failures=row.failures + row.pending, failed_at=row.pending_since, pending=0)
    if row.failures >= limit:
        if not duration or (row.failed_at or 0) + duration > tx.now:
            _pass_by(tx, nobody)
            return "locked"
        row = replace(row, failures=0, failed_at=None)
    if row.failures + row.pending >= limit:
        return "full"
    attempts.store(tx, replace(row, pending=row.pending + 1, pending_since=tx.now))
    return "taken"


def _leave(tx: Tx, near: Near, id: str, fits: bool) -> None:
    row = attempts.find(tx, id)
    pending = max(0, row.pending - 1)
    tx.wake(_ENDED)
    if fits:
        attempts.store(tx, replace(row, failures=0, failed_at=None, pending=pending))
        return
    row = replace(row, failures=row.failures + 1, failed_at=tx.now, pending=pending)
    attempts.store(tx, row)
    if row.failures == near.compliance.lockout_failure_attempts:
        changed(tx, near, cloud(), "user.lock", id, data={"failures": row.failures}, matters=False)


def _pass_by(tx: Tx, nobody: str) -> None:
    attempts.store(tx, AttemptRow(nobody, 0, tx.now, 0, None))
