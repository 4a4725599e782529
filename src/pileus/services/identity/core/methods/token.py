"""Login by a token that one has: to have another scope."""

from pileus.kernel.db import Tx
from pileus.kernel.types import NotFound, Unauthorized
from pileus.services.identity.core import primary, refusals
from pileus.services.identity.core.asking import Asked
from pileus.services.identity.core.keys import open_claims
from pileus.services.identity.core.methods.method import Attempt, Method, Proof, in_order
from pileus.services.identity.core.methods.schemas import TEXT, open_object
from pileus.services.identity.core.tokens import Marks
from pileus.services.identity.core.validation import open_session


class Token(Method):
    """The new token ends with the one shown, and is of its chain."""

    name = "token"
    schema = open_object({"id": TEXT}, "id")

    async def prove(self, attempt: Attempt) -> Proof:
        """Only sees to it that the key is there; all else is looked at in the transaction that makes the new token."""
        shown = attempt.payload["id"]
        claims = await open_claims(self.near, shown)
        if claims is None:
            raise NotFound("Could not recognize Fernet token")
        return Proof(user_id=claims.user_id, methods=(self.name,), shown=shown)

    def confirm(self, tx: Tx, proof: Proof, asked: Asked) -> Proof:
        """Raises `NotFound` for a token that is no good and `Forbidden` for one that may not be traded."""
        claims = self.near.keyring.open(proof.shown)
        if claims is None:
            raise NotFound("Could not recognize Fernet token")
        try:
            open_session(tx, self.near, claims)
        except Unauthorized:
            raise NotFound("Failed to validate token") from None
        primary.check_trades(claims)
        if claims.scope == "system" and asked.scope in ("project", "domain"):
            raise refusals.forbidden(
                "Using a system-scoped token to create a project-scoped or domain-scoped token is not allowed."
            )
        return Proof(
            user_id=claims.user_id,
            methods=in_order(self.name, *claims.methods),
            expires_at=claims.expires_at,
            parent_id=claims.chain_id,
            **{name: getattr(claims, name) for name in Marks.__struct_fields__},
        )
