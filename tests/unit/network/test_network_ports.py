"""Ports: addresses, MACs, security, changes."""

from typing import Any

import pytest

from network_cloud import Caller

NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize(
    ("fields", "status", "kind"),
    [
        ({"fixed_ips": [{"ip_address": "10.0.1.5"}]}, 400, "InvalidIpForNetwork"),
        ({"fixed_ips": [{"ip_address": "10.0.0.255"}]}, 400, "InvalidIpForSubnet"),
        ({"fixed_ips": [{"subnet_id": NOBODY}]}, 404, "SubnetNotFound"),
        ({"fixed_ips": [{}]}, 400, "InvalidInput"),
        ({"fixed_ips": None}, 400, "HTTPBadRequest"),
        ({"fixed_ips": [{"ip_address": "10.0.0.9"}] * 2}, 400, "HTTPBadRequest"),
        ({"mac_address": "foo"}, 400, "HTTPBadRequest"),
        ({"mac_address": "00:00:00:00:00:00"}, 400, "HTTPBadRequest"),
        ({"security_groups": [NOBODY]}, 404, "SecurityGroupNotFound"),
        ({"security_groups": ["x"]}, 400, "HTTPBadRequest"),
        ({"allowed_address_pairs": [{"ip_address": "1.1.1.1"}] * 2}, 400, "DuplicateAddressPairInRequest"),
        ({"allowed_address_pairs": [{"mac_address": "fa:16:3e:00:00:09"}]}, 400, "AllowedAddressPairsMissingIP"),
        (
            {"allowed_address_pairs": [{"ip_address": f"1.1.1.{i}"} for i in range(11)]},
            400,
            "AllowedAddressPairExhausted",
        ),
        ({"allowed_address_pairs": [{"ip_address": "x"}]}, 400, "HTTPBadRequest"),
        (
            {"port_security_enabled": False, "allowed_address_pairs": [{"ip_address": "1.1.1.1"}]},
            409,
            "AddressPairAndPortSecurityRequired",
        ),
        ({"extra_dhcp_opts": [{"opt_name": "mtu"}]}, 400, "InvalidInput"),
        ({"extra_dhcp_opts": [{"opt_name": "a\nb", "opt_value": "c"}]}, 400, "InvalidInput"),
        ({"dns_name": "host_1"}, 400, "HTTPBadRequest"),
        ({"dns_domain": "foo"}, 400, "HTTPBadRequest"),
        ({"device_id": "x" * 256}, 400, "HTTPBadRequest"),
        ({"binding:vnic_type": "foo"}, 400, "HTTPBadRequest"),
        ({"binding:host_id": "h0"}, 403, "PolicyNotAuthorized"),
        ({"network_id": NOBODY}, 404, "NetworkNotFound"),
        ({"network_id": "x"}, 400, "HTTPBadRequest"),
        ({"fixed_ips": [{"subnet_id": 5}]}, 400, "HTTPBadRequest"),
        ({"fixed_ips": [5]}, 400, "HTTPBadRequest"),
        ({"security_groups": [5]}, 400, "HTTPBadRequest"),
        ({"extra_dhcp_opts": [5]}, 400, "InvalidInput"),
        ({"allowed_address_pairs": [5]}, 400, "HTTPBadRequest"),
        ({"tags": [5]}, 400, "InvalidInput"),
    ],
)
async def test_what_cannot_be_is_refused(member: Caller, fields: dict[str, Any], status: int, kind: str) -> None:
    network, _ = await member.network("10.0.0.0/24")
    reply = await member("POST", "ports", {"port": {"network_id": network["id"], **fields}})
    assert (reply.status, reply.kind) == (status, kind)
    assert (await member("GET", "ports"))["ports"] == []


async def test_an_address_and_a_mac_are_given_once(member: Caller) -> None:
    network, (subnet,) = await member.network("10.0.0.0/24")
    body = {"network_id": network["id"], "fixed_ips": [{"ip_address": "10.0.0.5"}]}
    made = await member.make("port", **body)
    again = await member("POST", "ports", {"port": body})
    assert again.message == f"IP address 10.0.0.5 already allocated in subnet {subnet['id']}"
    again = await member("POST", "ports", {"port": {"network_id": network["id"], "mac_address": made["mac_address"]}})
    assert (again.status, again.kind) == (409, "MacAddressInUse")
    assert made["dns_assignment"] == [
        {"ip_address": "10.0.0.5", "hostname": "host-10-0-0-5", "fqdn": "host-10-0-0-5.openstacklocal."}
    ]


