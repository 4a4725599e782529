"""Query strings of server lists: filters, order and tags as Nova reads them."""

from pileus.kernel.rest import Request
from pileus.kernel.types import Filter, Invalid, Listing, Sort, parse, whole_number
from pileus.services.compute.core import states

_FILTERS_OF_USERS = frozenset(
    {"reservation_id", "name", "status", "image", "flavor", "ip", "changes-since", "all_tenants", "ip6", "tags", "tags-any", "not-tags", "not-tags-any",
     "changes-before", "access_ip_v4", "access_ip_v6", "availability_zone", "config_drive", "description", "key_name", "project_id", "tenant_id", "user_id",
     "vm_state", "task_state", "power_state", "uuid", "launch_index", "locked", "hostname"}
)  # fmt: skip
_COLUMNS = {
    "reservation_id": "reservation_id", "image": "image_id", "flavor": "flavor_id", "access_ip_v4": "access_ipv4", "access_ip_v6": "access_ipv6",
    "availability_zone": "zone", "config_drive": "config_drive", "key_name": "key_name", "user_id": "user_id", "vm_state": "vm_state",
    "task_state": "task_state", "power_state": "power_state", "uuid": "id", "launch_index": "launch_index", "host": "host", "node": "node_id",
    "root_device_name": "root_device", "hostname": "hostname", "project_id": "project_id", "tenant_id": "project_id",
}  # fmt: skip
_TEXTS = {"name": "name", "description": "description"}
_SORTS = {
    "access_ip_v4": "access_ipv4", "access_ip_v6": "access_ipv6", "auto_disk_config": "disk_config", "availability_zone": "zone",
    "config_drive": "config_drive", "created_at": "created_at", "display_description": "description", "display_name": "name", "host": "host",
    "hostname": "hostname", "image_ref": "image_id", "instance_type_id": "flavor_id", "key_name": "key_name", "launch_index": "launch_index",
    "launched_at": "launched_at", "locked_by": "locked_by", "locked": "locked_by", "node": "node_id", "power_state": "power_state", "progress": "progress",
    "project_id": "project_id", "root_device_name": "root_device", "task_state": "task_state", "terminated_at": "terminated_at",
    "updated_at": "updated_at", "user_id": "user_id", "uuid": "id", "vm_state": "vm_state",
}  # fmt: skip
_TAG_KEYS = ("tags", "tags-any", "not-tags", "not-tags-any")
DEFAULT = (Sort("created_at", descending=True), Sort("id", descending=True))


def asked_servers(request: Request, everyone: bool, any_filter: bool, limit: int | None) -> Listing:
    """The listing of a request; `everyone` leaves out the condition on the project, `any_filter` lets administrators use all filters."""
    return Listing(
        filters=_conditions(request, everyone, any_filter),
        sort=_order(request),
        marker=request.query.one("marker"),
        limit=limit,
    )


def asked_tags(request: Request) -> dict[str, list[str]]:
    if request.version < (2, 26):
        return {}
    return {key: [t for t in (request.query.one(key) or "").split(",") if t] for key in _TAG_KEYS}


def _conditions(request: Request, everyone: bool, any_filter: bool) -> tuple[Filter, ...]:
    found: list[Filter] = []
    for name in request.query.names():
        if any_filter or name in _FILTERS_OF_USERS:
            found += _condition(request, name, request.query.one(name) or "", everyone)
    if not everyone:
        found.append(Filter("project_id", "eq", (request.ctx.project_id,)))
    return tuple(found)


def _condition(request: Request, name: str, value: str, everyone: bool) -> list[Filter]:
    if name == "status":
        return _status_filters(request.query.all("status"))
    if name == "changes-since":
        return [Filter("updated_at", "gte", (time_of(name, value),))]
    if name == "changes-before" and request.version >= (2, 66):
        return [Filter("updated_at", "lte", (time_of(name, value),))]
    if name == "locked" and request.version >= (2, 73):
        return [Filter("locked_by", "ne" if flag(value) else "eq", (None,))]
    if name in _TEXTS:
        return [Filter(_TEXTS[name], "regex", (value,))]
    if name in _COLUMNS and (everyone or name not in ("project_id", "tenant_id")):
        return [Filter(_COLUMNS[name], "eq", (_typed(name, value),))]
    return []


def _order(request: Request) -> tuple[Sort, ...]:
    keys, directions = request.query.all("sort_key"), request.query.all("sort_dir")
    found = []
    for i, key in enumerate(keys):
        if key not in _SORTS:
            raise Invalid(
                f"Invalid input for query parameters sort_key. Value: {key}. {key!r} is not one of {sorted(_SORTS)}"
            )
        direction = directions[i] if i < len(directions) else (directions[-1] if directions else "desc")
        if direction not in ("asc", "desc"):
            raise Invalid(f"Invalid input for query parameters sort_dir. Value: {direction}. it must be asc or desc")
        found.append(Sort(_SORTS[key], direction == "desc"))
    return tuple(found) or DEFAULT


def flag(value: str | None) -> bool:
    lowered = (value or "").strip().lower()
    if lowered in ("", "1", "t", "true", "on", "y", "yes"):
        return True
    if lowered in ("0", "f", "false", "off", "n", "no"):
        return False
    raise Invalid(f"Invalid input for query parameters. Value: {value}. it must be a boolean")


def time_of(name: str, value: str) -> int:
    """A query parameter as microseconds. Raises `Invalid`."""
    try:
        return parse(value)
    except ValueError:
        raise Invalid(
            f"Invalid input for query parameters {name}. Value: {value}. {value!r} is not a 'date-time'"
        ) from None


def _status_filters(wanted: list[str]) -> list[Filter]:
    vm_states: list[str] = []
    tasks: list[str | None] = []
    for one in wanted:
        found = states.states_of(one)
        if found is None:
            continue
        vm_states += found
        tasks += states.tasks_of(one) or []
    if not vm_states:
        return [Filter("id", "in", ())]
    made = [Filter("vm_state", "in", tuple(vm_states))]
    if tasks and len(wanted) == 1:
        made.append(Filter("task_state", "in", tuple(tasks)))
    return made


def _typed(name: str, value: str) -> object:
    if name in ("power_state", "launch_index"):
        number = whole_number(value.removeprefix("-"), 2**31 - 1)
        if number is None:
            raise Invalid(f"Invalid input for query parameters {name}. Value: {value}. {value!r} is not an integer")
        return -number if value.startswith("-") else number
    if name == "config_drive":
        return flag(value)
    if name == "image":
        return value.rpartition("/")[2]
    return None if name == "task_state" and value == "None" else value
