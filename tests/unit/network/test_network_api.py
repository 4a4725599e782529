"""The API's manners: errors by type name, filters, pages, isolation, revisions, tags, quotas."""

import pytest

from network_cloud import Caller, NetworkCloud

NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"network": {"nme": "x"}}, "Unrecognized attribute(s) 'nme'"),
        ({"network": {"status": "x"}}, "Attribute 'status' not allowed in POST"),
        ({"net": {}}, "Unable to find 'network' in request body"),
        ({"network": "x"}, "Object 'network' contains invalid data"),
        ({"networks": []}, "Resources required"),
        ({"network": {"name": 5}}, "Invalid input for name. Reason: '5' is not a valid string."),
        ({"network": {"mtu": -1}}, "Invalid input for mtu. Reason: '-1' should be non-negative."),
        ({"network": {"tenant_id": "a", "project_id": "b"}}, "'project_id' and 'tenant_id' do not match"),
        ([], "Body contains invalid data"),
    ],
)
async def test_bodies_are_judged_in_neutrons_words(member: Caller, body: object, message: str) -> None:
    reply = await member("POST", "networks", body)
    assert (reply.status, reply.kind, reply.message) == (400, "HTTPBadRequest", message)
    assert (await member("GET", "networks"))["networks"] == []


async def test_malformed_json_and_depth_are_refused(member: Caller) -> None:
    for raw in (b"{", b"\xff\xfe", b"[" * 100_000):
        assert (await member("POST", "networks", raw=raw)).status == 400


async def test_text_becomes_what_is_meant(member: Caller) -> None:
    made = await member.make("network", name="n", admin_state_up="False")
    assert made["admin_state_up"] is False
    assert (await member("GET", "networks?admin_state_up=0&fields=id"))["networks"] == [{"id": made["id"]}]
    refused = await member("GET", "networks?admin_state_up=maybe")
    assert refused.kind == "InvalidInput"


async def test_a_bulk_is_all_or_nothing(member: Caller) -> None:
    refused = await member("POST", "networks", {"networks": [{"name": "a"}, {"name": "b", "mtu": 999999}]})
    assert refused.status == 400
    assert (await member("GET", "networks"))["networks"] == []
    made = await member("POST", "networks", {"networks": [{"name": "a"}, {"name": "b"}]})
    assert [n["name"] for n in made["networks"]] == ["a", "b"]


async def test_attributes_have_rules_of_their_own(member: Caller, reader: Caller, admin: Caller) -> None:
    refused = await member("POST", "networks", {"network": {"shared": True}})
    assert (refused.status, refused.kind) == (403, "PolicyNotAuthorized")
    assert refused.message == "(rule:create_network and rule:create_network:shared) is disallowed by policy"
    assert (await reader("POST", "networks", {"network": {}})).message == "rule:create_network is disallowed by policy"
    made = await admin.make("network", shared=True)
    assert "provider:network_type" in made
    assert "provider:network_type" not in await member.get("network", made["id"])


async def test_foreign_things_are_not_there(member: Caller, other: Caller, admin: Caller) -> None:
    network, (subnet,) = await member.network("10.0.0.0/24")
    port = await member.make("port", network_id=network["id"])
    router = await member.make("router")
    group = await member.make("security_group", name="g")
    things = {
        f"networks/{network['id']}": "NetworkNotFound",
        f"subnets/{subnet['id']}": "SubnetNotFound",
        f"ports/{port['id']}": "PortNotFound",
        f"routers/{router['id']}": "RouterNotFound",
        f"security-groups/{group['id']}": "SecurityGroupNotFound",
        f"security-group-rules/{group['security_group_rules'][0]['id']}": "SecurityGroupRuleNotFound",
    }
    for path, kind in things.items():
        for method in ("GET", "DELETE"):
            reply = await other(method, path)
            assert (reply.status, reply.kind) == (404, kind)
        assert (await admin("GET", path)).status == 200
    for noun in ("networks", "subnets", "ports", "routers", "floatingips"):
        assert (await other("GET", noun))[noun] == []
    for body in ({"port": {"network_id": network["id"]}},):
        assert (await other("POST", "ports", body)).kind == "NetworkNotFound"
    own, _ = await other.network("10.0.0.0/24")
    stolen = await other("POST", "ports", {"port": {"network_id": own["id"], "security_groups": [group["id"]]}})
    assert stolen.kind == "SecurityGroupNotFound"


