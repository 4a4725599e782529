"""Secrets held against hashes, for methods of that kind."""

import logging
from collections.abc import Mapping
from typing import Any

from pileus.services.identity.core import lockout, refusals
from pileus.services.identity.core.failures import UNKNOWN, sayable
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.db.users import UserRow

log = logging.getLogger(__name__)


async def verify(near: Near, method: str, hashed: str | None, secret: object, account: str, address: str) -> str:
    """The hash that the secret fits. Takes the same time whoever is meant (None: nobody), and fails in the same words.

    `account` is what failures are counted under. Raises `Unauthorized`, or `TooMany` after too many of them.
    """
    text = secret if isinstance(secret, str) else ""
    async with near.guard.watch(account, address):
        fits = await near.passwords.verify(hashed, text)
        if not fits or not text or hashed is None:
            log.info("login refused: %s of %s does not fit", method, sayable(account))
            raise refusals.unauthorized()
    return hashed


async def verify_password(
    near: Near, row: UserRow | None, named: Mapping[str, Any], secret: object, address: str
) -> str:
    """The same for a user's password, which can lock the account. `row` is None for nobody, `named` what was given."""
    account = account_of(row, named)
    hashed = row.password_hash if row is not None else None
    return await lockout.bounded(near, row, account, lambda: verify(near, "password", hashed, secret, account, address))


def account_of(row: UserRow | None, named: Mapping[str, Any]) -> str:
    """A user's id, or for nobody what was given as one."""
    if row is not None:
        return row.id
    domain = named.get("domain") or {}
    given = named.get("id") or f"{domain.get('id') or domain.get('name')}/{named.get('name')}"
    return f"{UNKNOWN} {given}"[:300].lower()
