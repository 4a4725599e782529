"""Changes as events of CADF, the cloud auditing format of the DMTF (DSP0262), which audit tools read."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from pileus.kernel.types import iso_micros

EVENT = "http://schemas.dmtf.org/cloud/audit/1.0/event"
_ACCOUNT = "service/security/account/user"
TYPES: Mapping[str, str] = {
    "user": "data/security/account/user", "group": "data/security/group", "project": "data/security/project",
    "domain": "data/security/domain", "role": "data/security/role", "role_assignment": "data/security/account/user/privilege",
    "region": "data/security/region", "service": "data/security/service", "endpoint": "data/security/endpoint",
    "policy": "data/security/policy", "trust": "data/security/trust", "credential": "data/security/credential",
    "application_credential": "data/security/credential", "token": "data/security/identity", "keypair": "data/security/key",
    "server": "compute/machine", "flavor": "data/template", "image": "data/image", "network": "network",
    "subnet": "network", "port": "network/connection", "router": "network/node", "volume": "storage/volume",
    "container": "storage/container", "object": "data/file", "quota": "data/config",
}  # fmt: skip
"""What a noun is in CADF's taxonomy of resources; others are `data/<noun>`."""
_VERBS = frozenset({
    "backup", "capture", "create", "configure", "read", "update", "delete", "monitor", "start", "stop", "deploy", "undeploy",
    "enable", "disable", "send", "receive", "authenticate", "renew", "revoke", "allow", "deny", "evaluate", "notify", "restore",
})  # fmt: skip
"""CADF's actions; what is none of them is an update of some kind (`update/add_member`)."""


def cadf(row: Mapping[str, Any], observer: str) -> dict[str, Any]:
    """A row of the change log (`before`, `after` and `data` read) as an event that `observer`, a cloud's id, saw.

    The same row makes the same event, with the same id, whenever it is asked for.
    """
    failed = row["kind"].endswith((".error", ".failed"))
    data = row["data"] if isinstance(row["data"], Mapping) else {}
    event: dict[str, Any] = {
        "typeURI": EVENT,
        "eventType": "activity",
        "id": str(uuid.uuid5(uuid.UUID(observer), str(row["seq"]))),
        "eventTime": iso_micros(row["at"]).replace("Z", "+0000"),
        "action": _action(row),
        "outcome": "failure" if failed else "pending" if row["kind"].endswith(".start") else "success",
        "initiator": _initiator(row),
        "target": {"typeURI": _type(row["resource"]), "id": row["resource_id"] or "unknown"},
        "observer": {"typeURI": "service/security", "id": observer, "name": "pileus"},
    }
    if row["project_id"]:
        event["target"]["project_id"] = row["project_id"]
    if failed:
        status = str(data.get("status", "")) or "unknown"
        event["reason"] = {"reasonType": f"HTTP: {data.get('reason', 'refused')}", "reasonCode": status}
    attached = [_attachment(name, row[name]) for name in ("before", "after", "data") if row[name]]
    if attached:
        event["attachments"] = attached
    return event


def _type(noun: str) -> str:
    return TYPES.get(noun, f"data/{noun}")


def _initiator(row: Mapping[str, Any]) -> dict[str, Any]:
    """Who did it and from where. A login that failed was begun by whoever it was tried for."""
    told: dict[str, Any] = {
        "typeURI": _ACCOUNT,
        "id": row["user_id"] or (row["resource_id"] if row["kind"].startswith("authenticate") else "") or "unknown",
        "host": {"address": row["address"] or "127.0.0.1", "agent": row["agent"] or "pileus"},
    }
    if row["request_id"]:
        told["request_id"] = row["request_id"]
    return told


def _action(row: Mapping[str, Any]) -> str:
    """`update`, `update/add_member`; a change of `enabled` is an action of its own."""
    verb = _switched(row["before"], row["after"]) or row["kind"].removeprefix(row["resource"] + ".").split(".")[0]
    return verb if verb in _VERBS else f"update/{verb}"


def _switched(before: object, after: object) -> str:
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return ""
    was, is_now = before.get("enabled"), after.get("enabled")
    return "" if was == is_now else "enable" if is_now else "disable"


def _attachment(name: str, content: object) -> dict[str, Any]:
    return {"typeURI": "mime:application/json", "name": name, "content": content}
