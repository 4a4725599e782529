"""Bodies of `POST /servers` by microversion, and their reading into `Wanted`."""

import ipaddress
from typing import Any

from pileus.kernel.rest import NULL, Request, Schema, array, choice, nullable, obj, text
from pileus.kernel.types import Invalid
from pileus.services.compute.core.building import Wanted, wishes

NAME = text(255, 1, pattern=r"^(?! )[^\x00-\x1f\x7f]*(?<! )$")
LOOSE_NAME = text(255, 1, pattern=r"\S")
"""2.1 came with stricter names than the API before it; both forbid what is only blanks."""
METADATA = obj(patterns={r"^[a-zA-Z0-9-_:. ]{1,255}$": text(255)})
TAG = text(60, 1, pattern=r"^[^,/]*$")
TAGS = array(TAG, maximum=50, unique=True)
_TRUE = (True, "True", "TRUE", "true", "1", "ON", "On", "on", "YES", "Yes", "yes")
_FALSE = (False, "False", "FALSE", "false", "0", "OFF", "Off", "off", "NO", "No", "no")
BOOL: Schema = {"type": ["boolean", "string"], "enum": [*_TRUE, *_FALSE]}
"""What Nova takes for a boolean; `truth` reads it."""
_COUNT = {"type": ["integer", "string"], "maxLength": 32, "pattern": "^[1-9][0-9]*$", "minimum": 1}
_REF = {"type": ["string", "integer"], "minLength": 1}
_IMAGE_REF = {
    "oneOf": [
        {"type": "string", "format": "uuid-any"},
        {"type": "string", "maxLength": 0},
        {"type": "string", "pattern": "^https?://"},
    ]
}
_HOSTNAME = text(63, 2, pattern=r"^[a-zA-Z0-9]+[a-zA-Z0-9-]*[a-zA-Z0-9]+$")
_HINTS: Schema = {
    "type": "object",
    "properties": {
        "group": {"type": "string", "format": "uuid-any"},
        "different_host": {
            "oneOf": [{"type": "string", "format": "uuid-any"}, array({"type": "string", "format": "uuid-any"})]
        },
        "same_host": {
            "oneOf": [{"type": "string", "format": "uuid-any"}, array({"type": "string", "format": "uuid-any"})]
        },
    },
    "additionalProperties": True,
}
_MAPPING: Schema = {
    "type": "object",
    "properties": {
        "boot_index": {"type": ["integer", "string", "null"], "maxLength": 32, "pattern": "^-?[0-9]+$"},
        "uuid": text(255),
        "source_type": choice("volume", "image", "snapshot", "blank"),
        "destination_type": choice("local", "volume"),
        "volume_size": {"type": ["integer", "string"], "maxLength": 32, "pattern": "^[0-9]+$"},
        "delete_on_termination": BOOL,
        "device_name": text(255),
        "device_type": text(16),
        "disk_bus": text(16),
        "guest_format": text(255),
        "no_device": {},
        "tag": TAG,
        "volume_type": nullable(text(255)),
    },
    "additionalProperties": False,
}


def _network(tagged: bool) -> Schema:
    properties: dict[str, Schema] = {
        "uuid": {"type": "string", "format": "uuid-any"},
        "port": nullable({"type": "string", "format": "uuid-any"}),
        "fixed_ip": text(64),
    }
    if tagged:
        properties["tag"] = TAG
    return obj(properties)


def _first() -> dict[str, Schema]:
    return {
        "name": NAME,
        "flavorRef": _REF,
        "imageRef": _IMAGE_REF,
        "adminPass": text(255),
        "metadata": METADATA,
        "networks": array(_network(False)),
        "OS-DCF:diskConfig": choice("AUTO", "MANUAL"),
        "accessIPv4": {"type": "string", "anyOf": [{"format": "ipv4"}, {"maxLength": 0}]},
        "accessIPv6": {"type": "string", "anyOf": [{"format": "ipv6"}, {"maxLength": 0}]},
        "personality": array(obj({"path": text(), "contents": text()}, ["path", "contents"])),
        "availability_zone": text(255, 1),
        "block_device_mapping": array({"type": "object"}),
        "block_device_mapping_v2": array(_MAPPING),
        "config_drive": BOOL,
        "key_name": text(255, 1),
        "min_count": _COUNT,
        "max_count": _COUNT,
        "return_reservation_id": BOOL,
        "security_groups": array(obj({"name": text(255)}, ["name"]), unique=True),
        "user_data": text(65535),
    }


