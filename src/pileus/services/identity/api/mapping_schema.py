"""What the rules of a mapping must look like, by the version of their schema."""

from collections.abc import Sequence
from typing import Any

from pileus.kernel.rest import BOOLEAN, Schema, array, obj, text, validator
from pileus.kernel.types import Invalid
from pileus.services.identity.core import mapping

_TEXT = text()
_DOMAIN = obj({"id": _TEXT, "name": _TEXT})
_USER = obj(
    {
        "id": _TEXT,
        "name": _TEXT,
        "email": _TEXT,
        "domain": _DOMAIN,
        "type": {"type": "string", "enum": ["ephemeral", "local"]},
    }
)
_GROUP: Schema = {
    "type": "object",
    "oneOf": [obj({"id": _TEXT}, ["id"]), obj({"name": _TEXT, "domain": _DOMAIN}, ["name", "domain"])],
}
_VALUES: Schema = {"type": "array"}
_TESTS = ("any_one_of", "not_any_of", "blacklist", "whitelist")
_REMOTE: Schema = {
    "type": "object",
    "oneOf": [
        obj({"type": _TEXT}, ["type"]),
        *(obj({"type": _TEXT, test: _VALUES, "regex": BOOLEAN}, ["type", test]) for test in _TESTS),
    ],
}


def _rules(project: dict[str, Schema]) -> Schema:
    role = obj({"name": _TEXT}, ["name"])
    projects = array(obj({"name": _TEXT, "roles": array(role), **project}, ["name", "roles"]))
    local = obj(
        {"user": _USER, "projects": projects, "group": _GROUP, "groups": _TEXT, "group_ids": _TEXT, "domain": _DOMAIN}
    )
    rule = obj({"local": array(local), "remote": array(_REMOTE, minimum=1)}, ["local", "remote"])
    return obj({"rules": array(rule, minimum=1)}, ["rules"], extra=True)


_SCHEMAS: dict[str, Schema] = {"1.0": _rules({}), "2.0": _rules({"domain": _DOMAIN})}
VERSIONS: Sequence[str] = tuple(_SCHEMAS)


def check(want: dict[str, Any], version: str) -> None:
    """Raises `Invalid` with all that is wrong with the rules, a line each."""
    schema = _SCHEMAS.get(version)
    if schema is None:
        raise Invalid(
            f"Invalid input for field/attribute schema_version. Value: {version}. "
            f"{version!r} is not one of {list(VERSIONS)!r}"
        )
    problems = validator(schema).problems(want)
    if problems:
        raise Invalid("".join(f"{problem.message}\n" for problem in problems))
    try:
        mapping.check_patterns(want["rules"])
    except ValueError as error:
        raise Invalid(f"{error}\n") from None
