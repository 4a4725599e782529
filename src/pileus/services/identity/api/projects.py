"""Projects, their trees and tags."""

from collections.abc import Sequence
from typing import Any, ClassVar

from pileus.kernel.db import Page, Tx
from pileus.kernel.rest import (
    BOOLEAN,
    Answer,
    Dialect,
    Field,
    Operation,
    Request,
    array,
    creates,
    deletes,
    lists,
    nullable,
    obj,
    updates,
)
from pileus.kernel.types import Filter, Invalid
from pileus.services.identity.api.dialect import own_url
from pileus.services.identity.api.limits import limit_facts
from pileus.services.identity.api.noun import ID, IMMUTABLE, SHORT_NAME, SWITCH, TEXT, Filters, Noun, Operations, switch
from pileus.services.identity.core import access, limits, projects, trees
from pileus.services.identity.db.projects import ProjectRow

TAG = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[^,/]*$"}
TAGS = array(TAG, maximum=projects.MOST_TAGS, unique=True)
_FORMS = ("parents_as_list", "parents_as_ids", "subtree_as_list", "subtree_as_ids")


class Projects(Noun):
    """What owns things: projects, and domains as far as they act as projects."""

    member, plural, path = "project", "projects", "/v3/projects"
    firm_filters: ClassVar[bool] = True
    kept = True
    rules: ClassVar[dict[str, str]] = {
        "list": "identity:list_projects",
        "create": "identity:create_project",
        "update": "identity:update_project",
        "delete": "identity:delete_project",
    }
    own_query: ClassVar[frozenset[str]] = frozenset(projects.TAG_FILTERS)
    empty_update: ClassVar[bool] = True
    id = Field(ID, on="show list")
    name = Field(SHORT_NAME, required=True, match=True, sort=True)
    domain_id = Field(nullable(ID), match=True, view=lambda _, row: row.domain_id or None)
    description = Field(nullable(TEXT))
    enabled = Field(BOOLEAN, take=SWITCH, read=switch, match=True, sort=True)
    parent_id = Field(nullable(ID), match=True, view=lambda _, row: row.parent_id or None)
    is_domain = Field(BOOLEAN, take=SWITCH, read=switch, match=True)
    tags = Field(TAGS)
    options = Field(IMMUTABLE)

    get = projects.get
    list = lists(projects.list_page)
    create = creates(projects.create)
    update = updates(projects.update)
    delete = deletes(projects.delete)

    def facts(self, subject: Any) -> dict[str, Any]:
        found = super().facts(subject)
        if isinstance(subject, dict) and subject.get("is_domain"):
            found["domain_id"] = None
        return found

    def extend(self, request: Request, row: ProjectRow, view: dict[str, Any]) -> None:
        super().extend(request, row, view)
        if request.method == "PATCH":
            view["extra"] = row.extra

    def more_filters(self, request: Request) -> Filters:
        names = [name for name in projects.TAG_FILTERS if request.query.has(name)]
        return [Filter(name, "eq", (request.query.one(name),)) for name in names]

    def view_list(self, request: Request, page: Page[ProjectRow]) -> Any:
        return self.dialect.listed(request, self, [self.view(request, row, "list") for row in page.rows], page)

    def operations(self, dialect: Dialect) -> Operations:
        item, tags, tag = (
            "/v3/projects/{project_id}",
            "/v3/projects/{project_id}/tags",
            "/v3/projects/{project_id}/tags/{tag}",
        )
        return [
            *super().operations(dialect),
            _op("GET", item, "show", "get_project", self._show_tree, "One project, with its ancestors or descendants if asked for."),
            _op("GET", tags, "list_tags", "list_project_tags", self._list_tags, "Tags of a project."),
            _op("PUT", tags, "set_tags", "update_project_tags", self._set_tags, "Replace all tags.", body=obj({"tags": TAGS}, ["tags"])),
            _op("DELETE", tags, "remove_tags", "delete_project_tags", self._remove_tags, "Remove all tags.", answers=204),
            _op("GET", tag, "check_tag", "get_project_tag", self._check_tag, "Whether a project has a tag.", answers=204),
            _op("PUT", tag, "add_tag", "create_project_tag", self._add_tag, "Add a tag.", answers=201),
            _op("DELETE", tag, "remove_tag", "delete_project_tag", self._remove_tag, "Remove a tag.", answers=204),
        ]  # fmt: skip

    def _show_tree(self, tx: Tx, request: Request) -> Any:
        row: ProjectRow = self.row(tx, request, "identity:get_project")
        view = self.view(request, row)
        asked = {form for form in _FORMS if is_asked(request, form)}
        for kind in ("parents", "subtree"):
            if {f"{kind}_as_list", f"{kind}_as_ids"} <= asked:
                raise Invalid(f"Cannot use {kind}_as_list and {kind}_as_ids query params at the same time.")
        if "parents_as_ids" in asked:
            view["parents"] = trees.parents_as_ids(row)
        if "subtree_as_ids" in asked:
            view["subtree"] = trees.subtree_as_ids(tx, row)
        for kind, read in (("parents", trees.parents), ("subtree", trees.below)):
            if f"{kind}_as_list" in asked:
                view[kind] = self._list_tree(tx, request, read(tx, row))
        return {"project": view}

    def _list_tree(self, tx: Tx, request: Request, rows: Sequence[ProjectRow]) -> Any:
        """Those that the caller has a role on, with their limits if asked for."""
        mine = access.project_ids(tx, self.near, request.ctx.user_id)
        views = [self.view(request, row) for row in rows if row.id in mine]
        if is_asked(request, "include_limits"):
            found = limits.by_project(tx, [view["id"] for view in views])
            views = [{**view, "limits": [limit_facts(row) for row in found.get(view["id"], ())]} for view in views]
        return [{"project": view} for view in views]

    def _list_tags(self, tx: Tx, request: Request) -> Any:
        row = self.row(tx, request, "identity:list_project_tags")
        return {"links": {"self": own_url(request)}, "tags": row.tags}

    def _set_tags(self, tx: Tx, request: Request) -> Any:
        row = self.row(tx, request, "identity:update_project_tags")
        tags = projects.set_tags(tx, self.near, request.ctx, row, request.body["tags"])
        return {"links": {"self": own_url(request)}, "tags": tags}

    def _remove_tags(self, tx: Tx, request: Request) -> None:
        row = self.row(tx, request, "identity:delete_project_tags")
        projects.set_tags(tx, self.near, request.ctx, row, [])

    def _check_tag(self, tx: Tx, request: Request) -> None:
        projects.check_tag(self.row(tx, request, "identity:get_project_tag"), request.params["tag"])

    def _add_tag(self, tx: Tx, request: Request) -> Answer:
        row, tag = self.row(tx, request, "identity:create_project_tag"), request.params["tag"]
        if not tag or len(tag) > 255 or "," in tag or "/" in tag:
            raise Invalid(
                f"Invalid input for field 'tag': {tag[:255]!r} has no or too many characters, or a comma or slash"
            )
        projects.add_tag(tx, self.near, request.ctx, row, tag)
        return Answer(201, None, {"Location": own_url(request)})

    def _remove_tag(self, tx: Tx, request: Request) -> None:
        row = self.row(tx, request, "identity:delete_project_tag")
        projects.remove_tag(tx, self.near, request.ctx, row, request.params["tag"])


def is_asked(request: Request, name: str) -> bool:
    """Whether a bare query parameter is there; `=0` takes it back."""
    return request.query.has(name) and request.query.one(name) != "0"


def _op(method: str, path: str, name: str, rule: str, decide: Any, summary: str, **more: Any) -> Operation:
    """`rule` is asked by `decide`, once it has the row."""
    common: dict[str, Any] = {"resource": "project", "asks": f"identity:{rule}", "summary": summary}
    return Operation(method=method, path=path, name=name, decide=decide, **common, **more)
