"""`/v3/users/{user_id}/access_rules`; they come to be with application credentials."""

from typing import Any

from pileus.kernel.db import Page, Tx
from pileus.kernel.rest import Field, Operation, Request, array, obj
from pileus.services.identity.api.dialect import KeystoneDialect
from pileus.services.identity.api.noun import ID, TEXT, Noun
from pileus.services.identity.core import access_rules
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.core.primary import check_manages_app_credentials
from pileus.services.identity.db import users
from pileus.services.identity.db.access_rules import AccessRuleRow

_PATH = {"type": "string", "maxLength": 225, "pattern": "^/"}
_METHOD = {"enum": ["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"]}
RULES_BODY = array(obj({"id": ID, "path": _PATH, "method": _METHOD, "service": ID}))
"""`access_rules` of an application credential: each the id of a rule that there is, or a whole rule."""
_MANY = "/v3/users/{user_id}/access_rules"
_ONE = _MANY + "/{access_rule_id}"


class AccessRules(Noun):
    """Requests to which application credentials are bound."""

    member, plural, path = "access_rule", "access_rules", _MANY
    service = Field(TEXT, match=True)
    rule_path = Field(TEXT, wire="path", column="path", match=True)
    method = Field(TEXT, match=True)

    def __init__(self, near: Near, dialect: KeystoneDialect) -> None:
        super().__init__(near)
        self.keystone = dialect

    def all_operations(self) -> list[Operation]:
        return [
            _op("GET", _MANY, "list", self._list, asks="identity:list_access_rules", summary="Access rules of a user.", view=self._view_list),
            _op("GET", _ONE, "show", self._find_to_show, asks="identity:get_access_rule", summary="One access rule.", view=self._view_one),
            _op("DELETE", _ONE, "delete", self._delete, asks="identity:delete_access_rule", summary="Delete an access rule that nothing uses.", answers=204),
        ]  # fmt: skip

    def _enforce(self, tx: Tx, request: Request, verb: str) -> str:
        user_id = request.params["user_id"]
        facts = {"user": {"id": user_id}} if users.find(tx, user_id) is not None else {}
        request.enforce(f"identity:{verb}", {"target": facts})
        check_manages_app_credentials(self.near.keyring.open(request.ctx.token))
        return user_id

    def _find(self, tx: Tx, request: Request, verb: str) -> AccessRuleRow:
        user_id = self._enforce(tx, request, verb)
        return access_rules.get(tx, request.params["access_rule_id"], user_id)

    def _list(self, tx: Tx, request: Request) -> Page[AccessRuleRow]:
        user_id = self._enforce(tx, request, "list_access_rules")
        return access_rules.list_page(tx, user_id, self.keystone.listing(request, self))

    def _find_to_show(self, tx: Tx, request: Request) -> AccessRuleRow:
        return self._find(tx, request, "get_access_rule")

    def _delete(self, tx: Tx, request: Request) -> None:
        row = self._find(tx, request, "delete_access_rule")
        access_rules.delete(tx, self.near, request.ctx, row)

    def _view(self, request: Request, row: AccessRuleRow) -> dict[str, Any]:
        return {**row.shown, "links": {"self": request.link(f"/v3/users/{row.user_id}/access_rules/{row.id}")}}

    def _view_list(self, request: Request, page: Page[AccessRuleRow]) -> Any:
        return self.keystone.paged(request, self.plural, [self._view(request, r) for r in page.rows], page)

    def _view_one(self, request: Request, row: AccessRuleRow) -> Any:
        return {"access_rule": self._view(request, row)}


def _op(method: str, path: str, name: str, decide: Any, summary: str, **more: Any) -> Operation:
    return Operation(
        method=method, path=path, name=name, resource="access_rule", decide=decide, summary=summary, **more
    )
