"""Policy: Neutron's rule names with today's secure role defaults.

Targets hold the row's fields, `network:project_id` and `security_group:project_id` of what it belongs to, and plain facts
that Neutron reads with checks of its own kind: `shared`, `external` and `device_kind` (`network` of `network:dhcp`).
"""

from collections.abc import Iterable

from pileus.kernel.policy import Rule

_ADMIN = "rule:admin_only"
_SERVICE = "rule:service_api"
_MEMBER = "role:member and project_id:%(project_id)s"
_MANAGER = "role:manager and project_id:%(project_id)s"
_READER = "role:reader and project_id:%(project_id)s"
_NETWORK_MEMBER = "role:member and rule:network_owner"
_NETWORK_READER = "role:reader and rule:network_owner"
_NOT_NETWORK_DEVICE = "not rule:network_device"
_NEVER_TENANTS = "(rule:admin_only) or (rule:service_api)"


def either(*checks: str) -> str:
    return " or ".join(f"({c})" for c in checks)


_WORDS = {
    "context_is_admin": "role:admin",
    "admin_only": "rule:context_is_admin",
    "service_api": "role:service",
    "owner": "project_id:%(project_id)s",
    "admin_or_owner": "rule:context_is_admin or rule:owner",
    "regular_user": "",
    "context_is_advsvc": "role:advsvc",
    "network_owner": "project_id:%(network:project_id)s",
    "admin_or_network_owner": "rule:context_is_admin or rule:network_owner",
    "admin_owner_or_network_owner": "rule:owner or rule:admin_or_network_owner",
    "sg_owner": "project_id:%(security_group:project_id)s",
    "admin_or_sg_owner": "rule:context_is_admin or rule:sg_owner",
    "admin_owner_or_sg_owner": "rule:owner or rule:admin_or_sg_owner",
    "shared": "True:%(shared)s",
    "shared_subnetpools": "True:%(shared)s",
    "external": "True:%(external)s",
    "external_network": "True:%(external)s",
    "network_device": "'network':%(device_kind)s",
    "compute_device": "'compute':%(device_kind)s",
    "baremetal_device": "'baremetal':%(device_kind)s",
    "manila_device": "'manila':%(device_kind)s",
    "default": "rule:admin_or_owner",
}

_OWN = either(_ADMIN, _MEMBER)
_OWN_READ = either(_ADMIN, _READER)
_PORT_WRITE = either(_ADMIN, _SERVICE, _NETWORK_MEMBER)
_PORT_OWN = either(_ADMIN, _MEMBER, _SERVICE)
_NETWORK_READ = either(_ADMIN, _READER, _SERVICE, "rule:shared", "rule:external", "rule:context_is_advsvc")
_SUBNET_WRITE = either(_MEMBER, _ADMIN, _NETWORK_MEMBER)
_SUBNET_READ = either(_READER, "rule:shared", "rule:external_network", _ADMIN, _NETWORK_READER, _SERVICE)
_PORT_READ = either(_ADMIN, _SERVICE, _NETWORK_READER, _READER)
_DELETE_PORT = either(
    _ADMIN,
    _SERVICE,
    f"service_roles:service and ({either(_NETWORK_MEMBER, _MEMBER)})",
    "not rule:compute_device and not rule:baremetal_device and not rule:manila_device and "
    f"({either(_NETWORK_MEMBER, _MEMBER)})",
)

