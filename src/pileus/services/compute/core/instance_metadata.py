"""What a guest can learn about itself: the documents of OpenStack's metadata, for the config drive and for HTTP."""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from pileus.contracts.network import PortInfo
from pileus.services.compute.core.neighbours import ComputeSettings
from pileus.services.compute.db.servers import ServerRow

VERSIONS = (
    "2012-08-10",
    "2013-04-04",
    "2013-10-17",
    "2015-10-15",
    "2016-06-30",
    "2016-10-06",
    "2017-02-22",
    "2018-08-27",
    "2020-10-14",
    "latest",
)
NETWORK_DATA_SINCE = "2015-10-15"
VENDOR_DATA_SINCE = "2013-10-17"
VENDOR_DATA2_SINCE = "2016-10-06"


def hostname(row: ServerRow, settings: ComputeSettings) -> str:
    return f"{row.hostname}.{settings.domain}" if settings.domain and "." not in row.hostname else row.hostname


def meta_data(row: ServerRow, settings: ComputeSettings, admin_pass: str | None = None) -> dict[str, Any]:
    """`meta_data.json`."""
    made: dict[str, Any] = {
        "uuid": row.id,
        "availability_zone": row.zone or settings.default_zone,
        "hostname": hostname(row, settings),
        "launch_index": row.launch_index,
        "name": row.name,
        "project_id": row.project_id,
        "random_seed": _seed(row),
        "devices": [],
        "dedicated_cpus": [],
    }
    if row.metadata:
        made["meta"] = row.metadata
    if row.public_key:
        made["public_keys"] = {row.key_name: row.public_key}
        made["keys"] = [{"name": row.key_name, "type": "ssh", "data": row.public_key}]
    if row.files:
        made["files"] = [{"path": f["path"], "content_path": f"/content/{i:04}"} for i, f in enumerate(row.files)]
    if admin_pass:
        made["admin_pass"] = admin_pass
    return made


def _seed(row: ServerRow) -> str:
    """512 bytes that stay the same for a server, so that the documents do; not a secret of anybody else's."""
    key = f"{row.id}:{row.reservation_id}:{row.created_at}".encode()
    blocks = b"".join(hmac.new(key, bytes([i]), hashlib.sha512).digest() for i in range(8))
    return base64.b64encode(blocks).decode()


def network_data(ports: Sequence[PortInfo]) -> dict[str, Any]:
    """`network_data.json`: links, networks and services."""
    links: list[dict[str, Any]] = []
    networks: list[dict[str, Any]] = []
    services: list[dict[str, Any]] = []
    for port in ports:
        tap = f"tap{port.id[:11]}"
        links.append(
            {"id": tap, "vif_id": port.id, "type": "bridge", "mtu": port.mtu, "ethernet_mac_address": port.mac}
        )
        by_id = {s["id"]: s for s in port.subnets}
        for subnet_id, address in port.fixed_ips:
            subnet = by_id.get(subnet_id)
            if subnet is None:
                continue
            networks.append(_network(len(networks), tap, port, subnet, address))
            services += [{"type": "dns", "address": d} for d in subnet.get("dns", ())]
    unique = {s["address"]: s for s in services}
    return {"links": links, "networks": networks, "services": list(unique.values())}


def _network(number: int, tap: str, port: PortInfo, subnet: Mapping[str, Any], address: str) -> dict[str, Any]:
    version = subnet.get("version", 4)
    made: dict[str, Any] = {
        "id": f"network{number}",
        "link": tap,
        "network_id": port.network_id,
        "type": f"ipv{version}_dhcp",
    }
    if subnet.get("dhcp"):
        return made
    prefix = str(subnet["cidr"]).partition("/")[2]
    zero = "0.0.0.0" if version == 4 else "::"  # noqa: S104 - a default route, not a listener
    routes = [{"network": zero, "netmask": zero, "gateway": subnet["gateway"]}] if subnet.get("gateway") else []
    return {
        **made,
        "type": f"ipv{version}",
        "ip_address": address,
        "netmask": _mask(int(prefix), version),
        "routes": routes,
        "services": [],
    }


def _mask(prefix: int, version: int) -> str:
    import ipaddress  # noqa: PLC0415 - networks without DHCP only

    return str(ipaddress.ip_network(("0.0.0.0" if version == 4 else "::") + f"/{prefix}").netmask)  # noqa: S104


def of_version(
    version: str, row: ServerRow, ports: Sequence[PortInfo], settings: ComputeSettings, admin_pass: str | None = None
) -> dict[str, bytes]:
    """The files of one version by name."""
    encode = msgspec.json.encode
    files = {"meta_data.json": encode(meta_data(row, settings, admin_pass))}
    if version >= VENDOR_DATA_SINCE:
        files["vendor_data.json"] = b"{}"
    if version >= NETWORK_DATA_SINCE:
        files["network_data.json"] = encode(network_data(ports))
    if version >= VENDOR_DATA2_SINCE:
        files["vendor_data2.json"] = b"{}"
    if row.user_data:
        files["user_data"] = base64.b64decode(row.user_data)
    return files


def config_drive(row: ServerRow, ports: Sequence[PortInfo], settings: ComputeSettings) -> dict[str, bytes]:
    """Every file of the config drive, by path."""
    files: dict[str, bytes] = {}
    for version in VERSIONS:
        there = of_version(version, row, ports, settings, row.admin_pass)
        files |= {f"openstack/{version}/{name}": content for name, content in there.items()}
    for i, file in enumerate(row.files):
        files[f"openstack/content/{i:04}"] = base64.b64decode(file["contents"])
    return files
