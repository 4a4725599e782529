"""Servers: the noun that all others serve."""

import hashlib
from typing import Any

from pileus.contracts.network import PortInfo
from pileus.drivers.hypervisor.protocol import Hypervisor
from pileus.kernel.db import Page, Tx
from pileus.kernel.policy import Rule
from pileus.kernel.policy.defaults import ADMIN, PROJECT_MEMBER_OR_ADMIN, PROJECT_READER_OR_ADMIN
from pileus.kernel.rest import (
    ANY,
    MOMENT,
    Answer,
    Field,
    Operation,
    Request,
    Resource,
    Target,
    action,
    choice,
    deletes,
    integer,
    nullable,
    obj,
    text,
    updates,
)
from pileus.kernel.types import Conflict, Ctx, Sort, iso, iso_naive
from pileus.services.compute.api.dialect import bookmark, links, own_url
from pileus.services.compute.api.server_bodies import METADATA, NAME, create_body, read_create
from pileus.services.compute.api.server_lists import asked_servers, asked_tags, flag
from pileus.services.compute.core import building, power, states
from pileus.services.compute.core import servers as core
from pileus.services.compute.core.neighbours import Neighbours
from pileus.services.compute.db import groups, hosts, servers
from pileus.services.compute.db.servers import ServerRow

_API = "os_compute_api:servers"
EXTENDED = "os_compute_api:os-extended-server-attributes"
_PLAIN = ("index", "detail", "show")
RULES = [
    *(Rule(f"{_API}:{n}", PROJECT_READER_OR_ADMIN, "See servers.", scopes=()) for n in _PLAIN),
    *(
        Rule(f"{_API}:{n}", PROJECT_MEMBER_OR_ADMIN, "Work with servers.", scopes=())
        for n in ("create", "update", "delete", "start", "stop", "reboot")
    ),
    *(
        Rule(f"{_API}:{n}:get_all_tenants", ADMIN, "See the servers of all projects.", scopes=())
        for n in ("index", "detail")
    ),
    Rule(f"{_API}:allow_all_filters", ADMIN, "Filter by anything.", scopes=()),
    Rule(f"{_API}:create:forced_host", ADMIN, "Name the host in the availability zone.", scopes=()),
    Rule(
        "compute:servers:create:requested_destination", ADMIN, "Name the host that the scheduler must take.", scopes=()
    ),
    Rule(f"{_API}:create:attach_network", PROJECT_MEMBER_OR_ADMIN, "Attach networks at creation.", scopes=()),
    Rule(f"{_API}:show:host_status", ADMIN, "See the state of a server's host.", scopes=()),
    Rule(f"{_API}:show:flavor-extra-specs", PROJECT_READER_OR_ADMIN, "See extra specs in servers.", scopes=()),
    Rule("os_compute_api:os-console-output", PROJECT_MEMBER_OR_ADMIN, "Read the console's log.", scopes=()),
    Rule(EXTENDED, ADMIN, "See hosts and names of hypervisors.", scopes=()),
]
_LENGTH = obj({"length": {"type": ["integer", "string", "null"], "maxLength": 32, "pattern": "^-?[0-9]+$"}})


class ServerView:
    """What views of one request share: ports, tags and hosts of all its servers, read in one query each."""

    def __init__(self, tx: Tx, near: Neighbours, rows: list[ServerRow]) -> None:
        ids = [row.id for row in rows]
        self.ports: dict[str, tuple[PortInfo, ...]] = near.network.ports_of(tx, ids) if ids else {}
        self.tags = servers.tags_of(tx, ids)
        self.groups = groups.groups_of(tx, ids) if len(ids) == 1 else {}
        self.hosts = hosts.by_ids(tx, sorted({row.node_id for row in rows if row.node_id}))


def host_id(project_id: str, host: str | None) -> str:
    """A word for the host that differs between projects."""
    return hashlib.sha224((project_id + host).encode()).hexdigest() if host else ""


def addresses(ports: tuple[PortInfo, ...]) -> dict[str, list[dict[str, Any]]]:
    """Addresses by network's name, floating ones after the fixed."""
    found: dict[str, list[dict[str, Any]]] = {}
    for port in ports:
        there = found.setdefault(port.network_name, [])
        for kind, pairs in (("fixed", [a for _, a in port.fixed_ips]), ("floating", [a for _, a in port.floating])):
            for address in pairs:
                version = 6 if ":" in address else 4
                there.append(
                    {"version": version, "addr": address, "OS-EXT-IPS:type": kind, "OS-EXT-IPS-MAC:mac_addr": port.mac}
                )
    return found


