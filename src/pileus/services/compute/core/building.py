"""`POST /servers`: everything that is decided before the 202."""

import base64
import binascii
import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, to_builtins

from pileus.contracts.image import ImageInfo
from pileus.contracts.network import PortWish
from pileus.contracts.placement import Claim
from pileus.kernel.db import Tx
from pileus.kernel.saga import start
from pileus.kernel.types import Ctx, Fault, Forbidden, Invalid, NotFound, new_id
from pileus.services.compute.core import flavors, groups, hosts, quota, records, scheduling, states
from pileus.services.compute.core.neighbours import Neighbours
from pileus.services.compute.core.scheduling import NoHost, Wish
from pileus.services.compute.core.work import CreateServer
from pileus.services.compute.db import groups as members
from pileus.services.compute.db import keypairs, servers
from pileus.services.compute.db.flavors import FlavorRow
from pileus.services.compute.db.servers import ServerRow

_GIB = 1 << 30
_PASSWORD_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"  # noqa: S105 - none that look alike


class Wanted(Struct, frozen=True, kw_only=True):
    """A create request after its schema: what the user wants, names still unresolved."""

    name: str
    flavor: str
    image: str = ""
    networks: tuple[PortWish, ...] | None = None
    """None: whatever the project has; empty: none."""
    auto_network: bool = False
    key_name: str = ""
    user_data: str = ""
    metadata: dict[str, str] = {}
    files: tuple[dict[str, str], ...] = ()
    config_drive: bool = False
    zone: str = ""
    host: str = ""
    node: str = ""
    security_groups: tuple[str, ...] = ()
    least: int = 1
    most: int = 1
    admin_pass: str = ""
    disk_config: str = "MANUAL"
    access_ipv4: str = ""
    access_ipv6: str = ""
    description: str | None = None
    tags: tuple[str, ...] = ()
    hostname: str = ""
    hints: dict[str, Any] = {}
    mapped: tuple[dict[str, Any], ...] = ()
    """Block device mapping, second form."""


class Made(Struct, frozen=True):
    rows: list[ServerRow]
    admin_pass: str
    reservation_id: str


class _Plan(Struct, frozen=True):
    """The request with everything resolved."""

    want: Wanted
    flavor: FlavorRow
    image: ImageInfo | None
    image_kept: dict[str, Any] | None
    public_key: str | None
    wish: Wish
    pinned_zone: str | None


def new_password() -> str:
    return "".join(secrets.choice(_PASSWORD_LETTERS) for _ in range(12))


def create(tx: Tx, near: Neighbours, ctx: Ctx, want: Wanted) -> Made:
    """Make the rows, claims, ports and sagas of one request. All of `least` or none; up to `most` if the quota allows.

    Raises `Invalid`, `Conflict`, `OverQuota`, `Forbidden`, `NotFound` with nothing kept.
    """
    plan = _resolve(tx, near, ctx, want)
    count = _affordable(tx, near, ctx, plan)
    reservation = "r-" + "".join(secrets.choice("0123456789abcdefghijklmnopqrstuvwxyz") for _ in range(8))
    password = want.admin_pass or new_password()
    made = [_make(tx, near, ctx, plan, reservation, password, i, count) for i in range(count)]
    return Made([row for row in made if row is not None], password, reservation)


# --- resolving ----------------------------------------------------------------------------------------------------


def _resolve(tx: Tx, near: Neighbours, ctx: Ctx, want: Wanted) -> _Plan:
    flavor = _flavor(tx, near, ctx, want.flavor)
    image = _image(tx, near, ctx, want)
    if image is None:
        raise Invalid("Invalid imageRef provided.")
    _fits(flavor, image)
    _check_items(tx, near, ctx, want)
    zone, host, node = _zone(tx, near, ctx, want)
    required, forbidden = scheduling.traits_of(flavor, image)
    hints = want.hints
    group = groups.for_boot(tx, near, ctx, hints["group"], want.least) if "group" in hints else None
    wish = Wish(
        resources=scheduling.resources_of(flavor),
        required=required,
        forbidden=forbidden,
        zone=zone,
        host=host,
        node=node or want.node,
        only_host=want.host,
        same_host=_ids(hints.get("same_host")),
        different_host=_ids(hints.get("different_host")),
        group_id=group.id if group else "",
        group_policy=group.policy if group else "",
        group_most=group.rules.get("max_server_per_host", 1) if group else 1,
        architecture=image.properties.get("hw_architecture", ""),
        hypervisor_type=image.properties.get("img_hv_type", ""),
    )
    return _Plan(want, flavor, image, _kept(tx, near, ctx, image), _public_key(tx, ctx, want), wish, zone or None)


def _flavor(tx: Tx, near: Neighbours, ctx: Ctx, ref: str) -> FlavorRow:
    try:
        return flavors.get(tx, near, ctx, ref.rstrip("/").rpartition("/")[2])
    except NotFound:
        raise Invalid("Invalid flavorRef provided.") from None


