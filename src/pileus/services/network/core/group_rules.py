"""Rules of security groups: what may be said, and that nothing is said twice."""

import ipaddress
from collections.abc import Sequence
from typing import Any

from pileus.kernel.db import Page, Tx
from pileus.kernel.events import record
from pileus.kernel.types import Conflict, Ctx, Listing, new_id, whole_number
from pileus.services.network.core.access import scope, sees
from pileus.services.network.core.changes import touched
from pileus.services.network.core.groups import ETHERTYPES, NO_RULE_COLUMNS, find
from pileus.services.network.core.neighbours import Near
from pileus.services.network.core.networks import columns
from pileus.services.network.core.refusals import conflict, missing, refused
from pileus.services.network.db import groups
from pileus.services.network.db.groups import GroupRow, RuleRow

PROTOCOLS = {
    "ah": 51, "dccp": 33, "egp": 8, "esp": 50, "gre": 47, "hopopt": 0, "icmp": 1, "igmp": 2, "ip": 0, "ipip": 4,
    "ipv6-encap": 41, "ipv6-frag": 44, "ipv6-icmp": 58, "icmpv6": 58, "ipv6-nonxt": 59, "ipv6-opts": 60,
    "ipv6-route": 43, "ospf": 89, "pgm": 113, "rsvp": 46, "sctp": 132, "tcp": 6, "udp": 17, "udplite": 136,
    "vrrp": 112,
}  # fmt: skip
_ICMP, _ICMPV6 = 1, 58
_WITH_PORTS = {33, 132, 6, 17, 136}
_V6_NAMES = {"icmpv6", "ipv6-encap", "ipv6-frag", "ipv6-icmp", "ipv6-nonxt", "ipv6-opts", "ipv6-route"}


def get(tx: Tx, near: Near, ctx: Ctx, id: str) -> RuleRow:
    row = tx.row(groups.GET_RULE, id=id)
    if row is None or not sees(near, ctx, row.project_id, row.group_project_id):
        raise missing("SecurityGroupRule", id)
    return row


def page(tx: Tx, near: Near, ctx: Ctx, listing: Listing) -> Page[RuleRow]:
    """Rules that the caller may see."""
    return groups.list_rules(tx, listing, scope(near, ctx))


def create(tx: Tx, near: Near, ctx: Ctx, want: dict[str, Any]) -> RuleRow:
    """Add a rule. Raises `Invalid` for what cannot be meant, `Conflict` when the group says it already."""
    group: GroupRow = want.get("group") or find(tx, near, ctx, want["group_id"])
    project_id = want.get("project_id", ctx.project_id or group.project_id)
    row = _made(tx, group, project_id, want)
    if row.remote_group_id is not None:
        find(tx, near, ctx, str(row.remote_group_id))
    near.quotas.check(tx, project_id, {"security_group_rule": 1})
    _judge_new(row, tx.rows(groups.RULES_OF, ids=[group.id]), want.get("fresh", ()))
    tx.run(groups.INSERT_RULE, **columns(row, *NO_RULE_COLUMNS))
    want.get("fresh", []).append(row.id)
    _changed(tx, group.id)
    record(tx, ctx, "security_group_rule.create.end", "security_group_rule", row.id, project_id=project_id, after=row)
    return row


def delete(tx: Tx, near: Near, ctx: Ctx, row: RuleRow) -> None:
    tx.run(groups.DELETE_RULE, id=row.id)
    _changed(tx, row.group_id)
    record(
        tx, ctx, "security_group_rule.delete.end", "security_group_rule", row.id, project_id=row.project_id, before=row
    )


def _changed(tx: Tx, group_id: str) -> None:
    group = tx.row(groups.GET, id=group_id)
    assert group is not None
    tx.run(groups.UPDATE, the_id=group_id, revision_number=group.revision_number + 1, updated_at=tx.now)
    touched(tx, "group", group_id)


def _made(tx: Tx, group: GroupRow, project_id: str, want: dict[str, Any]) -> RuleRow:
    ethertype = _ethertype(want["ethertype"])
    protocol = _protocol(want["protocol"], ethertype)
    low, high = _range(protocol, want["port_range_min"], want["port_range_max"])
    prefix, remote = want["remote_ip_prefix"] or None, want["remote_group_id"] or None
    if prefix and remote:
        raise refused(
            "SecurityGroupMultipleRemoteEntites",
            "Only one of remote_ip_prefix or remote_group_id or remote_address_group_id may be provided.",
        )
    if prefix is not None:
        prefix = _prefix(prefix, ethertype)
    return RuleRow(
        id=new_id(),
        group_id=group.id,
        project_id=project_id,
        direction=want["direction"],
        ethertype=ethertype,
        protocol=protocol,
        port_range_min=low,
        port_range_max=high,
        remote_ip_prefix=prefix,
        remote_group_id=remote,
        description=want["description"],
        revision_number=0,
        created_at=tx.now,
        updated_at=tx.now,
        group_project_id=group.project_id,
        belongs_to_default=group.default_of is not None,
    )


