"""Kinds of attributes: how a value of the body is read, in Neutron's words where it cannot be."""

import ipaddress
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from pileus.kernel.rest import BOOLEAN, Field, Schema, array, integer, nullable, obj, text
from pileus.kernel.types import Invalid, is_uuid
from pileus.services.network.core.refusals import bad_input, refused

Read = Callable[[Any], Any]
_TRUE = {"true", "1", "t", "y", "yes", "on"}
_FALSE = {"false", "0", "f", "n", "no", "off"}
_MAC = re.compile(r"([0-9a-f]{2}[:-]){5}[0-9a-f]{2}\Z", re.IGNORECASE)
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)\Z", re.IGNORECASE)


class Kind(NamedTuple):
    """`read` turns a body's value into a row's; a `ValueError` names the reason, a `Fault` says all itself."""

    schema: Schema
    read: Read


class Attr(Field):
    """A field of a `Kind`; its filters are read by the same hand."""

    __slots__ = ("kind",)

    def __init__(self, kind: Kind, on: str = "show list create update", **more: Any) -> None:
        super().__init__(kind.schema, on, read=more.pop("read", kind.read), **more)
        self.kind = kind

    def coerce(self, text: str) -> object:
        kinds = self.schema.get("type", "integer" if self.kind is IP_VERSION else "")
        if "boolean" in kinds:
            return BOOL.read(text)
        if "integer" in kinds:
            return INT.read(text)
        if self.kind is FIXED_IPS and "=" not in text:
            raise bad_input(f"'{text}' is not of the form <key>=[value]")
        if self.kind in (MAC, MAC_OR_NEW):
            return text.lower().replace("-", ":")
        return text


