"""Login by password."""

from pileus.kernel.db import Tx
from pileus.services.identity.core import compliance, consulting, refusals
from pileus.services.identity.core.asking import Asked
from pileus.services.identity.core.directories import find_with_home
from pileus.services.identity.core.methods.method import Attempt, Method, Proof
from pileus.services.identity.core.methods.schemas import TEXT, USER, open_object
from pileus.services.identity.core.methods.secrets import account_of, verify_password
from pileus.services.identity.db import users


class Password(Method):
    """A user by id, or by name and domain, with the password."""

    name = "password"
    schema = open_object({"user": {**USER, "properties": {**USER["properties"], "password": TEXT}}})

    async def prove(self, attempt: Attempt) -> Proof:
        """An unknown user is not told apart from a wrong password."""
        near, named = self.near, attempt.payload.get("user")
        if named is None:
            raise refusals.expected("user", "password")
        row, home = await near.db.read(find_with_home, near, named)
        if home is not None:
            account = account_of(row, named)
            id = await consulting.login(near, home, named, named.get("password"), account, attempt.address)
            return Proof(user_id=id, methods=(self.name,), writes=row is None or not compliance.seen_today(row))
        hashed = await verify_password(near, row, named, named.get("password"), attempt.address)
        assert row is not None
        if near.passwords.is_dated(hashed):
            better = await near.passwords.hash(named["password"])
            await near.db.write(users.rehash, row.id, hashed, better)
            hashed = better
        return Proof(user_id=row.id, methods=(self.name,), hash=hashed, writes=not compliance.seen_today(row))

    def confirm(self, tx: Tx, proof: Proof, asked: Asked) -> Proof:
        """Raises `Unauthorized` for a password that must be changed first. The first login of a day is noted."""
        row = users.find(tx, proof.user_id)
        if row is not None and compliance.is_enabled(self.near, row, tx.now):
            if compliance.is_expired(row, tx.now):
                raise refusals.password_expired(row.id)
            compliance.note_seen(tx, self.near, row)
        return proof
