"""Users."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from pileus.kernel.db import Tx
from pileus.kernel.rest import (
    BOOLEAN,
    Dialect,
    Field,
    Operation,
    Request,
    Schema,
    array,
    creates,
    deletes,
    lists,
    nullable,
    obj,
    shows,
    text,
    updates,
)
from pileus.kernel.types import Ctx, Filter, Op, clock, iso_naive, parse
from pileus.services.identity.api.consulted import Consulted, consult
from pileus.services.identity.api.groups import Groups
from pileus.services.identity.api.noun import ID, NAME, SWITCH, Filters, Operations, rules_of, switch
from pileus.services.identity.api.projects import Projects
from pileus.services.identity.core import (
    access,
    compliance,
    consulting,
    federated_users,
    groups,
    passwords,
    refusals,
    revoking,
    users,
)
from pileus.services.identity.core.directories import find_with_home
from pileus.services.identity.core.methods.secrets import verify_password
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.db.users import UserRow

_FLAG = {"type": ["boolean", "null"]}
_OPTIONS = obj(
    {
        "ignore_change_password_upon_first_use": _FLAG,
        "ignore_password_expiry": _FLAG,
        "ignore_lockout_failure_attempts": _FLAG,
        "lock_password": _FLAG,
        "ignore_user_inactivity": _FLAG,
        "multi_factor_auth_enabled": _FLAG,
        "multi_factor_auth_rules": {
            "type": ["array", "null"],
            "items": {"type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": True},
            "uniqueItems": True,
        },
    }
)
_PASSWORD = {"type": "string"}
_LINK = obj({"protocol_id": text(64), "unique_id": text(255, minimum=1)}, ["protocol_id", "unique_id"], extra=True)
_LINKS = obj({"idp_id": text(64), "protocols": array(_LINK, minimum=1)}, ["idp_id", "protocols"], extra=True)
_NAMES_ELSEWHERE = ("idp_id", "protocol_id", "unique_id")
"""Filters on how identity providers know a user."""
_CHANGE = obj(
    {"user": obj({"password": _PASSWORD, "original_password": _PASSWORD}, ["original_password", "password"])}, ["user"]
)
_OPERATORS: dict[str, Op] = {"lt": "lt", "lte": "lte", "gt": "gt", "gte": "gte", "eq": "eq", "neq": "ne"}


async def hash_password(near: Near, ctx: Ctx, want: dict[str, Any]) -> dict[str, Any]:
    """The slow part of setting a password, before the decision."""
    if "password" in want:
        secret = want.pop("password")
        if secret is not None:
            passwords.check_length(secret)
        compliance.check_strength(near, secret)
        want["password_hash"] = None if secret is None else await near.passwords.hash(secret)
    return want


def _with_history(tx: Tx, near: Near, id: str) -> tuple[UserRow | None, Sequence[str]]:
    row = access.user_or_none(tx, id)
    return row, compliance.old_hashes(tx, near, row) if row is not None else ()


_LINKED, _KNOWN_AS = "linked", "known as"
"""What decisions leave for views, in `request.memo`."""


class Users(Consulted):
    """People and programs that may log in."""

    member, plural, path = "user", "users", "/v3/users"
    firm_filters: ClassVar[bool] = True
    extra_types: ClassVar[dict[str, Schema]] = {"description": nullable(text())}
    rules: ClassVar[dict[str, str]] = rules_of("user")
    kind = "user"
    own_query: ClassVar[frozenset[str]] = frozenset({"password_expires_at", *_NAMES_ELSEWHERE})
    id = Field(ID, on="show list")
    name = Field(NAME, required=True, match=True, sort=True)
    domain_id = Field(ID, match=True, sort=True)
    enabled = Field(BOOLEAN, take=SWITCH, read=switch, match=True, sort=True)
    default_project_id = Field(nullable({"type": "string", "maxLength": 64}), on="create update")
    password = Field(nullable(_PASSWORD), on="create update")
    password_expires_at = Field(
        nullable(_PASSWORD),
        on="show list",
        view=lambda _, row: None if row.password_expires_at is None else iso_naive(row.password_expires_at),
    )
    options = Field(_OPTIONS)
    federated = Field(array(_LINKS), on="create update")

    get = users.get
    list = lists(users.list_page)
    show = shows()
    create = creates(users.create, gather=hash_password)
    update = updates(users.update, gather=hash_password)
    delete = deletes(users.delete)

    def __init__(self, near: Near, groups: Groups, projects: Projects) -> None:
        super().__init__(near)
        self.groups, self.projects = groups, projects
        self.kept = not near.compliance.disable_user_account_days_inactive  # else `enabled` changes as time goes by

    def extend(self, request: Request, row: UserRow, view: dict[str, Any]) -> None:
        super().extend(request, row, view)
        view["enabled"] = compliance.is_enabled(self.near, row, clock())
        if row.default_project_id is not None:
            view["default_project_id"] = row.default_project_id
        if request.method == "PATCH":
            view["extra"] = row.extra
        if request.memo.get(_LINKED):
            view["federated"] = request.memo[_LINKED]

    def _make_show(self, name: str, d: Any, rule: str, common: dict[str, Any]) -> Operation:
        return _with_links(super()._make_show(name, d, rule, common))

    def _make_create(self, name: str, d: Any, rule: str, common: dict[str, Any]) -> Operation:
        return _with_links(super()._make_create(name, d, rule, common))

    def _make_list(self, name: str, d: Any, rule: str, common: dict[str, Any]) -> Operation:
        made = super()._make_list(name, d, rule, common)

        def decide(tx: Tx, request: Request) -> Any:
            asked = {name: request.query.one(name) or "" for name in _NAMES_ELSEWHERE}
            if any(asked.values()):
                request.memo[_KNOWN_AS] = federated_users.known_as(tx, **asked)
            assert made.decide is not None
            return made.decide(tx, request)

        return replace(made, decide=decide)

    def _make_update(self, name: str, d: Any, rule: str, common: dict[str, Any]) -> Operation:
        """The rule is asked before a password is hashed too: nobody makes the cloud work for nothing."""
        made = super()._make_update(name, d, rule, common)

        async def gather(request: Request) -> None:
            row = await self.near.db.read(access.user_or_none, request.params["user_id"])
            if row is not None:
                request.enforce(rule, self.policy_target(None, request, row))
            assert made.gather is not None
            await made.gather(request)

        return _with_links(replace(made, gather=gather))

    def more_filters(self, request: Request) -> Filters:
        """`password_expires_at=lt:2026-01-31T12:00:00Z`; and how identity providers know the user."""
        found = []
        if _KNOWN_AS in request.memo:
            found.append(Filter("id", "in", tuple(request.memo[_KNOWN_AS])))
        for asked in request.query.all("password_expires_at"):
            operator, _, moment = asked.partition(":")
            if not moment or operator not in _OPERATORS:
                raise refusals.bad_time()
            try:
                found.append(Filter("password_expires_at", _OPERATORS[operator], (parse(moment),)))
            except (ValueError, OverflowError):
                raise refusals.bad_time() from None
        return found

    def operations(self, dialect: Dialect) -> Operations:
        return [
            *super().operations(dialect),
            _op("POST", "password", "change_password", self.change_password, "Change one's own password.", public=True, body=_CHANGE, gather=self.check_passwords, answers=204),
            _op("DELETE", "tokens", "revoke_tokens", self._revoke_tokens, "Make all tokens of a user worthless.", asks="identity:revoke_tokens_for_user", answers=204),
            _op("GET", "groups", "list_groups", self._list_groups, "Groups that a user is in.", asks="identity:list_groups_for_user", gather=consult("user_id", "identity:list_groups_for_user", self), view=self._view_groups),
            _op("GET", "projects", "list_projects", self._list_projects, "Projects that a user has a role on.", asks="identity:list_user_projects", view=self.projects.view_list),
        ]  # fmt: skip

    async def check_passwords(self, request: Request) -> None:
        """The old password is looked at as at a login; that it has expired does not matter here."""
        near, given, id = self.near, request.body["user"], request.params["user_id"]
        passwords.check_length(given["password"])
        row, home = await near.db.read(find_with_home, near, {"id": id})
        if home is not None:
            await consulting.login(near, home, {"id": id}, given["original_password"], id, request.ctx.address)
            raise refusals.not_authorized()
        row, old = await near.db.read(_with_history, near, id)
        verified = await verify_password(near, row, {"id": id}, given["original_password"], request.ctx.address)
        compliance.check_strength(near, given["password"])
        assert row is not None
        compliance.check_own_change(near, row, clock())
        for hashed in old:
            if await near.passwords.verify(hashed, given["password"]):
                raise compliance.repeated(near)
        request.gathered = verified, await near.passwords.hash(given["password"])

    def change_password(self, tx: Tx, request: Request) -> None:
        """After `check_passwords`, in a transaction."""
        row = users.get(tx, self.near, request.ctx, request.params["user_id"])
        verified, hashed = request.gathered
        users.change_password(tx, self.near, request.ctx, row, verified, hashed)

    def _revoke_tokens(self, tx: Tx, request: Request) -> None:
        row = self.row(tx, request, "identity:revoke_tokens_for_user")
        revoking.revoke_all(tx, self.near, request.ctx, row)

    def _list_groups(self, tx: Tx, request: Request) -> Any:
        row = self.row(tx, request, "identity:list_groups_for_user")
        listing = self.groups.dialect.listing(request, self.groups)
        return groups.list_of_user(tx, self.near, request.ctx, row.id, listing), groups.ends_of(tx, row.id)

    def _view_groups(self, request: Request, found: tuple[Any, Mapping[str, int | None]]) -> Any:
        page, ends = found
        views = [
            self.groups.view(request, row, "list") | {"membership_expires_at": _moment(ends.get(row.id))}
            for row in page.rows
        ]
        return self.groups.dialect.listed(request, self.groups, views, page)

    def _list_projects(self, tx: Tx, request: Request) -> Any:
        row = self.row(tx, request, "identity:list_user_projects")
        return access.projects_of(tx, self.near, row.id, self.projects.dialect.listing(request, self.projects))


def _moment(at: int | None) -> str | None:
    return None if at is None else iso_naive(at)


def _with_links(made: Operation) -> Operation:
    """The same, with the names that identity providers have for the user at hand for the view."""

    def decide(tx: Tx, request: Request) -> Any:
        assert made.decide is not None
        row = made.decide(tx, request)
        request.memo[_LINKED] = federated_users.shown(tx, row.id)
        return row

    return replace(made, decide=decide)


def _op(method: str, below: str, name: str, decide: Any, summary: str, **more: Any) -> Operation:
    path = f"/v3/users/{{user_id}}/{below}"
    return Operation(method=method, path=path, name=name, resource="user", decide=decide, summary=summary, **more)
