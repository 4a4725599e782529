"""The crash suite on compute's sagas: a server is there with all that is its own, or nothing of it is left."""

from pathlib import Path

import pytest

from pileus.contracts.image import ImageInfo
from pileus.contracts.network import PortWish
from pileus.drivers.hypervisor.fake import FakeHypervisor, Fleet
from pileus.drivers.hypervisor.protocol import Hypervisor
from pileus.drivers.network.fake import FakeNetwork
from pileus.drivers.network.protocol import NetworkDriver
from pileus.kernel.config import load
from pileus.kernel.db import Database, Tx
from pileus.kernel.nodes import Nodes
from pileus.kernel.rest import Front, Service
from pileus.kernel.saga import Runner
from pileus.kernel.types import Ctx, Listing
from pileus.services.compute import service as compute
from pileus.services.compute.core import building, interfaces, power, servers
from pileus.services.compute.core.building import Wanted
from pileus.services.compute.core.neighbours import Neighbours
from pileus.services.compute.db import hosts
from pileus.services.compute.db import servers as rows
from pileus.services.compute.db.servers import ServerRow
from pileus.services.compute.sagas.attach_interface import attach_interface
from pileus.services.compute.sagas.change_power import change_power
from pileus.services.compute.sagas.create_server import create_server
from pileus.services.compute.sagas.delete_server import delete_server
from pileus.services.compute.sagas.detach_interface import detach_interface
from pileus.services.network import service as network
from pileus.services.network.db import networks, ports
from pileus.services.placement import service as placement
from sagas.engine import SETTINGS, Arena, Scenario, ended
from sagas.faults import Fault

HOST = "h0"
MEMBER = Ctx(
    request_id="req-crash", user_id="u", project_id="p", roles=frozenset({"admin", "manager", "member", "reader"})
)


class Images:
    """The image service, as far as compute asks it."""

    def find(self, tx: Tx, ctx: Ctx, image_id: str) -> ImageInfo:
        return ImageInfo(
            id=image_id, name="crash", status="active", visibility="public", owner="p", disk_format="raw", container_format="bare",
            size=10, virtual_size=10, min_disk=0, min_ram=0, hash_algo="", hash_value="", properties={},
        )  # fmt: skip


class Identity:
    def project_exists(self, tx: Tx, project_id: str) -> bool:
        return True


async def open_world(db: Database, state: Path) -> Neighbours:
    """Compute over one simulated host whose guests outlive a process, as real ones do."""
    settings = load({"compute": compute.SECTION[1], "network": network.SECTION[1]}, None, {})
    nodes = Nodes(HOST)
    hypervisor = Fleet(state=state).host(HOST)
    await hypervisor.start()
    nodes.add(HOST, {Hypervisor: hypervisor, NetworkDriver: FakeNetwork()})
    ground = {"db": db, "settings": settings, "nodes": nodes, "metadata_secret": "x"}
    net, place = network.build(**ground), placement.build(**ground)  # type: ignore[arg-type]
    made = compute.build(
        **ground,
        placement=place.internal,
        network=net.internal,
        image=Images(),
        identity=Identity(),  # type: ignore[arg-type]
    )
    await net.start()
    await made.start()
    if not await db.read(_has_network):
        await _network(net)
    near: Neighbours = made.sagas[0][1]
    return near


def _has_network(tx: Tx) -> bool:
    return bool(tx.rows(networks.VISIBLE, project_id="p"))


async def _network(net: Service) -> None:
    front = Front({"network": net.face}, {})
    status, made, _ = await front.call(MEMBER, "network", "POST", "/v2.0/networks", {"network": {"name": "n"}})
    assert status == 201, made
    body = {"subnet": {"network_id": made["network"]["id"], "ip_version": 4, "cidr": "10.0.0.0/28"}}
    status, made, _ = await front.call(MEMBER, "network", "POST", "/v2.0/subnets", body)
    assert status == 201, made


async def close_world(near: Neighbours) -> None:
    await near.nodes.on(HOST, Hypervisor).close()


# --- what there is ------------------------------------------------------------------------------------------------


def _server(tx: Tx) -> ServerRow | None:
    found = rows.listing(tx, Listing()).rows
    return found[0] if found else None


async def the_server(db: Database) -> ServerRow:
    row = await db.read(_server)
    assert row is not None, "the server is gone"
    return row


async def assert_whole(db: Database, near: Neighbours, vm_state: str, guest: str) -> None:
    """One server in this state, one guest, its claim, its port, and the action is over."""
    row = await the_server(db)
    assert (row.vm_state, row.task_state, row.host) == (vm_state, None, HOST), row
    seen = await near.nodes.on(HOST, Hypervisor).observe()
    assert [(g.id, g.state) for g in seen] == [(row.id, guest)]
    assert await db.read(near.placement.claimed, row.id)
    (port,) = (await db.read(near.network.ports_of, [row.id]))[row.id]
    if guest == "running":
        assert port.status == "ACTIVE"


async def assert_nothing(db: Database, near: Neighbours, server_id: str) -> None:
    """No guest, no claim, no port."""
    assert await near.nodes.on(HOST, Hypervisor).observe() == []
    assert not await db.read(near.placement.claimed, server_id)
    assert not (await db.read(near.network.ports_of, [server_id])).get(server_id)


# --- create -------------------------------------------------------------------------------------------------------


