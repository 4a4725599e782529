"""Security groups: the default group, rules and what they may say."""

from typing import Any

import pytest

from network_cloud import Caller

NOBODY = "00000000-0000-0000-0000-000000000000"


async def test_the_default_group_is_made_once_with_four_rules(member: Caller, admin: Caller) -> None:
    (group,) = (await member("GET", "security-groups"))["security_groups"]
    assert (group["name"], group["description"]) == ("default", "Default security group")
    rules = {(r["direction"], r["ethertype"], r["remote_group_id"]) for r in group["security_group_rules"]}
    assert rules == {
        (d, e, None if d == "egress" else group["id"]) for d in ("egress", "ingress") for e in ("IPv4", "IPv6")
    }
    assert [g["id"] for g in (await member("GET", "security-groups"))["security_groups"]] == [group["id"]]
    assert (await member.change("security_group", group["id"], name="x")).kind == "SecurityGroupCannotUpdateDefault"
    assert (await member("DELETE", f"security-groups/{group['id']}")).kind == "SecurityGroupCannotRemoveDefault"
    assert (
        await member("POST", "security-groups", {"security_group": {"name": "default"}})
    ).kind == "SecurityGroupDefaultAlreadyExists"
    assert (await admin("DELETE", f"security-groups/{group['id']}")).status == 204


async def test_a_group_in_use_stays(member: Caller) -> None:
    group = await member.make("security_group", name="g")
    assert {r["direction"] for r in group["security_group_rules"]} == {"egress"}
    network, _ = await member.network()
    port = await member.make("port", network_id=network["id"], security_groups=[group["id"]])
    assert (await member("DELETE", f"security-groups/{group['id']}")).kind == "SecurityGroupInUse"
    assert (await member.change("security_group", group["id"], stateful=False)).kind == "SecurityGroupInUse"
    await member("DELETE", f"ports/{port['id']}")
    assert (await member("DELETE", f"security-groups/{group['id']}")).status == 204


GOOD: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"protocol": "TCP", "port_range_min": "22", "port_range_max": 22}, {"protocol": "tcp", "port_range_min": 22}),
    ({"protocol": 6, "port_range_min": 80, "port_range_max": 81}, {"protocol": "6"}),
    ({"protocol": "icmp", "port_range_min": 8}, {"port_range_max": None}),
    ({"protocol": "icmp", "ethertype": "ipv6"}, {"protocol": "ipv6-icmp", "ethertype": "IPv6"}),
    ({"protocol": "any"}, {"protocol": None}),
    ({"remote_ip_prefix": "10.0.0.5"}, {"remote_ip_prefix": "10.0.0.5/32", "normalized_cidr": "10.0.0.5/32"}),
    ({"remote_ip_prefix": "10.0.0.5/8"}, {"remote_ip_prefix": "10.0.0.5/8", "normalized_cidr": "10.0.0.0/8"}),
    ({"protocol": "vrrp"}, {"protocol": "vrrp"}),
    (
        {"protocol": "udp", "port_range_min": 1, "port_range_max": 65535},
        {"port_range_min": None, "port_range_max": None},
    ),
    ({"protocol": "255"}, {"protocol": "255"}),
]


@pytest.mark.parametrize(("fields", "shown"), GOOD)
async def test_rules(member: Caller, fields: dict[str, Any], shown: dict[str, Any]) -> None:
    group = await member.make("security_group", name="g")
    rule = await member.make("security_group_rule", security_group_id=group["id"], direction="ingress", **fields)
    assert {k: rule[k] for k in shown} == shown
    again = {"security_group_rule": {"security_group_id": group["id"], "direction": "ingress", **fields}}
    reply = await member("POST", "security-group-rules", again)
    assert reply.message == f"Security group rule already exists. Rule id is {rule['id']}."
    assert (await member("DELETE", f"security-group-rules/{rule['id']}")).status == 204
    assert (await member("DELETE", f"security-group-rules/{rule['id']}")).kind == "SecurityGroupRuleNotFound"


