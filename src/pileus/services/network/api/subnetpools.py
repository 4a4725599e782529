"""`/v2.0/subnetpools`."""

from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.rest import Request, creates, deletes, lists, route, shows, updates
from pileus.kernel.types import Invalid
from pileus.services.network.api.attributes import BOOL, ID, INT, MTU, Attr, Kind, or_null, string
from pileus.services.network.api.noun import Standard, Want, match_revision
from pileus.services.network.core import subnetpools as core
from pileus.services.network.core.addresses import block_of
from pileus.services.network.core.neighbours import Near
from pileus.services.network.core.refusals import missing
from pileus.services.network.db.subnetpools import PoolRow


def _name(value: Any) -> str:
    name: str = string(255).read(value)
    if not name.strip():
        raise ValueError(f"'{value}' Blank strings are not permitted.")
    return name


def _prefixes(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise ValueError(f"'{value}' is not a list.")
    found = []
    for one in value:
        try:
            if not isinstance(one, str) or "/" not in one:
                raise ValueError
            found.append(str(block_of(one)))
        except ValueError:
            raise ValueError(f"'{one}' is not a valid IP subnet.") from None
    return found


_NAME = Kind({"type": "string", "minLength": 1, "maxLength": 255}, _name)
_PREFIXES = Kind({"type": "array", "items": {"type": "string"}}, _prefixes)


def _text(name: str) -> Any:
    """Lengths are shown as text."""

    def get(request: Request, row: Any) -> str:
        return str(getattr(row, name))

    return get


def _listed(body: Any) -> list[str]:
    asked = body.get("prefixes") if isinstance(body, dict) else None
    if asked is None:
        raise Invalid("Request body contains invalid data", type="HTTPBadRequest")
    try:
        return _prefixes(asked)
    except ValueError as e:
        raise Invalid(f"Invalid input for prefixes. Reason: {e}", type="HTTPBadRequest") from None


def _add(tx: Tx, near: Near, request: Request) -> Any:
    """Add prefixes to the pool."""
    match_revision(request, request.target)
    row: PoolRow = request.target
    return {"prefixes": list(core.add_prefixes(tx, request.ctx, row, _listed(request.body)).prefixes)}


def _drop(tx: Tx, near: Near, request: Request) -> Any:
    """Take prefixes from the pool."""
    match_revision(request, request.target)
    row: PoolRow = request.target
    return {"prefixes": list(core.drop_prefixes(tx, request.ctx, row, _listed(request.body)).prefixes)}


class SubnetPools(Standard):
    """Prefixes from which subnets are cut."""

    stem, member, plural, path = "SubnetPool", "subnetpool", "subnetpools", "/v2.0/subnetpools"
    rules = {
        "list": "",
        "show": "get_subnetpool",
        "create": "create_subnetpool",
        "update": "update_subnetpool",
        "delete": "delete_subnetpool",
        "add": "add_prefixes",
        "drop": "remove_prefixes",
    }

    name = Attr(_NAME, required=True, sort=True, match=True)
    prefixes = Attr(_PREFIXES, required=True, view=lambda _, row: list(row.prefixes))
    ip_version = Attr(INT, "show list", sort=True, match=True)
    min_prefixlen = Attr(MTU, sort=True, match=True, view=_text("min_prefixlen"))
    max_prefixlen = Attr(MTU, sort=True, match=True, view=_text("max_prefixlen"))
    default_prefixlen = Attr(MTU, sort=True, match=True, view=_text("default_prefixlen"))
    default_quota = Attr(or_null(MTU), sort=True, match=True)
    is_default = Attr(
        BOOL,
        default=False,
        sort=True,
        match=True,
        guard={"create": "create_subnetpool:is_default", "update": "update_subnetpool:is_default"},
    )
    shared = Attr(
        BOOL, "show list create", default=False, sort=True, match=True, guard={"create": "create_subnetpool:shared"}
    )
    address_scope_id = Attr(or_null(ID), view=lambda _r, _row: None)

    get = core.get
    list = lists(core.page)
    show = shows()
    create = creates(core.create, bulk=True)
    update = updates(core.update)
    delete = deletes(core.delete)
    add = route("PUT", "/{subnetpool_id}/add_prefixes", _add, body={})
    drop = route("PUT", "/{subnetpool_id}/remove_prefixes", _drop, body={})

    def want(self, request: Request, operation: str, raw: Any) -> Want:
        want = super().want(request, operation, raw)
        scope = want.pop("address_scope_id", None)
        if scope is not None:
            raise missing("AddressScope", scope)
        return want
