"""Identity, put together."""

from collections.abc import Mapping
from typing import Any

from pileus.contracts.identity import CatalogService
from pileus.drivers.federation.protocol import OidcClient, SamlParty
from pileus.kernel.config import ConfigError, Settings
from pileus.kernel.db import Database
from pileus.kernel.policy import Policy
from pileus.kernel.reconcile import Reconciler
from pileus.kernel.rest import Face, Operation, Service
from pileus.kernel.types import HOUR, SECOND
from pileus.services.identity.api import rules, rules_delegation, rules_domain_config, versions
from pileus.services.identity.api.absent import ABSENT
from pileus.services.identity.api.access_rules import AccessRules
from pileus.services.identity.api.app_credentials import AppCredentials
from pileus.services.identity.api.catalog import Endpoints, Regions, Services
from pileus.services.identity.api.dialect import KeystoneDialect
from pileus.services.identity.api.domain_config import DomainConfig
from pileus.services.identity.api.domains import Domains
from pileus.services.identity.api.endpoint_groups import EndpointFilters, EndpointGroups
from pileus.services.identity.api.federated_login import FederatedLogin
from pileus.services.identity.api.grants import Grants
from pileus.services.identity.api.groups import Groups, Members
from pileus.services.identity.api.identity_providers import IdentityProviders, Protocols
from pileus.services.identity.api.limits import Limits, RegisteredLimits
from pileus.services.identity.api.mappings import Mappings
from pileus.services.identity.api.noun import Noun
from pileus.services.identity.api.own import Own
from pileus.services.identity.api.policies import EndpointPolicies, Policies
from pileus.services.identity.api.projects import Projects
from pileus.services.identity.api.role_assignments import RoleAssignments
from pileus.services.identity.api.roles import Roles
from pileus.services.identity.api.rules_catalog import CATALOG_RULES
from pileus.services.identity.api.service_providers import ServiceProviders
from pileus.services.identity.api.tokens import Tokens
from pileus.services.identity.api.trusts import Trusts
from pileus.services.identity.api.users import Users
from pileus.services.identity.core import domain_config, keys, memory
from pileus.services.identity.core.federation import Federation
from pileus.services.identity.core.federation_settings import FederationSettings
from pileus.services.identity.core.guard import Guard
from pileus.services.identity.core.memory import Memory
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.core.passwords import Passwords
from pileus.services.identity.core.settings import ComplianceSettings, IdentitySettings
from pileus.services.identity.core.tokens import Keyring
from pileus.services.identity.internal import Internal
from pileus.services.identity.reconcilers.keys import KeyKeeper
from pileus.services.identity.reconcilers.memory import Forgetter

SECTIONS = {"identity": IdentitySettings, "security_compliance": ComplianceSettings, "federation": FederationSettings}
RULES = [*rules.RULES, *rules_delegation.RULES, *rules_domain_config.RULES, *CATALOG_RULES]
CATALOG = [CatalogService(type="identity", name="keystone", url="{base}/v3", description="Identity")]


def build(
    *,
    db: Database,
    settings: Settings,
    policy_overrides: Mapping[str, Any] | None = None,
    oidc: OidcClient | None = None,
    saml: SamlParty | None = None,
    **_: Any,
) -> Service:
    mine = settings.of(IdentitySettings)
    if problems := domain_config.check_written(mine.domains):
        raise ConfigError(problems)
    patience = mine.cache_seconds * SECOND if db.multi_process else None
    near = Near(
        mine,
        db,
        Passwords(mine),
        Keyring(),
        Memory(mine.cache_tokens, patience),
        settings.of(ComplianceSettings),
        Guard(mine),
        Federation(settings.of(FederationSettings), oidc, saml),
    )
    internal = Internal(near)
    dialect = KeystoneDialect(mine.list_limit)
    face = Face(
        "identity",
        dialect,
        Policy(RULES, policy_overrides or {}),
        db,
        _items(near, internal, dialect),
        internal.authenticate,
    )
    rotation = Reconciler("identity.keys", KeyKeeper(near).work, every=HOUR, wake=(keys.CHANGED,))
    forgetting = Reconciler("identity.memory", Forgetter(near.memory).work, every=HOUR, wake=(memory.CHANGED,))

    async def close() -> None:
        near.passwords.close()
        await near.federation.close()

    return Service(
        name="identity",
        face=face,
        internal=internal,
        reconcilers=[rotation, forgetting] if db.multi_process else [rotation],
        start=internal.start,
        close=close,
    )


def _items(near: Near, internal: Internal, dialect: KeystoneDialect) -> list[Noun | Operation]:
    groups, projects, domains, roles = Groups(near), Projects(near), Domains(near), Roles(near)
    users, tokens = Users(near, groups, projects), Tokens(near, internal.session)
    return [
        *(users, groups, projects, domains, roles),
        *_catalog(near, dialect, projects),
        *(IdentityProviders(near), Mappings(near), ServiceProviders(near)),
        *Protocols(near, dialect).all_operations(),
        *versions.operations(),
        *tokens.all_operations(),
        *FederatedLogin(near, tokens).all_operations(),
        *Own(near, dialect, projects, domains).all_operations(),
        *Members(groups, users).all_operations(),
        *DomainConfig(near).all_operations(),
        *Grants(roles, dialect).all_operations(),
        *RoleAssignments(near, dialect).all_operations(),
        *AppCredentials(near, dialect).all_operations(),
        *AccessRules(near, dialect).all_operations(),
        *Trusts(near, dialect, roles).all_operations(),
        *ABSENT,
    ]


def _catalog(near: Near, dialect: KeystoneDialect, projects: Projects) -> list[Noun | Operation]:
    endpoints, endpoint_groups, policies = Endpoints(near), EndpointGroups(near), Policies(near)
    return [
        *(Regions(near), Services(near), endpoints, endpoint_groups, policies, RegisteredLimits(near), Limits(near)),
        *EndpointFilters(endpoint_groups, endpoints, projects, dialect).all_operations(),
        *EndpointPolicies(policies, endpoints, dialect).all_operations(),
    ]