def _ethertype(asked: object) -> str:
    for known in ETHERTYPES:
        if isinstance(asked, str) and asked.lower() == known.lower():
            return known
    raise refused(
        "SecurityGroupRuleInvalidEtherType",
        f"Security group rule for ethertype '{asked}' not supported. Allowed values are {list(ETHERTYPES)}.",
    )


def _protocol(asked: object, ethertype: str) -> str | None:
    """The protocol as it will be shown: a name, or a number as text."""
    if asked is None:
        return None
    shown = str(asked).lower()
    if shown == "any":
        return None
    number = whole_number(shown, 255)
    if number is not None:
        shown = str(number)
    elif shown not in PROTOCOLS:
        names = ", ".join(repr(n) for n in ("any", *PROTOCOLS))
        raise refused(
            "SecurityGroupRuleInvalidProtocol",
            f"Security group rule protocol {asked} not supported. Only protocol values (None, {names}) and integer "
            "representations [0 to 255] are supported.",
        )
    if ethertype == "IPv4" and shown in _V6_NAMES:
        raise refused(
            "SecurityGroupEthertypeConflictWithProtocol", f"Invalid ethertype {ethertype} for protocol {shown}."
        )
    return "ipv6-icmp" if ethertype == "IPv6" and shown in ("icmp", "icmpv6") else shown


def number_of(protocol: str | None) -> int | None:
    """IP protocol number; None: any."""
    if protocol is None:
        return None
    return int(protocol) if protocol.isdigit() else PROTOCOLS[protocol]


def _range(protocol: str | None, low: object, high: object) -> tuple[int | None, int | None]:
    if low is None and high is None:
        return None, None
    number = number_of(protocol)
    if number is None:
        raise refused("SecurityGroupProtocolRequiredWithPorts", "Must also specify protocol if port range is given.")
    if number in (_ICMP, _ICMPV6):
        return _icmp(low, high)
    if number not in _WITH_PORTS:
        raise refused(
            "SecurityGroupInvalidProtocolForPort",
            f"Ports cannot be specified for protocol {number}. Ports are only supported for DCCP, SCTP, TCP, UDP, "
            "UDPLITE.",
        )
    first, last = _port(low), _port(high)
    if first is None or last is None or first > last:
        raise refused(
            "SecurityGroupInvalidPortRange", "For TCP/UDP protocols, port_range_min must be <= port_range_max"
        )
    if first == 0:
        raise refused("SecurityGroupInvalidPortValue", "Invalid value for port 0")
    return (None, None) if (first, last) == (1, 65535) else (first, last)


def _port(value: object) -> int | None:
    if value is None:
        return None
    number = _whole(value)
    if number is None or not 0 <= number <= 65535:
        raise refused("SecurityGroupInvalidPortValue", f"Invalid value for port {value}")
    return number


def _icmp(low: object, high: object) -> tuple[int | None, int | None]:
    if low is None:
        raise refused(
            "SecurityGroupMissingIcmpType",
            f"ICMP code (port-range-max) {high} is provided but ICMP type (port-range-min) is missing.",
        )
    made: list[int | None] = []
    for name, attribute, value in (("type", "port_range_min", low), ("code", "port_range_max", high)):
        number = None if value is None else _whole(value)
        if value is not None and (number is None or not 0 <= number <= 255):
            raise refused(
                "SecurityGroupInvalidIcmpValue",
                f"Invalid value for ICMP {name} ({attribute}) {value}. It must be 0 to 255.",
            )
        made.append(number)
    return made[0], made[1]


def _whole(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    number = whole_number(value.removeprefix("-")) if isinstance(value, str) else None
    return -number if number is not None and str(value).startswith("-") else number


def _prefix(asked: str, ethertype: str) -> str:
    """A prefix keeps its host bits as given; an address alone becomes a prefix of its full length."""
    try:
        interface = ipaddress.ip_interface(asked if isinstance(asked, str) else "")
    except ValueError:
        raise refused("InvalidCIDR", f"Invalid CIDR {asked} given as IP prefix.") from None
    if f"IPv{interface.version}" != ethertype:
        raise refused("SecurityGroupRuleParameterConflict", f"Conflicting value ethertype {ethertype} for CIDR {asked}")
    return asked if "/" in asked else f"{asked}/{interface.network.prefixlen}"


def normalized(rule: RuleRow) -> str | None:
    """The remote prefix without host bits."""
    return None if rule.remote_ip_prefix is None else str(ipaddress.ip_interface(rule.remote_ip_prefix).network)


def _meaning(rule: RuleRow) -> tuple[object, ...]:
    prefix = rule.remote_ip_prefix
    return (
        rule.direction,
        rule.ethertype,
        number_of(rule.protocol),
        rule.port_range_min,
        rule.port_range_max,
        None if prefix in ("0.0.0.0/0", "::/0") else prefix,
        rule.remote_group_id,
    )


def _judge_new(row: RuleRow, there: Sequence[RuleRow], fresh: Sequence[str]) -> None:
    meaning = _meaning(row)
    for other in there:
        if _meaning(other) == meaning:
            if other.id in fresh:
                raise Conflict("Duplicate Security Group Rule in POST.", type="DuplicateSecurityGroupRuleInPost")
            raise conflict("SecurityGroupRuleExists", f"Security group rule already exists. Rule id is {other.id}.")
