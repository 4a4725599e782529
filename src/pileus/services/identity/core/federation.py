"""Who may vouch for users, as the settings say, and the clients by which they are asked."""

import logging
from collections.abc import Awaitable
from typing import TypeVar

from pileus.drivers.federation.protocol import (
    OidcClient,
    OidcProvider,
    Refused,
    Said,
    SamlParty,
    SamlProvider,
    Silent,
)
from pileus.kernel.types import Unavailable
from pileus.services.identity.core import refusals
from pileus.services.identity.core.federation_settings import FederationSettings

log = logging.getLogger(__name__)
T = TypeVar("T")
METHODS = ("openid", "saml2", "mapped")


class Federation:
    """Providers of the settings. Without a client (in tests, in tools) nobody vouches."""

    def __init__(
        self, settings: FederationSettings, oidc: OidcClient | None = None, saml: SamlParty | None = None
    ) -> None:
        self.settings = settings
        self._oidc, self._saml = oidc, saml

    def oidc_of(self, provider_id: str, protocol_id: str) -> OidcProvider | None:
        found = self.settings.oidc.get(provider_id)
        return found if found is not None and found.protocol == protocol_id and self._oidc is not None else None

    def saml_of(self, provider_id: str, protocol_id: str) -> SamlProvider | None:
        found = self.settings.saml.get(provider_id)
        return found if found is not None and found.protocol == protocol_id and self._saml is not None else None

    def speaking(self, protocol_id: str) -> dict[str, str]:
        """Providers of a protocol by id, with their titles."""
        found = {id: p.title or id for id, p in self.settings.oidc.items() if self.oidc_of(id, protocol_id)}
        return found | {id: p.title or id for id, p in self.settings.saml.items() if self.saml_of(id, protocol_id)}

    @property
    def oidc(self) -> OidcClient:
        assert self._oidc is not None, "oidc_of finds nobody without a client"
        return self._oidc

    @property
    def saml(self) -> SamlParty:
        """Raises `Unauthorized` where there is no client: then nobody can vouch so."""
        if self._saml is None:
            raise refusals.unauthorized()
        return self._saml

    async def inspect(self, provider_id: str, protocol_id: str, access_token: str) -> Said:
        """What a provider says of who bears this access token. Raises `Unauthorized`."""
        provider = self.oidc_of(provider_id, protocol_id)
        if provider is None:
            log.warning(
                "login refused: [federation.oidc.%s] with protocol %s is not configured", provider_id, protocol_id
            )
            raise refusals.unauthorized()
        return await heard(provider_id, self.oidc.inspect(provider, access_token))

    async def close(self) -> None:
        if self._oidc is not None:
            await self._oidc.close()


async def heard(provider_id: str, asked: Awaitable[T]) -> T:
    """The answer of a provider. A refusal is `Unauthorized` and tells the client nothing; silence is `Unavailable`."""
    try:
        return await asked
    except Refused as refused:
        log.warning("login refused: identity provider %s: %s", provider_id, refused)
        raise refusals.unauthorized() from None
    except Silent as silent:
        log.error("identity provider %s cannot be asked: %s", provider_id, silent)
        raise Unavailable("The identity provider cannot be reached. Please try again later.") from None


def method_of(protocol_id: str) -> str:
    """The login method that a token tells for a protocol."""
    return protocol_id if protocol_id in METHODS else "mapped"
