"""Conditions of a statement: all have to hold."""

from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct

from pileus.services.objectstore.core.bucket_policy import keys
from pileus.services.objectstore.core.bucket_policy.faults import Malformed
from pileus.services.objectstore.core.bucket_policy.operators import NEGATED, OPERATORS, Judge, network_of
from pileus.services.objectstore.core.bucket_policy.questions import Facts

_SETS = {"ForAnyValue": "any", "ForAllValues": "all"}
_FIXED = frozenset({"aws:principalarn", "aws:principalaccount", "aws:userid"})
"""Keys that name somebody: where a policy gives their values without a wildcard, it is not open to everybody."""


class Condition(Struct, frozen=True):
    """One operator on one key. `judges`: one for each value that the policy gives.

    `over`    of several values in the request: `any`, `all`, or none of both: any, and for what is negated all.
    `lenient` holds where the request has no such key (`…IfExists`).
    """

    operator: str
    key: str
    values: tuple[str, ...]
    judges: tuple[Judge, ...]
    negated: bool
    over: Literal["", "any", "all"]
    lenient: bool

    @property
    def of_object(self) -> bool:
        """Whether only an object, or a version of one, can tell."""
        return self.key == "s3:versionid" or self.key.startswith("s3:existingobjecttag/")

    def holds(self, facts: Facts) -> bool:
        given = facts(self.key)
        if self.operator == "Null":
            return (given is None) == (self.values[0] == "true")
        if not given:
            if self.over:
                return self.over == "all" or self.lenient
            return self.lenient or self.negated
        found = (any(judge(value, facts) for judge in self.judges) != self.negated for value in given)
        each = self.over == "all" or (self.negated and not self.over)
        return all(found) if each else any(found)

    def narrows(self) -> bool:
        """Whether it lets in some callers that the policy fixes, and nobody else."""
        if self.negated or self.lenient or self.over == "all":
            return False
        if self.key == "aws:sourceip" and self.operator == "IpAddress":
            nets = [network_of(value) for value in self.values]
            return all(net.prefixlen >= (8 if net.version == 4 else 32) for net in nets)
        said = self.operator in ("StringEquals", "StringLike", "StringEqualsIgnoreCase", "ArnEquals", "ArnLike")
        return self.key in _FIXED and said and not any(set(value) & set("*?$") for value in self.values)


def read(said: Any, actions: frozenset[str], variables: bool) -> tuple[Condition, ...]:
    """A `Condition` block of a statement about `actions`. Raises `Malformed`."""
    if not isinstance(said, dict):
        raise Malformed("Invalid policy syntax: Condition has to be an object.")
    found = []
    for operator, tests in said.items():
        if not isinstance(tests, dict):
            raise Malformed(f"Invalid policy syntax: {str(operator)[:100]} has to be an object.")
        for name, values in tests.items():
            one = _read(operator, name, _texts(values, name), variables)
            if not keys.applies(one.key, actions):
                raise Malformed(
                    f"Conditions do not apply to combination of actions and resources in statement: {name[:100]}"
                )
            found.append(one)
    return tuple(found)


def _read(said: str, name: str, values: tuple[str, ...], variables: bool) -> Condition:
    head, colon, rest = said.partition(":")
    operator = rest if colon else said
    if colon and head not in _SETS:
        raise Malformed(f"Policy has an invalid condition operator: {said[:100]}")
    lenient = operator.endswith("IfExists")
    operator = operator.removesuffix("IfExists")
    key = keys.known(name)
    over: Any = _SETS[head] if colon else ""
    if operator == "Null":
        if lenient or colon or len(values) != 1 or values[0].lower() not in ("true", "false"):
            raise Malformed(f"Policy has an invalid condition: Null of {name[:100]} is true or false")
        return Condition("Null", key, (values[0].lower(),), (), False, "", False)
    positive = NEGATED.get(operator, operator)
    make = OPERATORS.get(positive)
    if make is None:
        raise Malformed(f"Policy has an invalid condition operator: {said[:100]}")
    judges = tuple(make(value, variables) for value in values)
    return Condition(operator, key, values, judges, positive != operator, over, lenient)


def _texts(said: Any, name: str) -> tuple[str, ...]:
    """Values may be text, numbers and truths, one or many."""
    listed = said if isinstance(said, list) else [said]
    if not listed:
        raise Malformed(f"Policy has an empty list of values: {name[:100]}")
    return tuple(_text_of(one, name) for one in listed)


def _text_of(one: Any, name: str) -> str:
    if isinstance(one, bool):
        return "true" if one else "false"
    if isinstance(one, str):
        return one
    if isinstance(one, int | float):
        return str(one)
    raise Malformed(f"Policy has a value that is no text: {name[:100]}")


def all_hold(conditions: Sequence[Condition], facts: Facts) -> bool:
    return all(one.holds(facts) for one in conditions)
