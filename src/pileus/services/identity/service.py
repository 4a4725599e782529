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
from pileus.kernel.types import HOUR, MINUTE, SECOND
from pileus.services.identity.api import rules, rules_credentials, rules_delegation, rules_domain_config
from pileus.services.identity.api.access_rules import AccessRules
from pileus.services.identity.api.app_credentials import AppCredentials
from pileus.services.identity.api.catalog import Endpoints, Regions, Services
from pileus.services.identity.api.consumers import Consumers
from pileus.services.identity.api.credentials import Credentials
from pileus.services.identity.api.dialect import KeystoneDialect, v2_api
from pileus.services.identity.api.domain_config import DomainConfig
from pileus.services.identity.api.domains import Domains
from pileus.services.identity.api.ec2 import Ec2Credentials, SignedRequests
from pileus.services.identity.api.endpoint_groups import EndpointFilters, EndpointGroups
from pileus.services.identity.api.federated_login import FederatedLogin
from pileus.services.identity.api.grants import Grants
from pileus.services.identity.api.groups import Groups, Members
from pileus.services.identity.api.identity_providers import IdentityProviders, Protocols
from pileus.services.identity.api.limits import Limits, RegisteredLimits
from pileus.services.identity.api.mappings import Mappings
from pileus.services.identity.api.noun import Noun
from pileus.services.identity.api.oauth1 import AccessTokens, OAuth1Endpoints
from pileus.services.identity.api.oauth2 import OAuth2
from pileus.services.identity.api.own import Own
from pileus.services.identity.api.policies import EndpointPolicies, Policies
from pileus.services.identity.api.projects import Projects
from pileus.services.identity.api.revocations import RevokeEvents
from pileus.services.identity.api.role_assignments import RoleAssignments
from pileus.services.identity.api.roles import Roles
from pileus.services.identity.api.rules_catalog import CATALOG_RULES
from pileus.services.identity.api.saml_issuing import SamlIssuing
from pileus.services.identity.api.service_providers import ServiceProviders
from pileus.services.identity.api.tokens import Tokens
from pileus.services.identity.api.trusts import Trusts
from pileus.services.identity.api.users import Users
from pileus.services.identity.api.v2 import operations as v2
from pileus.services.identity.api.versions import Versions
from pileus.services.identity.core import compliance, domain_config, federation_settings, keys, memory
from pileus.services.identity.core.federation import Federation
from pileus.services.identity.core.federation_settings import FederationSettings
from pileus.services.identity.core.guard import Guard
from pileus.services.identity.core.homes import Directories, Open
from pileus.services.identity.core.memory import Memory
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.core.passwords import Passwords
from pileus.services.identity.core.settings import ComplianceSettings, IdentitySettings
from pileus.services.identity.core.tokens import Keyring
from pileus.services.identity.core.vault import Vault
from pileus.services.identity.internal import Internal
from pileus.services.identity.reconcilers.directories import DirectoryReader
from pileus.services.identity.reconcilers.failures import FailureWriter
from pileus.services.identity.reconcilers.keys import KeyKeeper
from pileus.services.identity.reconcilers.memory import Forgetter
from pileus.services.identity.reconcilers.vault import VaultKeeper

SECTIONS = {"identity": IdentitySettings, "security_compliance": ComplianceSettings, "federation": FederationSettings}
RULES = [*rules.RULES, *rules_credentials.RULES, *rules_delegation.RULES, *rules_domain_config.RULES, *CATALOG_RULES]
CATALOG = [CatalogService(type="identity", name="keystone", url="{base}/v3", description="Identity")]


