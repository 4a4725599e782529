"""`/v3/policies`, and `OS-ENDPOINT-POLICY`: which endpoints a policy is for."""

from typing import Any, ClassVar

from pileus.kernel.db import Tx
from pileus.kernel.rest import Field, Operation, Request, creates, deletes, lists, shows, text, updates
from pileus.services.identity.api.catalog import Endpoints
from pileus.services.identity.api.dialect import KeystoneDialect
from pileus.services.identity.api.noun import ID, Noun, rules_of
from pileus.services.identity.core import policies
from pileus.services.identity.db.policies import Place, PolicyRow

_POLICY = "/v3/policies/{policy_id}/OS-ENDPOINT-POLICY"
_FORMS = (
    ("endpoint", "/endpoints/{endpoint_id}", "an endpoint"),
    ("service", "/services/{service_id}", "a service"),
    ("region_and_service", "/services/{service_id}/regions/{region_id}", "a service in a region"),
)
"""Ending of the rules, path, words."""


class Policies(Noun):
    """Texts that services may fetch as their policy."""

    member, plural, path = "policy", "policies", "/v3/policies"
    rules: ClassVar[dict[str, str]] = rules_of("policy", "policies")
    id = Field(ID, on="show list")
    blob = Field(text(), required=True)
    type = Field(text(255), required=True, match=True, sort=True)

    get = policies.get
    list = lists(policies.list_page)
    show = shows()
    create = creates(policies.create)
    update = updates(policies.update)
    delete = deletes(policies.delete)

    def before(self, tx: Tx, request: Request, row: Any, want: dict[str, Any] | None) -> None:
        """(The noun itself says that its id stays.)"""

    def facts(self, subject: Any) -> dict[str, Any]:
        return {}


class EndpointPolicies:
    """Associations of policies, and the policy of an endpoint that follows from them."""

    def __init__(self, noun: Policies, endpoints: Endpoints, dialect: KeystoneDialect) -> None:
        self.noun, self.endpoints, self.dialect, self.near = noun, endpoints, dialect, noun.near

    def all_operations(self) -> list[Operation]:
        found = [
            _op("GET", f"{_POLICY}/policy", "get_policy", self._policy, "The policy itself.", view=self._shown),
            _op("GET", f"{_POLICY}/endpoints", "list_endpoints_for_policy", self._list, "Endpoints that a policy is for.", view=self._listed),
            _op("GET", "/v3/endpoints/{endpoint_id}/OS-ENDPOINT-POLICY/policy", "get_policy_for_endpoint", self._effective, "The policy for an endpoint.", view=self._shown_at_endpoint),
        ]  # fmt: skip
        for ending, path, words in _FORMS:
            about = f"policy_association_for_{ending}"
            found += [
                _op("GET", _POLICY + path, f"check_{about}", self._check, f"Whether a policy is for {words}.", answers=204),
                _op("PUT", _POLICY + path, f"create_{about}", self._add, f"Take a policy for {words}.", answers=204),
                _op("DELETE", _POLICY + path, f"delete_{about}", self._drop, f"Take a policy for {words} no more.", answers=204),
            ]  # fmt: skip
        return found

    def _row(self, tx: Tx, request: Request) -> PolicyRow:
        return policies.get(tx, self.near, request.ctx, request.params["policy_id"])

    def _place(self, tx: Tx, request: Request) -> tuple[PolicyRow, Place]:
        row = self._row(tx, request)
        ids = {name: value for name, value in request.params.items() if name != "policy_id"}
        place = Place(**ids)
        policies.check_place(tx, self.near, request.ctx, place)
        return row, place

    def _policy(self, tx: Tx, request: Request) -> Any:
        return self._row(tx, request)

    def _shown(self, request: Request, row: PolicyRow) -> Any:
        return {"policy": self.noun.view(request, row)}

    def _list(self, tx: Tx, request: Request) -> Any:
        return policies.endpoints_of(tx, self._row(tx, request))

    def _listed(self, request: Request, rows: Any) -> Any:
        """Endpoints as Keystone shows them here: without the older name of the region."""
        views = [self.endpoints.view(request, row, "list") for row in rows]
        for view in views:
            del view["region"]
        return self.dialect.collection(request, "endpoints", views)

    def _effective(self, tx: Tx, request: Request) -> Any:
        return policies.effective(tx, self.near, request.ctx, request.params["endpoint_id"])

    def _shown_at_endpoint(self, request: Request, row: PolicyRow) -> Any:
        """The link names the policy below `/endpoints`, as Keystone's does."""
        view = self.noun.view(request, row)
        return {"policy": view | {"links": {"self": request.link(f"/v3/endpoints/{row.id}")}}}

    def _check(self, tx: Tx, request: Request) -> None:
        policies.check_association(tx, *self._place(tx, request))

    def _add(self, tx: Tx, request: Request) -> None:
        policies.associate(tx, self.near, request.ctx, *self._place(tx, request))

    def _drop(self, tx: Tx, request: Request) -> None:
        policies.dissociate(tx, self.near, request.ctx, *self._place(tx, request))


def _op(method: str, path: str, rule: str, decide: Any, summary: str, **more: Any) -> Operation:
    return Operation(
        method=method,
        path=path,
        name=rule,
        resource="endpoint_policy",
        rule=f"identity:{rule}",
        decide=decide,
        summary=summary,
        **more,
    )
