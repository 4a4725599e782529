"""What identity's decisions need besides the transaction."""

from dataclasses import dataclass

from pileus.kernel.db import Database
from pileus.services.identity.core.federation import Federation
from pileus.services.identity.core.guard import Guard
from pileus.services.identity.core.homes import Directories
from pileus.services.identity.core.memory import Memory
from pileus.services.identity.core.passwords import Passwords
from pileus.services.identity.core.settings import ComplianceSettings, IdentitySettings
from pileus.services.identity.core.tokens import Keyring
from pileus.services.identity.core.vault import Vault


@dataclass(frozen=True)
class Near:
    """Settings and the parts that live as long as the process."""

    settings: IdentitySettings
    db: Database
    passwords: Passwords
    keyring: Keyring
    memory: Memory
    compliance: ComplianceSettings
    guard: Guard
    vault: Vault
    directories: Directories
    federation: Federation
