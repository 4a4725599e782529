"""Tokens of delegations are narrower than their owner: they must not beget what would outlive or outreach them."""

from collections.abc import Collection

from pileus.services.identity.core import refusals
from pileus.services.identity.core.tokens import Claims

_PRIMARY = frozenset(
    {"external", "kerberos", "mapped", "openid", "password", "saml2", "token", "totp", "x509"}
)  # fmt: skip
"""Methods by which people log in themselves. A method that is not among them is a delegation's until somebody says otherwise."""


def is_delegated(methods: Collection[str]) -> bool:
    """Whether a token of these methods speaks for somebody by way of a secret that he gave away."""
    return not methods or not _PRIMARY.issuperset(methods)


def check_manages_trusts(claims: Claims | None) -> None:
    """A trust's own token may: that is redelegation. (Here as below None is the cloud itself, which asks without a token.)"""
    if claims is not None and is_delegated(claims.methods):
        raise refusals.forbidden("Delegated tokens cannot manage trusts.")


def check_manages_app_credentials(claims: Claims | None) -> None:
    """Those of application credentials have a switch of their own (`unrestricted`)."""
    if claims is not None and "application_credential" not in claims.methods:
        check_manages_tokens(claims)


def check_manages_tokens(claims: Claims | None) -> None:
    """For OAuth1's request and access tokens: nobody's delegate makes or sees them."""
    if claims is not None and (claims.trust_id or is_delegated(claims.methods)):
        raise refusals.not_authorized()


def check_reaches_credentials(claims: Claims | None) -> None:
    """Whoever got hold of a credential would outlive the delegation."""
    if claims is not None and (claims.trust_id or claims.app_credential_id or is_delegated(claims.methods)):
        raise refusals.forbidden("Delegated tokens cannot access credentials directly")


def check_trades(claims: Claims) -> None:
    """A delegation's token is not traded for another: that would be one of more, or for longer."""
    for kind, id in (("OAuth", claims.access_token_id), ("trust", claims.trust_id)):
        if id:
            raise refusals.forbidden(
                f"Using {kind}-scoped token to create another token. Create a new {kind}-scoped token instead"
            )
    if claims.app_credential_id or is_delegated(claims.methods):
        raise refusals.forbidden("Using a delegated token to create another token is not allowed.")