async def test_shared_networks_are_for_all_but_not_theirs(member: Caller, admin: Caller) -> None:
    network, _ = await admin.network("10.0.0.0/24", shared=True)
    assert (await member.make("port", network_id=network["id"]))["fixed_ips"]
    for refused in (
        await member("DELETE", f"networks/{network['id']}"),
        await member.change("network", network["id"], name="mine"),
        await member(
            "POST", "ports", {"port": {"network_id": network["id"], "fixed_ips": [{"ip_address": "10.0.0.9"}]}}
        ),
        await member("POST", "ports", {"port": {"network_id": network["id"], "mac_address": "fa:16:3e:00:00:09"}}),
    ):
        assert (refused.status, refused.kind) == (403, "PolicyNotAuthorized")
    assert (await admin.change("network", network["id"], shared=False)).kind == "InvalidSharedSetting"


async def test_pages_go_both_ways(member: Caller) -> None:
    for name in "abcde":
        await member.make("network", name=name)
    first = await member("GET", "networks?limit=2&sort_key=name&sort_dir=desc&fields=name&fields=id")
    assert [n["name"] for n in first["networks"]] == ["e", "d"]
    links = {link["rel"]: link["href"].removeprefix("http://net/v2.0/") for link in first["networks_links"]}
    second = await member("GET", links["next"])
    assert [n["name"] for n in second["networks"]] == ["c", "b"]
    back = {link["rel"]: link["href"] for link in second["networks_links"]}["previous"].removeprefix("http://net/v2.0/")
    assert [n["name"] for n in (await member("GET", back))["networks"]] == ["e", "d"]
    assert (await member("GET", f"networks?marker={NOBODY}&limit=1")).kind == "NetworkNotFound"
    assert (await member("GET", "networks?limit=x")).message == (
        "Bad limit request: Limit must be an integer 0 or greater and not 'x'."
    )
    assert "networks_links" not in (await member("GET", "networks")).body


async def test_filters(member: Caller) -> None:
    network, (subnet,) = await member.network("10.0.0.0/24")
    a = await member.make("port", network_id=network["id"], name="a", fixed_ips=[{"ip_address": "10.0.0.5"}])
    await member.make("port", network_id=network["id"], name="b", description="x", tags=["red", "blue"])

    async def names(query: str) -> list[str]:
        return sorted(p["name"] for p in (await member("GET", f"ports?{query}"))["ports"])

    assert await names("fixed_ips=ip_address=10.0.0.5") == ["a"]
    assert await names(f"fixed_ips=subnet_id={subnet['id']}") == ["a", "b"]
    assert await names("name=a&name=b") == ["a", "b"]
    assert await names("description=") == ["a"]
    assert await names(f"mac_address={a['mac_address'].upper()}") == ["a"]
    assert await names("tags=red,blue") == ["b"]
    assert await names("tags=red,green") == []
    assert await names("tags-any=red,green") == ["b"]
    assert await names("not-tags=red") == ["a"]
    assert await names("not-tags-any=red") == ["a"]
    assert await names(f"security_groups={a['security_groups'][0]}") == ["a", "b"]
    assert await names("tenant_id=p1&project_id=p1") == ["a", "b"]
    assert (await member("GET", "ports?foo=1&bar=2")).message == "['bar', 'foo'] is invalid attribute for filtering"
    assert (await member("GET", "ports?fixed_ips=x")).kind == "InvalidInput"


async def test_revisions_guard_changes(member: Caller) -> None:
    made = await member.make("network", name="n")
    stale = await member("PUT", f"networks/{made['id']}", {"network": {"name": "m"}}, If_Match="revision_number=9")
    assert (stale.status, stale.kind) == (412, "RevisionNumberConstraintFailed")
    number = made["revision_number"]
    fresh = await member(
        "PUT", f"networks/{made['id']}", {"network": {"name": "m"}}, If_Match=f"revision_number={number}"
    )
    assert fresh["network"]["revision_number"] == number + 1
    assert (await member("DELETE", f"networks/{made['id']}", If_Match=f"revision_number={number}")).status == 412


