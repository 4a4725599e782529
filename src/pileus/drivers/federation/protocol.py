"""What Pileus asks of those who say who somebody is, and of the libraries that speak their languages.

Rules that every implementation MUST keep:

F1  What comes back in a `Said` was verified: signed by the provider, or told by it over its own TLS connection, meant for us,
    and in time. Whatever is not is `Refused`.
F2  Only URLs of the settings, and those that a provider's own metadata names, are ever called; redirects are not followed.
F3  No secret, token or assertion is logged or stands in an exception's text.
F4  A provider that cannot be reached is `Silent`, within `TIMEOUT` seconds.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from msgspec import Struct

TIMEOUT = 10.0
"""Seconds that a provider has for one answer."""


_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def is_safe(url: str) -> bool:
    """Whether a provider may be asked there: over https, or on this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)


class Refused(Exception):
    """What was shown proves nothing. The text says why, to operators."""


class Silent(Exception):
    """The provider cannot be reached, or answers nonsense."""


class OidcProvider(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An OpenID Connect provider, as an operator enters it under `[federation.oidc.<identity provider>]`.

    `issuer`       its URL; all else is read from `<issuer>/.well-known/openid-configuration`.
    `client_id`    what it knows us by. The secret stands in `[federation.client_secrets]`; a public client has none.
    `protocol`     the id of the protocol object that this serves.
    `title`        its name on the page where people choose.
    `scopes`       asked for at a browser's login.
    `clients`      ids of other clients whose access tokens are accepted as bearer tokens: those of command-line users.
    `audiences`    accepted `aud` of access tokens that are JWTs, beside the client ids.
    `remote_user`  the claim that becomes `REMOTE_USER`.
    `ca_file`      certificates to trust instead of the system's.
    """

    issuer: str
    client_id: str
    protocol: str = "openid"
    title: str = ""
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    clients: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    remote_user: str = "sub"
    ca_file: str = ""


class SamlProvider(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A SAML 2.0 identity provider, as an operator enters it under `[federation.saml.<identity provider>]`.

    `metadata`    file with its metadata: where it is, and by which certificates it signs.
    `entity_id`   which one it is in that file; needed when there are several.
    `protocol`    the id of the protocol object that this serves.
    `title`       its name on the page where people choose.
    `attributes`  name of an attribute in assertions -> name that mappings use; those not listed keep their own.
    `unsolicited` whether enhanced clients may bring assertions that nobody asked for: other OpenStack clouds make such.
    """

    metadata: Path
    entity_id: str = ""
    protocol: str = "saml2"
    title: str = ""
    attributes: dict[str, str] = {}
    unsolicited: bool = False


class Said(Struct, frozen=True, kw_only=True):
    """What a provider says of somebody.

    `remote_id`   what the provider calls itself.
    `attributes`  by the names that mappings use; each has its values.
    `once`        an id that may be used once only, and until when (seconds since 1970); empty: it may be shown again.
    """

    remote_id: str
    attributes: Mapping[str, Sequence[str]]
    once: str = ""
    until: int = 0


class Visit(Struct, frozen=True, kw_only=True):
    """A browser's way to a provider and back: what binds the answer to the question. All are random, but for the URL.

    `redirect_uri`  where it comes back to.   `verifier`  of PKCE.
    """

    redirect_uri: str
    state: str
    nonce: str
    verifier: str


class OidcClient(Protocol):
    """A relying party of OpenID Connect."""

    async def authorization_url(self, provider: OidcProvider, visit: Visit) -> str:
        """Where to send the browser: authorization code with PKCE."""

    async def redeem(self, provider: OidcProvider, visit: Visit, code: str) -> Said:
        """What the provider says of who came back with this code."""

    async def inspect(self, provider: OidcProvider, access_token: str) -> Said:
        """What the provider says of who was given this access token: as a JWT that it signed, or asked by introspection."""

    async def close(self) -> None: ...


class SamlSelf(Struct, frozen=True, kw_only=True):
    """The SAML service provider that we are, as one request sees it.

    `post_url`  where browsers bring responses.   `paos_url`  where enhanced clients bring them.
    """

    entity_id: str
    post_url: str
    paos_url: str


class Issuer(Struct, frozen=True, kw_only=True):
    """The SAML identity provider that we are to other clouds."""

    entity_id: str
    certificate: Path
    key: Path
    organization: str = ""


class Asking(Struct, frozen=True):
    """A SAML request: its id, and the URL that carries it or the envelope that holds it."""

    id: str
    url: str = ""
    envelope: bytes = b""


class SamlParty(Protocol):
    """A SAML service provider, and an identity provider for other clouds."""

    async def ask(self, provider: SamlProvider, me: SamlSelf, relay_state: str) -> Asking:
        """A request for a browser, by redirect."""

    async def ask_enhanced(self, provider: SamlProvider, me: SamlSelf, request_id: str, relay_state: str) -> Asking:
        """A request of this id for an enhanced client (ECP): an envelope of SOAP."""

    async def read(self, provider: SamlProvider, me: SamlSelf, response: str, request_id: str) -> Said:
        """What a response (base64, by POST) to that request says."""

    async def unwrap(self, envelope: bytes) -> str:
        """The relay state in an enhanced client's envelope, not verified; empty when there is none."""

    async def read_enhanced(self, provider: SamlProvider, me: SamlSelf, envelope: bytes, request_id: str) -> Said:
        """What the response in an enhanced client's envelope says. Without a request it must come from a provider that may speak unasked."""

    async def describe(self, me: SamlSelf) -> bytes:
        """Metadata of the service provider that we are."""

    async def vouch(
        self, issuer: Issuer, user: str, attributes: Mapping[str, Sequence[str]], recipient: str, until: int
    ) -> str:
        """A signed response with an assertion for another cloud, good until then (seconds since 1970)."""

    async def describe_issuer(self, issuer: Issuer, sso_url: str) -> bytes:
        """Metadata of the identity provider that we are."""
