"""Metadata, tags, lock and state of a server, and its deletion by force."""

from typing import Any
from urllib.parse import quote

from pileus.kernel.db import Tx
from pileus.kernel.policy import Rule
from pileus.kernel.policy.defaults import ADMIN, PROJECT_MEMBER_OR_ADMIN, PROJECT_READER_OR_ADMIN
from pileus.kernel.rest import ANY, NULL, Answer, Operation, Request, Schema, choice, obj, text
from pileus.kernel.types import Invalid, NotFound
from pileus.services.compute.api.dialect import own_url
from pileus.services.compute.api.server_bodies import METADATA, TAGS
from pileus.services.compute.api.server_of import ITEM, server_of
from pileus.services.compute.core import belongings as core
from pileus.services.compute.core import servers as servers_core
from pileus.services.compute.core.neighbours import Neighbours
from pileus.services.compute.core.servers import refuse_state
from pileus.services.compute.db import servers
from pileus.services.compute.db.servers import ServerRow

_META, _TAGS, _LOCK = "os_compute_api:server-metadata", "os_compute_api:os-server-tags", "os_compute_api:os-lock-server"
_RESET, _DEFERRED = "os_compute_api:os-admin-actions:reset_state", "os_compute_api:os-deferred-delete"
RULES = [
    *(Rule(f"{_META}:{n}", PROJECT_READER_OR_ADMIN, "See a server's metadata.", scopes=()) for n in ("index", "show")),
    *(
        Rule(f"{_META}:{n}", PROJECT_MEMBER_OR_ADMIN, "Change a server's metadata.", scopes=())
        for n in ("create", "update", "update_all", "delete")
    ),
    *(Rule(f"{_TAGS}:{n}", PROJECT_READER_OR_ADMIN, "See a server's tags.", scopes=()) for n in ("index", "show")),
    *(
        Rule(f"{_TAGS}:{n}", PROJECT_MEMBER_OR_ADMIN, "Change a server's tags.", scopes=())
        for n in ("update", "update_all", "delete", "delete_all")
    ),
    *(Rule(f"{_LOCK}:{n}", PROJECT_MEMBER_OR_ADMIN, f"To {n} a server.", scopes=()) for n in ("lock", "unlock")),
    Rule(f"{_LOCK}:unlock:unlock_override", ADMIN, "Unlock what somebody else has locked.", scopes=()),
    Rule(_RESET, ADMIN, "Say what state a server is in.", scopes=()),
    *(
        Rule(f"{_DEFERRED}:{n}", PROJECT_MEMBER_OR_ADMIN, f"To {n.replace('_', ' ')} a server.", scopes=())
        for n in ("restore", "force_delete")
    ),
]
_ALL_METADATA = obj({"metadata": METADATA}, ["metadata"])
_ONE_METADATUM = obj({"meta": {**METADATA, "minProperties": 1, "maxProperties": 1}}, ["meta"])
_REASON = {"oneOf": [NULL, obj({"locked_reason": text(255, 1)})]}


