"""Ways to prove who one is: a class each."""

from collections.abc import Mapping

from pileus.services.identity.core.methods.application_credential import ApplicationCredential
from pileus.services.identity.core.methods.mapped import Mapped, OpenId, Saml2
from pileus.services.identity.core.methods.method import Attempt, Method, Proof
from pileus.services.identity.core.methods.oauth1 import OAuth1
from pileus.services.identity.core.methods.password import Password
from pileus.services.identity.core.methods.token import Token
from pileus.services.identity.core.methods.totp import Totp
from pileus.services.identity.core.neighbours import Near

__all__ = ["Attempt", "Method", "Proof", "build"]

_ALL: tuple[type[Method], ...] = (
    Password,
    Token,
    ApplicationCredential,
    OAuth1,
    Totp,
    Mapped,
    OpenId,
    Saml2,
)


def build(near: Near) -> Mapping[str, Method]:
    """Every method by its name in `auth.identity.methods`."""
    return {kind.name: kind(near) for kind in _ALL}