def create_body() -> dict[str, Schema]:
    """The schema of the whole body, by the microversion at which it changed."""
    server = _first()
    required = ["name", "flavorRef"]
    versions: dict[str, Schema] = {}

    def mark(version: str) -> None:
        body = obj({"server": obj(dict(server), list(required))}, ["server"])
        body = {
            **body,
            "properties": {**body["properties"], "os:scheduler_hints": _HINTS, "OS-SCH-HNT:scheduler_hints": _HINTS},
        }
        versions[version] = body

    mark("2.1")
    server["description"] = nullable(text(255, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f]*$"))
    mark("2.19")
    server["networks"] = array(_network(True))
    mark("2.32")
    server["networks"] = {"oneOf": [array(_network(True)), choice("none", "auto")]}
    required.append("networks")
    mark("2.37")
    server["networks"] = {"oneOf": [array(_network(True)), choice("none", "auto")]}
    server["tags"] = TAGS
    mark("2.52")
    del server["personality"]
    mark("2.57")
    server["trusted_image_certificates"] = {"oneOf": [array(text(255, 1), maximum=50, minimum=1, unique=True), NULL]}
    mark("2.63")
    server["host"], server["hypervisor_hostname"] = text(255, 1), text(255, 1)
    mark("2.74")
    server["hostname"] = _HOSTNAME
    mark("2.90")
    server["hostname"] = text(255, 2, pattern=r"^[a-zA-Z0-9]+[a-zA-Z0-9.-]*[a-zA-Z0-9]+$")
    mark("2.94")
    return versions


def truth(value: Any) -> bool:
    return value is True or (isinstance(value, str) and value.lower() in ("true", "1", "on", "yes"))


def read_create(request: Request) -> Wanted:
    """The validated body as `Wanted`; what only an administrator may ask for is enforced here."""
    body: dict[str, Any] = request.body["server"]
    hints = request.body.get("os:scheduler_hints") or request.body.get("OS-SCH-HNT:scheduler_hints") or {}
    least, most = int(body.get("min_count", 1)), int(body.get("max_count", body.get("min_count", 1)))
    if least > most:
        raise Invalid("min_count must be <= max_count")
    _refuse_unbuilt(body, hints)
    _enforce(request, body)
    networks = body.get("networks")
    name = _name(body["name"])
    return Wanted(
        name=name,
        flavor=str(body["flavorRef"]),
        image=body.get("imageRef", ""),
        networks=_networks(networks, most),
        auto_network=networks == "auto",
        key_name=body.get("key_name", ""),
        user_data=body.get("user_data", ""),
        metadata=body.get("metadata", {}),
        files=tuple(body.get("personality", ())),
        config_drive=truth(body.get("config_drive", False)),
        zone=body.get("availability_zone", ""),
        host=body.get("host", ""),
        node=body.get("hypervisor_hostname", ""),
        security_groups=tuple(dict.fromkeys(g["name"] for g in body.get("security_groups", ()))),
        least=least,
        most=most,
        admin_pass=body.get("adminPass", ""),
        disk_config=body.get("OS-DCF:diskConfig", "MANUAL"),
        access_ipv4=body.get("accessIPv4", ""),
        access_ipv6=_ipv6(body.get("accessIPv6", "")),
        description=body.get("description", name if request.version < (2, 19) else None),
        tags=tuple(body.get("tags", ())),
        hostname=body.get("hostname", ""),
        hints=hints,
        mapped=tuple(body.get("block_device_mapping_v2", ())),
    )


def _enforce(request: Request, body: dict[str, Any]) -> None:
    if ":" in body.get("availability_zone", ""):
        request.enforce("os_compute_api:servers:create:forced_host")
    if "host" in body or "hypervisor_hostname" in body:
        request.enforce("compute:servers:create:requested_destination")


def _name(name: str) -> str:
    if not name.strip():
        raise Invalid("Invalid input for field/attribute name. Value: . The name must not be only white space")
    return name


def _ipv6(address: str) -> str:
    return str(ipaddress.IPv6Address(address)) if address else ""


def _networks(networks: Any, most: int) -> Any:
    if networks is None or networks == "auto":
        return None
    if networks == "none":
        return ()
    found = wishes(networks)
    if most > 1 and any(w.port_id for w in found):
        raise Invalid(
            "Unable to launch multiple instances with a single configured port ID. Please launch your instance one by one with different ports."
        )
    if most > 1 and any(w.fixed_ip for w in found):
        raise Invalid("max_count cannot be greater than 1 if an fixed_ip is specified.")
    for wish in found:
        if not wish.port_id and not wish.network_id:
            raise Invalid("Bad network format: missing 'uuid' or 'port'")
        _address(wish.fixed_ip)
        if wish.port_id and wish.fixed_ip:
            raise Invalid(
                f"Specified Fixed IP '{wish.fixed_ip}' cannot be used with port '{wish.port_id}': the two cannot be specified together."
            )
    return found or None


def _address(text_: str) -> None:
    if text_:
        try:
            ipaddress.ip_address(text_)
        except ValueError:
            raise Invalid(f"Invalid fixed IP address ({text_})") from None


def _refuse_unbuilt(body: dict[str, Any], hints: dict[str, Any]) -> None:
    """What Nova could do with this and Pileus cannot yet: refused, never ignored."""
    if body.get("block_device_mapping"):
        raise Invalid("Block Device Mapping is Invalid: this cloud has no volume service yet")
    if body.get("trusted_image_certificates"):
        raise Invalid("trusted_image_certificates: image signatures cannot be verified by this cloud yet")
    for hint in ("query", "build_near_host_ip", "cidr", "target_cell", "reservation"):
        if hint in hints:
            raise Invalid(f"Scheduler hint {hint!r} is not known to this cloud's scheduler")
