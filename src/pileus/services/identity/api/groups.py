"""Groups and membership."""

from typing import Any, ClassVar

from pileus.kernel.db import Page, Tx
from pileus.kernel.rest import Field, Operation, Request, creates, deletes, lists, nullable, shows, updates
from pileus.kernel.types import NotFound
from pileus.services.identity.api.consulted import Consulted, consult
from pileus.services.identity.api.noun import ID, NAME, TEXT, Noun, rules_of
from pileus.services.identity.core import access, groups, refusals, users
from pileus.services.identity.db.groups import GroupRow
from pileus.services.identity.db.users import UserRow


class Groups(Consulted):
    """Users who are given roles together."""

    member, plural, path = "group", "groups", "/v3/groups"
    firm_filters: ClassVar[bool] = True
    kept = True
    rules: ClassVar[dict[str, str]] = rules_of("group")
    kind = "group"
    reveals: ClassVar[frozenset[str]] = frozenset({"identity:delete_group"})
    id = Field(ID, on="show list")
    name = Field(NAME, required=True, match=True, sort=True)
    domain_id = Field(ID, match=True, sort=True)
    description = Field(nullable(TEXT))

    get = groups.get
    list = lists(groups.list_page)
    show = shows()
    create = creates(groups.create)
    update = updates(groups.update)
    delete = deletes(groups.delete)


class Members:
    """`/v3/groups/{group_id}/users`: who is in a group."""

    def __init__(self, groups: Groups, users: Noun) -> None:
        self.groups, self.users, self.near = groups, users, groups.near

    def all_operations(self) -> list[Operation]:
        members, member = "/v3/groups/{group_id}/users", "/v3/groups/{group_id}/users/{user_id}"
        return [
            _op("GET", members, "list_members", self._list, asks="identity:list_users_in_group", summary="Users in a group.", gather=consult("group_id", "identity:list_users_in_group", self.groups), view=self._view),
            _op("GET", member, "check_member", self._check, asks="identity:check_user_in_group", summary="Whether a user is in a group.", gather=consult("group_id", "identity:check_user_in_group", self.groups), answers=204),
            _op("PUT", member, "add_member", self._add, asks="identity:add_user_to_group", summary="Put a user into a group.", answers=204),
            _op("DELETE", member, "remove_member", self._remove, asks="identity:remove_user_from_group", summary="Take a user out of a group.", answers=204),
        ]  # fmt: skip

    def _list(self, tx: Tx, request: Request) -> Page[UserRow]:
        row = self.groups.row(tx, request, "identity:list_users_in_group")
        return users.list_members(tx, self.near, request.ctx, row.id, self.users.dialect.listing(request, self.users))

    def _view(self, request: Request, page: Page[UserRow]) -> Any:
        views = [self.users.view(request, row, "list") for row in page.rows]
        return self.users.dialect.listed(request, self.users, views, page)

    def _check(self, tx: Tx, request: Request) -> None:
        group, user_id = self._parties(tx, request, "identity:check_user_in_group")
        groups.check_member(tx, group, user_id)

    def _add(self, tx: Tx, request: Request) -> None:
        group, user_id = self._parties(tx, request, "identity:add_user_to_group")
        groups.add_member(tx, self.near, request.ctx, group, user_id)

    def _remove(self, tx: Tx, request: Request) -> None:
        group, user_id = self._parties(tx, request, "identity:remove_user_from_group")
        groups.remove_member(tx, self.near, request.ctx, group, user_id)

    def _parties(self, tx: Tx, request: Request, rule: str) -> tuple[GroupRow, str]:
        """Both rows, after the rule saw both domains. Raises `NotFound`."""
        user_id, group_id = request.params["user_id"], request.params["group_id"]
        user = access.user_or_none(tx, user_id)
        try:
            group = groups.get(tx, self.near, request.ctx, group_id)
        except NotFound:
            request.enforce(rule, {"target": {}})
            raise
        facts: dict[str, Any] = {"group": self.groups.facts(group)}
        if user is not None:
            facts["user"] = self.users.facts(user)
        request.enforce(rule, {"target": facts})
        if user is None:
            raise refusals.missing("user", user_id)
        return group, user_id


def _op(method: str, path: str, name: str, decide: Any, summary: str, **more: Any) -> Operation:
    return Operation(method=method, path=path, name=name, resource="group", decide=decide, summary=summary, **more)