async def boot(db: Database, near: Neighbours) -> None:
    want = Wanted(name="crash", flavor="42", image="11111111-1111-1111-1111-111111111111", networks=None)
    made = await db.write(building.create, near, MEMBER, want)
    assert made.rows[0].host == HOST, made


async def booted(db: Database, near: Neighbours) -> None:
    await assert_whole(db, near, "active", "running")


async def not_booted(db: Database, near: Neighbours) -> None:
    """The row stays, in ERROR, and holds nothing."""
    row = await the_server(db)
    assert (row.vm_state, row.task_state, row.host) == ("error", None, None)
    assert row.fault is not None
    await assert_nothing(db, near, row.id)


CREATE = Scenario(create_server, open_world, boot, booted, not_booted, close_world)


@pytest.mark.parametrize("fault", CREATE.faults, ids=str)
def test_create_server(fault: Fault, arena: Arena) -> None:
    arena.play(CREATE, fault)


# --- delete -------------------------------------------------------------------------------------------------------


async def stand(db: Database, near: Neighbours) -> ServerRow:
    """A server that runs."""
    await boot(db, near)
    runner = Runner(db, SETTINGS)
    runner.add(create_server, near)
    await runner.start()
    await ended(db)
    await runner.close()
    await booted(db, near)
    return await the_server(db)


async def ask_delete(db: Database, near: Neighbours) -> None:
    await db.write(servers.delete, near, MEMBER, await stand(db, near))


async def deleted(db: Database, near: Neighbours) -> None:
    assert await db.read(_server) is None
    assert await near.nodes.on(HOST, Hypervisor).observe() == []
    used = await db.read(near.placement.usages, [r.id for r in await db.read(hosts.all_hosts)])
    assert not any(amount for classes in used.values() for amount in classes.values())
    assert not await db.read(_server_ports)


def _server_ports(tx: Tx) -> int:
    return len([p for p in ports.list_ports(tx, Listing(), None).rows if p.device_owner.startswith("compute:")])


async def not_deleted(db: Database, near: Neighbours) -> None:
    """No step of it says no by itself; an operator who abandons it finds a server that can be deleted again."""
    row = await the_server(db)
    assert (row.vm_state, row.task_state, row.host) == ("error", None, HOST)
    assert await db.read(near.placement.claimed, row.id)


DELETE = Scenario(delete_server, open_world, ask_delete, deleted, not_deleted, close_world)


@pytest.mark.parametrize("fault", DELETE.faults, ids=str)
def test_delete_server(fault: Fault, arena: Arena) -> None:
    arena.play(DELETE, fault)


# --- power --------------------------------------------------------------------------------------------------------


async def ask_stop(db: Database, near: Neighbours) -> None:
    await db.write(power.stop, near, MEMBER, await stand(db, near))


async def stopped(db: Database, near: Neighbours) -> None:
    await assert_whole(db, near, "stopped", "off")


async def not_stopped(db: Database, near: Neighbours) -> None:
    """It says that it failed, and keeps all that is its own: it can be started, stopped or deleted."""
    row = await the_server(db)
    assert row.task_state is None
    assert row.host == HOST
    assert await db.read(near.placement.claimed, row.id)
    assert len(await near.nodes.on(HOST, Hypervisor).observe()) == 1


POWER = Scenario(change_power, open_world, ask_stop, stopped, not_stopped, close_world)


@pytest.mark.parametrize("fault", POWER.faults, ids=str)
def test_change_power(fault: Fault, arena: Arena) -> None:
    arena.play(POWER, fault)


# --- cards --------------------------------------------------------------------------------------------------------


async def assert_cards(db: Database, near: Neighbours, number: int) -> None:
    """The server runs with so many cards, in the records and in the guest."""
    row = await the_server(db)
    assert (row.vm_state, row.task_state) == ("active", None)
    ports = (await db.read(near.network.ports_of, [row.id]))[row.id]
    hypervisor = near.nodes.on(HOST, Hypervisor)
    assert isinstance(hypervisor, FakeHypervisor)
    nics = hypervisor._guests[row.id].guest.nics
    assert len(ports) == number
    assert {nic.id for nic in nics} == {port.id for port in ports}


async def one_card(db: Database, near: Neighbours) -> None:
    await assert_cards(db, near, 1)


async def two_cards(db: Database, near: Neighbours) -> None:
    await assert_cards(db, near, 2)


async def no_card(db: Database, near: Neighbours) -> None:
    await assert_cards(db, near, 0)


async def ask_attach(db: Database, near: Neighbours) -> None:
    await db.write(interfaces.attach, near, MEMBER, await stand(db, near), PortWish())


async def ask_detach(db: Database, near: Neighbours) -> None:
    row = await stand(db, near)
    (port,) = (await db.read(near.network.ports_of, [row.id]))[row.id]
    await db.write(interfaces.detach, near, MEMBER, row, port.id)


ATTACH = Scenario(attach_interface, open_world, ask_attach, two_cards, one_card, close_world)
DETACH = Scenario(detach_interface, open_world, ask_detach, no_card, one_card, close_world)


@pytest.mark.parametrize("fault", ATTACH.faults, ids=str)
def test_attach_interface(fault: Fault, arena: Arena) -> None:
    arena.play(ATTACH, fault)


@pytest.mark.parametrize("fault", DETACH.faults, ids=str)
def test_detach_interface(fault: Fault, arena: Arena) -> None:
    arena.play(DETACH, fault)
