"""Secrets to hashes and back: argon2id for our own, bcrypt only to read what was imported.

Hashing is made to be slow, so it happens in a few threads of its own (argon2 and bcrypt let go of the interpreter), never on
the loop and never in a transaction.
"""

import asyncio
import base64
import hashlib
import hmac
import re
import secrets
from concurrent.futures import ThreadPoolExecutor

import bcrypt
from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from pileus.kernel.types import Invalid
from pileus.services.identity.core.settings import IdentitySettings

LONGEST = 4096
"""Characters of a password."""
_BCRYPT_LIMIT = 72
"""Bytes that bcrypt reads; Keystone cuts there too."""
_BCRYPT_SHA256 = re.compile(r"\$bcrypt-sha256\$v=2,t=(2[aby]),r=(\d+)\$([./A-Za-z0-9]{22})\$([./A-Za-z0-9]{31})\Z")


class Passwords:
    """Hashes and verifies, a bounded number at a time."""

    def __init__(self, settings: IdentitySettings) -> None:
        self._argon2 = PasswordHasher(
            time_cost=settings.password_passes, memory_cost=settings.password_memory, parallelism=1, type=Type.ID
        )
        self._pool = ThreadPoolExecutor(max(1, settings.password_threads), thread_name_prefix="passwords")
        self._nobody = self._pool.submit(self._argon2.hash, secrets.token_hex(16))
        """A hash that nobody's password fits, made before anybody asks."""

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def hash(self, secret: str) -> str:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self.hash_now, secret)

    async def verify(self, hashed: str | None, secret: str) -> bool:
        """Whether the secret fits. Without a hash (nobody has that name) it takes as long and is False."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self.verify_now, hashed, secret)

    def hash_now(self, secret: str) -> str:
        check_length(secret)
        return self._argon2.hash(secret)

    def verify_now(self, hashed: str | None, secret: str) -> bool:
        if hashed is None or len(secret) > LONGEST:
            _fits_argon2(self._argon2, self._nobody.result(), secret[:LONGEST])
            return False
        if hashed.startswith("$argon2"):
            return _fits_argon2(self._argon2, hashed, secret)
        return _fits_bcrypt(hashed, secret)

    def is_dated(self, hashed: str) -> bool:
        """Whether a hash that fitted ought to be made anew: imported, or of other parameters than today's."""
        return not hashed.startswith("$argon2") or self._argon2.check_needs_rehash(hashed)


def check_length(secret: str) -> None:
    """Raises `Invalid` for a password nobody should have to hash."""
    if len(secret) > LONGEST:
        raise Invalid(
            f"The password length must be less than or equal to {LONGEST}. "
            "The server could not comply with the request because the password is invalid."
        )


def generate(length: int = 20) -> str:
    """A random password, easy to copy."""
    return secrets.token_urlsafe(length)[:length]


def _fits_argon2(hasher: PasswordHasher, hashed: str, secret: str) -> bool:
    try:
        return hasher.verify(hashed, secret)
    except (VerificationError, InvalidHashError):
        return False


def _fits_bcrypt(hashed: str, secret: str) -> bool:
    found = _BCRYPT_SHA256.match(hashed)
    try:
        if found is None:
            return bcrypt.checkpw(secret.encode()[:_BCRYPT_LIMIT], hashed.encode())
        kind, rounds, salt, digest = found.groups()
        keyed = hmac.new(salt.encode(), secret.encode(), hashlib.sha256).digest()
        full = f"${kind}${int(rounds):02d}${salt}{digest}"
        return bcrypt.checkpw(base64.b64encode(keyed), full.encode())
    except ValueError:
        return False
