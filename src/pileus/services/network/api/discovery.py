"""Versions, resources and extensions: only what truly works is declared."""

from typing import Any, NamedTuple

from pileus.kernel.rest import Answer, Operation, Request
from pileus.kernel.types import NotFound

_RESOURCES = ("network", "subnet", "subnetpool", "port")


class Extension(NamedTuple):
    """`updated` is the date of the extension's definition."""

    alias: str
    name: str
    description: str
    updated: str = "2012-01-01"


EXTENSIONS = (
    Extension("agent", "agent", "The parts of each host's network driver", "2013-02-03"),
    Extension("agent_sort_key", "Agent sort keys", "Lists of agents in an order that is asked for", "2024-01-01"),
    Extension("allowed-address-pairs", "Allowed Address Pairs", "Further addresses that a port may use", "2013-07-23"),
    Extension("availability_zone", "Availability Zone", "Zones of networks and routers", "2015-01-01"),
    Extension("availability_zone_filter", "Availability Zone Filter", "Zones by their attributes", "2018-06-22"),
    Extension("binding", "Port Binding", "On which host a port lives", "2014-02-03"),
    Extension("default-subnetpools", "Default Subnetpools", "Subnets from a pool that is the default", "2016-02-18"),
    Extension("dns-domain-ports", "dns_domain for ports", "DNS domains of ports", "2017-04-24"),
    Extension("dns-integration", "DNS Integration", "Host names of ports and networks' domains", "2015-08-15"),
    Extension("empty-string-filtering", "Empty String Filtering", "Filters for empty values", "2018-05-01"),
    Extension("ext-gw-mode", "Configurable external gateway mode", "Gateways without source translation", "2013-03-28"),
    Extension("external-net", "External network", "Networks that lead outside", "2013-01-14"),
    Extension("extra_dhcp_opt", "Extra DHCP options", "DHCP options of a port's own", "2013-03-17"),
    Extension("extraroute", "Extra Route", "Routes of routers", "2013-02-01"),
    Extension("extraroute-atomic", "Atomic extra routes", "Adding and removing single routes", "2019-07-10"),
    Extension("filter-validation", "Filter parameters validation", "Unknown filters are refused", "2018-03-21"),
    Extension("fip-port-details", "Floating IP Port Details", "What port a floating IP stands for", "2018-04-09"),
    Extension("floatingip-pools", "Floating IP Pools", "Subnets that floating IPs come from", "2018-03-21"),
    Extension("ip-substring-filtering", "IP address substring filtering", "Ports by parts of addresses", "2017-11-28"),
    Extension("l3-port-ip-change-not-allowed", "Fixed address stays", "Under a floating IP no address changes", "2023-09-29"),
    Extension("net-mtu", "Network MTU", "MTU of networks", "2015-03-25"),
    Extension("net-mtu-writable", "Network MTU (writable)", "MTU of networks can be set", "2017-07-12"),
    Extension("network-ip-availability", "Network IP Availability", "Used and free addresses", "2015-09-24"),
    Extension("network_availability_zone", "Network Availability Zone", "Zones of networks", "2015-01-01"),
    Extension("pagination", "Pagination support", "Lists by pages", "2016-06-12"),
    Extension("port-mac-address-regenerate", "Port MAC address regenerate", "A fresh MAC when it is set to null", "2018-05-03"),
    Extension("port-security", "Port Security", "Ports without filters", "2012-07-23"),
    Extension("port-security-groups-filtering", "Port filtering on security groups", "Ports by their groups", "2018-01-09"),
    Extension("project-id", "project_id field enabled", "project_id beside tenant_id", "2016-09-09"),
    Extension("provider", "Provider Network", "Where networks lie physically", "2012-09-07"),
    Extension("quota-check-limit", "Quota check limit", "No limit below what is used, when asked", "2021-06-09"),
    Extension("quota_details", "Quota details", "Limits with what is used of them", "2017-02-10"),
    Extension("quotas", "Quota management support", "Limits of projects", "2012-07-29"),
    Extension("revision-if-match", "If-Match constraints based on revision_number", "Changes of a known revision only", "2016-12-11"),
    Extension("router", "L3 Router", "Routers and floating IPs", "2012-07-20"),
    Extension("router_availability_zone", "Router Availability Zone", "Zones of routers", "2015-01-01"),
    Extension("security-group", "security-group", "Rules for what ports may send and receive", "2012-10-05"),
    Extension("security-groups-normalized-cidr", "Normalized CIDR", "Remote prefixes without host bits", "2019-04-01"),
    Extension("security-groups-rules-belongs-to-default-sg", "Rules of default groups", "Rules tell of default groups", "2023-01-01"),
    Extension("sorting", "Sorting support", "Lists in an order that is asked for", "2016-06-12"),
    Extension("standard-attr-description", "standard-attr-description", "Descriptions", "2016-02-10"),
    Extension("standard-attr-revisions", "Resource revision numbers", "Revisions of everything", "2016-04-11"),
    Extension("standard-attr-tag", "Tag support for resources with standard attribute", "Tags", "2017-01-01"),
    Extension("standard-attr-timestamp", "Resource timestamps", "When things were made and changed", "2016-09-12"),
    Extension("stateful-security-group", "Stateful security group", "Groups that do not follow connections", "2019-11-26"),
    Extension("subnet_allocation", "Subnet Allocation", "Subnets cut from pools", "2015-03-30"),
    Extension("subnetpool-prefix-ops", "Subnet Pool Prefix Operations", "Adding and removing prefixes", "2019-02-08"),
    Extension("subnet-external-network", "Subnet belongs to an external network", "Subnets tell of it", "2024-02-05"),
    Extension("subnet-service-types", "Subnet service types", "Subnets for some kinds of ports", "2016-03-15"),
    Extension("tag-creation", "Tags in one request", "Adding many tags at once", "2024-01-01"),
    Extension("tag-ports-during-bulk-creation", "Tag ports during bulk creation", "Tags of new ports", "2019-12-29"),
)  # fmt: skip


def operations() -> list[Operation]:
    return [
        Operation(method="GET", path="/", name="versions", handle=_versions, public=True, summary="Versions"),
        Operation(method="GET", path="/v2.0", name="resources", handle=_resources, summary="Resources of v2.0"),
        Operation(method="GET", path="/v2.0/extensions", name="extensions", handle=_extensions, summary="Extensions"),
        Operation(method="GET", path="/v2.0/extensions/{alias}", name="extension", handle=_extension),
    ]


async def _versions(request: Request) -> Answer:
    link = {"rel": "self", "href": request.link("/v2.0/")}
    return Answer(200, {"versions": [{"id": "v2.0", "status": "CURRENT", "links": [link]}]})


async def _resources(request: Request) -> Answer:
    found = [
        {"name": n, "collection": f"{n}s", "links": [{"rel": "self", "href": request.link(f"/v2.0/{n}s")}]}
        for n in _RESOURCES
    ]
    return Answer(200, {"resources": found})


async def _extensions(request: Request) -> Answer:
    return Answer(200, {"extensions": [_shown(e) for e in EXTENSIONS]})


async def _extension(request: Request) -> Answer:
    for extension in EXTENSIONS:
        if extension.alias == request.params["alias"]:
            return Answer(200, {"extension": _shown(extension)})
    raise NotFound(f"Extension with alias {request.params['alias']} does not exist", type="ExtensionNotFound")


def _shown(extension: Extension) -> dict[str, Any]:
    return {
        "name": extension.name,
        "alias": extension.alias,
        "description": extension.description,
        "updated": f"{extension.updated}T00:00:00-00:00",
        "links": [],
    }
