"""`extensions`: the list by which clients of the first years found out what they may ask for. Today's Nova still gives it."""

from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.policy import Rule
from pileus.kernel.policy.defaults import ANYBODY
from pileus.kernel.rest import Operation, Request
from pileus.kernel.types import NotFound

_RULE = "os_compute_api:extensions"
RULES = [Rule(_RULE, ANYBODY, "See the list of extensions.", scopes=())]
_NAMES = {
    "NMN": "Multinic", "OS-DCF": "DiskConfig", "OS-EXT-AZ": "ExtendedAvailabilityZone", "OS-EXT-IPS": "ExtendedIps", "OS-EXT-IPS-MAC": "ExtendedIpsMac",
    "OS-EXT-SRV-ATTR": "ExtendedServerAttributes", "OS-EXT-STS": "ExtendedStatus", "OS-FLV-DISABLED": "FlavorDisabled",
    "OS-FLV-EXT-DATA": "FlavorExtraData", "OS-SCH-HNT": "SchedulerHints", "OS-SRV-USG": "ServerUsage", "os-access-ips": "AccessIPs",
    "os-admin-actions": "AdminActions", "os-aggregates": "Aggregates", "os-attach-interfaces": "AttachInterfaces", "os-availability-zone": "AvailabilityZone",
    "os-config-drive": "ConfigDrive", "os-console-output": "ConsoleOutput", "os-deferred-delete": "DeferredDelete", "os-extended-quotas": "ExtendedQuotas",
    "os-extended-services": "ExtendedServices", "os-flavor-access": "FlavorAccess", "os-flavor-extra-specs": "FlavorExtraSpecs",
    "os-flavor-manage": "FlavorManage", "os-flavor-rxtx": "FlavorRxtx", "os-flavor-swap": "FlavorSwap", "os-hypervisors": "Hypervisors",
    "os-instance-actions": "ServerActions", "os-keypairs": "Keypairs", "os-lock-server": "LockServer", "os-personality": "Personality",
    "os-pause-server": "PauseServer", "os-quota-class-sets": "QuotaClasses", "os-quota-sets": "Quotas", "os-security-groups": "SecurityGroups",
    "os-server-start-stop": "ServerStartStop", "os-services": "Services", "os-suspend-server": "SuspendServer", "os-used-limits": "UsedLimits",
    "os-user-data": "UserData", "os-user-quotas": "UserQuotas",
}  # fmt: skip
"""Alias -> name, of what is built here."""


def _view(alias: str) -> dict[str, Any]:
    return {
        "alias": alias, "name": _NAMES[alias], "description": _NAMES[alias], "links": [], "updated": "2014-12-03T00:00:00Z",
        "namespace": "http://docs.openstack.org/compute/ext/fake_xml",
    }  # fmt: skip


def _list(tx: Tx, request: Request) -> Any:
    return {"extensions": [_view(alias) for alias in sorted(_NAMES)]}


def _show(tx: Tx, request: Request) -> Any:
    alias = request.params["alias"]
    if alias not in _NAMES:
        raise NotFound(f"Extension with alias {alias} does not exist")
    return {"extension": _view(alias)}


EXTENSIONS = [
    Operation(method="GET", path="/v2.1/extensions", name="list", decide=_list, rule=_RULE, resource="extension", summary="Extensions"),
    Operation(method="GET", path="/v2.1/extensions/{alias}", name="show", decide=_show, rule=_RULE, resource="extension", summary="One extension"),
]  # fmt: skip
