"""What stands between a port and the others: groups, address pairs, and whether it is filtered at all."""

import ipaddress
from collections.abc import Sequence

from pileus.kernel.db import Tx
from pileus.kernel.types import Ctx
from pileus.services.network.core import groups as group_core
from pileus.services.network.core.access import is_admin
from pileus.services.network.core.neighbours import Near
from pileus.services.network.core.refusals import conflict, missing, refused
from pileus.services.network.db import groups

Pair = tuple[str, str]


def is_trusted(device_owner: str) -> bool:
    """Ports of the cloud's own devices (routers, DHCP) are not filtered."""
    return device_owner.startswith("network:")


def groups_for(
    tx: Tx, near: Near, ctx: Ctx, project_id: str, asked: Sequence[str] | None, filtered: bool
) -> tuple[str, ...]:
    """Ids of the groups that a new port carries: those asked for, else the project's default group."""
    if asked is None:
        return (group_core.default(tx, near, ctx, project_id),) if filtered else ()
    if asked and not filtered:
        raise refused(
            "PortSecurityAndIPRequiredForSecurityGroups",
            "Port security must be enabled and port must have an IP address in order to use security groups.",
        )
    return judge_groups(tx, near, ctx, project_id, asked)


def judge_groups(tx: Tx, near: Near, ctx: Ctx, project_id: str, asked: Sequence[str]) -> tuple[str, ...]:
    """These ids, if they are groups of the port's project (of any, for administrators)."""
    if not asked:
        return ()
    found = {g.id: g for g in tx.rows(groups.SOME, ids=list(asked))}
    for id in asked:
        group = found.get(id)
        if group is None or not (group.project_id == project_id or is_admin(near, ctx)):
            raise missing("SecurityGroup", id)
    return tuple(sorted(asked))


def judge_pairs(near: Near, asked: Sequence[dict[str, str]], filtered: bool) -> tuple[Pair, ...]:
    """Allowed address pairs as (MAC or empty for the port's own, CIDR as given)."""
    if asked and not filtered:
        raise conflict(
            "AddressPairAndPortSecurityRequired",
            "Port Security must be enabled in order to have allowed address pairs on a port.",
        )
    if len(asked) > near.settings.max_address_pairs:
        raise refused(
            "AllowedAddressPairExhausted",
            f"The number of allowed address pair exceeds the maximum {near.settings.max_address_pairs}.",
        )
    pairs: list[Pair] = []
    for one in asked:
        pair = (one.get("mac_address") or "", one["ip_address"])
        if pair in pairs:
            raise refused(
                "DuplicateAddressPairInRequest",
                f"Request contains duplicate address pair: mac_address {pair[0] or None} ip_address {pair[1]}.",
            )
        if ipaddress.ip_interface(pair[1]).ip.is_multicast:
            raise refused("HTTPBadRequest", f"IP {pair[1]} is a multicast address, which is not supported.")
        pairs.append(pair)
    return tuple(pairs)