def _console(raw: bytes, lines: int | None) -> str:
    shown = raw.decode("utf-8", "replace").replace("\r\n", "\n")
    shown = "".join(c for c in shown if c in "\n\t" or c >= " ")
    if lines is None or lines < 0:
        return shown
    return "\n".join(shown.splitlines()[-lines:]) + ("\n" if shown.endswith("\n") and lines else "") if lines else ""


class Servers(Resource[Neighbours]):
    """Virtual machines of a project."""

    member, plural, path = "server", "servers", "/v2.1/servers"
    rules = {
        "list": f"{_API}:index", "detail": f"{_API}:detail", "show": f"{_API}:show", "update": f"{_API}:update", "delete": f"{_API}:delete",
        "start": f"{_API}:start", "stop": f"{_API}:stop", "reboot": f"{_API}:reboot",
    }  # fmt: skip
    default_sort = (Sort("created_at", descending=True), Sort("id", descending=True))
    default_direction = "desc"

    id = Field(text(), on="show list")
    name = Field(NAME, on="show list update")
    status = Field(text(), on="show", view=lambda request, row: states.status(row.vm_state, row.task_state))
    tenant_id = Field(text(), on="show", column="project_id")
    user_id = Field(text(), on="show")
    metadata = Field(METADATA, on="show")
    host_id = Field(text(), on="show", wire="hostId", view=lambda request, row: host_id(row.project_id, row.host))
    created = Field(MOMENT, on="show", column="created_at")
    updated = Field(MOMENT, on="show", column="updated_at")
    access_ipv4 = Field(
        {"type": "string", "anyOf": [{"format": "ipv4"}, {"maxLength": 0}]}, on="show update", wire="accessIPv4"
    )
    access_ipv6 = Field(
        {"type": "string", "anyOf": [{"format": "ipv6"}, {"maxLength": 0}]}, on="show update", wire="accessIPv6"
    )
    disk_config = Field(choice("AUTO", "MANUAL"), on="show update", wire="OS-DCF:diskConfig")
    zone = Field(
        text(),
        on="show",
        wire="OS-EXT-AZ:availability_zone",
        view=lambda request, row: row.zone if row.host else row.pinned_zone or "",
    )
    config_drive = Field(text(), on="show", view=lambda request, row: "True" if row.config_drive else "")
    key_name = Field(nullable(text()), on="show")
    launched_at = Field(
        nullable(text()), on="show", wire="OS-SRV-USG:launched_at", view=lambda request, row: _naive(row.launched_at)
    )
    terminated_at = Field(
        nullable(text()),
        on="show",
        wire="OS-SRV-USG:terminated_at",
        view=lambda request, row: _naive(row.terminated_at),
    )
    host = Field(nullable(text()), on="show", wire="OS-EXT-SRV-ATTR:host", rule=EXTENDED)
    instance_name = Field(
        text(),
        on="show",
        wire="OS-EXT-SRV-ATTR:instance_name",
        rule=EXTENDED,
        view=lambda request, row: core.guest_name(row.id),
    )
    power_state = Field(integer(), on="show", wire="OS-EXT-STS:power_state")
    task_state = Field(nullable(text()), on="show", wire="OS-EXT-STS:task_state")
    vm_state = Field(text(), on="show", wire="OS-EXT-STS:vm_state")
    hostname = (
        Field(text(), on="show", wire="OS-EXT-SRV-ATTR:hostname", since="2.3", until="2.89", rule=EXTENDED),
        Field(
            text(63, 2, pattern=r"^[a-zA-Z0-9]+[a-zA-Z0-9-]*[a-zA-Z0-9]+$"),
            on="show",
            wire="OS-EXT-SRV-ATTR:hostname",
            since="2.90",
        ),
    )
    new_hostname = Field(
        text(255, 2, pattern=r"^[a-zA-Z0-9]+[a-zA-Z0-9.-]*[a-zA-Z0-9]+$"), on="update", wire="hostname", since="2.90"
    )
    reservation_id = Field(text(), on="show", wire="OS-EXT-SRV-ATTR:reservation_id", since="2.3", rule=EXTENDED)
    launch_index = Field(integer(), on="show", wire="OS-EXT-SRV-ATTR:launch_index", since="2.3", rule=EXTENDED)
    kernel_id = Field(
        text(),
        on="show",
        wire="OS-EXT-SRV-ATTR:kernel_id",
        since="2.3",
        rule=EXTENDED,
        view=lambda request, row: _part(row, "kernel"),
    )
    ramdisk_id = Field(
        text(),
        on="show",
        wire="OS-EXT-SRV-ATTR:ramdisk_id",
        since="2.3",
        rule=EXTENDED,
        view=lambda request, row: _part(row, "ramdisk"),
    )
    root_device = Field(text(), on="show", wire="OS-EXT-SRV-ATTR:root_device_name", since="2.3", rule=EXTENDED)
    user_data = Field(nullable(text()), on="show", wire="OS-EXT-SRV-ATTR:user_data", since="2.3", rule=EXTENDED)
    locked = Field(ANY, on="show", since="2.9", view=lambda request, row: bool(row.locked_by))
    description = Field(nullable(text(255)), on="show update", since="2.19")
    locked_reason = Field(nullable(text()), on="show", since="2.73")
    trusted = Field(ANY, on="show", wire="trusted_image_certificates", since="2.63", view=lambda request, row: None)
    pinned_zone = Field(nullable(text()), on="show", wire="pinned_availability_zone", since="2.96")

    get = core.get
    update = updates(lambda *moves: _updated(*moves))  # noqa: PLW0108 - it stands further down
    delete = deletes(core.delete)
    start = action("os-start", power.start)
    stop = action("os-stop", power.stop)
    reboot = action(
        "reboot", power.reboot, body=obj({"type": choice("HARD", "Hard", "hard", "SOFT", "Soft", "soft")}, ["type"])
    )

    def page(self, tx: Tx, request: Request, rule: str) -> Page[ServerRow]:
        """The page that a list asks for; the caller's own project unless an administrator wants all."""
        everyone = request.query.has("all_tenants") and flag(request.query.one("all_tenants"))
        if everyone:
            request.enforce(f"{rule}:get_all_tenants")
        asked = asked_servers(
            request, everyone, request.may(f"{_API}:allow_all_filters"), self.dialect.limit(request.query.one("limit"))
        )
        wanted = [request.query.one(key) or "" for key in ("ip", "ip6") if request.query.has(key)]
        if wanted:
            asked = asked.also("id", "in", *self.near.network.devices_with(tx, wanted))
        return core.page(tx, self.near, request.ctx, asked, asked_tags(request))

    # --- views ----------------------------------------------------------------------------------------------------

    def extend(self, request: Request, row: ServerRow, view: dict[str, Any]) -> None:
        view["links"] = links(request, "servers", row.id)
        if "status" not in view:
            return
        shared: ServerView = request.memo["servers"]
        version = request.version
        view["addresses"] = addresses(shared.ports.get(row.id, ()))
        view["image"] = _image(request, row)
        view["flavor"] = _flavor(request, row)
        view["os-extended-volumes:volumes_attached"] = []
        if view["status"] in ("ACTIVE", "BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE", "MIGRATING"):
            view["progress"] = row.progress
        if row.vm_state in (states.ERROR, states.DELETED) and row.fault:
            view["fault"] = _fault(request, row)
        groups = _groups(row, shared.ports.get(row.id, ()))
        if groups:
            view["security_groups"] = groups
        if "OS-EXT-SRV-ATTR:host" in view:
            node = shared.hosts.get(row.node_id or "")
            view["OS-EXT-SRV-ATTR:hypervisor_hostname"] = node.hypervisor_hostname if node else None
        if version >= (2, 16) and request.may(f"{_API}:show:host_status"):
            node = shared.hosts.get(row.node_id or "")
            view["host_status"] = "" if node is None else "MAINTENANCE" if node.disabled else "UP"
        if version >= (2, 26):
            view["tags"] = shared.tags.get(row.id, [])
        if version >= (2, 71) and request.params.get("server_id"):
            view["server_groups"] = [shared.groups[row.id]] if row.id in shared.groups else []

    def prepared(self, tx: Tx, request: Request, rows: list[ServerRow]) -> None:
        request.memo["servers"] = ServerView(tx, self.near, rows)

    # --- operations whose moves are their own -----------------------------------------------------------------------

    def operations(self, dialect: Any) -> list[Operation]:
        made = super().operations(dialect)
        item = f"{self.path}/{{server_id}}"
        return [
            *(op for op in made if op.name != "update"),
            Operation(method="GET", path=self.path, name="list", resource="server", decide=self._names, view=self._listed("list"), rule=f"{_API}:index", kept=True, summary="Names of servers"),
            Operation(method="GET", path=self.path + "/detail", name="detail", resource="server", decide=self._detail, view=self._listed("show"), rule=f"{_API}:detail", kept=True,
                summary="Servers in full"),
            Operation(method="GET", path=item, name="show", resource="server", decide=self._one, view=self._shown, kept=True,
                summary="One server"),
            Operation(
                method="POST", path=self.path, name="create", resource="server", decide=self._boot, view=self._created, body=create_body(), answers=202,
                rule=f"{_API}:create", summary="Boot one server or many", partly="no volumes or image signatures yet",
            ),
            self._updating(made),
            Operation(
                method="POST", path=item + "/action", name="console_log", resource="server", action="os-getConsoleOutput", handle=self._console_log,
                summary="The end of the console's log", body=obj({"os-getConsoleOutput": _LENGTH}, ["os-getConsoleOutput"]),
            ),
        ]  # fmt: skip

    def _names(self, tx: Tx, request: Request) -> Page[ServerRow]:
        return self.page(tx, request, f"{_API}:index")

    def _detail(self, tx: Tx, request: Request) -> Page[ServerRow]:
        page = self.page(tx, request, f"{_API}:detail")
        self.prepared(tx, request, page.rows)
        return page

    def _listed(self, where: str) -> Any:
        def view(request: Request, page: Page[ServerRow]) -> Any:
            views = [self.view(request, row, where) for row in page.rows]
            return self.dialect.listed(request, self, views, page)

        return view

    def _one(self, tx: Tx, request: Request) -> ServerRow:
        row: ServerRow = self.row(tx, request, f"{_API}:show")
        self.prepared(tx, request, [row])
        return row

    def _shown(self, request: Request, row: ServerRow) -> Any:
        return {"server": self.view(request, row)}

    def _boot(self, tx: Tx, request: Request) -> building.Made:
        return building.create(tx, self.near, request.ctx, read_create(request))

    def _created(self, request: Request, made: building.Made) -> Any:
        body = request.body["server"]
        row = made.rows[0]
        if body.get("return_reservation_id") in (True, "True", "true", "1"):
            return {"reservation_id": made.reservation_id}
        server = {
            "id": row.id,
            "links": links(request, "servers", row.id),
            "OS-DCF:diskConfig": row.disk_config,
            "security_groups": [{"name": g} for g in row.security_groups],
            "adminPass": made.admin_pass,
        }
        return Answer(202, {"server": server}, {"Location": own_url(request, f"/servers/{row.id}")})

    def _updating(self, made: list[Operation]) -> Operation:
        from dataclasses import replace  # noqa: PLC0415

        op = next(op for op in made if op.name == "update")
        inner = op.decide
        assert inner is not None

        def decide(tx: Tx, request: Request) -> ServerRow:
            row: ServerRow = inner(tx, request)
            self.prepared(tx, request, [row])
            return row

        return replace(op, decide=decide)

    def _find_for_console(self, tx: Tx, request: Request) -> ServerRow:
        row: ServerRow = self.row(tx, request, "os_compute_api:os-console-output")
        if row.host is None:
            raise Conflict(f"Instance {row.id} is not ready")
        return row

    async def _console_log(self, request: Request) -> Answer:
        row = await self.near.db.read(self._find_for_console, request)
        length = request.body["os-getConsoleOutput"].get("length")
        raw = await self.near.nodes.on(row.host or "", Hypervisor).console_log(row.id)
        return Answer(200, {"output": _console(raw, None if length is None else int(length))})


