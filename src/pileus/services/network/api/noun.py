"""What all nouns of the Networking API share: attributes in Neutron's order of judgement, policy, `fields`, tags."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from pileus.kernel.db import Tx
from pileus.kernel.rest import UNSET, Dialect, Operation, Request, Resource, Target
from pileus.kernel.types import Invalid, whole_number
from pileus.services.network.api.attributes import ANY_TEXT, INT, LIST, MOMENT_TEXT, TEXT, Attr
from pileus.services.network.core.access import is_admin
from pileus.services.network.core.neighbours import Near
from pileus.services.network.core.refusals import bad_input, denied, stale

Want = dict[str, Any]


class Noun(Resource[Near]):
    """Base of Neutron's nouns."""

    stem: ClassVar[str] = ""
    """Beginning of its fault types: `Network` of `NetworkNotFound`."""

    id = Attr(TEXT, "show list", sort=True, match=True)
    project_id = Attr(TEXT, "show list create", alias="tenant_id", sort=True, match=True)

    # --- bodies ---------------------------------------------------------------------------------------------------

    def want(self, request: Request, operation: str, raw: Any) -> Want:
        if not isinstance(raw, dict):
            raise Invalid(f"Object '{self.member}' contains invalid data", type="HTTPBadRequest")
        raw = dict(raw)
        self._judge_project(request, operation, raw)
        unknown = [str(k) for k in raw if not any(f.on for f in self._by_wire.get(k, ()))]
        if unknown:
            raise Invalid(f"Unrecognized attribute(s) '{', '.join(unknown)}'", type="HTTPBadRequest")
        for wire in raw:
            if not any(operation in f.on for f in self._by_wire[wire]):
                if operation == "create":
                    raise Invalid(f"Attribute '{wire}' not allowed in POST", type="HTTPBadRequest")
                raise Invalid(f"Cannot update read-only attribute {wire}", type="HTTPBadRequest")
        if operation == "create":
            self._judge_required(raw)
        return super().want(request, operation, raw)

    def _judge_required(self, raw: Want) -> None:
        for f in self.flat:
            if f.required and f.wire not in raw and f.alias not in raw:
                raise Invalid(
                    f"Failed to parse request. Required attribute '{f.wire}' not specified", type="HTTPBadRequest"
                )

    def _judge_project(self, request: Request, operation: str, raw: Want) -> None:
        """Only administrators make things for other projects."""
        if operation != "create":
            return
        given = [raw[k] for k in ("project_id", "tenant_id") if k in raw]
        if len(given) == 2 and given[0] != given[1]:
            raise Invalid("'project_id' and 'tenant_id' do not match", type="HTTPBadRequest")
        if given and given[0] != request.ctx.project_id and not is_admin(self.near, request.ctx):
            raise Invalid(
                "Specifying 'project_id' other than the authenticated project in request is not allowed for the "
                "current user.",
                type="HTTPBadRequest",
            )
        if not given and not request.ctx.project_id:
            raise Invalid("Running without keystone AuthN requires that tenant_id is specified", type="HTTPBadRequest")

    # --- policy ---------------------------------------------------------------------------------------------------

    def facts(self, tx: Tx | None, request: Request, subject: Any) -> Mapping[str, object]:
        """What policy asks beyond the row's own fields. `subject` is a row or what a create wants."""
        return {}

    def policy_target(self, tx: Tx | None, request: Request, subject: Any) -> Mapping[str, object]:
        facts = dict(self.facts(tx, request, subject))
        if isinstance(subject, dict):
            project_id = subject.get("project_id", request.ctx.project_id)
            return {**request.own(), **subject, "project_id": project_id, "tenant_id": project_id, **facts}
        facts.setdefault("tenant_id", getattr(subject, "project_id", ""))
        return Target(subject, facts)

    def more_rules(self, operation: str, want: Want) -> list[str]:
        """Rules of parts of attributes: `create_port:fixed_ips:ip_address`."""
        return []

    def guard(self, request: Request, operation: str, want: Want, target: Mapping[str, object]) -> None:
        rules = [
            f.guard[operation]
            for f in self.flat
            if operation in f.guard
            and f.name in want
            and not (operation == "create" and f.default is not UNSET and want[f.name] == f.default)
        ]
        rules += self.more_rules(operation, want)
        lacking = next((rule for rule in rules if not request.may(rule, target)), None)
        if lacking is not None:
            fault = denied([self.rules[operation], *rules])
            fault.denial = lacking, target
            raise fault

    def before(self, tx: Tx, request: Request, row: Any, want: Want | None) -> None:
        """`If-Match: revision_number=N`: the change is meant for that revision only."""
        match_revision(request, row)

    # --- views ----------------------------------------------------------------------------------------------------

    def view(self, request: Request, row: Any, where: str = "show") -> dict[str, Any]:
        request.near = self.near
        made = super().view(request, row, where)
        wanted = request.memo.get("fields")
        if wanted is None:
            wanted = request.memo["fields"] = frozenset(request.query.all("fields"))
        return {k: v for k, v in made.items() if k in wanted} if wanted else made

    def operations(self, dialect: Dialect) -> list[Operation]:
        """Lists leave the noun's name for faults that need it (an unknown marker)."""
        found = super().operations(dialect)
        return [_named(op, self.stem) if op.name == "list" else op for op in found]


def _named(op: Operation, stem: str) -> Operation:
    decide = op.decide
    assert decide is not None

    def named(tx: Tx, request: Request) -> Any:
        request.memo["stem"] = stem
        return decide(tx, request)

    return replace(op, decide=named)


class Standard(Noun):
    """Nouns with the standard attributes: description, revision, times and tags."""

    description = Attr(TEXT, default="", sort=True, match=True)
    revision_number = Attr(INT, "show list", match=True, sort=True)
    created_at = Attr(MOMENT_TEXT, "show list")
    updated_at = Attr(MOMENT_TEXT, "show list")
    tags = Attr(LIST, "show list", match=True, view=lambda _, row: list(row.tags))
    tags_any = Attr(ANY_TEXT, "", wire="tags-any", match=True)
    not_tags = Attr(ANY_TEXT, "", wire="not-tags", match=True)
    not_tags_any = Attr(ANY_TEXT, "", wire="not-tags-any", match=True)


def match_revision(request: Request, row: Any) -> None:
    """Raises `Stale` when the request is meant for another revision of the row."""
    asked = request.headers.get("if-match", "").strip()
    if not asked.startswith("revision_number="):
        return
    number = whole_number(asked.removeprefix("revision_number="))
    if number is None:
        raise bad_input(f"Invalid If-Match: {asked}")
    if number != row.revision_number:
        raise stale(number, row.revision_number)
