"""What all nouns of this API share: links, attributes of no column, and rules that look at the row's domain."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, TypeAlias

from pileus.kernel.db import Page, Tx
from pileus.kernel.rest import Operation, Request, Resource, Schema
from pileus.kernel.types import Filter, Invalid, NotFound
from pileus.services.identity.core.neighbours import Near

Operations: TypeAlias = list[Operation]
Filters: TypeAlias = list[Filter]
"""(A noun's `list` is an operation, so that annotations in its class cannot say `list[…]`.)"""
NAME = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"[\S]+"}
SHORT_NAME = {**NAME, "maxLength": 64}
ID = {"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[a-zA-Z0-9-]+$"}
TEXT = {"type": "string", "maxLength": 65535}
IMMUTABLE = {
    "type": "object",
    "properties": {"immutable": {"type": ["boolean", "null"]}},
    "additionalProperties": False,
}
"""Options of projects, domains and roles."""
_YES = ("true", "1", "y", "on", "yes")
WORDS = (
    True, "True", "TRUE", "true", False, "False", "FALSE", "false", "", "1", "0", "y", "Y", "n", "N", "on", "ON", "off",
    "OFF", "yes", "no",
)  # fmt: skip
"""What Keystone takes for a boolean, in its order."""
SWITCH = {"enum": list(WORDS)}
"""A boolean as bodies may write it."""


def switch(value: object) -> bool:
    return value if isinstance(value, bool) else str(value).lower() in _YES


def rules_of(member: str, plural: str = "") -> dict[str, str]:
    """The rules of a noun by operation, in Keystone's names for them."""
    verbs = {"show": "get", "create": "create", "update": "update", "delete": "delete"}
    named = {name: f"identity:{verb}_{member}" for name, verb in verbs.items()}
    return {"list": f"identity:list_{plural or f'{member}s'}", **named}


class Noun(Resource[Near]):
    """`path` is `/v3/<plural>`.

    `reveals`  rules that look for the row first, so that everybody hears that it is not there. (With all others a caller
               who may not look hears the same of what is there and what is not. Which is which is Keystone's.)
    """

    reveals: ClassVar[frozenset[str]] = frozenset()
    kept = False
    """Whether lists depend on nothing but rows, caller and URL, so that answers may be given again (ADR 4)."""
    firm_filters: ClassVar[bool] = False
    """A filter on text says something: an empty one is refused."""
    strict: ClassVar[bool] = False
    """Bodies hold nothing that no field knows."""
    empty_update: ClassVar[bool] = False
    """An update may say nothing."""
    extra_types: ClassVar[Mapping[str, Schema]] = {}
    """What attributes of no column must be when a body has them."""

    def link(self, request: Request, row: Any) -> str:
        return request.link(f"{self.path}/{row.id}")

    def extend(self, request: Request, row: Any, view: dict[str, Any]) -> None:
        for key, value in row.extra.items():
            view.setdefault(key, value)
        view["links"] = {"self": self.link(request, row)}

    def facts(self, subject: Any) -> dict[str, Any]:
        """What rules may ask of a row (or of what a body wants): empty domains are None, as in Keystone."""
        if isinstance(subject, Mapping):
            return {"domain_id": subject.get("domain_id")}
        domain_id = getattr(subject, "domain_id", "") or None
        return {"id": subject.id, "domain_id": domain_id, "name": getattr(subject, "name", None)}

    def policy_target(self, tx: Tx | None, request: Request, subject: Any) -> Mapping[str, object]:
        return self.target(request, self.facts(subject))

    def target(self, request: Request, facts: Mapping[str, Any]) -> dict[str, object]:
        found: dict[str, object] = {"target": {self.member: facts, "domain_id": request.ctx.domain_id or None}}
        if self.member == "user" and facts.get("id"):
            found["user_id"] = facts["id"]
        return found

    def row(self, tx: Tx, request: Request, rule: str) -> Any:
        try:
            return super().row(tx, request, rule)
        except NotFound:
            if rule and rule not in self.reveals:
                request.enforce(rule, {"target": {}})
            raise

    def _make_list(self, name: str, d: Any, rule: str, common: dict[str, Any]) -> Operation:
        """Lists are judged by the domain of the caller's token, which also bounds them."""
        made = super()._make_list(name, d, "", common)

        def decide(tx: Tx, request: Request) -> Page[Any]:
            self.enforce_list(request, rule)
            assert made.decide is not None
            return made.decide(tx, request)  # type: ignore[no-any-return]

        return replace(made, decide=decide, kept=self.kept)

    def enforce_list(self, request: Request, rule: str) -> None:
        home = {"domain_id": request.ctx.domain_id or None, "id": request.ctx.domain_id or None}
        request.enforce(rule, {"target": {self.member: home, "domain_id": request.ctx.domain_id or None}})

    def before(self, tx: Tx, request: Request, row: Any, want: dict[str, Any] | None) -> None:
        """A body may repeat the id, not change it."""
        given = (want or {}).get("extra", {}).get("id")
        if given is not None and given != row.id:
            raise Invalid("Cannot change ID")

    def more_filters(self, request: Request) -> Filters:
        """Conditions that are not plain fields; their names stand in `own_query`."""
        return []
