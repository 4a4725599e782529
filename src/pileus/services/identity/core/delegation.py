"""Tokens that stand for their user only in part: those of trusts, application credentials, OAuth and signed requests."""

from pileus.kernel.types import Ctx
from pileus.services.identity.core import refusals
from pileus.services.identity.core.neighbours import Near

PRIMARY = frozenset({"external", "kerberos", "mapped", "openid", "password", "saml2", "token", "totp", "x509"})
"""Methods by which users prove themselves. A token that was made with any other is delegated."""


def check_primary(near: Near, ctx: Ctx) -> None:
    """Raises `Forbidden` for a delegated token: it must not get hold of what outlives it."""
    claims = near.keyring.open(ctx.token) if ctx.token else None
    methods = set(claims.methods) if claims else set()
    if ctx.trust_id or ctx.app_credential_id or (claims is not None and not (methods and methods <= PRIMARY)):
        raise refusals.forbidden("Delegated tokens cannot access credentials directly")
