"""Login by password."""

from pileus.services.identity.core import refusals
from pileus.services.identity.core.finding import find_user
from pileus.services.identity.core.methods.method import Attempt, Method, Proof
from pileus.services.identity.core.methods.schemas import TEXT, USER, open_object
from pileus.services.identity.core.methods.secrets import verify
from pileus.services.identity.db import users


class Password(Method):
    """A user by id, or by name and domain, with the password."""

    name = "password"
    schema = open_object({"user": {**USER, "properties": {**USER["properties"], "password": TEXT}}})

    async def prove(self, attempt: Attempt) -> Proof:
        """An unknown user is not told apart from a wrong password."""
        named = attempt.payload.get("user")
        if named is None:
            raise refusals.expected("user", "password")
        row = await self.near.db.read(find_user, named)
        found, id = (row.password_hash, row.id) if row else (None, "")
        hashed = await verify(self.near, self.name, found, named.get("password"), id)
        if self.near.passwords.is_dated(hashed):
            better = await self.near.passwords.hash(named["password"])
            await self.near.db.write(users.rehash, id, hashed, better)
            hashed = better
        return Proof(user_id=id, methods=(self.name,), hash=hashed)
