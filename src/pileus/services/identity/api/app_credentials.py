"""Application credentials of a user."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from pileus.kernel.db import Page, Tx
from pileus.kernel.rest import BOOLEAN, Field, Operation, Request, array, nullable, obj
from pileus.kernel.types import NotFound, iso_naive
from pileus.services.identity.api.access_rules import RULES_BODY
from pileus.services.identity.api.dialect import KeystoneDialect
from pileus.services.identity.api.noun import ID, NAME, TEXT, Noun
from pileus.services.identity.core import app_credentials, passwords
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.core.primary import check_manages_app_credentials
from pileus.services.identity.core.validation import open_session
from pileus.services.identity.db import access_rules
from pileus.services.identity.db.access_rules import AccessRuleRow
from pileus.services.identity.db.app_credentials import AppCredentialRow
from pileus.services.identity.db.roles import RoleRow

_BODY = obj(
    {
        "application_credential": obj(
            {
                "id": {"type": "string"},
                "name": NAME,
                "secret": nullable({"type": "string", "minLength": 1}),
                "description": nullable(TEXT),
                "expires_at": nullable({"type": "string"}),
                "unrestricted": nullable(BOOLEAN),
                "project_id": nullable(ID),
                "roles": array({**obj({"id": ID, "name": NAME}), "minProperties": 1, "maxProperties": 1}),
                "access_rules": RULES_BODY,
            },
            ["name"],
        )
    },
    ["application_credential"],
)
_MANY = "/v3/users/{user_id}/application_credentials"
_ONE = _MANY + "/{application_credential_id}"


class _Detailed(Struct, frozen=True):
    row: AppCredentialRow
    roles: list[RoleRow]
    rules: list[AccessRuleRow]
    secret: str = ""


class AppCredentials(Noun):
    """Secrets that stand for a user in one project."""

    member, plural, path = "application_credential", "application_credentials", _MANY
    name = Field(NAME, match=True)

    def __init__(self, near: Near, dialect: KeystoneDialect) -> None:
        super().__init__(near)
        self.keystone = dialect

    def all_operations(self) -> list[Operation]:
        return [
            _op("GET", _MANY, "list", self._decide_list, asks="identity:list_application_credentials", summary="Application credentials of a user.", view=self._view_list),
            _op("POST", _MANY, "create", self._decide_create, asks="identity:create_application_credential", summary="Make one for the caller's project; the secret is shown once.",
                body=_BODY, gather=self._hash, view=self._view_one, answers=201),
            _op("GET", _ONE, "show", self._decide_show, asks="identity:get_application_credential", summary="One application credential.", view=self._view_one),
            _op("DELETE", _ONE, "delete", self._decide_delete, asks="identity:delete_application_credential", summary="Delete an application credential.", answers=204),
        ]  # fmt: skip

    def _enforce(self, request: Request, verb: str, user_id: str) -> None:
        request.enforce(f"identity:{verb}", {"user_id": user_id, "target": {"user": {"id": user_id}}})
        check_manages_app_credentials(self.near.keyring.open(request.ctx.token))

    def _find(self, tx: Tx, request: Request, verb: str) -> AppCredentialRow:
        """The row, if it is of the user in the path. The rule is asked about its true owner."""
        id, user_id = request.params["application_credential_id"], request.params["user_id"]
        try:
            row = app_credentials.get(tx, id)
        except NotFound:
            self._enforce(request, verb, user_id)
            raise
        self._enforce(request, verb, row.user_id)
        if row.user_id != user_id:
            raise NotFound(f"Could not find Application Credential: {id}.")
        return row

    def _detailed(self, tx: Tx, rows: Sequence[AppCredentialRow], secret: str = "") -> list[_Detailed]:
        known = self.near.memory.graph(tx).roles
        rules = access_rules.of_credentials(tx, [row.id for row in rows])
        return [
            _Detailed(row, [known[id] for id in row.role_ids if id in known], rules.get(row.id, []), secret)
            for row in rows
        ]

    def _decide_list(self, tx: Tx, request: Request) -> Page[_Detailed]:
        user_id = request.params["user_id"]
        self._enforce(request, "list_application_credentials", user_id)
        page = app_credentials.list_page(tx, user_id, self.keystone.listing(request, self))
        return Page(self._detailed(tx, page.rows), page.more)

    def _decide_show(self, tx: Tx, request: Request) -> _Detailed:
        return self._detailed(tx, [self._find(tx, request, "get_application_credential")])[0]

    async def _hash(self, request: Request) -> None:
        self._enforce(request, "create_application_credential", request.params["user_id"])
        want = dict(request.body["application_credential"])
        secret = want.pop("secret", None) or app_credentials.new_secret()
        passwords.check_length(secret)
        want["secret_hash"] = await self.near.passwords.hash(secret)
        request.gathered = want, secret

    def _decide_create(self, tx: Tx, request: Request) -> _Detailed:
        want, secret = request.gathered
        claims = self.near.keyring.open(request.ctx.token)
        if claims is None:
            raise NotFound("Could not recognize Fernet token")
        session = open_session(tx, self.near, claims)
        row = app_credentials.create(tx, self.near, request.ctx, session, want)
        return self._detailed(tx, [row], secret)[0]

    def _decide_delete(self, tx: Tx, request: Request) -> None:
        row = self._find(tx, request, "delete_application_credential")
        claims = self.near.keyring.open(request.ctx.token)
        if claims is not None:
            app_credentials.check_may_manage(open_session(tx, self.near, claims))
        app_credentials.delete(tx, self.near, request.ctx, row)

    def _view_list(self, request: Request, page: Page[_Detailed]) -> Any:
        return self.keystone.paged(request, self.plural, [_view(request, one) for one in page.rows], page)

    def _view_one(self, request: Request, one: _Detailed) -> Any:
        return {"application_credential": _view(request, one)}


def _view(request: Request, one: _Detailed) -> dict[str, Any]:
    row = one.row
    view: dict[str, Any] = {
        "id": row.id,
        "name": row.name,
        "description": row.description,
        "user_id": row.user_id,
        "project_id": row.project_id or None,
        "system": None,
        "expires_at": None if row.expires_at is None else iso_naive(row.expires_at),
        "unrestricted": row.unrestricted,
        "roles": [
            {
                "id": role.id,
                "name": role.name,
                "domain_id": role.domain_id or None,
                "description": role.description,
                "options": role.options,
            }
            for role in one.roles
        ],
        "links": {"self": request.link(f"/v3/users/{row.user_id}/application_credentials/{row.id}")},
    }
    if one.rules:
        view["access_rules"] = [rule.shown for rule in one.rules]
    if one.secret:
        view["secret"] = one.secret
    return view


def _op(method: str, path: str, name: str, decide: Any, summary: str, **more: Any) -> Operation:
    return Operation(
        method=method, path=path, name=name, resource="application_credential", decide=decide, summary=summary, **more
    )
