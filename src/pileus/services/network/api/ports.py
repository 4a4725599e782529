"""`/v2.0/ports`."""

from collections.abc import Mapping
from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.rest import Request, Target, creates, deletes, lists, shows, updates
from pileus.kernel.types import Invalid
from pileus.services.network.api.attributes import (
    ANY_TEXT,
    BOOL,
    DHCP_OPTIONS,
    DNS_DOMAIN,
    DNS_NAME,
    FIXED_IPS,
    ID,
    IDS,
    LIST,
    MAC_OR_NEW,
    NAME,
    OBJECT,
    PAIRS,
    PROFILE,
    TEXT,
    Attr,
    one_of,
    or_null,
)
from pileus.services.network.api.noun import Standard, Want
from pileus.services.network.core import networks as network_core
from pileus.services.network.core import port_updates, specs, tags
from pileus.services.network.core import ports as core

_VNICS = one_of(
    "normal", "direct", "macvtap", "baremetal", "direct-physical", "virtio-forwarder", "smart-nic", "vdpa",
    "accelerator-direct", "accelerator-direct-physical", "remote-managed",
)  # fmt: skip


def _kind(device_owner: str) -> str:
    return device_owner.split(":", 1)[0] if ":" in device_owner else ""


def _dns_assignment(request: Request, row: Any) -> list[dict[str, str]]:
    near = request.near
    domain = near.settings.dns_domain.rstrip(".") + "."
    found = []
    for _, address in row.fixed_ips:
        name = specs.hostname(near, row.dns_name, address)
        found.append({"ip_address": address, "hostname": name, "fqdn": f"{name}.{domain}"})
    return found


def _vif(request: Request, row: Any) -> str:
    if not row.host:
        return "unbound"
    return str(request.near.hosts.vif_type(row.host))


def _vif_details(request: Request, row: Any) -> dict[str, Any]:
    bound = row.host and request.near.hosts.vif_type(row.host) != "binding_failed"
    return {"port_filter": True, "connectivity": "l2"} if bound else {}


