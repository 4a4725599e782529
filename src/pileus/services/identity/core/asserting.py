"""What this cloud tells another cloud of one of its users."""

import json
from collections.abc import Mapping

from msgspec import Struct

from pileus.drivers.federation.protocol import Issuer
from pileus.kernel.db import Tx
from pileus.kernel.types import SECOND, NotFound, Unauthorized
from pileus.services.identity.core import refusals, service_providers
from pileus.services.identity.core.federation_settings import FederationSettings
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.core.tokens import Claims
from pileus.services.identity.core.validation import open_session
from pileus.services.identity.db import groups, projects
from pileus.services.identity.db.service_providers import ServiceProviderRow


class Told(Struct, frozen=True, kw_only=True):
    """The user's name, and all that the assertion says; it ends with the token (seconds since 1970)."""

    partner: ServiceProviderRow
    user: str
    attributes: Mapping[str, list[str]]
    until: int


def issuer_of(settings: FederationSettings, base: str) -> Issuer:
    """Who this cloud is to others. Raises `NotFound` when nobody said by which key it signs."""
    if settings.certificate is None or settings.key is None:
        raise NotFound(
            "This cloud does not assert anything to service providers: "
            "[federation] certificate and key are not configured."
        )
    return Issuer(
        entity_id=settings.entity_id or f"{base}/v3/OS-FEDERATION/saml2/idp",
        certificate=settings.certificate,
        key=settings.key,
        organization=settings.organization,
    )


def tell(tx: Tx, near: Near, claims: Claims, partner_id: str) -> Told:
    """Raises `NotFound` for a partner or a token that is none, `Forbidden` where it may not be told."""
    partner = service_providers.enabled(tx, partner_id)
    try:
        session = open_session(tx, near, claims)
    except Unauthorized:
        raise NotFound("Failed to validate token") from None
    project, home = session.project, session.domain
    if project is None or home is None:
        raise refusals.forbidden("Use a project scoped token when attempting to create a SAML assertion")
    if session.held is not None:
        raise refusals.forbidden("Using a delegated token to create a SAML assertion is not allowed")
    return Told(
        partner=partner,
        user=session.user.name,
        attributes={
            "openstack_user": [session.user.name],
            "openstack_roles": [role.name for role in session.roles],
            "openstack_project": [project.name],
            "openstack_project_domain": [home.name],
            "openstack_user_domain": [session.user_domain.name],
            "openstack_groups": _groups(tx, session.user.id, claims.group_ids),
        },
        until=claims.expires_at // SECOND,
    )


def _groups(tx: Tx, user_id: str, group_ids: tuple[str, ...]) -> list[str]:
    rows = groups.find_many(tx, [*groups.groups_of(tx, user_id), *group_ids])
    homes = projects.find_many(tx, {row.domain_id for row in rows.values()})
    return [
        "JSON:" + json.dumps({"name": row.name, "domain": {"name": homes[row.domain_id].name}})
        for row in sorted(rows.values(), key=lambda row: row.name)
    ]
