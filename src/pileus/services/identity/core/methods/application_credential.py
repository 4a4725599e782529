"""Login by application credential."""

from collections.abc import Mapping
from typing import Any

from pileus.kernel.db import Tx
from pileus.services.identity.core import refusals
from pileus.services.identity.core.finding import find_user
from pileus.services.identity.core.methods.method import Attempt, Method, Proof
from pileus.services.identity.core.methods.schemas import TEXT, USER, open_object
from pileus.services.identity.core.methods.secrets import account_of, verify
from pileus.services.identity.db import app_credentials
from pileus.services.identity.db.app_credentials import AppCredentialRow


class ApplicationCredential(Method):
    """The credential by id, or by name and user, with its secret. It brings its own scope."""

    name = "application_credential"
    schema = open_object({"id": TEXT, "name": TEXT, "secret": TEXT, "user": USER})

    async def prove(self, attempt: Attempt) -> Proof:
        row = await self.near.db.read(_find, attempt.payload)
        payload = attempt.payload
        found, user_id, id = (row.secret_hash, row.user_id, row.id) if row else (None, "", "")
        account = id or account_of(None, payload if payload.get("id") else payload.get("user") or {})
        await verify(self.near, self.name, found, payload.get("secret"), account, attempt.address)
        return Proof(user_id=user_id, methods=(self.name,), app_credential_id=id)


def _find(tx: Tx, payload: Mapping[str, Any]) -> AppCredentialRow | None:
    if payload.get("id"):
        return app_credentials.find(tx, payload["id"])
    name, user = payload.get("name"), payload.get("user")
    if not name:
        raise refusals.expected("name or ID", "application credential")
    if not user:
        raise refusals.expected("user", "application credential")
    owner_id = user.get("id")
    if not owner_id:
        owner = find_user(tx, user)
        owner_id = owner.id if owner else ""
    return app_credentials.find_named(tx, owner_id, name)
