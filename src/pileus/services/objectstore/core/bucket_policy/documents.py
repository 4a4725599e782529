"""The JSON of a bucket policy. What would not be obeyed in every word is refused."""

import json
import re
from collections.abc import Sequence
from typing import Any

from pileus.services.objectstore.core.bucket_policy import actions, conditions, principals
from pileus.services.objectstore.core.bucket_policy.faults import Malformed
from pileus.services.objectstore.core.bucket_policy.keys import known
from pileus.services.objectstore.core.bucket_policy.patterns import MANY, Pattern, tokens
from pileus.services.objectstore.core.bucket_policy.policies import Policy, Statement

LARGEST = 20 * 1024
"""Bytes of a policy."""
_ARN = "arn:aws:s3:::"
_VERSIONS = ("2008-10-17", "2012-10-17")
_TOP = frozenset({"Version", "Id", "Statement"})
_KNOWN = frozenset(
    {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"}
)
_SID = re.compile(r"[A-Za-z0-9_ .:/+=,@-]{0,256}\Z")


def read(text: str, bucket: str, prefix: str = "") -> Policy:
    """The policy of the bucket of that name; `prefix` stands before a project's id in an account's name. Raises `Malformed`."""
    if len(text.encode("utf-8", "replace")) > LARGEST:
        raise Malformed(f"Policies may not be larger than {LARGEST} bytes")
    try:
        said = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise error if isinstance(error, Malformed) else Malformed("Policies must be valid JSON") from None
    if not isinstance(said, dict):
        raise Malformed("Policies must be valid JSON and the first byte must be '{'")
    _only(said, _TOP)
    version = said.get("Version", _VERSIONS[0])
    if version not in _VERSIONS:
        raise Malformed(f"The policy must contain a valid version string: {str(version)[:100]}")
    if not isinstance(said.get("Id", ""), str):
        raise Malformed("Invalid policy syntax: Id is text.")
    listed = said.get("Statement")
    listed = listed if isinstance(listed, list) else [listed]
    if not listed or listed == [None]:
        raise Malformed("Missing required field Statement")
    found = tuple(_statement(one, bucket, prefix, version == _VERSIONS[1]) for one in listed)
    names = [one["Sid"] for one in listed if one.get("Sid")]
    if len(set(names)) < len(names):
        raise Malformed("Statement IDs (SID) in a single policy must be unique.")
    return Policy(found, public=any(one.public() for one in found))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """What is said twice would be obeyed once."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for at, (name, _) in enumerate(pairs) if name in [other for other, _ in pairs[:at]])
        raise Malformed(f"Policy has {twice[:100]} twice")
    return found


def _no_constant(name: str) -> Any:
    raise Malformed(f"Policies must be valid JSON: {name}")


def _only(said: dict[str, Any], known_names: frozenset[str]) -> None:
    strange = sorted(set(said) - known_names)
    if strange:
        raise Malformed(f"Unknown field {strange[0][:100]}")


def _statement(said: Any, bucket: str, prefix: str, variables: bool) -> Statement:
    if not isinstance(said, dict):
        raise Malformed("Invalid policy syntax: a statement has to be an object.")
    _only(said, _KNOWN)
    sid = said.get("Sid", "")
    if not isinstance(sid, str) or not _SID.match(sid):
        raise Malformed("Statement IDs (SID) must be alpha-numeric.")
    if said.get("Effect") not in ("Allow", "Deny"):
        raise Malformed(f"Invalid effect: {str(said.get('Effect'))[:100]}")
    deny = said["Effect"] == "Deny"
    who, others = _either(said, "Principal", "NotPrincipal")
    if others and not deny:
        raise Malformed("Policy has NotPrincipal with Allow: it would let everybody else in.")
    what, excluded = _either(said, "Action", "NotAction")
    about = frozenset[str]().union(*(actions.named(one) for one in _texts(what, "Action")))
    about = actions.ACTIONS - about if excluded else about
    where, elsewhere = _either(said, "Resource", "NotResource")
    resources = [_resource(one, bucket, variables) for one in _texts(where, "Resource")]
    return Statement(
        deny,
        principals.read(who, prefix),
        others,
        about,
        tuple(Pattern(one) for one in resources),
        elsewhere,
        conditions.read(said["Condition"], about, variables) if "Condition" in said else (),
        whole=not elsewhere and any(one in ((MANY,), (f"{bucket}/", MANY)) for one in resources),
    )


def _either(said: dict[str, Any], name: str, negated: str) -> tuple[Any, bool]:
    """The value of one of two fields, and whether it is the negated one."""
    if (name in said) == (negated in said):
        problem = f"both {name} and {negated}" if name in said else f"no {name}"
        raise Malformed(f"Missing required field {name}: a statement has {problem}")
    return (said[negated], True) if negated in said else (said[name], False)


def _texts(said: Any, name: str) -> Sequence[str]:
    listed = said if isinstance(said, list) else [said]
    if not listed or not all(isinstance(one, str) and one for one in listed):
        raise Malformed(f"Policy has invalid {name.lower()}: it is text, or a list of texts")
    return listed


def _resource(text: str, bucket: str, variables: bool) -> tuple[Any, ...]:
    """Raises `Malformed` for what lies in another bucket in any case."""
    if text != "*" and not text.startswith(_ARN):
        raise Malformed(f"Policy has invalid resource: {text[:200]}")
    found = tokens(text.removeprefix(_ARN), wild=True, variables=variables, known=known)
    if not Pattern(found).can_begin(bucket):
        raise Malformed(f"Policy has invalid resource: {text[:200]}")
    return found