class Belongings:
    def __init__(self, near: Neighbours) -> None:
        self.near = near

    def operations(self) -> list[Operation]:
        return [*self._metadata(), *self._tags(), *self._actions()]

    def _of(self, tx: Tx, request: Request, rule: str) -> ServerRow:
        return server_of(tx, self.near, request, rule)

    # --- metadata -------------------------------------------------------------------------------------------------

    def _metadata(self) -> list[Operation]:
        every, one = f"{ITEM}/metadata", f"{ITEM}/metadata/{{key}}"
        common: dict[str, Any] = {"resource": "server_metadata"}
        return [
            Operation(method="GET", path=every, name="list", decide=self._list_metadata, asks=f"{_META}:index", summary="A server's metadata", **common),
            Operation(method="POST", path=every, name="add", decide=self._add_metadata, asks=f"{_META}:create", body=_ALL_METADATA, summary="Add to it", **common),
            Operation(method="PUT", path=every, name="replace", decide=self._replace_metadata, asks=f"{_META}:update_all", body=_ALL_METADATA, summary="Replace it", **common),
            Operation(method="GET", path=one, name="show", decide=self._show_item, asks=f"{_META}:show", summary="One entry", **common),
            Operation(method="PUT", path=one, name="set", decide=self._set_item, asks=f"{_META}:update", body=_ONE_METADATUM, summary="Set one entry", **common),
            Operation(method="DELETE", path=one, name="delete", decide=self._drop_item, asks=f"{_META}:delete", answers=204, summary="Drop one entry", **common),
        ]  # fmt: skip

    def _list_metadata(self, tx: Tx, request: Request) -> Any:
        return {"metadata": self._of(tx, request, f"{_META}:index").metadata}

    def _add_metadata(self, tx: Tx, request: Request) -> Any:
        row = self._of(tx, request, f"{_META}:create")
        wanted = {**row.metadata, **request.body["metadata"]}
        return {"metadata": core.set_metadata(tx, self.near, request.ctx, row, wanted)}

    def _replace_metadata(self, tx: Tx, request: Request) -> Any:
        row = self._of(tx, request, f"{_META}:update_all")
        return {"metadata": core.set_metadata(tx, self.near, request.ctx, row, request.body["metadata"])}

    def _show_item(self, tx: Tx, request: Request) -> Any:
        row, key = self._of(tx, request, f"{_META}:show"), request.params["key"]
        return {"meta": {key: core.item(row, key)}}

    def _set_item(self, tx: Tx, request: Request) -> Any:
        row, meta = self._of(tx, request, f"{_META}:update"), request.body["meta"]
        if request.params["key"] not in meta:
            raise Invalid("Request body and URI mismatch")
        core.set_metadata(tx, self.near, request.ctx, row, {**row.metadata, **meta})
        return {"meta": meta}

    def _drop_item(self, tx: Tx, request: Request) -> None:
        row = self._of(tx, request, f"{_META}:delete")
        core.drop_item(tx, self.near, request.ctx, row, request.params["key"])

    # --- tags -----------------------------------------------------------------------------------------------------

    def _tags(self) -> list[Operation]:
        every, one = f"{ITEM}/tags", f"{ITEM}/tags/{{tag}}"
        common: dict[str, Any] = {"resource": "server_tag", "since": "2.26"}
        body = obj({"tags": TAGS}, ["tags"])
        return [
            Operation(method="GET", path=every, name="list", decide=self._list_tags, asks=f"{_TAGS}:index", summary="A server's tags", **common),
            Operation(method="PUT", path=every, name="replace", decide=self._replace_tags, asks=f"{_TAGS}:update_all", body=body, summary="Replace them", **common),
            Operation(method="DELETE", path=every, name="clear", decide=self._clear_tags, asks=f"{_TAGS}:delete_all", answers=204, summary="Drop all", **common),
            Operation(method="GET", path=one, name="show", decide=self._show_tag, asks=f"{_TAGS}:show", answers=204, summary="Whether it has a tag", **common),
            Operation(method="PUT", path=one, name="add", decide=self._add_tag, asks=f"{_TAGS}:update", view=self._added_tag, summary="Add one", **common),
            Operation(method="DELETE", path=one, name="delete", decide=self._drop_tag, asks=f"{_TAGS}:delete", answers=204, summary="Drop one", **common),
        ]  # fmt: skip

    def _list_tags(self, tx: Tx, request: Request) -> Any:
        row = self._of(tx, request, f"{_TAGS}:index")
        return {"tags": servers.tags_of(tx, [row.id])[row.id]}

    def _replace_tags(self, tx: Tx, request: Request) -> Any:
        row = self._of(tx, request, f"{_TAGS}:update_all")
        return {"tags": core.set_tags(tx, request.ctx, row, request.body["tags"])}

    def _clear_tags(self, tx: Tx, request: Request) -> None:
        core.set_tags(tx, request.ctx, self._of(tx, request, f"{_TAGS}:delete_all"), ())

    def _show_tag(self, tx: Tx, request: Request) -> None:
        row, tag = self._of(tx, request, f"{_TAGS}:show"), request.params["tag"]
        if tag not in servers.tags_of(tx, [row.id])[row.id]:
            raise core.missing_tag(row, tag)

    def _add_tag(self, tx: Tx, request: Request) -> bool:
        row, tag = self._of(tx, request, f"{_TAGS}:update"), request.params["tag"]
        if not tag or len(tag) > 60 or "," in tag or "/" in tag:
            raise Invalid(
                f"Tag '{tag[:80]}' is invalid. It must be a non empty string without characters '/' and ',', of 60 characters at most."
            )
        return core.add_tag(tx, request.ctx, row, tag)

    def _added_tag(self, request: Request, new: bool) -> Answer:
        where = own_url(request, f"/servers/{request.target.id}/tags/{quote(request.params['tag'])}")
        return Answer(201, None, {"Location": where}) if new else Answer(204)

    def _drop_tag(self, tx: Tx, request: Request) -> None:
        core.drop_tag(tx, request.ctx, self._of(tx, request, f"{_TAGS}:delete"), request.params["tag"])

    # --- actions --------------------------------------------------------------------------------------------------

    def _actions(self) -> list[Operation]:
        def action(key: str, rule: str, decide: Any, value: Schema, since: str = "", until: str = "") -> Operation:
            return Operation(
                method="POST", path=f"{ITEM}/action", name=key, resource="server", action=key, decide=decide, asks=rule, answers=202, since=since, until=until,
                body=obj({key: value}, [key]), summary=(decide.__doc__ or "").rstrip("."),
            )  # fmt: skip

        return [
            action("lock", f"{_LOCK}:lock", self._lock, ANY, until="2.72"),
            action("lock", f"{_LOCK}:lock", self._lock, _REASON, since="2.73"),
            action("unlock", f"{_LOCK}:unlock", self._unlock, ANY),
            action("os-resetState", _RESET, self._reset, obj({"state": choice("active", "error")}, ["state"])),
            action("forceDelete", f"{_DEFERRED}:force_delete", self._force_delete, ANY),
            action("restore", f"{_DEFERRED}:restore", self._restore, ANY),
        ]

    def _lock(self, tx: Tx, request: Request) -> None:
        """Keep all but administrators from working with it."""
        row, value = self._of(tx, request, f"{_LOCK}:lock"), request.body["lock"]
        reason = value.get("locked_reason") if request.version >= (2, 73) and isinstance(value, dict) else None
        core.lock(tx, request.ctx, row, reason)

    def _unlock(self, tx: Tx, request: Request) -> None:
        """Let everybody work with it again."""
        row = self._of(tx, request, f"{_LOCK}:unlock")
        if core.locked_by_another(request.ctx, row):
            request.enforce(f"{_LOCK}:unlock:unlock_override", {"project_id": row.project_id})
        core.unlock(tx, request.ctx, row)

    def _reset(self, tx: Tx, request: Request) -> None:
        """Say what state it is in."""
        core.reset_state(tx, request.ctx, self._of(tx, request, _RESET), request.body["os-resetState"]["state"])

    def _force_delete(self, tx: Tx, request: Request) -> None:
        """Delete at once: this cloud keeps no deleted servers."""
        servers_core.delete(tx, self.near, request.ctx, self._of(tx, request, f"{_DEFERRED}:force_delete"))

    def _restore(self, tx: Tx, request: Request) -> None:
        """Bring back a deleted server that is still kept; this cloud keeps none, as Nova without `reclaim_instance_interval`."""
        refuse_state(self._of(tx, request, f"{_DEFERRED}:restore"), "restore", ["soft-delete"])
        raise NotFound("There is nothing to restore.")
