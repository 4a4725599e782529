"""Keys come and go by themselves, and none goes while a token sealed with it may live."""

from collections.abc import Callable
from itertools import pairwise
from typing import TypeVar

from cryptography.fernet import Fernet

from pileus.kernel.db import Tx
from pileus.kernel.types import MINUTE, SECOND
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.core.tokens import Claims
from pileus.services.identity.db import keys, revocations

Opened = TypeVar("Opened")
CHANGED = "identity.keys"
"""Signal: another process made a key."""
_SLACK = 5 * MINUTE
"""For the clocks of several hosts."""


def rotate(tx: Tx, near: Near) -> bool:
    """Make the first key, or a new one when the newest is old enough; drop those whose tokens have all ended.

    Returns whether anything changed; `load` puts it into use.
    """
    settings = near.settings
    have = keys.everything(tx, "token")
    changed = False
    if not have or tx.now - have[0].created_at >= settings.key_rotation * SECOND:
        newest = keys.KeyRow("token", have[0].id + 1 if have else 1, Fernet.generate_key().decode(), tx.now)
        keys.add(tx, newest)
        have.insert(0, newest)
        changed = True
    longest = max(settings.token_lifetime + settings.allow_expired_window, settings.receipt_lifetime) * SECOND + _SLACK
    for newer, older in pairwise(have):
        if tx.now - newer.created_at > longest:
            keys.remove(tx, older)
            changed = True
    if changed:
        tx.wake(CHANGED)
    return changed


def load(tx: Tx, near: Near) -> None:
    """Take the keys of the database into use."""
    have = keys.everything(tx, "token")
    if have:
        near.keyring.load([(row.id, row.secret) for row in have])


async def open_claims(near: Near, token: str) -> Claims | None:
    """A token's claims, with a key that another process may just have made."""
    return await _open(near, near.keyring.open, token)


async def open_bytes(near: Near, text: str) -> bytes | None:
    """The same for whatever else was sealed with these keys."""
    return await _open(near, near.keyring.open_bytes, text)


async def _open(near: Near, how: Callable[[str], Opened | None], text: str) -> Opened | None:
    found = how(text)
    if found is None and near.db.multi_process and len(text) > 100:
        await near.db.read(load, near)
        found = how(text)
    return found


def purge(tx: Tx, near: Near) -> int:
    """Forget revocations of tokens that have ended anyway."""
    return revocations.purge(tx, tx.now - near.settings.allow_expired_window * SECOND - _SLACK)