def _image(tx: Tx, near: Neighbours, ctx: Ctx, want: Wanted) -> ImageInfo | None:
    image_id = want.image.rstrip("/").rpartition("/")[2] or _mapped_image(want)
    _refuse_volumes(want)
    if not image_id:
        return None
    try:
        image = near.image.find(tx, ctx, image_id)
    except NotFound:
        raise Invalid("Can not find requested image") from None
    if image.status != "active":
        raise Invalid(f"Image {image_id} is not active.")
    return image


def _mapped_image(want: Wanted) -> str:
    for mapping in want.mapped:
        if mapping.get("source_type") == "image" and mapping.get("boot_index") in (0, "0"):
            return str(mapping.get("uuid") or "")
    return ""


def _refuse_volumes(want: Wanted) -> None:
    """Only the image's own local disk can be mapped while there is no volume service."""
    for mapping in want.mapped:
        local = mapping.get("destination_type", "local") == "local" and mapping.get("source_type") == "image"
        if not local or mapping.get("boot_index") not in (0, "0"):
            raise Invalid(
                "Block Device Mapping is Invalid: this cloud has no volume service; only the image's own local disk can be mapped."
            )


def _fits(flavor: FlavorRow, image: ImageInfo) -> None:
    if flavor.disabled:
        raise NotFound(f"Flavor {flavor.id} could not be found.")
    if image.min_ram > flavor.ram:
        raise Invalid("Flavor's memory is too small for requested image.")
    if flavor.disk:
        room = flavor.disk * _GIB
        needed = max(image.min_disk * _GIB, image.virtual_size or image.size)
        if needed > room:
            raise Invalid(
                f"Flavor's disk is too small for requested image. Flavor disk is {room} bytes, image is {needed} bytes."
            )


def _kept(tx: Tx, near: Neighbours, ctx: Ctx, image: ImageInfo) -> dict[str, Any]:
    """What the server's row keeps of its image: enough to build the guest again when the image is gone."""
    kept: dict[str, Any] = to_builtins(image)
    for part, key in (("kernel", "kernel_id"), ("ramdisk", "ramdisk_id")):
        part_id = image.properties.get(key, "")
        if part_id and part_id != "nokernel":
            try:
                kept[part] = to_builtins(near.image.find(tx, ctx, part_id))
            except NotFound:
                raise Invalid(f"The image's {key} {part_id} could not be found.") from None
    return kept


def _check_items(tx: Tx, near: Neighbours, ctx: Ctx, want: Wanted) -> None:
    limits = quota.limits(tx, near, ctx.project_id, ctx.user_id)

    def over(name: str, asked: int) -> bool:
        return 0 <= limits[name] < asked

    if over("metadata_items", len(want.metadata)):
        raise Forbidden(f"Maximum number of metadata items exceeds {limits['metadata_items']}")
    if over("injected_files", len(want.files)):
        raise Forbidden("Quota exceeded, too many injected files")
    for file in want.files:
        if over("injected_file_path_bytes", len(file["path"].encode())):
            raise Forbidden("Quota exceeded, injected file path too long")
        if over("injected_file_content_bytes", len(_decoded(file["contents"], file["path"]))):
            raise Forbidden("Quota exceeded, injected file content too long")
    if want.user_data:
        _decoded(want.user_data, "user_data")


