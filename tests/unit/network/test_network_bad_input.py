"""No body, no query and no path ends in a 500, and every refusal has Neutron's form."""

from typing import Any
from urllib.parse import quote

import pytest

from network_cloud import Caller, NetworkCloud, Reply
from pileus.kernel.db import Database
from pileus.kernel.rest import Resource

ODD: list[Any] = [
    None, True, 0, -1, 1.5, 2**31, 2**63, 2**70, "", "x", "0", "\x00", "é" * 300, "\ud7ff", "10.0.0.5", "10.0.0.0/24", "::1", "fa:16:3e:00:00:01",
    "00000000-0000-0000-0000-000000000000", [], [None], [5], ["x"], ["x", "x"], [[]], [{}], [{"x": 1}], {}, {"x": None}, {"network_id": 5},
    [{"ip_address": 5}], [{"subnet_id": None}], [{"ip_address": "10.0.0.300"}], [{"ip_address": None, "mac_address": None}],
    [{"start": None, "end": 5}], [{"start": "10.0.0.5", "end": "::1"}], [{"destination": 5, "nexthop": None}],
    [{"destination": "::/0", "nexthop": "10.0.0.1"}], [{"opt_name": 5, "opt_value": {}}], [{"opt_name": "x", "opt_value": "y", "ip_version": []}],
]  # fmt: skip
WORDS = [
    "",
    "x",
    "\x00",
    "é",
    "-1",
    "9" * 40,
    "True",
    "None",
    "a=b",
    "=",
    "ip_address=",
    "%",
    "10.0.0.0/24",
    "'; drop table network_ports; --",
]


@pytest.fixture
async def world(database: Database) -> tuple[NetworkCloud, Caller, dict[str, str], dict[str, dict[str, Any]]]:
    """A cloud with one of everything: its ids and good bodies by noun."""
    cloud = NetworkCloud(database)
    await cloud.service.start()
    admin = cloud.caller("pa", "admin")
    await admin("PUT", "quotas/pa", {"quota": dict.fromkeys(cloud.internal.near.quotas.quotas, -1)})
    network, (subnet,) = await admin.network("10.0.0.0/24", router__external=True)
    port = await admin.make("port", network_id=network["id"])
    pool = await admin.make("subnetpool", name="pool", prefixes=["10.99.0.0/16"])
    router = await admin.make("router")
    floating = await admin.make("floatingip", floating_network_id=network["id"])
    group = await admin.make("security_group", name="g")
    agents = (await admin("GET", "agents"))["agents"]
    ids = {
        "network": network["id"],
        "subnet": subnet["id"],
        "port": port["id"],
        "subnetpool": pool["id"],
        "router": router["id"],
        "floatingip": floating["id"],
        "security_group": group["id"],
        "security_group_rule": group["security_group_rules"][0]["id"],
        "agent": agents[0]["id"],
    }
    good: dict[str, dict[str, Any]] = {
        "network": {},
        "subnet": {"network_id": network["id"], "ip_version": 4, "cidr": "10.9.0.0/30"},
        "subnetpool": {"name": "p", "prefixes": ["10.98.0.0/16"]},
        "port": {"network_id": network["id"], "fixed_ips": []},
        "router": {},
        "floatingip": {"floating_network_id": network["id"]},
        "security_group": {},
        "security_group_rule": {"security_group_id": group["id"], "direction": "ingress", "protocol": "tcp"},
        "agent": {},
    }
    return cloud, admin, ids, good


def judge(reply: Reply, what: object) -> None:
    assert reply.status != 500, what
    if reply.status >= 400:
        assert set(reply.body["NeutronError"]) == {"type", "message", "detail"}, what


def nouns(cloud: NetworkCloud) -> list[Resource[Any]]:
    from pileus.services.network.service import _items

    return [i for i in _items(cloud.internal.near, cloud.db) if isinstance(i, Resource)]


