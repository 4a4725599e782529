"""Secrets at rest: sealed with Fernet, under keys of their own that come and go by themselves.

A secret is sealed with the newest key, as the database has it in that very transaction: no key can go while somebody seals with it.
Each row names its key, so that a process which never saw that key reads it when it needs it.
"""

from collections.abc import Sequence

from cryptography.fernet import Fernet
from msgspec.structs import replace

from pileus.kernel.db import Tx
from pileus.kernel.types import Micros
from pileus.services.identity.db import credentials, domain_options, keys, sealed
from pileus.services.identity.db.credentials import CredentialRow
from pileus.services.identity.db.keys import KeyRow
from pileus.services.identity.db.sealed import SealedRow

_AT_ONCE = 500
"""Rows sealed anew in one transaction."""


class Vault:
    """The keys seen so far, ready for use. A key never changes, so what is remembered stays true."""

    def __init__(self) -> None:
        self._seen: dict[int, Fernet] = {}

    def seal(self, tx: Tx, secret: str) -> tuple[str, int]:
        """The sealed secret and the id of its key."""
        row = keys.newest(tx, "credential") or self._make(tx, 1)
        return self._fernet(row).encrypt(secret.encode()).decode(), row.id

    def open(self, tx: Tx, row: CredentialRow) -> str:
        return self.unseal(tx, row.sealed, row.key_id, f"credential {row.id}")

    def unseal(self, tx: Tx, text: str, key_id: int, what: str = "an option") -> str:
        fernet = self._seen.get(key_id)
        if fernet is None:
            found = keys.find(tx, "credential", key_id)
            if found is None:
                raise RuntimeError(f"the key {key_id} of {what} is not in the database")
            fernet = self._fernet(found)
        return fernet.decrypt(text).decode()

    def rotate(self, tx: Tx, age: Micros) -> None:
        """Make the first key, or a new one when the newest is older than `age`."""
        newest = keys.newest(tx, "credential")
        if newest is None or tx.now - newest.created_at >= age:
            self._make(tx, newest.id + 1 if newest else 1)

    def renew(self, tx: Tx) -> bool:
        """Seal some of the old secrets with the newest key, and drop keys that no secret needs. Whether there are more."""
        have = keys.everything(tx, "credential")
        if not have:
            return False
        for option in domain_options.not_sealed_with(tx, have[0].id):
            value = self._fernet(have[0]).encrypt(self.unseal(tx, option.value, option.key_id or 0).encode()).decode()
            domain_options.put(tx, [replace(option, value=value, key_id=have[0].id)])
        old = credentials.not_sealed_with(tx, have[0].id, _AT_ONCE)
        credentials.reseal(tx, self._sealed(tx, have[0], old))
        others = sealed.not_sealed_with(tx, have[0].id, _AT_ONCE)
        sealed.reseal(tx, [self._anew(tx, have[0], row) for row in others])
        if _AT_ONCE in (len(old), len(others)):
            return True
        for row in have[1:]:
            keys.remove(tx, row)
        return False

    def _sealed(self, tx: Tx, key: KeyRow, rows: Sequence[CredentialRow]) -> list[tuple[str, str, int]]:
        fernet = self._fernet(key)
        return [(row.id, fernet.encrypt(self.open(tx, row).encode()).decode(), key.id) for row in rows]

    def _anew(self, tx: Tx, key: KeyRow, row: SealedRow) -> SealedRow:
        secret = self.unseal(tx, row.sealed, row.key_id, f"{row.table} {row.id}")
        return replace(row, sealed=self._fernet(key).encrypt(secret.encode()).decode(), key_id=key.id)

    def _make(self, tx: Tx, id: int) -> KeyRow:
        row = KeyRow("credential", id, Fernet.generate_key().decode(), tx.now)
        keys.add(tx, row)
        return row

    def _fernet(self, row: KeyRow) -> Fernet:
        return self._seen.setdefault(row.id, Fernet(row.secret))
