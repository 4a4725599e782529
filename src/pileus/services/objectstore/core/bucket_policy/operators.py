"""Operators of conditions. Each is made of a policy's value once, and then judges a request's."""

import ipaddress
import math
import re
from collections.abc import Callable, Mapping

from pileus.kernel.types import parse
from pileus.services.objectstore.core.bucket_policy.faults import Malformed
from pileus.services.objectstore.core.bucket_policy.keys import known
from pileus.services.objectstore.core.bucket_policy.patterns import Pattern, tokens
from pileus.services.objectstore.core.bucket_policy.questions import Facts

Judge = Callable[[str, Facts], bool]
"""(a value of the request, its facts): does it fit?"""
Make = Callable[[str, bool], Judge]
"""(a value of the policy, whether it may have variables). Raises `Malformed`."""
_NUMBER = re.compile(r"[+-]?\d{1,30}(\.\d{1,30})?\Z", re.ASCII)
_SECONDS = re.compile(r"\d{1,12}\Z", re.ASCII)


def _text(*, wild: bool, cased: bool = True) -> Make:
    def make(value: str, variables: bool) -> Judge:
        return Pattern(tokens(value, wild=wild, variables=variables, known=known), cased=cased).matches

    return make


def _arn(value: str, variables: bool) -> Judge:
    """Part by part: a wildcard does not reach over a colon."""
    said = _parts(value)
    if len(said) != 6:
        raise Malformed(f"Policy has an invalid ARN in a condition: {value[:200]}")
    parts = [Pattern(tokens(part, wild=True, variables=variables, known=known)) for part in said]

    def judge(given: str, facts: Facts) -> bool:
        own = given.split(":", 5)
        return len(own) == 6 and all(part.matches(text, facts) for part, text in zip(parts, own, strict=True))

    return judge


def _parts(value: str) -> list[str]:
    """At the first five colons that are in no variable."""
    found, inside = [""], False
    for at, char in enumerate(value):
        inside = (inside or value.startswith("${", at)) and char != "}"
        if char == ":" and not inside and len(found) < 6:
            found.append("")
        else:
            found[-1] += char
    return found


def _compared(read: Callable[[str], float | None], what: str, fits: Callable[[float, float], bool]) -> Make:
    def make(value: str, variables: bool) -> Judge:
        wanted = read(value)
        if wanted is None:
            raise Malformed(f"Policy has an invalid {what} in a condition: {value[:100]}")

        def judge(given: str, facts: Facts) -> bool:
            own = read(given)
            return own is not None and fits(own, wanted)

        return judge

    return make


def _number(text: str) -> float | None:
    return float(text) if _NUMBER.match(text) else None


def _moment(text: str) -> float | None:
    """ISO 8601, or seconds since 1970."""
    if _SECONDS.match(text):
        return float(text)
    try:
        return parse(text) / 1_000_000
    except (ValueError, OverflowError):
        return None


def _bool(value: str, variables: bool) -> Judge:
    wanted = value.lower()
    if wanted not in ("true", "false"):
        raise Malformed(f"Policy has an invalid Bool in a condition: {value[:100]}")
    return lambda given, facts: given.lower() == wanted


def _address(value: str, variables: bool) -> Judge:
    network = network_of(value)

    def judge(given: str, facts: Facts) -> bool:
        try:
            own = ipaddress.ip_address(given)
        except ValueError:
            return False
        mapped = getattr(own, "ipv4_mapped", None)
        return (mapped or own) in network

    return judge


def network_of(value: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """Raises `Malformed`."""
    try:
        return ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise Malformed(f"Policy has an invalid IP address in a condition: {value[:100]}") from None


_ORDERS: Mapping[str, Callable[[float, float], bool]] = {
    "Equals": lambda own, wanted: math.isclose(own, wanted, rel_tol=0, abs_tol=0),
    "LessThan": lambda own, wanted: own < wanted,
    "LessThanEquals": lambda own, wanted: own <= wanted,
    "GreaterThan": lambda own, wanted: own > wanted,
    "GreaterThanEquals": lambda own, wanted: own >= wanted,
}
OPERATORS: Mapping[str, Make] = {
    "StringEquals": _text(wild=False),
    "StringEqualsIgnoreCase": _text(wild=False, cased=False),
    "StringLike": _text(wild=True),
    "ArnEquals": _arn,
    "ArnLike": _arn,
    "Bool": _bool,
    "IpAddress": _address,
    **{f"Numeric{order}": _compared(_number, "number", fits) for order, fits in _ORDERS.items()},
    **{f"Date{order}": _compared(_moment, "date", fits) for order, fits in _ORDERS.items()},
}
NEGATED: Mapping[str, str] = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NotIpAddress": "IpAddress",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
}
"""What holds where the other does not."""
