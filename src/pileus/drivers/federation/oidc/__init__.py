"""OpenID Connect, spoken with joserfc and httpx: `RelyingParty`."""

from pileus.drivers.federation.oidc.party import RelyingParty

__all__ = ["RelyingParty"]
