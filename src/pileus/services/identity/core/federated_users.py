"""Links between users and the names that identity providers have for them, as the users' API shows and sets them."""

from collections.abc import Mapping, Sequence
from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.types import Invalid
from pileus.services.identity.core import protocols, refusals
from pileus.services.identity.db import federated_users, identity_providers
from pileus.services.identity.db.federated_users import LinkRow

Shown = list[dict[str, Any]]
"""`[{"idp_id": …, "protocols": [{"protocol_id": …, "unique_id": …}]}]`"""


def shown(tx: Tx, user_id: str) -> Shown:
    found: dict[str, list[dict[str, str]]] = {}
    for link in federated_users.of_user(tx, user_id):
        of_provider = found.setdefault(link.provider_id, [])
        of_provider.append({"protocol_id": link.protocol_id, "unique_id": link.unique_id})
    return [{"idp_id": id, "protocols": names} for id, names in found.items()]


def known_as(tx: Tx, idp_id: str, protocol_id: str, unique_id: str) -> set[str]:
    """Ids of the users whom a provider knows so; empty conditions mean any."""
    return federated_users.users_where(tx, idp_id, protocol_id, unique_id)


def replace_links(tx: Tx, user_id: str, wanted: Sequence[Mapping[str, Any]]) -> None:
    """Raises `Invalid` for providers and protocols that are not there, `Conflict` for a name that is another user's."""
    rows = [
        LinkRow(one["idp_id"], name["protocol_id"], name["unique_id"], user_id, shadow=False)
        for one in wanted
        for name in one["protocols"]
    ]
    shadows = {
        (old.provider_id, old.protocol_id, old.unique_id) for old in federated_users.of_user(tx, user_id) if old.shadow
    }
    for row in rows:
        _check(tx, row)
    federated_users.forget_user(tx, user_id)
    for row in dict.fromkeys(rows):
        shadow = (row.provider_id, row.protocol_id, row.unique_id) in shadows
        federated_users.add(tx, LinkRow(row.provider_id, row.protocol_id, row.unique_id, user_id, shadow))


def _check(tx: Tx, row: LinkRow) -> None:
    if identity_providers.find(tx, row.provider_id) is None:
        raise Invalid(f"Could not find Identity Provider: {row.provider_id}")
    if identity_providers.find_protocol(tx, row.provider_id, row.protocol_id) is None:
        raise Invalid(protocols.missing(row.provider_id, row.protocol_id).message)
    there = federated_users.find(tx, row.provider_id, row.protocol_id, row.unique_id)
    if there is not None and there.user_id != row.user_id:
        raise refusals.conflict("federated_user", "Duplicate entry")
