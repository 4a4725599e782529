"""OAuth1's endpoints for consumers, and the access tokens of a user."""

from typing import Any
from urllib.parse import urlencode

from pileus.kernel.db import Page, Tx
from pileus.kernel.rest import Answer, Field, Operation, Request, array, obj
from pileus.kernel.types import NotFound, iso_micros
from pileus.services.identity.api.dialect import KeystoneDialect, own_url
from pileus.services.identity.api.noun import ID, NAME, Noun
from pileus.services.identity.api.roles import Roles
from pileus.services.identity.core import oauth_tokens, refusals
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.core.oauth1 import Signed
from pileus.services.identity.core.oauth_tokens import Told
from pileus.services.identity.core.primary import check_manages_tokens
from pileus.services.identity.db.oauth_tokens import AccessTokenRow
from pileus.services.identity.db.roles import RoleRow

_FORM = "application/x-www-form-urlencoded"
_GRANT = obj({"roles": array({**obj({"id": ID, "name": NAME}), "minProperties": 1, "maxProperties": 1})}, extra=True)
_MANY = "/v3/users/{user_id}/OS-OAUTH1/access_tokens"
_ONE = _MANY + "/{access_token_id}"


class OAuth1Endpoints:
    """What consumers call, without a token but signed; and the user's word of consent."""

    def __init__(self, near: Near) -> None:
        self.near = near

    def all_operations(self) -> list[Operation]:
        return [
            _op("POST", "/v3/OS-OAUTH1/request_token", "request", self._ask, "A consumer asks for access to a project.", view=_token, answers=201, public=True),
            _op("PUT", "/v3/OS-OAUTH1/authorize/{request_token_id}", "authorize", self._grant, "A user grants what a consumer asked for.", body=_GRANT, asks="identity:authorize_request_token"),
            _op("POST", "/v3/OS-OAUTH1/access_token", "exchange", self._exchange, "A consumer changes what was granted for an access token.", view=_token, answers=201, public=True),
        ]  # fmt: skip

    def _ask(self, tx: Tx, request: Request) -> Told:
        return oauth_tokens.ask(tx, self.near, request.ctx, _signed(request))

    def _grant(self, tx: Tx, request: Request) -> Any:
        request.enforce("identity:authorize_request_token", {"target": {}})
        check_manages_tokens(self.near.keyring.open(request.ctx.token))
        id, wanted = request.params["request_token_id"], request.body.get("roles", [])
        return {"token": {"oauth_verifier": oauth_tokens.grant(tx, self.near, request.ctx, id, wanted)}}

    def _exchange(self, tx: Tx, request: Request) -> Told:
        return oauth_tokens.exchange(tx, self.near, request.ctx, _signed(request))


