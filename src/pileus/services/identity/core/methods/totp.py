"""Login by a one-time code."""

import base64
import binascii
import hmac
import logging

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from pileus.kernel.db import Tx
from pileus.kernel.types import SECOND, Micros, clock
from pileus.services.identity.core import credentials as noun
from pileus.services.identity.core import refusals
from pileus.services.identity.core.asking import Asked
from pileus.services.identity.core.failures import sayable
from pileus.services.identity.core.finding import find_user
from pileus.services.identity.core.methods.method import Attempt, Method, Proof
from pileus.services.identity.core.methods.schemas import TEXT, USER, open_object
from pileus.services.identity.core.methods.secrets import account_of
from pileus.services.identity.db import credentials
from pileus.services.identity.db.users import UserRow

log = logging.getLogger(__name__)
_DIGITS, _STEP = 6, 30
"""What authenticator apps assume; a step is in seconds."""


class Totp(Method):
    """A user by id, or by name and domain, with the code that one of the user's `totp` credentials shows now. Each code counts once."""

    name = "totp"
    schema = open_object({"user": {**USER, "properties": {**USER["properties"], "passcode": TEXT}}})

    async def prove(self, attempt: Attempt) -> Proof:
        named = attempt.payload.get("user")
        if named is None:
            raise refusals.expected("user", "totp")
        row = await self.near.db.read(find_user, named)
        account = account_of(row, named)
        async with self.near.guard.watch(account, attempt.address, "totp"):
            secrets = await self.near.db.read(self._secrets, row)
            found = _match(secrets, str(named.get("passcode") or ""), clock(), self.near.settings.totp_windows)
            if row is None or found is None:
                log.info("login refused: totp of %s does not fit", sayable(account))
                raise refusals.unauthorized()
        return Proof(user_id=row.id, methods=(self.name,), code=found, writes=True)

    def confirm(self, tx: Tx, proof: Proof, asked: Asked) -> Proof:
        """Raises `Unauthorized` for a code that was used, or is older than one that was."""
        if not credentials.use_step(tx, *proof.code):
            log.info("login refused: totp code of user %r was used before", proof.user_id)
            raise refusals.unauthorized()
        return proof

    def _secrets(self, tx: Tx, row: UserRow | None) -> list[tuple[str, str]]:
        """Ids and secrets of a user's credentials; nobody has none."""
        found = credentials.of_user(tx, row.id, "totp") if row is not None else []
        return [(one.id, noun.opened(tx, self.near, one).blob) for one in found]


def codes(secret: str, now: Micros, windows: int) -> dict[int, str]:
    """The code of this time step and those of `windows` steps before, by step. Raises `ValueError` for what is no base32."""
    padded = secret.strip().upper() + "=" * (-len(secret.strip()) % 8)
    key = base64.b32decode(padded)
    made = TOTP(key, _DIGITS, SHA1(), _STEP, enforce_key_length=False)  # noqa: S303 - what authenticator apps do
    step = now // SECOND // _STEP
    return {one: made.generate(one * _STEP).decode() for one in range(step, step - windows - 1, -1)}


def _match(secrets: list[tuple[str, str]], code: str, now: Micros, windows: int) -> tuple[str, int] | None:
    """The credential and step that a code is of."""
    for id, secret in secrets:
        try:
            made = codes(secret, now, windows)
        except (ValueError, binascii.Error):
            log.warning("credential %s of type totp is no base32", id)
            continue
        for step, one in made.items():
            if hmac.compare_digest(one.encode(), code.encode()):
                return id, step
    return None
