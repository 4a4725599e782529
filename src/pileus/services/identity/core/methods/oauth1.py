"""Login by an access token of OAuth1: the request itself is signed."""

from pileus.kernel.db import Tx
from pileus.services.identity.core import oauth1, oauth_tokens, refusals
from pileus.services.identity.core.methods.method import Attempt, Method, Proof
from pileus.services.identity.core.methods.schemas import open_object
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.core.oauth1 import Signed
from pileus.services.identity.db.oauth_tokens import AccessTokenRow


class OAuth1(Method):
    """The token brings its own scope, whatever else is asked for."""

    name = "oauth1"
    schema = open_object({})

    async def prove(self, attempt: Attempt) -> Proof:
        """Clients sign the URL without the query (`?nocatalog`), as Keystone expects it."""
        signed = Signed(url=attempt.url.partition("?")[0], headers=attempt.headers)
        row = await self.near.db.write(_use, self.near, signed)
        return Proof(user_id=row.user_id, methods=(self.name,), access_token_id=row.id)


def _use(tx: Tx, near: Near, signed: Signed) -> AccessTokenRow:
    given = oauth1.read_parameters(signed.headers)
    oauth1.expect(given, "oauth_token")
    row = oauth_tokens.get(tx, given["oauth_token"])
    if row.expires_at is not None and tx.now > row.expires_at:
        raise refusals.unauthorized()
    oauth1.check_use(tx, near.vault, signed)
    return row