class Ports(Standard):
    """Cards of servers, routers and DHCP on networks."""

    stem, member, plural, path = "Port", "port", "ports", "/v2.0/ports"
    rules = {"list": "", "show": "get_port", "create": "create_port", "update": "update_port", "delete": "delete_port"}

    name = Attr(NAME, default="", sort=True, match=True)
    network_id = Attr(ID, "show list create", required=True, sort=True, match=True)
    admin_state_up = Attr(BOOL, default=True, sort=True, match=True)
    status = Attr(ANY_TEXT, "show list", sort=True, match=True)
    mac_address = Attr(
        MAC_OR_NEW,
        sort=True,
        match=True,
        guard={"create": "create_port:mac_address", "update": "update_port:mac_address"},
    )
    fixed_ips = Attr(
        FIXED_IPS,
        match=True,
        guard={"create": "create_port:fixed_ips", "update": "update_port:fixed_ips"},
        view=lambda _, row: [{"subnet_id": s, "ip_address": a} for s, a in row.fixed_ips],
    )
    device_id = Attr(
        TEXT,
        default="",
        sort=True,
        match=True,
        guard={"create": "create_port:device_id", "update": "update_port:device_id"},
    )
    device_owner = Attr(
        TEXT,
        default="",
        sort=True,
        match=True,
        guard={"create": "create_port:device_owner", "update": "update_port:device_owner"},
    )
    groups = Attr(IDS, wire="security_groups", match=True, view=lambda _, row: list(row.groups))
    port_security_enabled = Attr(
        BOOL, guard={"create": "create_port:port_security_enabled", "update": "update_port:port_security_enabled"}
    )
    pairs = Attr(
        PAIRS,
        wire="allowed_address_pairs",
        guard={"create": "create_port:allowed_address_pairs", "update": "update_port:allowed_address_pairs"},
        view=lambda _, row: [{"mac_address": m or row.mac_address, "ip_address": a} for m, a in row.pairs],
    )
    dhcp_options = Attr(
        DHCP_OPTIONS,
        wire="extra_dhcp_opts",
        view=lambda _, row: [{"opt_name": n, "opt_value": v, "ip_version": i} for n, v, i in row.dhcp_options],
    )
    dns_name = Attr(DNS_NAME, default="")
    dns_domain = Attr(DNS_DOMAIN, default="")
    dns_assignment = Attr(LIST, "show list", view=_dns_assignment)
    host = Attr(
        or_null(TEXT),
        wire="binding:host_id",
        match=True,
        rule="get_port:binding:host_id",
        guard={"create": "create_port:binding:host_id", "update": "update_port:binding:host_id"},
    )
    vnic_type = Attr(
        _VNICS,
        wire="binding:vnic_type",
        default="normal",
        guard={"create": "create_port:binding:vnic_type", "update": "update_port:binding:vnic_type"},
    )
    profile = Attr(
        PROFILE,
        wire="binding:profile",
        rule="get_port:binding:profile",
        guard={"create": "create_port:binding:profile", "update": "update_port:binding:profile"},
    )
    vif_type = Attr(
        ANY_TEXT,
        "show list",
        wire="binding:vif_type",
        rule="get_port:binding:vif_type",
        view=_vif,
    )
    vif_details = Attr(
        OBJECT,
        "show list",
        wire="binding:vif_details",
        rule="get_port:binding:vif_details",
        view=_vif_details,
    )
    tags = Attr(LIST, "show list create", match=True, view=lambda _, row: list(row.tags))

    get = core.get
    list = lists(core.page)
    show = shows()
    create = creates(core.create, bulk=True)
    update = updates(port_updates.update)
    delete = deletes(core.delete)

    def want(self, request: Request, operation: str, raw: Any) -> Want:
        want = super().want(request, operation, raw)
        if "host" in want:
            want["host"] = want["host"] or ""
        if "tags" in want:
            tags.judge_all(want["tags"], "ports")
        if want.get("dns_name", "").endswith("."):
            self._judge_fqdn(want["dns_name"])
        if operation == "create":
            want["dhcp_options"] = port_updates.merged_options((), want.get("dhcp_options", ()))
        return want

    def _judge_fqdn(self, name: str) -> None:
        domain = self.near.settings.dns_domain.rstrip(".") + "."
        if not name.endswith("." + domain):
            raise Invalid(
                "Invalid input for dns_name. Reason: The dns_name passed is a FQDN. Its higher level labels must be equal "
                f"to the dns_domain option in neutron.conf, that has been set to '{domain}'. It must also include one or "
                f"more valid DNS labels to the left of '{domain}'.",
                type="HTTPBadRequest",
            )

    def facts(self, tx: Tx | None, request: Request, subject: Any) -> Mapping[str, object]:
        if isinstance(subject, dict):
            assert tx is not None
            network = network_core.find(tx, self.near, request.ctx, subject["network_id"])
            subject["network"] = network
            return {
                "network:project_id": network.project_id,
                "shared": network.shared,
                "device_kind": _kind(subject["device_owner"]),
            }
        return {"network:project_id": subject.network_project_id, "device_kind": _kind(subject.device_owner)}

    def guard(self, request: Request, operation: str, want: Want, target: Mapping[str, object]) -> None:
        if operation == "update" and "device_owner" in want:
            target = Target(target, {"device_kind": _kind(want["device_owner"])})
        super().guard(request, operation, want, target)

    def more_rules(self, operation: str, want: Want) -> Any:
        found = []
        for attribute, name, keys in (
            ("fixed_ips", "fixed_ips", ("ip_address", "subnet_id")),
            ("pairs", "allowed_address_pairs", ("mac_address", "ip_address")),
        ):
            asked = want.get(attribute) or []
            found += [f"{operation}_port:{name}:{k}" for k in keys if any(k in one for one in asked)]
        return found
