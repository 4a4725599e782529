"""What an operator may set about networks."""

from typing import Annotated

from pileus.kernel.config import Section, doc


class NetworkSettings(Section, frozen=True):
    """`[network]`."""

    dns_domain: Annotated[str, doc("Domain of host names that DHCP and DNS give out.")] = "openstacklocal"
    base_mac: Annotated[str, doc("First three bytes of the MAC addresses that ports get.")] = "fa:16:3e"
    physical_mtu: Annotated[
        int, doc("MTU of the physical networks; tenant networks lose the tunnel's bytes.", ge=68)
    ] = 1500
    tenant_type: Annotated[str, doc("Network type of tenants' networks, where the driver offers it.")] = "vxlan"
    vni_first: Annotated[int, doc("Lowest segment number of tenants' networks.", ge=1)] = 1
    vni_last: Annotated[int, doc("Highest segment number of tenants' networks.", le=16777215)] = 1000000
    flat_networks: Annotated[
        tuple[str, ...], doc("Names of physical networks that flat networks may name, besides those of the drivers.")
    ] = ("public", "external")
    gateway_host: Annotated[str, doc("Host of the routers and DHCP servers; empty: this one.")] = ""
    zone: Annotated[str, doc("Availability zone of networks and routers.")] = "nova"
    max_nameservers: Annotated[int, doc("Most name servers of a subnet.", ge=0)] = 5
    max_host_routes: Annotated[int, doc("Most host routes of a subnet.", ge=0)] = 20
    max_address_pairs: Annotated[int, doc("Most allowed address pairs of a port.", ge=0)] = 10
    max_routes: Annotated[int, doc("Most extra routes of a router.", ge=0)] = 30
    max_fixed_ips: Annotated[int, doc("Most addresses of a port.", ge=1)] = 64
    agent_down_seconds: Annotated[int, doc("An agent not heard of for so long counts as dead.", ge=1)] = 75
    quota_network: Annotated[int, doc("Networks of a project; -1: no limit.", ge=-1)] = 100
    quota_subnet: Annotated[int, doc("Subnets of a project.", ge=-1)] = 100
    quota_subnetpool: Annotated[int, doc("Subnet pools of a project.", ge=-1)] = -1
    quota_port: Annotated[int, doc("Ports of a project.", ge=-1)] = 500
    quota_router: Annotated[int, doc("Routers of a project.", ge=-1)] = 10
    quota_floatingip: Annotated[int, doc("Floating IPs of a project.", ge=-1)] = 50
    quota_security_group: Annotated[int, doc("Security groups of a project.", ge=-1)] = 10
    quota_security_group_rule: Annotated[int, doc("Security group rules of a project.", ge=-1)] = 100