_NETWORKS = {
    "create_network": _OWN,
    "create_network:shared": _ADMIN,
    "create_network:router:external": _ADMIN,
    "create_network:is_default": _ADMIN,
    "create_network:port_security_enabled": _OWN,
    "create_network:provider:network_type": _ADMIN,
    "create_network:provider:physical_network": _ADMIN,
    "create_network:provider:segmentation_id": _ADMIN,
    "get_network": _NETWORK_READ,
    "get_network:provider:network_type": _ADMIN,
    "get_network:provider:physical_network": _ADMIN,
    "get_network:provider:segmentation_id": _ADMIN,
    "update_network": _OWN,
    "update_network:shared": _ADMIN,
    "update_network:provider:network_type": _ADMIN,
    "update_network:provider:physical_network": _ADMIN,
    "update_network:provider:segmentation_id": _ADMIN,
    "update_network:router:external": _ADMIN,
    "update_network:is_default": _ADMIN,
    "update_network:port_security_enabled": _OWN,
    "delete_network": _OWN,
    "get_network_ip_availability": _NEVER_TENANTS,
}
_SUBNETS = {
    "create_subnet": either(_ADMIN, _NETWORK_MEMBER),
    "create_subnet:service_types": _ADMIN,
    "get_subnet": _SUBNET_READ,
    "update_subnet": _SUBNET_WRITE,
    "update_subnet:service_types": _ADMIN,
    "delete_subnet": _SUBNET_WRITE,
}
_PORTS = {
    "create_port": either(_ADMIN, _SERVICE, _NETWORK_MEMBER, "role:member and rule:shared"),
    "create_port:device_id": _PORT_OWN,
    "create_port:device_owner": either(_NOT_NETWORK_DEVICE, _ADMIN, _SERVICE, _NETWORK_MEMBER),
    "create_port:mac_address": _PORT_WRITE,
    "create_port:fixed_ips": either(_ADMIN, _SERVICE, _NETWORK_MEMBER, "rule:shared"),
    "create_port:fixed_ips:ip_address": _PORT_WRITE,
    "create_port:fixed_ips:subnet_id": either(_ADMIN, _SERVICE, _NETWORK_MEMBER, "rule:shared"),
    "create_port:port_security_enabled": _PORT_WRITE,
    "create_port:binding:host_id": _NEVER_TENANTS,
    "create_port:binding:profile": _SERVICE,
    "create_port:binding:vnic_type": _PORT_OWN,
    "create_port:allowed_address_pairs": _PORT_WRITE,
    "create_port:allowed_address_pairs:mac_address": _PORT_WRITE,
    "create_port:allowed_address_pairs:ip_address": _PORT_WRITE,
    "get_port": _PORT_READ,
    "get_port:binding:vif_type": _NEVER_TENANTS,
    "get_port:binding:vif_details": _NEVER_TENANTS,
    "get_port:binding:host_id": _NEVER_TENANTS,
    "get_port:binding:profile": _NEVER_TENANTS,
    "update_port": _PORT_OWN,
    "update_port:device_id": _PORT_OWN,
    "update_port:device_owner": either(_NOT_NETWORK_DEVICE, _ADMIN, _SERVICE, _NETWORK_MEMBER),
    "update_port:mac_address": either(_ADMIN, _SERVICE, "role:manager and rule:network_owner"),
    "update_port:fixed_ips": _PORT_WRITE,
    "update_port:fixed_ips:ip_address": _PORT_WRITE,
    "update_port:fixed_ips:subnet_id": either(_ADMIN, _SERVICE, _NETWORK_MEMBER, "rule:shared"),
    "update_port:port_security_enabled": _PORT_WRITE,
    "update_port:binding:host_id": _NEVER_TENANTS,
    "update_port:binding:profile": _SERVICE,
    "update_port:binding:vnic_type": _PORT_OWN,
    "update_port:allowed_address_pairs": _PORT_WRITE,
    "update_port:allowed_address_pairs:mac_address": _PORT_WRITE,
    "update_port:allowed_address_pairs:ip_address": _PORT_WRITE,
    "delete_port": _DELETE_PORT,
}
_POOL_READ = either(_ADMIN, _READER, "rule:shared_subnetpools")
_POOLS = {
    "create_subnetpool": _OWN,
    "create_subnetpool:shared": _ADMIN,
    "create_subnetpool:is_default": _ADMIN,
    "get_subnetpool": _POOL_READ,
    "update_subnetpool": _OWN,
    "update_subnetpool:is_default": _ADMIN,
    "delete_subnetpool": _OWN,
    "add_prefixes": _OWN,
    "remove_prefixes": _OWN,
}
_ROUTERS = {
    "create_router": _OWN,
    "create_router:external_gateway_info": _OWN,
    "create_router:external_gateway_info:network_id": _OWN,
    "create_router:external_gateway_info:enable_snat": _ADMIN,
    "create_router:external_gateway_info:external_fixed_ips": _ADMIN,
    "get_router": _OWN_READ,
    "update_router": _OWN,
    "update_router:external_gateway_info": _OWN,
    "update_router:external_gateway_info:network_id": _OWN,
    "update_router:external_gateway_info:enable_snat": _ADMIN,
    "update_router:external_gateway_info:external_fixed_ips": _ADMIN,
    "delete_router": _OWN,
    "add_router_interface": _OWN,
    "remove_router_interface": _OWN,
    "add_extraroutes": _OWN,
    "remove_extraroutes": _OWN,
}
_FLOATING = {
    "create_floatingip": _OWN,
    "create_floatingip:floating_ip_address": either(_ADMIN, _MANAGER),
    "get_floatingip": _OWN_READ,
    "update_floatingip": _OWN,
    "delete_floatingip": _OWN,
    "get_floatingip_pool": _OWN_READ,
}
_GROUPS = {
    "create_security_group": _OWN,
    "get_security_group": _OWN_READ,
    "update_security_group": _OWN,
    "delete_security_group": _OWN,
    "create_security_group_rule": either(_ADMIN, "role:member and rule:sg_owner"),
    "get_security_group_rule": either(_ADMIN, "role:reader and rule:sg_owner"),
    "delete_security_group_rule": either(_ADMIN, "role:member and rule:sg_owner"),
}
_REST = {
    "get_agent": _ADMIN,
    "update_agent": _ADMIN,
    "delete_agent": _ADMIN,
    "get_dhcp-agents": _ADMIN,
    "get_l3-agents": _ADMIN,
    "get_dhcp-networks": _ADMIN,
    "get_l3-routers": _ADMIN,
    "get_availability_zone": "role:reader",
    "get_quota": either(_ADMIN, _MANAGER, _READER),
    "update_quota": _ADMIN,
    "delete_quota": _ADMIN,
}
_TAGGED = {
    "network": (_OWN, _NETWORK_READ),
    "subnet": (_SUBNET_WRITE, _SUBNET_READ),
    "subnetpool": (_OWN, _POOL_READ),
    "port": (either(_ADMIN, _MEMBER, "rule:context_is_advsvc"), _PORT_READ),
    "router": (_OWN, _OWN_READ),
    "floatingip": (_OWN, _OWN_READ),
    "security_group": (_OWN, _OWN_READ),
}


def _tags() -> Iterable[Rule]:
    for noun, (write, read) in _TAGGED.items():
        path = f"/{noun.replace('_', '-')}s/{{id}}/tags"
        yield Rule(f"get_{noun}:tags", read, f"Read the tags of a {noun}", operations=(("GET", path),))
        for verb, method in (("create", "POST"), ("update", "PUT"), ("delete", "DELETE")):
            yield Rule(f"{verb}_{noun}:tags", write, f"Change the tags of a {noun}", operations=((method, path),))


RULES: tuple[Rule, ...] = (
    *(Rule(name, check, "A word for other rules", scopes=()) for name, check in _WORDS.items()),
    *(
        Rule(name, check, name.replace("_", " ", 1))
        for family in (_NETWORKS, _SUBNETS, _POOLS, _PORTS, _ROUTERS, _FLOATING, _GROUPS, _REST)
        for name, check in family.items()
    ),
    *_tags(),
)
