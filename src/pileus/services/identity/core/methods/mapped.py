"""Login by another's word: an identity provider of the federation, or a token that came about so."""

from pileus.drivers.federation.protocol import Said
from pileus.kernel.db import Duplicate, Tx
from pileus.services.identity.core import refusals
from pileus.services.identity.core.asking import Asked
from pileus.services.identity.core.keys import open_claims
from pileus.services.identity.core.methods.method import Attempt, Method, Proof
from pileus.services.identity.core.methods.schemas import TEXT, open_object
from pileus.services.identity.core.methods.token import Token
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.core.vouching import Vouched, enabled_provider, recognize

_BEARER = "bearer "


class Mapped(Method):
    """`{identity_provider, protocol}` with an access token of that provider as bearer, or `{id}` of a federated token."""

    name = "mapped"
    schema = open_object({"identity_provider": TEXT, "protocol": TEXT, "id": TEXT})

    async def prove(self, attempt: Attempt) -> Proof:
        payload = attempt.payload
        if "id" in payload:
            return await self._shown(payload["id"])
        for name in ("identity_provider", "protocol"):
            if not payload.get(name):
                raise refusals.expected(name, self.name)
        provider_id, protocol_id = payload["identity_provider"], payload["protocol"]
        await self.near.db.read(enabled_provider, self.near, provider_id)
        said = await self.near.federation.inspect(
            provider_id, protocol_id, bearer(attempt.headers.get("authorization", ""))
        )
        return await admitted(self.near, self.name, provider_id, protocol_id, said)

    async def _shown(self, token: str) -> Proof:
        claims = await open_claims(self.near, token)
        if claims is None or not claims.idp_id:
            raise refusals.unauthorized()
        return Proof(user_id=claims.user_id, methods=(self.name,), shown=token)

    def confirm(self, tx: Tx, proof: Proof, asked: Asked) -> Proof:
        if not proof.shown:
            return proof
        traded = Token(self.near).confirm(tx, proof, asked)
        return Proof(
            user_id=traded.user_id,
            methods=(self.name,),
            expires_at=traded.expires_at,
            parent_id=traded.parent_id,
            **traded.marks(),
        )


class OpenId(Mapped):
    """The same under the name of its protocol."""

    name = "openid"


class Saml2(Mapped):
    """The same under the name of its protocol."""

    name = "saml2"


def bearer(authorization: str) -> str:
    """The token of an `Authorization: Bearer …`. Raises `Unauthorized` when there is none."""
    if not authorization.lower().startswith(_BEARER):
        raise refusals.unauthorized()
    return authorization[len(_BEARER) :].strip()


async def admitted(near: Near, method: str, provider_id: str, protocol_id: str, said: Said) -> Proof:
    """The proof of somebody for whom a provider vouched; the user is there from now on."""
    vouched = Vouched(
        provider_id=provider_id,
        protocol_id=protocol_id,
        remote_id=said.remote_id,
        assertion=said.attributes,
        once=said.once,
        until=said.until,
    )
    try:
        who = await near.db.write(recognize, near, vouched)
    except Duplicate:  # another login of the same newcomer was quicker
        who = await near.db.write(recognize, near, vouched)
    return Proof(user_id=who.user_id, methods=(method,), **who.marks())