def _updated(tx: Tx, near: Neighbours, ctx: Ctx, row: ServerRow, want: dict[str, Any]) -> ServerRow:
    if "new_hostname" in want:
        want["hostname"] = want.pop("new_hostname")
    return core.update(tx, near, ctx, row, want)


def _naive(at: int | None) -> str | None:
    return None if at is None else iso_naive(at)


def _part(row: ServerRow, part: str) -> str:
    return str(((row.image or {}).get(part) or {}).get("id", ""))


def _image(request: Request, row: ServerRow) -> Any:
    if row.image_id is None:
        return ""
    return {"id": row.image_id, "links": [{"rel": "bookmark", "href": bookmark(request, "images", row.image_id)}]}


def _flavor(request: Request, row: ServerRow) -> dict[str, Any]:
    flavor = row.flavor
    if request.version < (2, 47):
        return {
            "id": row.flavor_id,
            "links": [{"rel": "bookmark", "href": bookmark(request, "flavors", row.flavor_id)}],
        }
    made = {
        "original_name": flavor["name"], "vcpus": flavor["vcpus"], "ram": flavor["ram"], "disk": flavor["disk"], "ephemeral": flavor["ephemeral"],
        "swap": flavor["swap"],
    }  # fmt: skip
    if request.may(f"{_API}:show:flavor-extra-specs", Target(row)):
        made["extra_specs"] = flavor["extra_specs"]
    return made


def _fault(request: Request, row: ServerRow) -> dict[str, Any]:
    fault = row.fault or {}
    made = {
        "code": fault.get("code", 500),
        "message": fault.get("message", ""),
        "created": iso(fault.get("created", row.updated_at)),
    }
    if fault.get("details") and (fault.get("code") != 500 or core.sees_all(request.ctx)):
        made["details"] = fault["details"]
    return made


def _groups(row: ServerRow, ports: tuple[PortInfo, ...]) -> list[dict[str, str]]:
    names = [name for port in ports for _, name in port.security_groups]
    if not names and row.vm_state == states.BUILDING:
        names = row.security_groups
    return [{"name": n} for n in dict.fromkeys(names)]