class AccessTokens(Noun):
    """What a user has granted to consumers."""

    member, plural, path = "access_token", "access_tokens", _MANY
    consumer_id = Field(ID, match=True)

    def __init__(self, near: Near, dialect: KeystoneDialect, roles: Roles) -> None:
        super().__init__(near)
        self.keystone, self.roles = dialect, roles

    def all_operations(self) -> list[Operation]:
        return [
            _op("GET", _MANY, "list", self._list, "What a user has granted.", view=self._view_list, asks="identity:list_access_tokens"),
            _op("GET", _ONE, "show", self._show, "One access token.", view=self._view_one, asks="identity:get_access_token"),
            _op("DELETE", _ONE, "delete", self._delete, "Take back what was granted.", answers=204, asks="identity:delete_access_token"),
            _op("GET", f"{_ONE}/roles", "list_roles", self._roles, "Roles that were granted.", view=self._view_roles, asks="identity:list_access_token_roles"),
            _op("GET", f"{_ONE}/roles/{{role_id}}", "show_role", self._role, "One role that was granted.", view=self._view_role, asks="identity:get_access_token_role"),
        ]  # fmt: skip

    def _enforce(self, request: Request, verb: str) -> str:
        request.enforce(f"identity:{verb}", {"target": {}})
        check_manages_tokens(self.near.keyring.open(request.ctx.token))
        return request.params["user_id"]

    def _find(self, tx: Tx, request: Request, verb: str, hidden: bool = True) -> AccessTokenRow:
        """(Where another's is not hidden, Keystone answers 401.)"""
        user_id = self._enforce(request, verb)
        row = oauth_tokens.get(tx, request.params["access_token_id"])
        if row.user_id != user_id:
            raise NotFound("Access token not found") if hidden else refusals.unauthorized()
        return row

    def _list(self, tx: Tx, request: Request) -> Page[AccessTokenRow]:
        user_id = self._enforce(request, "list_access_tokens")
        return oauth_tokens.list_page(tx, user_id, self.keystone.listing(request, self))

    def _show(self, tx: Tx, request: Request) -> AccessTokenRow:
        return self._find(tx, request, "get_access_token")

    def _delete(self, tx: Tx, request: Request) -> None:
        row = self._find(tx, request, "delete_access_token", hidden=False)
        oauth_tokens.delete(tx, self.near, request.ctx, row)

    def _roles(self, tx: Tx, request: Request) -> list[RoleRow]:
        return self._granted(tx, self._find(tx, request, "list_access_token_roles"))

    def _role(self, tx: Tx, request: Request) -> RoleRow:
        row = self._find(tx, request, "get_access_token_role", hidden=False)
        for role in self._granted(tx, row):
            if role.id == request.params["role_id"]:
                return role
        raise refusals.missing("role", request.params["role_id"])

    def _granted(self, tx: Tx, row: AccessTokenRow) -> list[RoleRow]:
        known = self.near.memory.graph(tx).roles
        return [known[id] for id in row.role_ids if id in known]

    def _view(self, request: Request, row: AccessTokenRow) -> dict[str, Any]:
        link = request.link(f"/v3/users/{row.user_id}/OS-OAUTH1/access_tokens/{row.id}")
        return {
            "id": row.id,
            "authorizing_user_id": row.user_id,
            "project_id": row.project_id,
            "consumer_id": row.consumer_id,
            "expires_at": None if row.expires_at is None else iso_micros(row.expires_at),
            "links": {"roles": f"{link}/roles", "self": link},
        }

    def _view_list(self, request: Request, page: Page[AccessTokenRow]) -> Any:
        return self.keystone.paged(request, self.plural, [self._view(request, r) for r in page.rows], page)

    def _view_one(self, request: Request, row: AccessTokenRow) -> Any:
        return {"access_token": self._view(request, row)}

    def _brief(self, request: Request, role: RoleRow) -> dict[str, Any]:
        """Without the description, says Keystone."""
        view: dict[str, Any] = self.roles.view(request, role, "list")
        return {key: value for key, value in view.items() if key != "description"}

    def _view_roles(self, request: Request, rows: list[RoleRow]) -> Any:
        links = {"next": None, "self": own_url(request), "previous": None}
        return {"roles": [self._brief(request, role) for role in rows], "links": links}

    def _view_role(self, request: Request, role: RoleRow) -> Any:
        return {"role": self._brief(request, role)}


def _signed(request: Request) -> Signed:
    return Signed(url=own_url(request), headers=request.headers, method=request.method)


def _token(request: Request, row: Told) -> Answer:
    """Both kinds are told as a form."""
    told = {"oauth_token": row.id, "oauth_token_secret": row.secret}
    if row.expires_at is not None:
        told["oauth_expires_at"] = iso_micros(row.expires_at)
    return Answer(201, raw=urlencode(told, safe=":").encode(), media=_FORM)


def _op(method: str, path: str, name: str, decide: Any, summary: str, **more: Any) -> Operation:
    return Operation(method=method, path=path, name=name, resource="oauth1", decide=decide, summary=summary, **more)