@pytest.mark.parametrize(
    ("fields", "status", "kind"),
    [
        ({"direction": "foo"}, 400, "HTTPBadRequest"),
        ({"protocol": "foo"}, 400, "SecurityGroupRuleInvalidProtocol"),
        ({"protocol": "256"}, 400, "SecurityGroupRuleInvalidProtocol"),
        ({"protocol": "²"}, 400, "SecurityGroupRuleInvalidProtocol"),
        ({"protocol": [1]}, 400, "SecurityGroupRuleInvalidProtocol"),
        ({"protocol": "tcp", "port_range_min": 22}, 400, "SecurityGroupInvalidPortRange"),
        ({"protocol": "tcp", "port_range_min": 23, "port_range_max": 22}, 400, "SecurityGroupInvalidPortRange"),
        ({"protocol": "tcp", "port_range_min": 0, "port_range_max": 1}, 400, "SecurityGroupInvalidPortValue"),
        ({"protocol": "tcp", "port_range_min": "x", "port_range_max": 1}, 400, "SecurityGroupInvalidPortValue"),
        ({"port_range_min": 1, "port_range_max": 1}, 400, "SecurityGroupProtocolRequiredWithPorts"),
        ({"protocol": "47", "port_range_min": 1, "port_range_max": 1}, 400, "SecurityGroupInvalidProtocolForPort"),
        ({"protocol": "icmp", "port_range_max": 0}, 400, "SecurityGroupMissingIcmpType"),
        ({"protocol": "icmp", "port_range_min": 256}, 400, "SecurityGroupInvalidIcmpValue"),
        ({"protocol": "icmpv6"}, 400, "SecurityGroupEthertypeConflictWithProtocol"),
        ({"ethertype": "IPv5"}, 400, "SecurityGroupRuleInvalidEtherType"),
        ({"ethertype": None}, 400, "SecurityGroupRuleInvalidEtherType"),
        ({"remote_ip_prefix": "foo"}, 400, "InvalidCIDR"),
        ({"remote_ip_prefix": 5.5}, 400, "InvalidCIDR"),
        ({"remote_ip_prefix": "::/0"}, 400, "SecurityGroupRuleParameterConflict"),
        ({"remote_group_id": NOBODY}, 404, "SecurityGroupNotFound"),
        ({"remote_group_id": [NOBODY]}, 404, "SecurityGroupNotFound"),
        ({"remote_group_id": NOBODY, "remote_ip_prefix": "1.0.0.0/8"}, 400, "SecurityGroupMultipleRemoteEntites"),
        ({"security_group_id": NOBODY}, 404, "SecurityGroupNotFound"),
        ({"security_group_id": None}, 404, "SecurityGroupNotFound"),
        ({"description": "x" * 256}, 400, "HTTPBadRequest"),
    ],
)
async def test_what_cannot_be_meant_is_refused(member: Caller, fields: dict[str, Any], status: int, kind: str) -> None:
    group = await member.make("security_group", name="g")
    body = {"security_group_rule": {"security_group_id": group["id"], "direction": "ingress", **fields}}
    reply = await member("POST", "security-group-rules", body)
    assert (reply.status, reply.kind) == (status, kind)
    assert len((await member.get("security_group", group["id"]))["security_group_rules"]) == 2


async def test_a_bulk_of_rules_says_nothing_twice(member: Caller) -> None:
    group = await member.make("security_group", name="g")
    rule = {"security_group_id": group["id"], "direction": "ingress", "protocol": "sctp"}
    reply = await member("POST", "security-group-rules", {"security_group_rules": [rule, rule]})
    assert reply.kind == "DuplicateSecurityGroupRuleInPost"
    assert len((await member.get("security_group", group["id"]))["security_group_rules"]) == 2


async def test_rules_are_their_groups_owners(member: Caller, other: Caller, reader: Caller) -> None:
    group = await member.make("security_group", name="g")
    body = {"security_group_rule": {"security_group_id": group["id"], "direction": "ingress"}}
    assert (await other("POST", "security-group-rules", body)).status == 403
    assert (await reader("POST", "security-group-rules", body)).status == 403
    assert (
        len((await reader("GET", f"security-group-rules?security_group_id={group['id']}"))["security_group_rules"]) == 2
    )
    assert (await other("GET", "security-group-rules"))["security_group_rules"] == []
