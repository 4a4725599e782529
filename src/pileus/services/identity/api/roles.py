"""Roles, and which implies which."""

from dataclasses import replace
from typing import Any, ClassVar

from pileus.kernel.db import Tx
from pileus.kernel.rest import Dialect, Field, Operation, Request, creates, deletes, lists, nullable, shows, updates
from pileus.kernel.types import NotFound
from pileus.services.identity.api.dialect import own_url
from pileus.services.identity.api.noun import ID, IMMUTABLE, NAME, TEXT, Noun, Operations, rules_of
from pileus.services.identity.core import roles
from pileus.services.identity.db.roles import RoleRow


class Roles(Noun):
    """What a user may be, somewhere."""

    member, plural, path = "role", "roles", "/v3/roles"
    firm_filters: ClassVar[bool] = True
    kept = True
    rules: ClassVar[dict[str, str]] = rules_of("role")
    reveals: ClassVar[frozenset[str]] = frozenset({"identity:get_role", "identity:update_role", "identity:delete_role"})
    id = Field(ID, on="show list")
    name = Field(NAME, required=True, match=True, sort=True)
    domain_id = Field(nullable(ID), match=True, view=lambda _, row: row.domain_id or None)
    description = Field(nullable(TEXT))
    options = Field(IMMUTABLE)

    get = roles.get
    list = lists(roles.list_page)
    show = shows()
    create = creates(roles.create, rule="")
    update = updates(roles.update)
    delete = deletes(roles.delete)

    def facts(self, subject: Any) -> dict[str, Any]:
        if isinstance(subject, dict):
            return {"name": subject.get("name"), "domain_id": subject.get("domain_id")}
        return super().facts(subject)

    def row(self, tx: Tx, request: Request, rule: str) -> Any:
        """A domain's own roles have rules of their own."""
        if rule in self.rules.values():
            try:
                found = roles.get(tx, self.near, request.ctx, request.params["role_id"])
            except NotFound:
                found = None
            if found is not None and found.domain_id:
                rule = rule.replace("_role", "_domain_role")
        return super().row(tx, request, rule)

    def enforce_list(self, request: Request, rule: str) -> None:
        super().enforce_list(request, "identity:list_domain_roles" if request.query.one("domain_id") else rule)

    def guard(self, request: Request, operation: str, want: Any, target: Any) -> None:
        if operation == "create":
            request.enforce("identity:create_domain_role" if want.get("domain_id") else self.rules["create"], target)
        super().guard(request, operation, want, target)

    def operations(self, dialect: Dialect) -> Operations:
        prior = "/v3/roles/{prior_role_id}/implies"
        pair = f"{prior}/{{implied_role_id}}"
        return [
            *(replace(op, asks=self.rules["create"]) if op.name == "create" else op for op in super().operations(dialect)),
            _op("GET", prior, "list_implied", self._list_implied, asks="identity:list_implied_roles", summary="Roles that a role implies."),
            _op("GET", pair, "show_implied", self._show_implied, asks="identity:get_implied_role", summary="One implication."),
            _op("HEAD", pair, "check_implied", self._check_implied, asks="identity:check_implied_role", summary="Whether a role implies another.", answers=204),
            _op("PUT", pair, "imply", self._imply, asks="identity:create_implied_role", summary="Make a role imply another.", answers=201),
            _op("DELETE", pair, "unimply", self._unimply, asks="identity:delete_implied_role", summary="End an implication.", answers=204),
            _op("GET", "/v3/role_inferences", "list_inferences", self._inferences, asks="identity:list_role_inference_rules", summary="All implications."),
        ]  # fmt: skip

    def _prior(self, tx: Tx, request: Request, rule: str = "") -> RoleRow:
        row = roles.get(tx, self.near, request.ctx, request.params["prior_role_id"])
        if rule:
            request.enforce(f"identity:{rule}", {"target": {"prior_role": self.facts(row)}})
        return row

    def _pair(self, tx: Tx, request: Request, rule: str) -> tuple[RoleRow, RoleRow]:
        prior = self._prior(tx, request)
        implied = roles.get(tx, self.near, request.ctx, request.params["implied_role_id"])
        facts = {"prior_role": self.facts(prior), "implied_role": self.facts(implied)}
        request.enforce(f"identity:{rule}", {"target": facts})
        return prior, implied

    def _brief(self, request: Request, row: RoleRow) -> dict[str, Any]:
        return {"id": row.id, "links": {"self": self.link(request, row)}, "name": row.name}

    def _inference(self, request: Request, prior: RoleRow, implied: RoleRow) -> dict[str, Any]:
        both = {"prior_role": self._brief(request, prior), "implies": self._brief(request, implied)}
        return {"role_inference": both, "links": {"self": own_url(request)}}

    def _list_implied(self, tx: Tx, request: Request) -> Any:
        prior = self._prior(tx, request, "list_implied_roles")
        implied = [self._brief(request, row) for row in roles.implied_by(tx, self.near, prior)]
        inference = {"prior_role": self._brief(request, prior), "implies": implied}
        return {"role_inference": inference, "links": {"self": own_url(request)}}

    def _show_implied(self, tx: Tx, request: Request) -> Any:
        prior, implied = self._pair(tx, request, "get_implied_role")
        roles.check_implied(tx, self.near, prior, implied)
        return self._inference(request, prior, implied)

    def _check_implied(self, tx: Tx, request: Request) -> None:
        roles.check_implied(tx, self.near, *self._pair(tx, request, "check_implied_role"))

    def _imply(self, tx: Tx, request: Request) -> Any:
        prior, implied = self._pair(tx, request, "create_implied_role")
        roles.imply(tx, self.near, request.ctx, prior, implied)
        return self._inference(request, prior, implied)

    def _unimply(self, tx: Tx, request: Request) -> None:
        prior, implied = self._pair(tx, request, "delete_implied_role")
        roles.unimply(tx, self.near, request.ctx, prior, implied)

    def _inferences(self, tx: Tx, request: Request) -> Any:
        request.enforce("identity:list_role_inference_rules", {"target": {}})
        graph = roles.inferences(tx, self.near)
        found = [
            {
                "prior_role": self._brief(request, graph.roles[prior]),
                "implies": [self._brief(request, graph.roles[id]) for id in implied if id in graph.roles],
            }
            for prior, implied in graph.implies.items()
            if prior in graph.roles
        ]
        return {"role_inferences": found}


def _op(method: str, path: str, name: str, decide: Any, summary: str, **more: Any) -> Operation:
    return Operation(method=method, path=path, name=name, resource="role", decide=decide, summary=summary, **more)
