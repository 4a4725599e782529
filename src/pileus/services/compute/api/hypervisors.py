"""`os-hypervisors`: what hosts have and what of it is taken."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from msgspec import Struct

from pileus.drivers.hypervisor.protocol import Host, Hypervisor
from pileus.kernel.db import MarkerMissing, Page, Tx
from pileus.kernel.policy import Rule
from pileus.kernel.policy.defaults import ADMIN
from pileus.kernel.rest import Answer, Operation, Request, Schema, one, text
from pileus.kernel.types import Invalid, is_uuid, whole_number
from pileus.services.compute.api.server_bodies import BOOL, truth
from pileus.services.compute.core import hypervisors as core
from pileus.services.compute.core.hosts import is_up
from pileus.services.compute.core.hypervisors import Load
from pileus.services.compute.core.neighbours import Neighbours
from pileus.services.compute.core.servers import guest_name
from pileus.services.compute.db import hosts
from pileus.services.compute.db.hosts import HostRow
from pileus.services.compute.db.servers import Resident

_API = "os_compute_api:os-hypervisors"
_PATH = "/v2.1/os-hypervisors"
RULES = [
    Rule(f"{_API}:{n}", ADMIN, "See hypervisors.", scopes=())
    for n in ("list", "list-detail", "statistics", "show", "uptime", "search", "servers")
]
_UUIDS, _NO_STATISTICS = (2, 53), (2, 88)
_ANY: Schema = {"type": "object", "additionalProperties": True}
_WITH: Schema = {"with_servers": one(BOOL)}
_PAGED: Schema = {"limit": one(text(32, pattern="^[0-9]*$")), "marker": one(text())}


def _query(properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "additionalProperties": False}


class Seen(Struct, frozen=True):
    """What one answer is made of; `servers` is None when nobody asked for them."""

    rows: Sequence[HostRow]
    loads: Mapping[str, Load]
    servers: Mapping[str, list[Resident]] | None = None
    more: bool = False


class Hypervisors:
    def __init__(self, near: Neighbours) -> None:
        self.near = near

    def operations(self) -> list[Operation]:
        item, pattern = f"{_PATH}/{{hypervisor_id}}", f"{_PATH}/{{hypervisor_hostname_pattern}}"
        get: dict[str, Any] = {"method": "GET", "resource": "hypervisor"}
        named = {**_PAGED, **_WITH, "hypervisor_hostname_pattern": one(text(255, 1))}
        query = {"2.1": _ANY, "2.33": {**_query(_PAGED), "additionalProperties": True}, "2.53": _query(named)}
        return [
            Operation(path=_PATH, name="list", decide=self._list, view=self._listed, rule=f"{_API}:list", query=query, summary="Names of hypervisors", **get),
            Operation(path=f"{_PATH}/detail", name="detail", handle=self._detail, rule=f"{_API}:list-detail", query=query, summary="Hypervisors in full", **get),
            Operation(path=f"{_PATH}/statistics", name="statistics", decide=self._statistics, rule=f"{_API}:statistics", until="2.87", summary="Sums over all", **get),
            Operation(path=item, name="show", handle=self._show, rule=f"{_API}:show", query={"2.1": _ANY, "2.53": _query(_WITH)}, summary="One hypervisor", **get),
            Operation(path=f"{item}/uptime", name="uptime", handle=self._uptime, rule=f"{_API}:uptime", until="2.87", summary="How long it runs", **get),
            Operation(path=f"{pattern}/search", name="search", decide=self._search, view=self._listed, rule=f"{_API}:search", until="2.52", summary="By a part of the name", **get),
            Operation(path=f"{pattern}/servers", name="servers", decide=self._servers, view=self._listed, rule=f"{_API}:servers", until="2.52", summary="The same, with servers", **get),
        ]  # fmt: skip

    # --- reading --------------------------------------------------------------------------------------------------

    def _rows(self, tx: Tx, request: Request) -> Page[HostRow]:
        query, at = request.query, request.version
        pattern = query.one("hypervisor_hostname_pattern") if at >= _UUIDS else None
        if pattern is not None:
            if query.has("limit") or query.has("marker"):
                raise Invalid(
                    "Paging over hypervisors with the hypervisor_hostname_pattern query parameter is not supported."
                )
            return Page(core.matching(tx, pattern), False)
        if at < (2, 33):
            return Page(hosts.all_hosts(tx), False)
        marker = query.one("marker") or ""
        if marker and at >= _UUIDS and not is_uuid(marker):
            raise Invalid(f"Invalid uuid {marker}")
        try:
            return core.page(tx, marker, min(int(query.one("limit") or 1000) or 1000, 1000))
        except MarkerMissing:
            raise Invalid(f"marker [{marker}] not found") from None

    def _list(self, tx: Tx, request: Request) -> Seen:
        page = self._rows(tx, request)
        return Seen(page.rows, {}, self._asked_servers(tx, request, page.rows), page.more)

    def _read_detail(self, tx: Tx, request: Request) -> Seen:
        page = self._rows(tx, request)
        servers = self._asked_servers(tx, request, page.rows)
        return Seen(page.rows, core.loads(tx, self.near, page.rows), servers, page.more)

    def _read_one(self, tx: Tx, request: Request) -> Seen:
        hypervisor_id = request.params["hypervisor_id"]
        if request.version >= _UUIDS and not is_uuid(hypervisor_id):
            raise Invalid(f"Invalid uuid {hypervisor_id}")
        if request.version < _UUIDS and whole_number(hypervisor_id) is None:
            hypervisor_id = "0"
        rows = [core.get(tx, hypervisor_id)]
        return Seen(rows, core.loads(tx, self.near, rows), self._asked_servers(tx, request, rows))

    def _asked_servers(self, tx: Tx, request: Request, rows: Sequence[HostRow]) -> Mapping[str, list[Resident]] | None:
        asked = request.version >= _UUIDS and truth(request.query.one("with_servers"))
        return core.residents(tx, rows) if asked else None

    def _search(self, tx: Tx, request: Request) -> Seen:
        return Seen(core.matching(tx, request.params["hypervisor_hostname_pattern"]), {})

    def _servers(self, tx: Tx, request: Request) -> Seen:
        rows = core.matching(tx, request.params["hypervisor_hostname_pattern"])
        return Seen(rows, {}, core.residents(tx, rows))

    def _statistics(self, tx: Tx, request: Request) -> Any:
        rows = [row for row in hosts.all_hosts(tx) if not row.disabled]
        loads = core.loads(tx, self.near, rows)
        each = [_sizes(row, loads[row.id]) for row in rows]
        names = list(_sizes(_NOTHING, Load()))
        return {"hypervisor_statistics": {"count": len(rows), **{n: sum(one[n] for one in each) for n in names}}}

    # --- answers that ask the hosts themselves ---------------------------------------------------------------------

    async def _hosts(self, rows: Sequence[HostRow]) -> dict[str, Host]:
        """What these hosts say now, by id; those that do not answer are left out."""
        up = [row for row in rows if is_up(self.near, row)]
        told = await asyncio.gather(
            *(self.near.nodes.on(row.host, Hypervisor).info() for row in up), return_exceptions=True
        )
        return {row.id: host for row, host in zip(up, told, strict=True) if isinstance(host, Host)}

    async def _detail(self, request: Request) -> Answer:
        seen = await self.near.db.read(self._read_detail, request)
        told = await self._hosts(seen.rows) if request.version >= _NO_STATISTICS else {}
        views = [self._full(request, row, seen, told) for row in seen.rows]
        return Answer(200, self._body(request, views, seen))

    async def _show(self, request: Request) -> Answer:
        seen = await self.near.db.read(self._read_one, request)
        told = await self._hosts(seen.rows) if request.version >= _NO_STATISTICS else {}
        return Answer(200, {"hypervisor": self._full(request, seen.rows[0], seen, told)})

    async def _uptime(self, request: Request) -> Answer:
        seen = await self.near.db.read(self._read_one, request)
        row = seen.rows[0]
        told = (await self._hosts([row])).get(row.id)
        if told is None:
            raise Invalid(
                f"Compute service of {row.host} is unavailable at this time.", type="ComputeServiceUnavailable"
            )
        return Answer(200, {"hypervisor": {**self._short(request, row, seen), "uptime": told.uptime}})

    # --- views ----------------------------------------------------------------------------------------------------

    def _listed(self, request: Request, seen: Seen) -> Any:
        return self._body(request, [self._short(request, row, seen) for row in seen.rows], seen)

    def _body(self, request: Request, views: list[dict[str, Any]], seen: Seen) -> dict[str, Any]:
        body: dict[str, Any] = {"hypervisors": views}
        if seen.more:
            kept = [(n, v) for n, v in request.query.pairs if n != "marker"]
            query = urlencode([*kept, ("marker", str(views[-1]["id"]))])
            body["hypervisors_links"] = [{"rel": "next", "href": f"{request.link(request.path)}?{query}"}]
        return body

    def _short(self, request: Request, row: HostRow, seen: Seen) -> dict[str, Any]:
        view: dict[str, Any] = {
            "id": row.id if request.version >= _UUIDS else row.number, "hypervisor_hostname": row.hypervisor_hostname,
            "state": "up" if is_up(self.near, row) else "down", "status": "disabled" if row.disabled else "enabled",
        }  # fmt: skip
        if seen.servers is not None:
            there = [{"name": guest_name(s.id), "uuid": s.id} for s in seen.servers.get(row.host, [])]
            if there or request.version >= (2, 75):
                view["servers"] = there
        return view

    def _full(self, request: Request, row: HostRow, seen: Seen, told: Mapping[str, Host]) -> dict[str, Any]:
        at = request.version
        view = self._short(request, row, seen)
        view |= {
            "hypervisor_type": row.hypervisor_type, "hypervisor_version": row.hypervisor_version, "host_ip": row.address,
            "service": {"host": row.host, "id": row.service_id if at >= _UUIDS else row.number, "disabled_reason": row.disabled_reason},
        }  # fmt: skip
        if at >= _NO_STATISTICS:
            return {**view, "uptime": told[row.id].uptime if row.id in told else None}
        info = row.cpu_info if at >= (2, 28) else json.dumps(row.cpu_info)
        return {**view, **_sizes(row, seen.loads[row.id]), "cpu_info": info}


_NOTHING = HostRow("", 0, "", "", "", 0, "", 0, 0, 0, {}, "", False, None, False, 0, "", 0, None)


def _sizes(row: HostRow, load: Load) -> dict[str, int]:
    """Numbers of one host, or of none for their names."""
    free = max(row.disk_gb - load.disk_gb, 0)
    return {
        "vcpus": row.vcpus, "vcpus_used": load.vcpus, "memory_mb": row.ram_mb, "memory_mb_used": load.ram_mb, "free_ram_mb": row.ram_mb - load.ram_mb,
        "local_gb": row.disk_gb, "local_gb_used": load.disk_gb, "free_disk_gb": row.disk_gb - load.disk_gb, "disk_available_least": free,
        "running_vms": load.guests, "current_workload": load.building,
    }  # fmt: skip