async def test_addresses_change_only_where_asked(member: Caller) -> None:
    network, (subnet,) = await member.network("10.0.0.0/24")
    made = await member.make("port", network_id=network["id"], fixed_ips=[{"ip_address": "10.0.0.5"}])
    kept = await member.change("port", made["id"], fixed_ips=[{"subnet_id": subnet["id"]}])
    assert kept["port"]["fixed_ips"] == made["fixed_ips"]
    more = await member.change("port", made["id"], fixed_ips=[{"ip_address": "10.0.0.5"}, {"ip_address": "10.0.0.6"}])
    assert len(more["port"]["fixed_ips"]) == 2
    none = await member.change("port", made["id"], fixed_ips=[])
    assert none["port"]["fixed_ips"] == []
    assert await member.make("port", network_id=network["id"], fixed_ips=[{"ip_address": "10.0.0.5"}])
    refused = await member.change("port", made["id"], name="new", fixed_ips=[{"ip_address": "10.0.0.5"}])
    assert refused.kind == "IpAddressAlreadyAllocated"
    assert (await member.get("port", made["id"]))["name"] == ""


async def test_security_of_a_port(member: Caller) -> None:
    network, _ = await member.network("10.0.0.0/24")
    made = await member.make("port", network_id=network["id"])
    assert len(made["security_groups"]) == 1
    refused = await member.change("port", made["id"], port_security_enabled=False)
    assert (refused.status, refused.kind) == (409, "PortSecurityPortHasSecurityGroup")
    bare = await member.change("port", made["id"], port_security_enabled=False, security_groups=[])
    assert bare["port"]["port_security_enabled"] is False
    refused = await member.change("port", made["id"], security_groups=made["security_groups"])
    assert refused.kind == "PortSecurityAndIPRequiredForSecurityGroups"
    paired = await member.change(
        "port", made["id"], port_security_enabled=True, allowed_address_pairs=[{"ip_address": "9.9.9.0/24"}]
    )
    assert paired["port"]["allowed_address_pairs"] == [{"mac_address": made["mac_address"], "ip_address": "9.9.9.0/24"}]
    unprotected = await member.make("network", port_security_enabled=False)
    assert (await member.make("port", network_id=unprotected["id"]))["security_groups"] == []


async def test_dhcp_options_are_merged(member: Caller) -> None:
    network, _ = await member.network("10.0.0.0/24")
    made = await member.make(
        "port", network_id=network["id"], extra_dhcp_opts=[{"opt_name": "mtu", "opt_value": "9000"}]
    )
    more = await member.change(
        "port", made["id"], extra_dhcp_opts=[{"opt_name": "tftp-server", "opt_value": "10.0.0.3"}]
    )
    assert {o["opt_name"] for o in more["port"]["extra_dhcp_opts"]} == {"mtu", "tftp-server"}
    less = await member.change("port", made["id"], extra_dhcp_opts=[{"opt_name": "mtu", "opt_value": None}])
    assert [o["opt_name"] for o in less["port"]["extra_dhcp_opts"]] == ["tftp-server"]


async def test_only_the_cloud_sees_bindings(cloud: Any, member: Caller, admin: Caller) -> None:
    network, _ = await member.network("10.0.0.0/24")
    made = await admin.make(
        "port", network_id=network["id"], project_id="p1", binding__host_id="h1", device_owner="compute:nova"
    )
    assert (made["binding:host_id"], made["binding:vif_type"]) == ("h1", "bridge")
    assert not [
        k for k in await member.get("port", made["id"]) if k.startswith("binding:") and k != "binding:vnic_type"
    ]
    assert (await member("DELETE", f"ports/{made['id']}")).status == 403
    nowhere = await admin.make("port", network_id=network["id"], binding__host_id="strange")
    assert nowhere["binding:vif_type"] == "binding_failed"


async def test_a_fresh_mac(member: Caller, admin: Caller) -> None:
    network, _ = await member.network("10.0.0.0/24")
    made = await member.make("port", network_id=network["id"])
    assert (await member.change("port", made["id"], mac_address=None)).status == 403
    fresh = await admin.change("port", made["id"], mac_address=None)
    assert fresh["port"]["mac_address"].startswith("fa:16:3e:")
    assert fresh["port"]["mac_address"] != made["mac_address"]