def build(
    *,
    db: Database,
    settings: Settings,
    policy_overrides: Mapping[str, Any] | None = None,
    open_directory: Open | None = None,
    ports: Mapping[str, int] | None = None,
    host: str = "127.0.0.1",
    oidc: OidcClient | None = None,
    saml: SamlParty | None = None,
    **_: Any,
) -> Service:
    """`ports` are those of the cloud's listeners, by name; 0 is none. `host` is what they are bound to. `oidc` and `saml` speak to identity providers."""
    near = _near(db, settings, Directories(open_directory), Federation(settings.of(FederationSettings), oidc, saml))
    internal = Internal(near)
    dialect = KeystoneDialect(near.settings.list_limit, v2_api(near.settings, host))
    face = Face(
        "identity",
        dialect,
        Policy(RULES, policy_overrides or {}),
        db,
        _items(near, internal, dialect, ports or {}),
        internal.authenticate,
    )
    failures = FailureWriter(near)

    async def close() -> None:
        near.passwords.close()
        await near.federation.close()
        await failures.work()
        await near.directories.close()

    return Service(
        name="identity",
        face=face,
        internal=internal,
        reconcilers=_reconcilers(near, failures),
        start=internal.start,
        close=close,
    )


def _near(db: Database, settings: Settings, directories: Directories, federation: Federation) -> Near:
    """Raises `ConfigError`."""
    mine, rules_of_passwords = settings.of(IdentitySettings), settings.of(ComplianceSettings)
    if problems := [
        *domain_config.check_written(mine.domains),
        *compliance.check_settings(rules_of_passwords),
        *federation_settings.problems(federation.settings),
    ]:
        raise ConfigError(problems)
    patience = mine.cache_seconds * SECOND if db.multi_process else None
    return Near(
        mine,
        db,
        Passwords(mine),
        Keyring(),
        Memory(mine.cache_tokens, patience),
        rules_of_passwords,
        Guard(mine),
        Vault(),
        directories,
        federation,
    )


def _reconcilers(near: Near, failures: FailureWriter) -> list[Reconciler]:
    found = [
        Reconciler("identity.keys", KeyKeeper(near).work, every=HOUR, wake=(keys.CHANGED,)),
        Reconciler("identity.vault", VaultKeeper(near).work, every=HOUR),
        Reconciler("identity.failures", failures.work, every=MINUTE),
        Reconciler("identity.directories", DirectoryReader(near).work, every=near.settings.directory_seconds * SECOND),
    ]
    if near.db.multi_process:
        found.append(Reconciler("identity.memory", Forgetter(near.memory).work, every=HOUR, wake=(memory.CHANGED,)))
    return found


def _items(
    near: Near, internal: Internal, dialect: KeystoneDialect, ports: Mapping[str, int]
) -> list[Noun | Operation]:
    groups, projects, domains, roles = Groups(near), Projects(near), Domains(near), Roles(near)
    users, tokens = Users(near, groups, projects), Tokens(near, internal.session)
    return [
        *(users, groups, projects, domains, roles),
        *_catalog(near, dialect, projects),
        *(IdentityProviders(near), Mappings(near), ServiceProviders(near)),
        *Protocols(near, dialect).all_operations(),
        *Versions(dialect).all_operations(),
        *tokens.all_operations(),
        *FederatedLogin(near, tokens).all_operations(),
        *SamlIssuing(near).all_operations(),
        *v2.operations(tokens, users, projects, roles, dialect, ports),
        *OAuth2(tokens).all_operations(),
        *Own(near, dialect, projects, domains).all_operations(),
        *Members(groups, users).all_operations(),
        *DomainConfig(near).all_operations(),
        *Grants(roles, dialect).all_operations(),
        *RoleAssignments(near, dialect).all_operations(),
        *AppCredentials(near, dialect).all_operations(),
        Consumers(near),
        *RevokeEvents().all_operations(),
        *OAuth1Endpoints(near).all_operations(),
        *AccessTokens(near, dialect, roles).all_operations(),
        Credentials(near),
        *Ec2Credentials(near, dialect).all_operations(),
        *SignedRequests(near).all_operations(),
        *AccessRules(near, dialect).all_operations(),
        *Trusts(near, dialect, roles).all_operations(),
    ]


def _catalog(near: Near, dialect: KeystoneDialect, projects: Projects) -> list[Noun | Operation]:
    endpoints, endpoint_groups, policies = Endpoints(near), EndpointGroups(near), Policies(near)
    return [
        *(Regions(near), Services(near), endpoints, endpoint_groups, policies, RegisteredLimits(near), Limits(near)),
        *EndpointFilters(endpoint_groups, endpoints, projects, dialect).all_operations(),
        *EndpointPolicies(policies, endpoints, dialect).all_operations(),
    ]
