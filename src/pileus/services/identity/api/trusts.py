"""`/v3/OS-TRUST/trusts`."""

from typing import Any

from msgspec import Struct

from pileus.kernel.db import Page, Tx
from pileus.kernel.rest import BOOLEAN, Field, Operation, Request, array, nullable, obj
from pileus.kernel.types import Listing, iso_micros
from pileus.services.identity.api.dialect import KeystoneDialect
from pileus.services.identity.api.noun import ID, NAME, TEXT, Noun
from pileus.services.identity.api.roles import Roles
from pileus.services.identity.core import lending, refusals, trusts
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.core.primary import check_manages_trusts
from pileus.services.identity.db.roles import RoleRow
from pileus.services.identity.db.trusts import TrustRow

_MANY = "/v3/OS-TRUST/trusts"
_ONE = _MANY + "/{trust_id}"
_FIELDS = {
    "trustor_user_id": TEXT,
    "trustee_user_id": TEXT,
    "impersonation": BOOLEAN,
    "project_id": nullable(TEXT),
    "remaining_uses": nullable({"type": "integer", "minimum": 1, "maximum": 2**31 - 1}),
    "expires_at": nullable({"type": "string"}),
    "allow_redelegation": nullable(BOOLEAN),
    "redelegation_count": nullable({"type": "integer", "minimum": 0, "maximum": 2**31 - 1}),
    "roles": array({**obj({"id": ID, "name": NAME}), "minProperties": 1, "maxProperties": 1}),
}
_TRUST = obj(_FIELDS, ["trustor_user_id", "trustee_user_id", "impersonation"], extra=True)
_BODY = obj({"trust": _TRUST}, ["trust"])


class _Detailed(Struct, frozen=True):
    row: TrustRow
    roles: list[RoleRow]


class Trusts(Noun):
    """Roles that a user lends to another."""

    member, plural, path = "trust", "trusts", _MANY
    trustor_user_id = Field(TEXT, match=True)
    trustee_user_id = Field(TEXT, match=True)

    def __init__(self, near: Near, dialect: KeystoneDialect, roles: Roles) -> None:
        super().__init__(near)
        self.keystone, self.roles = dialect, roles

    def all_operations(self) -> list[Operation]:
        return [
            _op("GET", _MANY, "list", self._list, asks="identity:list_trusts", summary="Trusts.", view=self._view_list),
            _op("POST", _MANY, "create", self._create, asks="identity:create_trust", summary="Lend roles to another user.", body=_BODY, view=self._view_one, answers=201),
            _op("GET", _ONE, "show", self._show, asks="identity:get_trust", summary="One trust.", view=self._view_one),
            _op("DELETE", _ONE, "delete", self._delete, asks="identity:delete_trust", summary="Take a trust back.", answers=204),
            _op("GET", f"{_ONE}/roles", "list_roles", self._roles, asks="identity:list_roles_for_trust", summary="Roles that a trust lends.", view=self._view_roles),
            _op("GET", f"{_ONE}/roles/{{role_id}}", "show_role", self._role, asks="identity:get_role_for_trust", summary="One role that a trust lends.", view=self._view_role),
        ]  # fmt: skip

    def _find(self, tx: Tx, request: Request, verb: str) -> TrustRow:
        """Everybody hears that a trust is not there; who may not see one that is hears so."""
        find = lending.find_any if verb == "delete_trust" else lending.find_live
        row = find(tx, request.params["trust_id"])
        self._enforce(request, verb, row.trustor_user_id, row.trustee_user_id)
        return row

    def _enforce(self, request: Request, verb: str, trustor: str, trustee: str = "") -> None:
        facts = {"trustor_user_id": trustor, "trustee_user_id": trustee}
        request.enforce(f"identity:{verb}", {"target": {"trust": facts}})
        check_manages_trusts(self.near.keyring.open(request.ctx.token))

    def _detailed(self, tx: Tx, row: TrustRow) -> _Detailed:
        known = self.near.memory.graph(tx).roles
        return _Detailed(row, [known[id] for id in row.role_ids if id in known])

    def _list(self, tx: Tx, request: Request) -> Page[TrustRow]:
        listing: Listing = self.keystone.listing(request, self)
        trustor, trustee = listing.first("trustor_user_id"), listing.first("trustee_user_id")
        if trustor is not None:
            self._enforce(request, "list_trusts_for_trustor", str(trustor))
        elif trustee is not None:
            self._enforce(request, "list_trusts_for_trustee", "", str(trustee))
        else:
            self._enforce(request, "list_trusts", "")
        return trusts.list_page(tx, listing)

    def _create(self, tx: Tx, request: Request) -> _Detailed:
        body = request.body["trust"]
        self._enforce(request, "create_trust", body["trustor_user_id"], body["trustee_user_id"])
        if request.ctx.user_id != body["trustor_user_id"]:
            raise refusals.forbidden("The authenticated user should match the trustor")
        want = {key: value for key, value in body.items() if key in _FIELDS}
        want["extra"] = {key: value for key, value in body.items() if key not in _FIELDS}
        return self._detailed(tx, trusts.create(tx, self.near, request.ctx, want))

    def _show(self, tx: Tx, request: Request) -> _Detailed:
        return self._detailed(tx, self._find(tx, request, "get_trust"))

    def _delete(self, tx: Tx, request: Request) -> None:
        trusts.delete(tx, self.near, request.ctx, self._find(tx, request, "delete_trust"))

    def _roles(self, tx: Tx, request: Request) -> _Detailed:
        return self._detailed(tx, self._find(tx, request, "list_roles_for_trust"))

    def _role(self, tx: Tx, request: Request) -> RoleRow:
        id = request.params["role_id"]
        found = self._detailed(tx, self._find(tx, request, "get_role_for_trust"))
        for role in found.roles:
            if role.id == id:
                return role
        raise refusals.missing("role", id)

    def _view(self, request: Request, row: TrustRow) -> dict[str, Any]:
        return {
            **row.extra,
            "id": row.id,
            "trustor_user_id": row.trustor_user_id,
            "trustee_user_id": row.trustee_user_id,
            "project_id": row.project_id,
            "impersonation": row.impersonation,
            "expires_at": None if row.expires_at is None else iso_micros(row.expires_at),
            "remaining_uses": row.remaining_uses,
            "deleted_at": None,
            "redelegated_trust_id": row.redelegated_trust_id,
            "redelegation_count": row.redelegation_count,
            "links": {"self": self.link(request, row)},
        }

    def _view_list(self, request: Request, page: Page[TrustRow]) -> Any:
        return self.keystone.paged(request, self.plural, [self._view(request, row) for row in page.rows], page)

    def _view_one(self, request: Request, found: _Detailed) -> Any:
        shown = self._view_roles(request, found)
        more = {"roles": shown["roles"], "roles_links": shown["links"]}
        return {"trust": {**self._view(request, found.row), **more}}

    def _view_roles(self, request: Request, found: _Detailed) -> dict[str, Any]:
        links = {"self": f"{self.link(request, found.row)}/roles", "next": None, "previous": None}
        return {"roles": [self.roles.view(request, role, "list") for role in found.roles], "links": links}

    def _view_role(self, request: Request, role: RoleRow) -> Any:
        return {"role": self.roles.view(request, role, "list")}


def _op(method: str, path: str, name: str, decide: Any, summary: str, **more: Any) -> Operation:
    return Operation(method=method, path=path, name=name, resource="trust", decide=decide, summary=summary, **more)
