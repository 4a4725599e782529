"""Network's refusals, in the type names and words that clients of the Networking API act upon."""

from collections.abc import Iterable

from pileus.kernel.types import Conflict, Fault, Forbidden, Invalid, NotFound, Stale


def missing(noun: str, id: str) -> Fault:
    """`noun` is the type's stem: `Network`, `Subnet`, `Port`, …"""
    if noun == "Router":
        return NotFound(f"Router {id} could not be found", type="RouterNotFound")
    if noun == "SecurityGroup":
        return NotFound(f"Security group {id} does not exist", type="SecurityGroupNotFound")
    if noun == "SecurityGroupRule":
        return NotFound(f"Security group rule {id} does not exist", type="SecurityGroupRuleNotFound")
    if noun == "FloatingIP":
        return NotFound(f"Floating IP {id} could not be found", type="FloatingIPNotFound")
    if noun in ("SubnetPool", "AddressScope"):
        shown = "Subnet pool" if noun == "SubnetPool" else "Address scope"
        return NotFound(f"{shown} {id} could not be found.", type=f"{noun}NotFound")
    return NotFound(f"{noun} {id} could not be found.", type=f"{noun}NotFound")


def bad_input(reason: str) -> Fault:
    return Invalid(f"Invalid input for operation: {reason}.", type="InvalidInput")


def bad_request(noun: str, reason: str) -> Fault:
    return Invalid(f"Bad {noun} request: {reason}.", type="BadRequest")


def bad_attribute(name: str, reason: str) -> Fault:
    return Invalid(f"Invalid input for {name}. Reason: {reason}.", type="HTTPBadRequest")


def refused(type: str, message: str) -> Fault:
    """400 of a type of its own."""
    return Invalid(message, type=type)


def conflict(type: str, message: str) -> Fault:
    return Conflict(message, type=type)


def denied(rules: Iterable[str]) -> Fault:
    """403 naming all rules that had to hold, joined as the policy engine joins them."""
    shown = ""
    for rule in rules:
        shown = f"({shown} and rule:{rule})" if shown else f"rule:{rule}"
    return Forbidden(f"{shown} is disallowed by policy", type="PolicyNotAuthorized")


def no_more_addresses(network_id: str) -> Fault:
    return Conflict(f"No more IP addresses available on network {network_id}.", type="IpAddressGenerationFailure")


def address_taken(address: str, subnet_id: str) -> Fault:
    return Conflict(f"IP address {address} already allocated in subnet {subnet_id}", type="IpAddressAlreadyAllocated")


def stale(asked: int, current: int) -> Fault:
    return Stale(f"Constrained to {asked}, but current revision is {current}", type="RevisionNumberConstraintFailed")
