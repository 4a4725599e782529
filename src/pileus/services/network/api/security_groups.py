"""`/v2.0/security-groups` and `/v2.0/security-group-rules`."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pileus.kernel.db import Database, Tx
from pileus.kernel.rest import Dialect, Request, creates, deletes, lists, shows, updates
from pileus.services.network.api.attributes import (
    ANY_TEXT,
    BOOL,
    INT,
    LIST,
    MOMENT_TEXT,
    NAME,
    TEXT,
    Attr,
    Kind,
    one_of,
)
from pileus.services.network.api.noun import Noun, Standard
from pileus.services.network.core import group_rules, groups
from pileus.services.network.core.neighbours import Near
from pileus.services.network.core.refusals import missing
from pileus.services.network.db import groups as group_rows

_ANYTHING = Kind({}, lambda value: value)
"""Judged by `core.group_rules`, in words of its own."""


class SecurityGroups(Standard):
    """Named sets of rules that ports carry."""

    stem, member, plural, path = "SecurityGroup", "security_group", "security_groups", "/v2.0/security-groups"
    rules = {
        "list": "",
        "show": "get_security_group",
        "create": "create_security_group",
        "update": "update_security_group",
        "delete": "delete_security_group",
    }

    name = Attr(NAME, default="", sort=True, match=True)
    stateful = Attr(BOOL, default=True, match=True)
    shared = Attr(BOOL, "show list", view=lambda _r, _row: False)
    group_rules = Attr(LIST, "show list", wire="security_group_rules", view=lambda _, row: [])

    get = groups.get
    list = lists(groups.page)
    show = shows()
    create = creates(groups.create, bulk=True)
    update = updates(groups.update)
    delete = deletes(groups.delete)

    def __init__(self, near: Near, db: Database) -> None:
        super().__init__(near)
        self.db = db
        self.of = SecurityGroupRules(near)

    def operations(self, dialect: Dialect) -> Any:
        """Looking for groups makes the project's default group, once."""
        self.of.operations(dialect)
        found = super().operations(dialect)
        return [replace(op, gather=self._default) if op.name == "list" else op for op in found]

    async def _default(self, request: Request) -> None:
        project_id = request.ctx.project_id
        if project_id and not await self.db.read(groups.has_default, project_id):
            await self.db.write(groups.default, self.near, request.ctx, project_id)

    def extend(self, request: Request, row: Any, view: dict[str, Any]) -> None:
        view["security_group_rules"] = [self.of.shown(request, rule) for rule in row.rules]


class SecurityGroupRules(Noun):
    """What a group lets through. A rule is never changed, only made and deleted."""

    stem, member, plural = "SecurityGroupRule", "security_group_rule", "security_group_rules"
    path = "/v2.0/security-group-rules"
    rules = {
        "list": "",
        "show": "get_security_group_rule",
        "create": "create_security_group_rule",
        "delete": "delete_security_group_rule",
    }

    group_id = Attr(_ANYTHING, "show list create", wire="security_group_id", required=True, sort=True, match=True)
    direction = Attr(one_of("ingress", "egress"), "show list create", required=True, sort=True, match=True)
    ethertype = Attr(_ANYTHING, "show list create", default="IPv4", sort=True, match=True)
    protocol = Attr(_ANYTHING, "show list create", default=None, sort=True, match=True)
    port_range_min = Attr(_ANYTHING, "show list create", default=None, sort=True, match=True)
    port_range_max = Attr(_ANYTHING, "show list create", default=None, sort=True, match=True)
    remote_ip_prefix = Attr(_ANYTHING, "show list create", default=None, sort=True, match=True)
    remote_group_id = Attr(_ANYTHING, "show list create", default=None, sort=True, match=True)
    normalized_cidr = Attr(ANY_TEXT, "show list", view=lambda _, row: group_rules.normalized(row))
    belongs_to_default = Attr(BOOL, "show list", wire="belongs_to_default_sg", match=True)
    description = Attr(TEXT, "show list create", default="", sort=True, match=True)
    revision_number = Attr(INT, "show list", sort=True, match=True)
    created_at = Attr(MOMENT_TEXT, "show list")
    updated_at = Attr(MOMENT_TEXT, "show list")

    get = group_rules.get
    list = lists(group_rules.page)
    show = shows()
    create = creates(group_rules.create, bulk=True)
    delete = deletes(group_rules.delete)

    def shown(self, request: Request, row: Any) -> dict[str, Any]:
        """Inside of its group: whole, whatever `fields` says."""
        plan = self.plan(request, "show")
        return {wire: getattr(row, column) if get is None else get(request, row) for wire, get, column in plan}

    def facts(self, tx: Tx | None, request: Request, subject: Any) -> Mapping[str, object]:
        if not isinstance(subject, dict):
            return {"security_group:project_id": subject.group_project_id}
        assert tx is not None
        asked = subject["group_id"]
        group = tx.row(group_rows.GET, id=asked) if isinstance(asked, str) else None
        if group is None:
            raise missing("SecurityGroup", str(asked))
        subject["group"] = group
        subject["fresh"] = request.memo.setdefault("fresh", [])
        return {"security_group:project_id": group.project_id}
