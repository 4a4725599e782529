"""Object lock in S3's forms: a bucket's default, an object's retention and legal hold."""

from collections.abc import Mapping
from xml.etree.ElementTree import Element

from pileus.kernel.types import Micros, parse
from pileus.services.objectstore.api.s3 import answers, xml
from pileus.services.objectstore.api.s3.faults import fault
from pileus.services.objectstore.core.locks import HOLD, MODE, UNTIL, default_of

MODES = ("GOVERNANCE", "COMPLIANCE")
_UNITS = {"Days": ("days", 36_500), "Years": ("years", 100)}


def read_default(root: Element) -> str:
    """An `ObjectLockConfiguration` as it is kept. Raises `MalformedXML`, `InvalidArgument`."""
    if xml.text_of(root, "ObjectLockEnabled") != "Enabled":
        raise fault("MalformedXML")
    rule = root.find("Rule/DefaultRetention")
    if rule is None:
        return "on"
    mode = xml.text_of(rule, "Mode")
    given = [
        (unit, xml.text_of(rule, name), most) for name, (unit, most) in _UNITS.items() if rule.find(name) is not None
    ]
    if mode not in MODES or len(given) != 1:
        raise fault("MalformedXML")
    unit, text, most = given[0]
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 7 and 0 < int(text) <= most):
        raise fault("InvalidArgument", "Default retention period must be a positive integer value")
    return f"on {mode} {unit} {int(text)}"


def show_default(system: Mapping[str, str]) -> list[xml.Node]:
    found = default_of(system)
    body: list[xml.Node] = [("ObjectLockEnabled", "Enabled")]
    if found is not None:
        name = next(name for name, (unit, _) in _UNITS.items() if unit == found.unit)
        body.append(("Rule", [("DefaultRetention", [("Mode", found.mode), (name, found.number)])]))
    return body


def of_headers(headers: Mapping[str, str], now: Micros) -> dict[str, str]:
    """Retention and hold that a PUT asks for. Raises `InvalidArgument`."""
    mode, until, hold = (
        headers.get("x-amz-object-lock-" + name) for name in ("mode", "retain-until-date", "legal-hold")
    )
    if (mode is None) != (until is None):
        raise fault(
            "InvalidArgument", "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied"
        )
    found = retention(mode, until, now) if mode is not None and until is not None else {}
    if hold is not None:
        if hold not in ("ON", "OFF"):
            raise fault(
                "InvalidArgument",
                "Legal Hold must be either of 'ON' or 'OFF'",
                ArgumentName="x-amz-object-lock-legal-hold",
                ArgumentValue=hold,
            )
        found[HOLD] = hold
    return found


def retention(mode: str, until: str, now: Micros) -> dict[str, str]:
    if mode not in MODES:
        raise fault("InvalidArgument", "Unknown wormMode directive.", ArgumentValue=mode)
    try:
        at = parse(until)
    except (ValueError, OverflowError):
        raise fault(
            "InvalidArgument", "The retain until date must be provided in ISO 8601 format", ArgumentValue=until
        ) from None
    if at <= now:
        raise fault("InvalidArgument", "The retain until date must be in the future!", ArgumentValue=until)
    return {MODE: mode, UNTIL: str(at)}


def shown(system: Mapping[str, str]) -> dict[str, str]:
    """As headers of GET and HEAD."""
    headers = {}
    if MODE in system:
        headers["x-amz-object-lock-mode"] = system[MODE]
        headers["x-amz-object-lock-retain-until-date"] = answers.moment(int(system[UNTIL]))
    if HOLD in system:
        headers["x-amz-object-lock-legal-hold"] = system[HOLD]
    return headers
