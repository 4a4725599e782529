"""What Nova has and Pileus does not, in two sorts: operations that Nova itself took away (410), and those not built yet (501)."""

from dataclasses import replace
from typing import Any

from pileus.kernel.rest import Answer, Operation, Request, absent
from pileus.kernel.types import Gone

_GONE = """
/os-agents GET POST
/os-agents/{agent_build_id} DELETE PUT
/os-cells GET POST
/os-cells/capacities GET
/os-cells/detail GET
/os-cells/info GET
/os-cells/{cell_id} DELETE GET PUT
/os-cells/{cell_id}/capacities GET
/os-certificates POST
/os-certificates/root GET
/os-cloudpipe GET POST
/os-cloudpipe/configure-project PUT
/os-fixed-ips/{fixed_ip} GET
/os-fixed-ips/{fixed_ip}/action POST#reserve POST#unreserve
/os-floating-ip-dns GET
/os-floating-ip-dns/{domain} DELETE PUT
/os-floating-ip-dns/{domain}/entries/{name} DELETE GET PUT
/os-floating-ips-bulk GET POST
/os-floating-ips-bulk/delete PUT
/os-floating-ips-bulk/{host_name} GET
/os-fping GET
/os-fping/{instance_id} GET
/os-networks POST
/os-networks/add POST
/os-networks/{network_id} DELETE
/os-networks/{network_id}/action POST#associate_host POST#disassociate POST#disassociate_host POST#disassociate_project
/os-security-group-default-rules GET POST
/os-security-group-default-rules/{security_group_default_rule_id} DELETE GET
/os-tenant-networks POST
/os-tenant-networks/{network_id} DELETE
/servers/{server_id}/consoles GET POST
/servers/{server_id}/consoles/{console_id} DELETE GET
/servers/{server_id}/os-virtual-interfaces GET
"""
"""Path, then methods; `POST#name` is an action."""

_NOT_YET = """
/images GET
/images/detail GET
/images/{image_id} DELETE GET
/images/{image_id}/metadata GET POST PUT
/images/{image_id}/metadata/{key} DELETE GET PUT
/os-aggregates/{aggregate_id}/images POST
/os-assisted-volume-snapshots POST
/os-assisted-volume-snapshots/{snapshot_id} DELETE
/os-baremetal-nodes GET
/os-baremetal-nodes/{node_id} GET
/os-console-auth-tokens/{console_token} GET
/os-floating-ip-pools GET
/os-floating-ips GET POST
/os-floating-ips/{floating_ip_id} DELETE GET
/os-hosts GET
/os-hosts/{host_name} GET PUT
/os-hosts/{host_name}/reboot GET
/os-hosts/{host_name}/shutdown GET
/os-hosts/{host_name}/startup GET
/os-instance_usage_audit_log GET
/os-instance_usage_audit_log/{before_timestamp} GET
/os-migrations GET
/os-networks GET
/os-networks/{network_id} GET
/os-security-group-rules POST
/os-security-group-rules/{security_group_rule_id} DELETE
/os-security-groups GET POST
/os-security-groups/{security_group_id} DELETE GET PUT
/os-server-external-events POST
/os-simple-tenant-usage GET
/os-simple-tenant-usage/{tenant_id} GET
/os-snapshots GET POST
/os-snapshots/detail GET
/os-snapshots/{snapshot_id} DELETE GET
/os-tenant-networks GET
/os-tenant-networks/{network_id} GET
/os-volumes GET POST
/os-volumes/detail GET
/os-volumes/{volume_id} DELETE GET
/servers/{server_id}/action POST#addFixedIp POST#addFloatingIp POST#changePassword POST#confirmResize POST#createBackup POST#createImage
/servers/{server_id}/action POST#evacuate POST#injectNetworkInfo POST#migrate POST#os-getRDPConsole POST#os-getSPICEConsole POST#os-getSerialConsole
/servers/{server_id}/action POST#os-getVNCConsole POST#os-migrateLive POST#rebuild POST#removeFixedIp POST#removeFloatingIp POST#rescue
/servers/{server_id}/action POST#resetNetwork POST#resize POST#revertResize POST#shelve POST#shelveOffload POST#trigger_crash_dump
/servers/{server_id}/action POST#unrescue POST#unshelve
/servers/{server_id}/diagnostics GET
/servers/{server_id}/migrations GET
/servers/{server_id}/migrations/{migration_id} DELETE GET
/servers/{server_id}/migrations/{migration_id}/action POST#force_complete
/servers/{server_id}/os-server-password DELETE GET
/servers/{server_id}/os-volume_attachments GET POST
/servers/{server_id}/os-volume_attachments/{volume_id} DELETE GET PUT
/servers/{server_id}/remote-consoles POST
/servers/{server_id}/shares GET POST
/servers/{server_id}/shares/{share_id} DELETE GET
/servers/{server_id}/topology GET
"""

_UNTIL_2_35 = (
    "/images", "/os-floating-ip", "/os-networks", "/os-tenant-networks", "/os-security-group", "/os-snapshots", "/os-volumes", "/os-baremetal-nodes",
)  # fmt: skip
"""Windows to other services that Nova shut with 2.36."""


async def _gone(request: Request) -> Answer:
    raise Gone("This resource is no longer available. No forwarding address is given.", type="HTTPGone")


def _removed(method: str, path: str, action: str) -> Operation:
    gone: dict[str, Any] = {"summary": "Removed from Nova", "partly": "removed from Nova too: 410"}
    if action:
        return Operation(method=method, path=path, action=action, handle=_gone, body={}, **gone)
    return Operation(method=method, path=path, handle=_gone, raw=True, **gone)


def _not_yet(method: str, path: str, action: str) -> Operation:
    made = absent(method, f"/v2.1{path}", action)
    return replace(made, until="2.35") if path.startswith(_UNTIL_2_35) else made


def _listed(text: str) -> list[tuple[str, str, str]]:
    """(method, path, action) of each operation."""
    found = []
    for path, *methods in (line.split() for line in text.split("\n") if line):
        for word in methods:
            method, _, action = word.partition("#")
            found.append((method, path, action))
    return found


ABSENT = [
    *(_removed(method, f"/v2.1{path}", action) for method, path, action in _listed(_GONE)),
    *(_not_yet(*one) for one in _listed(_NOT_YET)),
]