async def test_tags(member: Caller, other: Caller) -> None:
    made = await member.make("network", name="n")
    path = f"networks/{made['id']}/tags"
    assert (await member("PUT", path, {"tags": ["b", "a"]}))["tags"] == ["a", "b"]
    assert (await member("PUT", f"{path}/c")).status == 201
    assert (await member("GET", f"{path}/c")).status == 204
    assert (await member("GET", f"{path}/d")).kind == "TagNotFound"
    assert (await member("POST", path, {"tags": ["d", "a"]}))["tags"] == ["a", "b", "c", "d"]
    assert (await member("PUT", path, {"tags": ["x"] * 2})).message.endswith("Duplicate items in the list: 'x'.")
    assert (await member("PUT", path, {"tags": [f"t{i}" for i in range(51)]})).kind == "BadRequest"
    assert (await member("PUT", path, {"tag": "x"})).kind == "InvalidInput"
    assert (await other("PUT", path, {"tags": []})).status == 404
    assert (await member("DELETE", f"{path}/a")).status == 204
    assert (await member.get("network", made["id"]))["tags"] == ["b", "c", "d"]
    assert (await member("DELETE", path)).status == 204
    assert (await member("GET", path))["tags"] == []


async def test_quotas_stop_growth(member: Caller, admin: Caller) -> None:
    assert (await member("PUT", "quotas/p1", {"quota": {"network": 1}})).status == 403
    assert (await admin("PUT", "quotas/p1", {"quota": {"network": "1"}}))["quota"]["network"] == 1
    await member.make("network")
    over = await member("POST", "networks", {"network": {}})
    assert (over.status, over.kind, over.message) == (409, "OverQuota", "Quota exceeded for resources: ['network'].")
    details = (await member("GET", "quotas/p1/details.json"))["quota"]
    assert details["network"] == {"limit": 1, "used": 1, "reserved": 0}
    assert [q["project_id"] for q in (await admin("GET", "quotas"))["quotas"]] == ["p1"]
    assert (await admin("PUT", "quotas/p1", {"quota": {"network": 0, "check_limit": True}})).kind == "QuotaLimitTooLow"
    assert (await admin("DELETE", "quotas/p1")).status == 204
    assert (await admin("DELETE", "quotas/p1")).kind == "TenantQuotaNotFound"
    assert (await member("GET", "quotas/p1"))["quota"]["network"] == 100
    assert (await member("GET", "quotas/p2")).status == 403


async def test_what_is_declared_is_served(cloud: NetworkCloud, admin: Caller) -> None:
    aliases = {e["alias"] for e in (await admin("GET", "extensions"))["extensions"]}
    assert {"router", "security-group", "external-net", "port-security", "agent", "standard-attr-tag"} <= aliases
    assert not {"trunk", "qos", "dvr", "l3-ha", "address-group", "rbac-policies"} & aliases
    assert (await admin("GET", "extensions/router"))["extension"]["alias"] == "router"
    assert (await admin("GET", "extensions/nope")).status == 404
    for absent in ("trunks", "qos/policies", "address-scopes", "rbac-policies"):
        assert (await admin("GET", absent)).status == 404
    assert (await admin("PATCH", "networks")).status == 405


async def test_agents_and_zones(cloud: NetworkCloud, admin: Caller, member: Caller) -> None:
    found = (await admin("GET", "agents"))["agents"]
    assert {(a["host"], a["agent_type"]) for a in found} >= {
        ("h0", "DHCP agent"),
        ("h0", "L3 agent"),
        ("h1", "Linux bridge agent"),
    }
    assert all(a["alive"] for a in found)
    assert (await admin("GET", "agents?alive=false"))["agents"] == []
    assert (await member("GET", "agents"))["agents"] == []
    described = await admin.change("agent", found[0]["id"], description="ours")
    assert described["agent"]["description"] == "ours"
    zones = (await member("GET", "availability_zones"))["availability_zones"]
    assert {(z["name"], z["resource"], z["state"]) for z in zones} == {
        ("nova", "network", "available"),
        ("nova", "router", "available"),
    }
