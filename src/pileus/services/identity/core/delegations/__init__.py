"""Rights that one gives to another, or to one's own programs: they bring the scope, and bound the roles."""

from collections.abc import Mapping

from pileus.services.identity.core.delegations.access_token import ByAccessToken
from pileus.services.identity.core.delegations.app_credential import ByAppCredential
from pileus.services.identity.core.delegations.delegation import Delegation, Entry, Held
from pileus.services.identity.core.delegations.trust import ByTrust

__all__ = ["DELEGATIONS", "Delegation", "Entry", "Held"]

DELEGATIONS: Mapping[str, Delegation] = {
    "app_credential_id": ByAppCredential(),
    "access_token_id": ByAccessToken(),
    "trust_id": ByTrust(),
}
"""By the mark (a field of `Marks`) that a token of such a delegation bears."""
