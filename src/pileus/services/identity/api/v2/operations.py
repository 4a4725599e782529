"""All of v2.0, put together."""

from pileus.kernel.rest import Operation
from pileus.services.identity.api.dialect import KeystoneDialect
from pileus.services.identity.api.projects import Projects
from pileus.services.identity.api.roles import Roles
from pileus.services.identity.api.tokens import Tokens
from pileus.services.identity.api.users import Users
from pileus.services.identity.api.v2 import ec2, extensions
from pileus.services.identity.api.v2.catalog import CatalogV2
from pileus.services.identity.api.v2.roles import RolesV2
from pileus.services.identity.api.v2.shapes import Ports
from pileus.services.identity.api.v2.tenants import Tenants
from pileus.services.identity.api.v2.tokens import TokensV2
from pileus.services.identity.api.v2.users import UsersV2


def operations(
    tokens: Tokens, users: Users, projects: Projects, roles: Roles, dialect: KeystoneDialect, ports: Ports
) -> list[Operation]:
    """`ports` are those of all listeners: v2.0 sends admins to one of their own."""
    return [
        *TokensV2(tokens, users, ports).all_operations(),
        *Tenants(projects, users, ports).all_operations(),
        *UsersV2(users).all_operations(),
        *RolesV2(roles).all_operations(),
        *CatalogV2(users.near).all_operations(),
        *ec2.both(users.near, dialect, ports),
        *extensions.operations(),
    ]