def _string(limit: int | None) -> Read:
    def read(value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError(f"'{value}' is not a valid string.")
        if limit is not None and len(value) > limit:
            raise ValueError(f"'{value}' exceeds maximum length of {limit}.")
        if "\x00" in value:
            raise ValueError(f"{value!r} is not a valid string.")
        return value

    return read


def string(limit: int = 255) -> Kind:
    return Kind(text(limit), _string(limit))


def _boolean(value: Any) -> bool:
    word = str(value).lower()
    if isinstance(value, bool) or (isinstance(value, int | str) and word in _TRUE | _FALSE):
        return word in _TRUE
    raise bad_input(f"'{value}' cannot be converted to boolean")


def _integer(value: Any) -> int:
    try:
        number = int(value) if isinstance(value, int | str) else None
    except ValueError:
        number = None
    if number is None or abs(number) >= 1 << 63:
        raise bad_input(f"'{value}' is not an integer")
    return number


def _not_negative(value: Any) -> int:
    number = _integer(value)
    if number < 0:
        raise ValueError(f"'{value}' should be non-negative.")
    return number


def _limit(value: Any) -> int:
    number = _integer(value)
    if number < -1:
        raise ValueError(f"'{number}' is too small - must be at least '-1'.")
    if number > 2**31 - 1:
        raise ValueError(f"'{number}' is too large - must be no larger than '{2**31 - 1}'.")
    return number


def _uuid(value: Any) -> str:
    if not is_uuid(value):
        raise ValueError(f"'{value}' is not a valid UUID.")
    return str(value)


def or_null(kind: Kind) -> Kind:
    return Kind(nullable(kind.schema), lambda value: None if value is None else kind.read(value))


def _ip(value: Any) -> str:
    try:
        return str(ipaddress.ip_address(value if isinstance(value, str) else ""))
    except ValueError:
        raise ValueError(f"'{value}' is not a valid IP address.") from None


def _cidr(value: Any) -> str:
    """In canonical form: host bits are dropped."""
    if not isinstance(value, str) or "/" not in value:
        raise bad_input(f"{value} is not in a CIDR format")
    try:
        return str(ipaddress.ip_network(value, strict=False))
    except ValueError:
        raise bad_input(f"{value} is not in a CIDR format") from None


def _route_block(value: Any) -> str:
    try:
        if isinstance(value, str) and "/" in value:
            return str(ipaddress.ip_network(value, strict=False))
    except ValueError:
        pass
    raise ValueError(f"'{value}' is not a valid CIDR.")


def _mac(value: Any) -> str:
    if not isinstance(value, str) or not _MAC.match(value) or not value.strip("0:-"):
        raise ValueError(f"'{value}' is not a valid MAC address.")
    return value.lower().replace("-", ":")


def one_of(*values: object) -> Kind:
    def read(value: Any) -> Any:
        if isinstance(value, list | dict) or value not in values:
            raise ValueError(f"{value} is not in valid_values.")
        return value

    return Kind({"enum": list(values)}, read)


def _ip_version(value: Any) -> int:
    number = _integer(value)
    if number not in (4, 6):
        raise ValueError(f"{number} is not in valid_values.")
    return number


def keyed(value: Any, *expected: str) -> dict[str, Any]:
    """An object with exactly these keys."""
    if not isinstance(value, dict):
        raise ValueError(f"'{value}' is not a dictionary.")
    if set(value) != set(expected):
        given = "{" + ", ".join(repr(str(k)) for k in sorted(value, key=str)) + "}" if value else "set()"
        wanted = "{" + ", ".join(repr(k) for k in sorted(expected)) + "}"
        raise ValueError(f"Validation of dictionary's keys failed. Expected keys: {wanted} Provided keys: {given}.")
    return value


def _pools(value: Any) -> list[dict[str, str]]:
    if not isinstance(value, list):
        raise bad_input("Invalid data format for allocation pools")
    return [{k: _ip(keyed(pool, "start", "end")[k]) for k in ("start", "end")} for pool in value]


def _nameservers(value: Any) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise ValueError(f"Invalid data format for nameserver: '{value}'.")
    found: list[str] = []
    for one in value:
        try:
            server = _ip(one)
        except ValueError as e:
            raise ValueError(f"'{one}' is not a valid nameserver. {e}") from None
        if server in found:
            raise ValueError(f"Duplicate nameserver '{one}'.")
        found.append(server)
    return found


def _routes(value: Any) -> list[dict[str, str]]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise ValueError(f"Invalid data format for hostroute: '{value}'.")
    found: list[dict[str, str]] = []
    for one in value:
        keyed(one, "destination", "nexthop")
        route = {"destination": _route_block(one["destination"]), "nexthop": _ip(one["nexthop"])}
        if route in found:
            raise ValueError(f"Duplicate hostroute '{one}'.")
        found.append(route)
    return found


def _fixed_ips(value: Any) -> list[dict[str, Any]]:
    """Unknown keys are dropped, as Neutron does."""
    if not isinstance(value, list):
        raise ValueError(f"Invalid data format for fixed IP: '{value}'.")
    found: list[dict[str, Any]] = []
    for one in value:
        if not isinstance(one, dict):
            raise ValueError(f"Invalid data format for fixed IP: '{one}'.")
        made: dict[str, Any] = {}
        if "ip_address" in one:
            made["ip_address"] = _ip(one["ip_address"])
            if made["ip_address"] in {f.get("ip_address") for f in found}:
                raise ValueError(f"Duplicate IP address '{made['ip_address']}'.")
        if "subnet_id" in one:
            made["subnet_id"] = _uuid(one["subnet_id"])
        found.append(made)
    return found


def _uuids(value: Any) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise ValueError(f"'{value}' is not a list.")
    for one in value:
        _uuid(one)
        if value.count(one) > 1:
            raise ValueError(f"Duplicate items in the list: '{one}'.")
    return list(value)


def _pairs(value: Any) -> list[dict[str, str]]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise refused("HTTPBadRequest", "Allowed address pairs must be a list.")
    return [_pair(one) for one in value]


def _pair(one: Any) -> dict[str, str]:
    if not isinstance(one, dict):
        raise refused("HTTPBadRequest", f"'{one}' is not a dictionary")
    unknown = sorted(str(k) for k in set(one) - {"mac_address", "ip_address"})
    if unknown:
        raise refused("HTTPBadRequest", f"Unrecognized attribute(s) '{', '.join(unknown)}'")
    if "ip_address" not in one:
        raise refused("AllowedAddressPairsMissingIP", "AllowedAddressPair must contain ip_address")
    made = {}
    if one.get("mac_address") is not None:
        try:
            made["mac_address"] = _mac(one["mac_address"])
        except ValueError as e:
            raise refused("HTTPBadRequest", str(e).rstrip(".")) from None
    address = one["ip_address"]
    try:
        made["ip_address"] = address if str(ipaddress.ip_interface(address)) else ""
    except (ValueError, TypeError):
        kind = "CIDR" if isinstance(address, str) and "/" in address else "IP address"
        raise refused("HTTPBadRequest", f"'{address}' is not a valid {kind}") from None
    if not isinstance(address, str):
        raise refused("HTTPBadRequest", f"'{address}' is not a valid IP address")
    return made


def _dhcp_options(value: Any) -> list[tuple[str, str | None, int]]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise bad_input(f"'{value}' is not a list")
    return [_dhcp_option(one) for one in value]


def _dhcp_option(one: Any) -> tuple[str, str | None, int]:
    fault = bad_input(f"No valid key specs matched for: {one}")
    if not isinstance(one, dict) or not {"opt_name", "opt_value"} <= set(one) <= {
        "opt_name",
        "opt_value",
        "ip_version",
    }:
        raise fault
    name, value, version = one["opt_name"], one["opt_value"], one.get("ip_version", 4)
    if not isinstance(name, str) or not name or len(name) > 64 or not _one_line(name):
        raise fault
    if value is not None and (not isinstance(value, str) or len(value) > 255 or not _one_line(value)):
        raise fault
    if value == "" and name not in ("router", "classless-static-route"):
        raise fault
    if isinstance(version, str) and version in ("4", "6"):
        version = int(version)
    if isinstance(version, bool) or version not in (4, 6):
        raise fault
    return name, value, version


def _one_line(value: str) -> bool:
    return value.isprintable()


def _dns_name(value: Any) -> str:
    name: str = _string(255)(value).lower()
    if not name:
        return ""
    for label in name.removesuffix(".").split("."):
        if not _LABEL.match(label):
            raise ValueError(
                f"'{name}' not a valid PQDN or FQDN. Reason: Name '{label}' must be 1-63 characters long, each of which "
                "can only be alphanumeric or a hyphen."
            )
    return name


def _dns_domain(value: Any) -> str:
    name = _dns_name(value)
    if name and not name.endswith("."):
        raise ValueError(f"'{name}' is not a FQDN.")
    return name


def _zones(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise ValueError(f"Invalid data format for availability zone hints: '{value}'.")
    if len(",".join(value)) > 255:
        raise Invalid("Too many availability_zone_hints specified", type="HTTPBadRequest")
    return value


def _service_types(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise ValueError("Subnet service types must be a list.")
    for one in value:
        if not isinstance(one, str):
            raise ValueError(f"Subnet service type {one} is not a string.")
        if not one.startswith(("network:", "compute:", "baremetal:")) and one != "":
            raise refused(
                "InvalidSubnetServiceType", f"Subnet service type '{one}' does not correspond to a valid device owner."
            )
        if value.count(one) > 1:
            raise refused("InvalidSubnetServiceType", f"Duplicate subnet service type '{one}'.")
    return value


def _profile(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"'{value}' is not a dictionary.")
    return value


def _anything(value: Any) -> Any:
    return value


_OBJECT: Schema = {"type": "object"}
NAME = string()
TEXT = string()
BOOL = Kind(BOOLEAN, _boolean)
INT = Kind(integer(), _integer)
MTU = Kind(integer(0), _not_negative)
LIMIT = Kind(integer(-1, 2**31 - 1), _limit)
ID = Kind(text(36), _uuid)
IP = Kind(text(64), _ip)
CIDR = Kind(text(64), _cidr)
MAC = Kind(text(32), _mac)
MAC_OR_NEW = or_null(MAC)
IP_VERSION = Kind({"enum": [4, 6]}, _ip_version)
POOLS = Kind(array(obj({"start": text(), "end": text()}, ["start", "end"])), _pools)
NAMESERVERS = Kind(nullable(array(text())), _nameservers)
ROUTES = Kind(nullable(array(obj({"destination": text(), "nexthop": text()}, ["destination", "nexthop"]))), _routes)
FIXED_IPS = Kind(array(obj({"subnet_id": text(), "ip_address": text()}, extra=True)), _fixed_ips)
IDS = Kind(nullable(array(text())), _uuids)
PAIRS = Kind(nullable(array(obj({"mac_address": text(), "ip_address": text()}, ["ip_address"]))), _pairs)
DHCP_OPTIONS = Kind(
    nullable(array(obj({"opt_name": text(64), "opt_value": nullable(text(255)), "ip_version": {"enum": [4, 6]}}))),
    _dhcp_options,
)
DNS_NAME = Kind(text(255), _dns_name)
DNS_DOMAIN = Kind(text(255), _dns_domain)
ZONES = Kind(array(text()), _zones)
SERVICE_TYPES = Kind(array(text()), _service_types)
PROFILE = Kind(nullable(_OBJECT), _profile)
ANY_TEXT = Kind(text(), _anything)
"""For values that only go out, or whose filter is plain text."""
LIST = Kind(array({}), _anything)
OBJECT = Kind(nullable(_OBJECT), _anything)
MOMENT_TEXT = Kind({"type": "string", "format": "date-time"}, _anything)