async def test_bodies(world: Any) -> None:
    cloud, admin, ids, good = world
    for noun in nouns(cloud):
        path = noun.path.removeprefix("/v2.0/")
        wires = [f.wire for f in noun.flat if f.on & {"create", "update"}]
        for wire in wires:
            for odd in ODD:
                judge(
                    await admin("POST", path, {noun.member: {**good[noun.member], wire: odd}}), (noun.member, wire, odd)
                )
                judge(
                    await admin("PUT", f"{path}/{ids[noun.member]}", {noun.member: {wire: odd}}),
                    (noun.member, wire, odd),
                )
        for odd in ODD:
            for body in (odd, {noun.member: odd}, {noun.plural: odd}, {noun.plural: [odd]}):
                judge(await admin("POST", path, body), (noun.member, body))
                judge(await admin("PUT", f"{path}/{ids[noun.member]}", body), (noun.member, body))


async def test_actions(world: Any) -> None:
    _, admin, ids, _ = world
    for odd in ODD:
        for act in ("add_router_interface", "remove_router_interface"):
            for body in (odd, {"subnet_id": odd}, {"port_id": odd}):
                judge(await admin("PUT", f"routers/{ids['router']}/{act}", body), (act, body))
        for act in ("add_extraroutes", "remove_extraroutes"):
            for body in (odd, {"router": odd}, {"router": {"routes": odd}}):
                judge(await admin("PUT", f"routers/{ids['router']}/{act}", body), (act, body))
        for act in ("add_prefixes", "remove_prefixes"):
            for body in (odd, {"prefixes": odd}):
                judge(await admin("PUT", f"subnetpools/{ids['subnetpool']}/{act}", body), (act, body))
        judge(await admin("PUT", f"networks/{ids['network']}/tags", odd), odd)
        judge(await admin("PUT", f"networks/{ids['network']}/tags", {"tags": odd}), odd)
        judge(await admin("POST", f"networks/{ids['network']}/tags", {"tags": [odd]}), odd)
        for body in (odd, {"quota": odd}, {"quota": {"port": odd}}, {"quota": {"check_limit": odd}}):
            judge(await admin("PUT", "quotas/p1", body), body)
        gateway = {
            "router": {
                "external_gateway_info": {"network_id": ids["network"], "external_fixed_ips": odd, "enable_snat": odd}
            }
        }
        judge(await admin("PUT", f"routers/{ids['router']}", gateway), gateway)


async def test_queries_and_paths(world: Any) -> None:
    cloud, admin, ids, _ = world
    for noun in nouns(cloud):
        path = noun.path.removeprefix("/v2.0/")
        names = [f.wire for f in noun.flat if f.match] + [
            "limit",
            "marker",
            "sort_key",
            "sort_dir",
            "fields",
            "page_reverse",
            "nope",
        ]
        for name in names:
            for word in WORDS:
                judge(await admin("GET", f"{path}?{name}={quote(word)}"), (path, name, word))
        for f in noun.flat:
            judge(
                await admin("GET", f"{path}?sort_key={f.wire}&sort_dir=desc&limit=1&marker={ids[noun.member]}"), f.wire
            )
        for word in WORDS[1:]:
            for method in ("GET", "PUT", "DELETE"):
                body = {noun.member: {}} if method == "PUT" else None
                judge(await admin(method, f"{path}/{word}", body), (method, path, word))
    for word in WORDS[1:]:
        for path in ("quotas", "extensions", "network-ip-availabilities", f"networks/{ids['network']}/tags"):
            judge(await admin("GET", f"{path}/{word}"), (path, word))


async def test_if_match(world: Any) -> None:
    _, admin, ids, _ = world
    for value in (
        "",
        "x",
        "revision_number=",
        "revision_number=x",
        "revision_number=-1",
        "revision_number=" + "9" * 50,
        "revision_number=²",
    ):
        judge(await admin("PUT", f"networks/{ids['network']}", {"network": {}}, If_Match=value), value)
