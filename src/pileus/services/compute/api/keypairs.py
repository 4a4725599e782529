"""Key pairs of users."""

import asyncio
from typing import Any

from pileus.kernel.db import Page, Tx
from pileus.kernel.policy import Rule
from pileus.kernel.rest import Operation, Request, Schema, choice, obj, one, text
from pileus.kernel.types import Invalid, Listing, Sort, iso_naive
from pileus.services.compute.api.dialect import own_url
from pileus.services.compute.core import keypairs as core
from pileus.services.compute.core.neighbours import Neighbours
from pileus.services.compute.db.keypairs import KeypairRow

_API = "os_compute_api:os-keypairs"
_OWN_OR_ADMIN = "rule:context_is_admin or user_id:%(user_id)s"
RULES = [
    Rule("context_is_admin", "role:admin", "Administrators.", scopes=()),
    *(
        Rule(f"{_API}:{n}", _OWN_OR_ADMIN, f"To {n} key pairs.", scopes=())
        for n in ("index", "create", "delete", "show")
    ),
]
_NAME = text(255, 1, pattern=r"^(?! )[a-zA-Z0-9 _-]+(?<! )$")
_NAME_292 = text(255, 1, pattern=r"^(?! )[a-zA-Z0-9. _@-]+(?<! )$")
_ANY_QUERY: Schema = {"type": "object", "additionalProperties": True}


def _bodies() -> dict[str, Schema]:
    base: dict[str, Schema] = {"name": _NAME, "public_key": text()}
    typed = {**base, "type": choice("ssh", "x509")}
    owned = {**typed, "user_id": text(255)}
    bare = {**owned, "name": _NAME_292}
    return {
        "2.1": obj({"keypair": obj(base, ["name"])}, ["keypair"]),
        "2.2": obj({"keypair": obj(typed, ["name"])}, ["keypair"]),
        "2.10": obj({"keypair": obj(owned, ["name"])}, ["keypair"]),
        "2.92": obj({"keypair": obj(bare, ["name", "public_key"])}, ["keypair"]),
    }


def _queries() -> dict[str, Schema]:
    user = {"user_id": one(text())}
    paged = {**user, "limit": one(text(32, pattern="^[0-9]*$")), "marker": one(text())}
    return {
        "2.1": _ANY_QUERY,
        "2.10": {"type": "object", "properties": user, "additionalProperties": True},
        "2.35": {"type": "object", "properties": paged, "additionalProperties": True},
        "2.75": obj(paged),
    }


class Keypairs:
    """The operations; a key pair belongs to a user, not to a project, so the rules' target is its owner."""

    path = "/v2.1/os-keypairs"

    def __init__(self, near: Neighbours) -> None:
        self.near = near

    def operations(self) -> list[Operation]:
        item = self.path + "/{keypair_name}"
        common: dict[str, Any] = {"resource": "keypair"}
        return [
            Operation(method="GET", path=self.path, name="list", asks=f"{_API}:index", decide=self._list, view=self._listed, query=_queries(), summary="Key pairs of a user", **common),
            Operation(method="POST", path=self.path, name="create", asks=f"{_API}:create", gather=self._generate, decide=self._create, view=self._created, body=_bodies(), summary="Import or generate a key pair", until="2.1", **common),
            Operation(method="POST", path=self.path, name="create", asks=f"{_API}:create", gather=self._generate, decide=self._create, view=self._created, body=_bodies(), answers=201, summary="Import or generate a key pair", since="2.2", **common),
            Operation(method="GET", path=item, name="show", asks=f"{_API}:show", decide=self._show, view=self._shown, query=_queries(), summary="One key pair", **common),
            Operation(method="DELETE", path=item, name="delete", asks=f"{_API}:delete", decide=self._delete, answers=202, until="2.1", summary="Forget a key pair", **common),
            Operation(method="DELETE", path=item, name="delete", asks=f"{_API}:delete", decide=self._delete, answers=204, since="2.2", query=_queries(), summary="Forget a key pair", **common),
        ]  # fmt: skip

    def _owner(self, request: Request, asked: str | None) -> str:
        """Whose key pair is meant: `user_id` of administrators from 2.10 on, else the caller's."""
        if asked and request.version >= (2, 10):
            return asked
        return request.ctx.user_id

    def _enforce(self, request: Request, operation: str, user_id: str) -> None:
        request.enforce(f"{_API}:{operation}", {"user_id": user_id})

    def _list(self, tx: Tx, request: Request) -> Page[KeypairRow]:
        user_id = self._owner(request, request.query.one("user_id"))
        self._enforce(request, "index", user_id)
        paged = request.version >= (2, 35)
        limit = int(request.query.one("limit") or 0) if paged else 0
        asked = Listing(
            sort=(Sort("name"),), marker=request.query.one("marker") if paged else None, limit=min(limit or 1000, 1000)
        )
        return core.page(tx, asked, user_id)

    def _listed(self, request: Request, page: Page[KeypairRow]) -> Any:
        body: dict[str, Any] = {"keypairs": [{"keypair": self._short(request, row)} for row in page.rows]}
        if page.more:
            body["keypairs_links"] = [{"rel": "next", "href": self._next(request, page.rows[-1].name)}]
        return body

    def _next(self, request: Request, marker: str) -> str:
        limit = request.query.one("limit")
        return own_url(request, f"/os-keypairs?limit={limit or 1000}&marker={marker}")

    def _short(self, request: Request, row: KeypairRow) -> dict[str, Any]:
        view = {"name": row.name, "public_key": row.public_key, "fingerprint": row.fingerprint}
        return {**view, "type": row.type} if request.version >= (2, 2) else view

    async def _generate(self, request: Request) -> None:
        """A new key is made before the transaction: it takes a millisecond of a thread."""
        body = request.body["keypair"]
        self._enforce(request, "create", self._owner(request, body.get("user_id")))
        if "public_key" in body:
            request.gathered = (None, body["public_key"].strip())
        elif body.get("type") == "x509":
            raise Invalid(
                "Keypair data is invalid: x509 key pairs cannot be generated by this cloud; give a public_key"
            )
        else:
            request.gathered = await asyncio.to_thread(core.generate)

    def _create(self, tx: Tx, request: Request) -> KeypairRow:
        body = request.body["keypair"]
        return core.create(
            tx, self.near, request.ctx, self._owner(request, body.get("user_id")), body, request.gathered[1]
        )

    def _created(self, request: Request, row: KeypairRow) -> Any:
        view = {**self._short(request, row), "user_id": row.user_id}
        private = request.gathered[0]
        return {"keypair": {**view, "private_key": private} if private else view}

    def _show(self, tx: Tx, request: Request) -> KeypairRow:
        user_id = self._owner(request, request.query.one("user_id"))
        self._enforce(request, "show", user_id)
        return core.find(tx, user_id, request.params["keypair_name"])

    def _shown(self, request: Request, row: KeypairRow) -> Any:
        more = {
            "user_id": row.user_id, "id": row.id, "created_at": iso_naive(row.created_at), "deleted": False, "deleted_at": None, "updated_at": None,
        }  # fmt: skip
        return {"keypair": {**self._short(request, row), **more}}

    def _delete(self, tx: Tx, request: Request) -> None:
        user_id = self._owner(request, request.query.one("user_id"))
        self._enforce(request, "delete", user_id)
        core.delete(tx, request.ctx, core.find(tx, user_id, request.params["keypair_name"]))
