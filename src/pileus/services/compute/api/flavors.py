"""Flavors, their extra specs and their access lists."""

from typing import Any

from pileus.kernel.db import Page, Tx
from pileus.kernel.policy import Rule
from pileus.kernel.policy.defaults import ADMIN, ANYBODY
from pileus.kernel.rest import (
    BOOLEAN,
    Field,
    Request,
    Resource,
    action,
    creates,
    deletes,
    integer,
    lists,
    nullable,
    obj,
    route,
    shows,
    text,
    updates,
)
from pileus.kernel.types import Ctx, Invalid, Listing, NotFound, Sort, whole_number
from pileus.services.compute.api.dialect import links
from pileus.services.compute.core import flavors as core
from pileus.services.compute.core.neighbours import Neighbours
from pileus.services.compute.db import flavors as rows
from pileus.services.compute.db.flavors import FlavorRow

SPECS = "os_compute_api:os-flavor-extra-specs"
RULES = [
    *(Rule(f"os_compute_api:flavors:{n}", ANYBODY, "See flavors.", scopes=()) for n in ("index", "show")),
    *(
        Rule(f"os_compute_api:os-flavor-manage:{n}", ADMIN, f"To {n} flavors.", scopes=())
        for n in ("create", "update", "delete")
    ),
    *(Rule(f"{SPECS}:{n}", ANYBODY, "See extra specs.", scopes=()) for n in ("index", "show")),
    *(Rule(f"{SPECS}:{n}", ADMIN, "Change extra specs.", scopes=()) for n in ("create", "update", "delete")),
    *(
        Rule(f"os_compute_api:os-flavor-access{n}", ADMIN, "Access to private flavors.", scopes=())
        for n in (":add_tenant_access", ":remove_tenant_access", "")
    ),
]
_NAME = text(255, 1, pattern=r"^(?![\s])[\s\S]*[^\s]$")
_ID = {
    "oneOf": [
        {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^(?! )[a-zA-Z0-9. _-]*(?<! )$"},
        integer(),
        {"type": "null"},
    ]
}
_NUMBER = {"type": ["integer", "string"], "maxLength": 32, "pattern": "^[0-9]+$", "minimum": 0, "maximum": 2147483647}
_POSITIVE = {**_NUMBER, "minimum": 1}
_SPEC_KEY = r"^[a-zA-Z0-9-_:. ]{1,255}$"
_SPEC_VALUE = {"type": ["string", "number"], "maxLength": 255}


def _id(value: Any) -> Any:
    return None if value is None else str(value)


def _number(least: int) -> Any:
    def read(value: Any) -> int:
        number = int(value)
        if not least <= number <= 2147483647:
            raise ValueError(f"{number} is not between {least} and 2147483647")
        return number

    return read


def _ratio(value: Any) -> float:
    number = float(value)
    if not 0 < number <= 3.40282e38:
        raise ValueError(f"{number} is not a positive number")
    return number


def is_public(text_: str | None, ctx: Ctx) -> bool | None:
    """The query's `is_public`: `none` (administrators: all), a boolean, or nothing (public)."""
    if text_ is None:
        return True
    lowered = text_.strip().lower()
    if lowered == "none":
        return None
    if lowered in ("1", "t", "true", "on", "y", "yes"):
        return True
    if lowered in ("0", "f", "false", "off", "n", "no"):
        return False
    raise Invalid(f"Invalid is_public filter [{text_}]")


def _page(tx: Tx, near: Neighbours, ctx: Ctx, listing: Listing) -> Page[FlavorRow]:
    wanted = listing.first("is_public")
    return core.page(tx, near, ctx, listing.without("is_public"), wanted if isinstance(wanted, bool) else None)


def _specs(tx: Tx, near: Neighbours, request: Request) -> Any:
    return {"extra_specs": request.target.extra_specs}


def _spec(tx: Tx, near: Neighbours, request: Request) -> Any:
    specs, key = request.target.extra_specs, request.params["key"]
    if key not in specs:
        raise NotFound(f"Flavor {request.target.id} has no extra specs with key {key}.")
    return {key: specs[key]}


def _checked(specs: dict[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in specs.items()}


def _add_specs(tx: Tx, near: Neighbours, request: Request) -> Any:
    specs = _checked(request.body["extra_specs"])
    core.set_specs(tx, request.ctx, request.target, specs)
    return {"extra_specs": specs}


def _set_spec(tx: Tx, near: Neighbours, request: Request) -> Any:
    key = request.params["key"]
    if list(request.body) != [key]:
        raise Invalid("Request body and URI mismatch: the body must have exactly the key that the path names")
    core.set_specs(tx, request.ctx, request.target, _checked(request.body))
    return _checked(request.body)


def _drop_spec(tx: Tx, near: Neighbours, request: Request) -> None:
    core.drop_spec(tx, request.ctx, request.target, request.params["key"])


def _access(tx: Tx, row: FlavorRow) -> dict[str, Any]:
    return {"flavor_access": [{"flavor_id": row.id, "tenant_id": p} for p in rows.projects_with_access(tx, row.id)]}


def _list_access(tx: Tx, near: Neighbours, request: Request) -> Any:
    if request.target.is_public:
        raise NotFound("Access list not available for public flavors.")
    return _access(tx, request.target)


def _grant(tx: Tx, near: Neighbours, ctx: Ctx, row: FlavorRow, want: dict[str, str]) -> Any:
    core.grant(tx, ctx, row, want["tenant"])
    return _access(tx, row)


def _revoke(tx: Tx, near: Neighbours, ctx: Ctx, row: FlavorRow, want: dict[str, str]) -> Any:
    core.revoke(tx, ctx, row, want["tenant"])
    return _access(tx, row)


class Flavors(Resource[Neighbours]):
    """Sizes of servers."""

    member, plural, path = "flavor", "flavors", "/v2.1/flavors"
    rules = {
        "create": "os_compute_api:os-flavor-manage:create",
        "update": "os_compute_api:os-flavor-manage:update",
        "delete": "os_compute_api:os-flavor-manage:delete",
        "specs": f"{SPECS}:index",
        "spec": f"{SPECS}:show",
        "add_specs": f"{SPECS}:create",
        "set_spec": f"{SPECS}:update",
        "drop_spec": f"{SPECS}:delete",
        "access": "os_compute_api:os-flavor-access",
        "grant": "os_compute_api:os-flavor-access:add_tenant_access",
        "revoke": "os_compute_api:os-flavor-access:remove_tenant_access",
    }
    default_sort = (Sort("id"),)
    own_query = frozenset({"is_public", "minRam", "minDisk"})

    id = Field(_ID, on="show list create", read=_id, sort=True, wire="id")
    flavorid = Field(text(), on="", sort=True, column="id")
    name = Field(_NAME, on="show list create", required=True, sort=True)
    ram = Field(_POSITIVE, on="show create", required=True, read=_number(1))
    memory_mb = Field(integer(), on="", sort=True, column="ram")
    vcpus = Field(_POSITIVE, on="show create", required=True, sort=True, read=_number(1))
    disk = Field(_NUMBER, on="show create", required=True, read=_number(0))
    root_gb = Field(integer(), on="", sort=True, column="disk")
    swap = Field(
        _NUMBER,
        on="show create",
        default=0,
        sort=True,
        read=_number(0),
        view=lambda request, row: row.swap or ("" if request.version < (2, 75) else 0),
    )
    ephemeral = Field(_NUMBER, on="show create", wire="OS-FLV-EXT-DATA:ephemeral", default=0, read=_number(0))
    disabled = Field(BOOLEAN, on="show", wire="OS-FLV-DISABLED:disabled", sort=True)
    is_public = Field(
        {"type": ["boolean", "string"]},
        on="show create",
        wire="os-flavor-access:is_public",
        default=True,
        read=lambda v: v if isinstance(v, bool) else bool(is_public(v, Ctx())),
    )
    rxtx_factor = Field(
        {"type": ["number", "string"], "pattern": r"^[0-9]+(\.[0-9]+)?$"},
        on="show create",
        default=1.0,
        sort=True,
        read=_ratio,
    )
    description = Field(nullable(text(65535)), on="show list create", since="2.55", default=None)
    changed = Field(nullable(text(65535)), on="update", wire="description", since="2.55")
    created_at = Field(text(), on="", sort=True)
    updated_at = Field(text(), on="", sort=True)

    get = core.get
    list = lists(_page)
    detail = lists(_page, path="/detail")
    show = shows()
    create = creates(core.create, answers=200)
    update = updates(
        lambda tx, near, ctx, row, want: core.update(tx, near, ctx, row, {"description": want["changed"]}),
        since="2.55",
        body=obj({"flavor": obj({"description": nullable(text(65535))}, ["description"])}, ["flavor"]),
    )
    delete = deletes(core.delete, answers=202)
    specs = route("GET", "/{flavor_id}/os-extra_specs", _specs)
    spec = route("GET", "/{flavor_id}/os-extra_specs/{key}", _spec)
    add_specs = route(
        "POST",
        "/{flavor_id}/os-extra_specs",
        _add_specs,
        body=obj({"extra_specs": obj(patterns={_SPEC_KEY: _SPEC_VALUE})}, ["extra_specs"]),
    )
    set_spec = route("PUT", "/{flavor_id}/os-extra_specs/{key}", _set_spec, body=obj(patterns={_SPEC_KEY: _SPEC_VALUE}))
    drop_spec = route("DELETE", "/{flavor_id}/os-extra_specs/{key}", _drop_spec)
    access = route("GET", "/{flavor_id}/os-flavor-access", _list_access)
    grant = action("addTenantAccess", _grant, answers=200, body=obj({"tenant": text(255, 1)}, ["tenant"]))
    revoke = action("removeTenantAccess", _revoke, answers=200, body=obj({"tenant": text(255, 1)}, ["tenant"]))

    def own_filters(self, request: Request, asked: Listing) -> Listing:
        """`is_public`, `minRam` and `minDisk`."""
        wanted = is_public(request.query.one("is_public"), request.ctx)
        asked = asked.also("is_public", "eq", "all" if wanted is None else wanted)
        for name, column in (("minRam", "ram"), ("minDisk", "disk")):
            given = request.query.one(name)
            if given is not None:
                least = whole_number(given)
                if least is None:
                    raise Invalid(f"Invalid {name} filter [{given}]")
                asked = asked.also(column, "gte", least)
        return asked

    def extend(self, request: Request, row: FlavorRow, view: dict[str, Any]) -> None:
        view["links"] = links(request, "flavors", row.id)
        if "vcpus" in view and request.version >= (2, 61) and request.may(f"{SPECS}:index"):
            view["extra_specs"] = row.extra_specs
