"""Uploads by an HTML form (`POST` on a bucket): who allowed it, and the conditions that the form must meet."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from pileus.kernel.types import Fault, parse
from pileus.services.objectstore.api.s3.faults import fault
from pileus.services.objectstore.api.s3.signing.v4 import ALGORITHM, Scope, sign

_FREE = frozenset({"policy", "x-amz-signature", "signature", "awsaccesskeyid", "file"})
"""Fields that no condition has to allow; so are those that begin with `x-ignore-`."""


_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z\Z")


class Form(Struct, frozen=True, kw_only=True):
    """A signed form. `fields` by lower-case name, without the file's content; `conditions` as the policy has them."""

    access: str
    policy: str
    signature: str
    scope: Scope | None
    fields: Mapping[str, str]
    conditions: list[Any]

    def check(self, secret: str) -> None:
        """Raises `SignatureDoesNotMatch` unless the secret's owner signed the policy."""
        if self.scope is not None:
            wanted, given = sign(self.scope.key(secret), self.policy), self.signature
        else:
            digest = hmac.new(secret.encode(), self.policy.encode("latin-1", "replace"), hashlib.sha1).digest()
            wanted, given = base64.b64encode(digest).decode(), self.signature
        if not hmac.compare_digest(wanted.encode(), given.encode()):
            raise fault("SignatureDoesNotMatch", AWSAccessKeyId=self.access)

    def check_conditions(self, bucket: str) -> tuple[int, int | None]:
        """Raises `AccessDenied` for a field that the policy does not allow. Returns the least and most bytes of the file."""
        fields = {**self.fields, "bucket": bucket}
        allowed = {"bucket"}
        least, most = 0, None
        for condition in self.conditions:
            if isinstance(condition, list) and condition and condition[0] == "content-length-range":
                first, last = _range(condition)
                least, most = max(least, first), last if most is None else min(most, last)
                continue
            for operator, name, value in _plain(condition):
                allowed.add(name)
                if not _fits(operator, fields.get(name, ""), value):
                    raise _denied(f"{operator}, ${name}, {value}")
        for name in fields:
            if name not in allowed and name not in _FREE and not name.startswith("x-ignore-"):
                raise fault("AccessDenied", f"Invalid according to Policy: Extra input fields: {name}")
        return least, most


def read(fields: Mapping[str, str], now: int) -> Form | None:
    """What a form claims; None for one that nobody signed."""
    policy = fields.get("policy")
    if policy is None:
        return None
    document = _document(policy)
    _check_end(document, now)
    conditions = document.get("conditions")
    if not isinstance(conditions, list):
        raise fault("InvalidPolicyDocument", "Invalid Policy: Policy missing conditions.")
    if "x-amz-signature" in fields:
        if fields.get("x-amz-algorithm") != ALGORITHM:
            raise fault("InvalidArgument", f'X-Amz-Algorithm only supports "{ALGORITHM}"')
        parts = fields.get("x-amz-credential", "").rsplit("/", 4)
        if len(parts) != 5 or not parts[0] or parts[3:] != ["s3", "aws4_request"]:
            raise fault(
                "InvalidArgument",
                'The Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
            )
        access, scope, signature = parts[0], Scope(*parts[1:4]), fields["x-amz-signature"]
    else:
        access, scope, signature = fields.get("awsaccesskeyid", ""), None, fields.get("signature", "")
    if not access or not signature:
        raise fault(
            "InvalidArgument", "Bucket POST must contain a field named 'AWSAccessKeyId' and one named 'signature'."
        )
    return Form(access=access, policy=policy, signature=signature, scope=scope, fields=fields, conditions=conditions)


def _document(policy: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(base64.b64decode(policy, validate=True), type=dict[str, Any])
    except (binascii.Error, ValueError, msgspec.MsgspecError, RecursionError):
        raise fault("InvalidPolicyDocument", "Invalid Policy: Invalid JSON.") from None


def _check_end(document: Mapping[str, Any], now: int) -> None:
    text = document.get("expiration")
    try:
        if not isinstance(text, str) or not _MOMENT.match(text):
            raise ValueError
        ends = parse(text)
    except (ValueError, OverflowError):
        raise fault("InvalidPolicyDocument", "Invalid Policy: Invalid 'expiration' value.") from None
    if now > ends:
        raise fault("AccessDenied", "Invalid according to Policy: Policy expired.")


def _plain(condition: Any) -> list[tuple[str, str, str]]:
    """Conditions as (operator, field in lower case, value)."""
    if isinstance(condition, dict) and condition and all(isinstance(v, str) for v in condition.values()):
        return [("eq", name.lower(), value) for name, value in condition.items()]
    if isinstance(condition, list) and len(condition) == 3 and all(isinstance(part, str) for part in condition):
        operator, name, value = condition
        if operator.lower() in ("eq", "starts-with") and name.startswith("$"):
            return [(operator.lower(), name[1:].lower(), value)]
    raise fault("InvalidPolicyDocument", "Invalid Policy: Invalid condition.")


def _range(condition: list[Any]) -> tuple[int, int]:
    try:
        _, least, most = condition
        return int(least), int(most)
    except (ValueError, TypeError):
        raise fault("InvalidPolicyDocument", "Invalid Policy: Invalid content-length-range.") from None


def _fits(operator: str, have: str, wanted: str) -> bool:
    return have == wanted if operator == "eq" else have.startswith(wanted)


def _denied(condition: str) -> Fault:
    return fault("AccessDenied", f'Invalid according to Policy: Policy Condition failed: ["{condition}"]')
