"""`os-interface`: network cards of a server."""

from typing import Any

from pileus.contracts.network import PortInfo, PortWish
from pileus.kernel.db import Tx
from pileus.kernel.policy import Rule
from pileus.kernel.policy.defaults import PROJECT_MEMBER_OR_ADMIN, PROJECT_READER_OR_ADMIN
from pileus.kernel.rest import UUID, Operation, Request, Schema, array, obj
from pileus.kernel.types import Forbidden, Invalid, NotFound, OverQuota
from pileus.services.compute.api.server_bodies import TAG
from pileus.services.compute.api.server_of import ITEM, server_of
from pileus.services.compute.core import interfaces as core
from pileus.services.compute.core.neighbours import Neighbours

_API = "os_compute_api:os-attach-interfaces"
RULES = [
    *(Rule(f"{_API}:{n}", PROJECT_READER_OR_ADMIN, "See a server's cards.", scopes=()) for n in ("list", "show")),
    *(
        Rule(f"{_API}:{n}", PROJECT_MEMBER_OR_ADMIN, "Change a server's cards.", scopes=())
        for n in ("create", "delete")
    ),
]
_ADDRESS: Schema = {"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}
_FIXED = {**array(obj({"ip_address": _ADDRESS}, ["ip_address"]), minimum=1), "maxItems": 1}


def _bodies() -> dict[str, Schema]:
    plain: dict[str, Schema] = {"net_id": UUID, "port_id": UUID, "fixed_ips": _FIXED}
    return {
        "2.1": obj({"interfaceAttachment": obj(plain)}),
        "2.49": obj({"interfaceAttachment": obj({**plain, "tag": TAG})}),
    }


class ServerInterfaces:
    def __init__(self, near: Neighbours) -> None:
        self.near = near

    def operations(self) -> list[Operation]:
        path, one = f"{ITEM}/os-interface", f"{ITEM}/os-interface/{{port_id}}"
        common: dict[str, Any] = {"resource": "interface"}
        return [
            Operation(method="GET", path=path, name="list", decide=self._list, asks=f"{_API}:list", summary="A server's cards", **common),
            Operation(method="GET", path=one, name="show", decide=self._show, asks=f"{_API}:show", summary="One card", **common),
            Operation(method="POST", path=path, name="attach", decide=self._attach, asks=f"{_API}:create", body=_bodies(), optional_body=True, summary="Give it another card", **common),
            Operation(method="DELETE", path=one, name="detach", decide=self._detach, asks=f"{_API}:delete", answers=202, summary="Take a card away", **common),
        ]  # fmt: skip

    def _list(self, tx: Tx, request: Request) -> Any:
        row = server_of(tx, self.near, request, f"{_API}:list")
        return {"interfaceAttachments": [_view(request, port) for port in core.of(tx, self.near, row)]}

    def _show(self, tx: Tx, request: Request) -> Any:
        row = server_of(tx, self.near, request, f"{_API}:show")
        return {"interfaceAttachment": _view(request, core.one(tx, self.near, row, request.params["port_id"]))}

    def _attach(self, tx: Tx, request: Request) -> Any:
        row = server_of(tx, self.near, request, f"{_API}:create")
        wish = _wish((request.body or {}).get("interfaceAttachment") or {})
        try:
            port = core.attach(tx, self.near, request.ctx, row, wish)
        except OverQuota as fault:
            raise Forbidden(fault.message) from None
        except NotFound as fault:
            if fault.type == "PortNotFound":
                raise
            raise Invalid(fault.message, type=fault.type) from None
        return {"interfaceAttachment": _view(request, port)}

    def _detach(self, tx: Tx, request: Request) -> None:
        row = server_of(tx, self.near, request, f"{_API}:delete")
        core.detach(tx, self.near, request.ctx, row, request.params["port_id"])


def _wish(body: dict[str, Any]) -> PortWish:
    network_id, port_id = body.get("net_id", ""), body.get("port_id", "")
    address = body["fixed_ips"][0]["ip_address"] if body.get("fixed_ips") else ""
    if network_id and port_id:
        raise Invalid("Must not input both network_id and port_id")
    if address and not network_id:
        raise Invalid("Must input network_id when request IP address")
    return PortWish(network_id=network_id, port_id=port_id, fixed_ip=address, tag=body.get("tag", ""))


def _view(request: Request, port: PortInfo) -> dict[str, Any]:
    view: dict[str, Any] = {
        "port_state": port.status, "port_id": port.id, "net_id": port.network_id, "mac_addr": port.mac,
        "fixed_ips": [{"subnet_id": subnet, "ip_address": address} for subnet, address in port.fixed_ips],
    }  # fmt: skip
    return {**view, "tag": port.tag or None} if request.version >= (2, 70) else view
