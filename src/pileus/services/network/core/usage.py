"""How much of what is used: quotas of projects, addresses of networks, floating IP pools."""

from typing import Any

from pileus.kernel.db import Query, Tx
from pileus.kernel.quota import Quota, Quotas
from pileus.kernel.types import Ctx, Listing
from pileus.services.network.core import networks as network_core
from pileus.services.network.core.access import scope
from pileus.services.network.core.addresses import block_of, number
from pileus.services.network.core.neighbours import Near
from pileus.services.network.core.settings import NetworkSettings
from pileus.services.network.db import allocations, floating, groups, networks, ports, routers, subnetpools, subnets
from pileus.services.network.db.networks import NetworkRow
from pileus.services.network.db.subnets import SubnetRow


def _count(query: Query[Any]) -> Any:
    def count(tx: Tx, project_id: str) -> int:
        found = tx.row(query, project_id=project_id)
        return 0 if found is None else int(found[0])

    return count


def quotas(settings: NetworkSettings) -> Quotas:
    """Network's quotas; usages are counted on the projects' indexes."""
    return Quotas(
        "network",
        [
            Quota("network", settings.quota_network, _count(networks.COUNT)),
            Quota("subnet", settings.quota_subnet, _count(subnets.COUNT)),
            Quota("subnetpool", settings.quota_subnetpool, _count(subnetpools.COUNT)),
            Quota("port", settings.quota_port, _count(ports.COUNT)),
            Quota("router", settings.quota_router, _count(routers.COUNT)),
            Quota("floatingip", settings.quota_floatingip, _count(floating.COUNT)),
            Quota("security_group", settings.quota_security_group, _count(groups.COUNT)),
            Quota("security_group_rule", settings.quota_security_group_rule, _count(groups.COUNT_RULES)),
        ],
    )


def availability(tx: Tx, rows: list[NetworkRow]) -> list[dict[str, Any]]:
    """Total and used addresses of networks, and of each of their subnets."""
    made = []
    for row in rows:
        on = tx.rows(subnets.OF_NETWORK, network_id=row.id)
        used = dict(tx.rows(allocations.USED, ids=[s.id for s in on])) if on else {}
        parts = [_part(s, int(used.get(s.id, 0))) for s in on]
        made.append(
            {
                "network_id": row.id,
                "network_name": row.name,
                "tenant_id": row.project_id,
                "project_id": row.project_id,
                "subnet_ip_availability": parts,
                "used_ips": sum(p["used_ips"] for p in parts),
                "total_ips": sum(p["total_ips"] for p in parts),
            }
        )
    return made


def _part(subnet: SubnetRow, used: int) -> dict[str, Any]:
    return {
        "subnet_id": subnet.id,
        "subnet_name": subnet.name,
        "ip_version": subnet.ip_version,
        "cidr": subnet.cidr,
        "used_ips": used,
        "total_ips": sum(number(b) - number(a) + 1 for a, b in subnet.pools) or block_of(subnet.cidr).num_addresses,
    }


def pools(tx: Tx, near: Near, ctx: Ctx) -> list[dict[str, Any]]:
    """Subnets of external networks from which floating IPs come."""
    found = []
    for network in networks.list_networks(tx, Listing().also("external", "eq", True), scope(near, ctx)).rows:
        for subnet in tx.rows(subnets.OF_NETWORK, network_id=network.id):
            if subnet.ip_version == 4:
                found.append(
                    {
                        "subnet_id": subnet.id,
                        "subnet_name": subnet.name,
                        "tenant_id": network.project_id,
                        "project_id": network.project_id,
                        "network_id": network.id,
                        "cidr": subnet.cidr,
                    }
                )
    return found


def listed_availability(tx: Tx, near: Near, ctx: Ctx, listing: Listing) -> list[dict[str, Any]]:
    """For administrators; to others nothing."""
    if not near.policy.allows("get_network_ip_availability", ctx, {}):
        return []
    return availability(tx, network_core.page(tx, near, ctx, listing).rows)
