"""Keys come and go by themselves, and none goes while a token sealed with it may live."""

from itertools import pairwise

from cryptography.fernet import Fernet

from pileus.kernel.db import Tx
from pileus.kernel.types import MINUTE, SECOND
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.core.tokens import Claims
from pileus.services.identity.db import keys, revocations

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
    longest = (settings.token_lifetime + settings.allow_expired_window) * SECOND + _SLACK
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
    claims = near.keyring.open(token)
    if claims is None and near.db.multi_process and len(token) > 100:
        await near.db.read(load, near)
        claims = near.keyring.open(token)
    return claims


def purge(tx: Tx, near: Near) -> int:
    """Forget revocations of tokens that have ended anyway."""
    return revocations.purge(tx, tx.now - near.settings.allow_expired_window * SECOND - _SLACK)
