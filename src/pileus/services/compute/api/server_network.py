"""Addresses and security groups of a server."""

from typing import Any

from pileus.contracts.network import GroupInfo
from pileus.kernel.db import Tx
from pileus.kernel.policy import Rule
from pileus.kernel.policy.defaults import PROJECT_MEMBER_OR_ADMIN, PROJECT_READER_OR_ADMIN
from pileus.kernel.rest import Operation, Request, obj, text
from pileus.kernel.types import NotFound
from pileus.services.compute.api.server_of import ITEM, server_of
from pileus.services.compute.api.servers import addresses
from pileus.services.compute.core import states
from pileus.services.compute.core.neighbours import Neighbours
from pileus.services.compute.core.servers import refuse_state
from pileus.services.compute.db.servers import ServerRow

_IPS, _GROUPS = "os_compute_api:ips", "os_compute_api:os-security-groups"
RULES = [
    *(Rule(f"{_IPS}:{n}", PROJECT_READER_OR_ADMIN, "See a server's addresses.", scopes=()) for n in ("index", "show")),
    Rule(f"{_GROUPS}:list", PROJECT_READER_OR_ADMIN, "See a server's security groups.", scopes=()),
    *(
        Rule(f"{_GROUPS}:{n}", PROJECT_MEMBER_OR_ADMIN, f"To {n} security groups of a server.", scopes=())
        for n in ("add", "remove")
    ),
]
_NAMED = obj({"name": text(255, 1)}, ["name"])


class ServerNetwork:
    def __init__(self, near: Neighbours) -> None:
        self.near = near

    def operations(self) -> list[Operation]:
        get: dict[str, Any] = {"method": "GET", "resource": "server"}
        act: dict[str, Any] = {"method": "POST", "path": f"{ITEM}/action", "resource": "server", "answers": 202}
        return [
            Operation(path=f"{ITEM}/ips", name="addresses", decide=self._addresses, asks=f"{_IPS}:index", summary="A server's addresses", **get),
            Operation(path=f"{ITEM}/ips/{{network_label}}", name="addresses_on", decide=self._addresses_on, asks=f"{_IPS}:show", summary="Those on one network", **get),
            Operation(path=f"{ITEM}/os-security-groups", name="security_groups", decide=self._groups, asks=f"{_GROUPS}:list", summary="A server's security groups", **get),
            Operation(action="addSecurityGroup", name="join_group", decide=self._join, asks=f"{_GROUPS}:add", body=obj({"addSecurityGroup": _NAMED}, ["addSecurityGroup"]), summary="Put it into a security group", **act),
            Operation(action="removeSecurityGroup", name="leave_group", decide=self._leave, asks=f"{_GROUPS}:remove", body=obj({"removeSecurityGroup": _NAMED}, ["removeSecurityGroup"]), summary="Take it out of one", **act),
        ]  # fmt: skip

    def _by_network(self, tx: Tx, row: ServerRow) -> dict[str, Any]:
        found = addresses(self.near.network.ports_of(tx, [row.id]).get(row.id, ()))
        return {name: [{"version": a["version"], "addr": a["addr"]} for a in there] for name, there in found.items()}

    def _addresses(self, tx: Tx, request: Request) -> Any:
        return {"addresses": self._by_network(tx, server_of(tx, self.near, request, f"{_IPS}:index"))}

    def _addresses_on(self, tx: Tx, request: Request) -> Any:
        label = request.params["network_label"]
        found = self._by_network(tx, server_of(tx, self.near, request, f"{_IPS}:show"))
        if label not in found:
            raise NotFound("Instance is not a member of specified network")
        return {label: found[label]}

    def _groups(self, tx: Tx, request: Request) -> Any:
        row = server_of(tx, self.near, request, f"{_GROUPS}:list")
        groups = self.near.network.groups_of(tx, row.id)
        return {"security_groups": [_group(group, {g.id: g for g in groups}) for group in groups]}

    def _join(self, tx: Tx, request: Request) -> None:
        self._set(tx, request, "add", request.body["addSecurityGroup"]["name"], True)

    def _leave(self, tx: Tx, request: Request) -> None:
        self._set(tx, request, "remove", request.body["removeSecurityGroup"]["name"], False)

    def _set(self, tx: Tx, request: Request, verb: str, name: str, member: bool) -> None:
        row = server_of(tx, self.near, request, f"{_GROUPS}:{verb}")
        refuse_state(
            row, f"{verb}SecurityGroup", [states.ACTIVE, states.STOPPED, states.PAUSED_STATE, states.SUSPENDED_STATE]
        )
        self.near.network.set_group(tx, request.ctx, row.id, name, member)


def _group(group: GroupInfo, known: dict[str, GroupInfo]) -> dict[str, Any]:
    """In the words of the old API: what may come in, and nothing of what may go out."""
    rules = [_rule(group, rule, known) for rule in group.rules if rule["direction"] == "ingress"]
    return {
        "id": group.id, "name": group.name, "description": group.description, "tenant_id": group.project_id, "rules": rules,
    }  # fmt: skip


def _rule(group: GroupInfo, rule: dict[str, Any], known: dict[str, GroupInfo]) -> dict[str, Any]:
    remote = rule["remote_group_id"]
    of = known.get(remote or "")
    first, last = rule["port_range_min"], rule["port_range_max"]
    anywhere = "0.0.0.0/0" if rule["ethertype"] == "IPv4" else "::/0"
    return {
        "id": rule["id"], "parent_group_id": group.id, "ip_protocol": rule["protocol"],
        "from_port": -1 if first is None and rule["protocol"] else first, "to_port": -1 if last is None and rule["protocol"] else last,
        "ip_range": {} if remote else {"cidr": rule["remote_ip_prefix"] or anywhere},
        "group": {"name": of.name if of else remote, "tenant_id": of.project_id if of else group.project_id} if remote else {},
    }  # fmt: skip
