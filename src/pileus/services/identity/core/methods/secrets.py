"""Secrets held against hashes, for methods of that kind."""

import logging

from pileus.services.identity.core import refusals
from pileus.services.identity.core.neighbours import Near

log = logging.getLogger(__name__)


async def verify(near: Near, method: str, hashed: str | None, secret: object, user_id: str) -> str:
    """The hash that the secret fits. Takes the same time whoever is meant (None: nobody), and fails in the same words."""
    text = secret if isinstance(secret, str) else ""
    fits = await near.passwords.verify(hashed, text)
    if not fits or not text or hashed is None:
        log.info("login refused: %s of user %r does not fit", method, user_id or "unknown")
        raise refusals.unauthorized()
    return hashed
