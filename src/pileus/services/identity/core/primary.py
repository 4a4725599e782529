"""Tokens that stand for their user only in part: those of trusts, application credentials, OAuth and signed requests."""

from pileus.kernel.types import Ctx
from pileus.services.identity.core import refusals
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.core.tokens import Claims

PRIMARY = frozenset({"external", "kerberos", "mapped", "openid", "password", "saml2", "token", "totp", "x509"})
"""Methods by which users prove themselves. A token that was made with any other is delegated."""


def is_delegated(claims: Claims) -> bool:
    delegations = (claims.app_credential_id, claims.trust_id, claims.access_token_id)
    return any(delegations) or not claims.methods or not PRIMARY.issuperset(claims.methods)


def check_primary(near: Near, ctx: Ctx) -> None:
    """Raises `Forbidden` for a delegated token: it must not get hold of what outlives it. The cloud itself has none."""
    claims = near.keyring.open(ctx.token) if ctx.token else None
    if claims is not None and is_delegated(claims):
        raise refusals.forbidden("Delegated tokens cannot access credentials directly")
