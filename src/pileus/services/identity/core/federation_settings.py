"""What an operator says of those who say who somebody is."""

from pathlib import Path
from typing import Annotated

from pileus.drivers.federation.protocol import OidcProvider, SamlProvider, is_safe
from pileus.kernel.config import Section, doc


class FederationSettings(Section, frozen=True):
    """`[federation]` in pileus.toml."""

    trusted_dashboards: Annotated[
        tuple[str, ...],
        doc(
            "URLs of dashboards to which a browser may carry its token back, exactly as they name themselves (`origin`)."
        ),
    ] = ()
    base_url: Annotated[
        str, doc("URL of the identity API as browsers reach it, up to `/v3`; empty: as each request names it.")
    ] = ""
    oidc: Annotated[
        dict[str, OidcProvider],
        doc("OpenID Connect providers by the id of the identity provider object: a table [federation.oidc.ID] each."),
    ] = {}
    client_secrets: Annotated[
        dict[str, str], doc("Secrets of our clients at OpenID Connect providers, by the same ids.", secret=True)
    ] = {}
    saml: Annotated[
        dict[str, SamlProvider],
        doc("SAML identity providers by the id of the identity provider object: a table [federation.saml.ID] each."),
    ] = {}
    certificate: Annotated[
        Path | None, doc("Certificate (PEM) by which this cloud signs what it asserts to service providers.")
    ] = None
    key: Annotated[Path | None, doc("Private key (PEM) of that certificate.")] = None
    entity_id: Annotated[
        str, doc("What this cloud calls itself to service providers; empty: <base>/v3/OS-FEDERATION/saml2/idp.")
    ] = ""
    organization: Annotated[str, doc("Name of the organization in this cloud's SAML metadata.")] = ""


def problems(settings: FederationSettings) -> list[str]:
    """What cannot be meant, a sentence each."""
    found = [
        f"[federation] client_secrets: {id!r} is no provider of [federation.oidc]"
        for id in settings.client_secrets
        if id not in settings.oidc
    ]
    for id, provider in settings.oidc.items():
        if not is_safe(provider.issuer):
            found.append(f"[federation.oidc.{id}] issuer: an https URL was expected, not {provider.issuer!r}")
    for id in settings.saml:
        if id in settings.oidc and settings.oidc[id].protocol == settings.saml[id].protocol:
            found.append(f"[federation.saml.{id}] protocol: [federation.oidc.{id}] has the same")
    if (settings.certificate is None) != (settings.key is None):
        found.append("[federation] certificate and key: both or none")
    return found