def _decoded(text: str, field: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        if field == "user_data":
            raise Invalid("User data needs to be valid base 64.") from None
        raise Invalid(f"Personality content for {field} cannot be decoded") from None


def _zone(tx: Tx, near: Neighbours, ctx: Ctx, want: Wanted) -> tuple[str, str, str]:
    """`zone`, or `zone:host:node` of an administrator; the API has checked who may."""
    zone, _, rest = want.zone.partition(":")
    host, _, node = rest.partition(":")
    if zone and not hosts.zone_exists(tx, near, zone):
        raise Invalid("The requested availability zone is not available")
    return zone, host, node


def _public_key(tx: Tx, ctx: Ctx, want: Wanted) -> str | None:
    if not want.key_name:
        return None
    row = keypairs.find(tx, ctx.user_id, want.key_name)
    if row is None:
        raise Invalid("Invalid key_name provided.")
    return row.public_key


def _ids(hint: object) -> tuple[str, ...]:
    if hint is None:
        return ()
    return tuple(str(i) for i in hint) if isinstance(hint, list) else (str(hint),)


# --- making -------------------------------------------------------------------------------------------------------


def _affordable(tx: Tx, near: Neighbours, ctx: Ctx, plan: _Plan) -> int:
    """How many of `least`…`most` the quota allows; raises `OverQuota` when not even the least."""
    want, flavor = plan.want, plan.flavor

    def cost(n: int) -> dict[str, int]:
        return {"instances": n, "cores": n * flavor.vcpus, "ram": n * flavor.ram}

    if want.most > want.least:
        fits = want.most
        for whose in ("", ctx.user_id):
            there = quota.standing(tx, near, ctx.project_id, whose)
            for name, each in cost(1).items():
                if there[name].limit >= 0 and each > 0:
                    fits = min(fits, (there[name].limit - there[name].used) // each)
        if fits >= want.least:
            return fits
    quota.check(tx, near, ctx, cost(want.least))
    return want.least


def _make(
    tx: Tx, near: Neighbours, ctx: Ctx, plan: _Plan, reservation: str, password: str, index: int, count: int
) -> ServerRow:
    want, server_id = plan.want, new_id()
    name = want.name if count == 1 else f"{want.name}-{index + 1}"
    values = {
        "id": server_id, "name": name, "project_id": ctx.project_id, "user_id": ctx.user_id, "vm_state": states.BUILDING,
        "task_state": states.SCHEDULING, "power_state": states.NOSTATE, "zone": want.zone.partition(":")[0], "pinned_zone": plan.pinned_zone,
        "image_id": plan.image.id if plan.image else None, "image": plan.image_kept, "flavor_id": plan.flavor.id,
        "flavor": _flavor_kept(plan.flavor), "vcpus": plan.flavor.vcpus, "ram_mb": plan.flavor.ram, "key_name": want.key_name or None,
        "public_key": plan.public_key, "user_data": want.user_data or None, "config_drive": want.config_drive or _wants_drive(plan.image),
        "metadata": want.metadata, "hostname": host_name(want.hostname or name, server_id), "description": want.description,
        "disk_config": want.disk_config, "admin_pass": password, "access_ipv4": want.access_ipv4, "access_ipv6": want.access_ipv6,
        "reservation_id": reservation, "launch_index": index, "security_groups": list(want.security_groups) or ["default"],
        "files": list(want.files), "hints": want.hints, "created_at": tx.now, "updated_at": tx.now,
    }  # fmt: skip
    servers.insert_server(tx, values)
    if plan.wish.group_id:
        members.join(tx, plan.wish.group_id, server_id, tx.now)
    if want.tags:
        servers.set_tags(tx, server_id, want.tags)
    row = _found(tx, server_id)
    records.begin(tx, ctx, row, "create")
    try:
        choice = scheduling.choose(tx, near, plan.wish)
    except NoHost as problem:
        records.fail(tx, row, str(problem), str(scheduling.describe(problem)))
        records.end(tx, ctx, row, ctx.request_id, "create", str(problem))
        return _found(tx, server_id)
    return _place(tx, near, ctx, plan, row, choice)


def _place(tx: Tx, near: Neighbours, ctx: Ctx, plan: _Plan, row: ServerRow, choice: scheduling.Choice) -> ServerRow:
    """Claim the host, reserve the ports, start the saga: all in the transaction of the decision."""
    host = choice.host
    near.placement.claim(
        tx,
        Claim(
            consumer_id=row.id, project_id=row.project_id, user_id=row.user_id, resources={host.id: choice.resources}
        ),
    )
    _reserve(tx, near, ctx, plan, row, host.host, host.zone)
    servers.change(tx, row.id, host=host.host, node_id=host.id, zone=host.zone, task_state=states.SPAWNING)
    start(tx, CreateServer(row.id, ctx.request_id), key=row.id, ctx=ctx)
    return _found(tx, row.id)


def _reserve(tx: Tx, near: Neighbours, ctx: Ctx, plan: _Plan, row: ServerRow, host: str, zone: str) -> None:
    want = plan.want
    try:
        ports = near.network.reserve_ports(tx, ctx, row.id, host, zone, want.networks, want.security_groups)
    except NotFound as fault:
        raise Invalid(fault.message, type=fault.type) from None
    except Forbidden:
        raise
    except Fault as fault:
        if fault.status == 409 and fault.type in ("IpAddressGenerationFailure", "OverQuota"):
            raise Forbidden(fault.message) from None
        raise
    if want.auto_network and not ports:
        raise Invalid("Unable to automatically allocate a network for project " + ctx.project_id)


def _found(tx: Tx, server_id: str) -> ServerRow:
    row = servers.find(tx, server_id)
    assert row is not None
    return row


def _flavor_kept(flavor: FlavorRow) -> dict[str, Any]:
    return {
        "id": flavor.id, "name": flavor.name, "vcpus": flavor.vcpus, "ram": flavor.ram, "disk": flavor.disk,
        "ephemeral": flavor.ephemeral, "swap": flavor.swap, "extra_specs": flavor.extra_specs,
    }  # fmt: skip


def _wants_drive(image: ImageInfo | None) -> bool:
    return image is not None and image.properties.get("img_config_drive") == "mandatory"


def host_name(name: str, server_id: str) -> str:
    """A server's name as a host name: letters, digits, hyphens and dots, at most 63; `Server-<id>` when nothing is left."""
    cleaned = re.sub(r"[^a-z0-9.-]+", "", re.sub(r"[ _]", "-", name).lower()).strip("-.")
    return cleaned[:63].strip("-.") or f"Server-{server_id}"


def wishes(networks: Sequence[Mapping[str, Any]]) -> tuple[PortWish, ...]:
    """The body's networks as wishes."""
    return tuple(
        PortWish(
            network_id=n.get("uuid") or "",
            port_id=n.get("port") or "",
            fixed_ip=n.get("fixed_ip") or "",
            tag=n.get("tag") or "",
        )
        for n in networks
    )
