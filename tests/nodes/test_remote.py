"""Drivers of other hosts: two processes, mutual TLS."""

import asyncio
import hashlib
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from cloud_runs import free_port
from nodes import lamps
from nodes.lamps import Bulb, Lamp, Seen, Spec
from pileus.kernel.nodes import (
    Agent,
    AgentListener,
    Authority,
    Channel,
    NodeMissing,
    Nodes,
    NodeUnreachable,
    RemoteError,
    agent,
    channel,
    client_context,
    server_context,
    stub,
)
from pileus.kernel.types import NotBuilt, Unavailable

TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two authorities, a node's certificate and the control plane's."""
    made = tmp_path_factory.mktemp("ca")
    Authority(made, "control").issue(made, "plane", ["control-plane"])
    Authority(made, "nodes").issue(made, "node-1", ["node-1"])
    return made


@pytest.fixture(scope="module")
def tls(place: Path) -> ssl.SSLContext:
    return client_context(Authority(place, "control").issue(place, "plane", ["control-plane"]), place / "nodes.pem")


class Process:
    def __init__(self, place: Path, port: int = 0) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, str(TESTS / "nodes/agent_process.py"), str(place), str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={"PYTHONPATH": f"{TESTS.parent / 'src'}:{TESTS}"},
        )
        assert self.popen.stdout is not None
        self.port = int(self.popen.stdout.readline())

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait()


@pytest.fixture(scope="module")
def process(place: Path) -> Iterator[Process]:
    made = Process(place)
    yield made
    made.kill()


@pytest.fixture
async def wire(process: Process, tls: ssl.SSLContext) -> AsyncIterator[Channel]:
    made = Channel("node-1", "127.0.0.1", process.port, tls)
    yield made
    await made.close()


@pytest.fixture
def lamp(wire: Channel) -> Lamp:
    return stub(Lamp, wire)


async def chunks(count: int, size: int = 65536) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"y" * size


async def heard(lamp: Lamp, what: str) -> None:
    end = time.monotonic() + 60
    while what not in [seen.id for seen in await lamp.observe()]:
        assert time.monotonic() < end, f"the driver did not note: {what}"
        await asyncio.sleep(0.01)


async def test_structs_cross_both_ways(lamp: Lamp) -> None:
    spec = Spec(id="l1", colour="green", data={"f": b"\x00\xff"}, nested=(Spec(id="inner"),))
    seen = await lamp.ensure(spec)
    assert (seen.id, seen.tags) == ("l1", frozenset({"f", "green"}))
    assert (await lamp.ensure(spec=spec)).calls == seen.calls + 1
    assert await lamp.remove("l2") is None
    assert await lamp.observe(["a", "b"], limit=3) == [Seen(id="a", calls=3), Seen(id="b", calls=3)]
    assert await lamp.picture(3_000_000) == bytes(3_000_000)


async def test_a_wrong_call_is_a_type_error_here(lamp: Lamp) -> None:
    with pytest.raises(TypeError):
        await lamp.ensure()  # type: ignore[call-arg]
    with pytest.raises(NodeUnreachable, match="Expected `str`"):
        await lamp.remove(7)  # type: ignore[arg-type]


async def test_exceptions_of_the_protocol_come_back_as_themselves(lamp: Lamp) -> None:
    with pytest.raises(lamps.LampError, match=r"^dark$"):
        await lamp.fail("lamp")
    with pytest.raises(lamps.Broken, match=r"^burnt out$"):
        await lamp.fail("burnt")
    with pytest.raises(ValueError, match="bad id"):
        await lamp.fail("value")
    with pytest.raises(TimeoutError, match="too slow"):
        await lamp.fail("timeout")
    with pytest.raises(RemoteError, match="node-1: KeyError"):
        await lamp.fail("key")
    assert await lamp.slow(0) == "done"


async def test_iterators_stream_and_may_fail_in_the_middle(lamp: Lamp) -> None:
    assert [seen.calls async for seen in lamp.changes(5)] == [0, 1, 2, 3, 4]
    stream = lamp.changes(3, fail=True)
    assert [(await anext(stream)).id for _ in range(3)] == ["0", "1", "2"]
    with pytest.raises(lamps.LampError, match="in the middle"):
        await anext(stream)
    size = 0
    async for chunk in lamp.download(20_000_000):
        size += len(chunk)
    assert size == 20_000_000


async def test_an_iterator_that_is_left_ends_over_there(lamp: Lamp) -> None:
    stream = lamp.changes(1_000_000_000)
    assert (await anext(stream)).id == "0"
    await stream.aclose()  # type: ignore[attr-defined]
    await heard(lamp, "changes 1000000000 closed")


async def test_streams_can_be_sent(lamp: Lamp) -> None:
    size, digest = await lamp.upload("u", chunks(100))
    assert (size, digest) == (6_553_600, hashlib.sha256(b"y" * 6_553_600).hexdigest())
    assert await lamp.upload("empty", chunks(0)) == (0, hashlib.sha256().hexdigest())
    with pytest.raises(lamps.LampError, match="u: full"):
        await lamp.upload("u", chunks(2000), stop_after=100_000)

    async def torn() -> AsyncIterator[bytes]:
        yield b"1"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await lamp.upload("u", torn())
    assert await lamp.slow(0) == "done"


async def test_a_cancelled_call_is_cancelled_over_there(lamp: Lamp) -> None:
    call = asyncio.create_task(lamp.slow(61))
    await heard(lamp, "slow 61")
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await heard(lamp, "slow cancelled")


async def test_many_at_once_share_few_connections(lamp: Lamp, wire: Channel) -> None:
    results = await asyncio.gather(*(lamp.ensure(Spec(id=str(number))) for number in range(100)))
    assert [seen.id for seen in results] == [str(number) for number in range(100)]
    assert 0 < len(wire._idle) <= channel.IDLE_MOST
    kept = list(wire._idle)
    await lamp.slow(0)
    assert wire._idle[-1] in kept


async def test_long_work_is_not_taken_for_silence(
    monkeypatch: pytest.MonkeyPatch, place: Path, tls: ssl.SSLContext
) -> None:
    async with Near(place, Bulb()) as listener:
        lamp = stub(Lamp, Channel("node-1", "127.0.0.1", listener.port, tls))
        await lamp.slow(0)
        without_pauses(monkeypatch)
        monkeypatch.setattr(channel, "SILENT_SECONDS", 0.5)
        monkeypatch.setattr(agent, "ALIVE_EVERY", 0.05)
        assert await lamp.slow(1.5) == "done"
        monkeypatch.setattr(agent, "ALIVE_EVERY", 5)
        with pytest.raises(NodeUnreachable, match="silent"):
            await lamp.slow(1.5)


def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """For this test's loop, on which both sides are, no time passes while the machine lets it stand."""
    loop, real = asyncio.get_running_loop(), time.monotonic
    last, now = real(), real()

    def calm() -> float:
        nonlocal last, now
        last, before = real(), last
        now += min(last - before, 0.02)
        return now

    monkeypatch.setattr(loop, "time", calm)


class Near:
    """An agent in this process."""

    def __init__(self, place: Path, driver: object, trusts: str = "control") -> None:
        leaf = Authority(place, "nodes").issue(place, "node-1", ["node-1"])
        self.listener = AgentListener(
            Agent({Lamp: driver}), "127.0.0.1", 0, server_context(leaf, place / f"{trusts}.pem")
        )

    async def __aenter__(self) -> AgentListener:
        await self.listener.start()
        return self.listener

    async def __aexit__(self, *_: object) -> None:
        await self.listener.close()


async def test_strangers_and_other_nodes_are_not_served(process: Process, place: Path, tls: ssl.SSLContext) -> None:
    nodes, foreign = Authority(place, "nodes"), Authority(place / "foreign", "control")
    trusted = place / "nodes.pem"
    node = client_context(nodes.issue(place, "node-2", ["node-2"]), trusted)
    stranger = client_context(foreign.issue(place, "stranger", ["control-plane"]), trusted)
    nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    nobody.load_verify_locations(trusted)
    for context in (node, stranger, nobody):
        with pytest.raises(NodeUnreachable):
            await stub(Lamp, Channel("node-1", "127.0.0.1", process.port, context)).slow(0)
    # Another host under that address, and an agent of another cloud.
    with pytest.raises(NodeUnreachable, match="Hostname mismatch"):
        await stub(Lamp, Channel("node-9", "127.0.0.1", process.port, tls)).slow(0)
    distrusting = client_context(nodes.issue(place, "node-2", ["node-2"]), place / "foreign/control.pem")
    with pytest.raises(NodeUnreachable, match="certificate verify failed"):
        await stub(Lamp, Channel("node-1", "127.0.0.1", process.port, distrusting)).slow(0)


async def test_a_dead_host_is_unreachable_and_served_again_when_back(place: Path, tls: ssl.SSLContext) -> None:
    first = Process(place, free_port())
    wire = Channel("node-1", "127.0.0.1", first.port, tls)
    lamp = stub(Lamp, wire)
    assert await lamp.flash() == 1
    waiting = asyncio.create_task(lamp.slow(60))
    await asyncio.sleep(0.1)
    first.kill()
    with pytest.raises(NodeUnreachable) as caught:
        await waiting
    assert isinstance(caught.value, Unavailable)
    with pytest.raises(NodeUnreachable):
        await lamp.ensure(Spec(id="1"))
    second = Process(place, first.port)
    try:
        assert (await lamp.ensure(Spec(id="1"))).calls == 1
    finally:
        second.kill()
        await wire.close()


async def test_only_what_is_idempotent_is_sent_again(place: Path, tls: ssl.SSLContext) -> None:
    """The connection that was kept is dead: the agent was started again meanwhile."""
    for method, works in (("ensure", True), ("flash", False)):
        first = Process(place, free_port())
        wire = Channel("node-1", "127.0.0.1", first.port, tls)
        lamp = stub(Lamp, wire)
        await lamp.slow(0)
        assert len(wire._idle) == 1
        first.kill()
        second = Process(place, first.port)
        try:
            if works:
                assert (await lamp.ensure(Spec(id="1"))).calls == 1
            else:
                with pytest.raises(NodeUnreachable):
                    await lamp.flash()
                assert await lamp.flash() == 1, method
        finally:
            second.kill()
            await wire.close()


async def test_a_host_that_hangs_is_noticed(monkeypatch: pytest.MonkeyPatch, place: Path, tls: ssl.SSLContext) -> None:
    hanging = Process(place)
    wire = Channel("node-1", "127.0.0.1", hanging.port, tls)
    lamp = stub(Lamp, wire)
    try:
        await lamp.slow(0)
        monkeypatch.setattr(channel, "SILENT_SECONDS", 0.3)
        monkeypatch.setattr(channel, "CONNECT_SECONDS", 0.3)
        hanging.popen.send_signal(signal.SIGSTOP)
        with pytest.raises(NodeUnreachable, match="silent"):
            await lamp.flash()
        with pytest.raises(NodeUnreachable, match="no connection within"):
            await lamp.flash()
    finally:
        hanging.kill()
        await wire.close()


async def test_a_method_or_family_that_the_agent_does_not_have(place: Path, wire: Channel) -> None:
    newer = type("Lamp", (Protocol,), {"dim": _dim})
    with pytest.raises(NotBuilt, match=r"Host node-1: this agent has no Lamp\.dim"):
        await stub(newer, wire).dim(3)  # type: ignore[attr-defined]
    bell = type("Bell", (Protocol,), {"dim": _dim})
    with pytest.raises(NotBuilt, match="no Bell"):
        await stub(bell, wire).dim(3)  # type: ignore[attr-defined]


async def _dim(self: object, much: int) -> int:
    return much


async def test_garbage_does_not_disturb_an_agent(process: Process, tls: ssl.SSLContext, lamp: Lamp) -> None:
    requests = [
        b"POST /Lamp/remove HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
        b"POST /Lamp/remove HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n\x09\x00\x00\x00\x00",
        b"POST /Lamp/remove HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n\x01\x00\x00\x00\x00",
        b"POST /Lamp/__init__ HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
        b"POST /Lamp/start HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
        b"GET /Lamp/remove HTTP/1.1\r\nHost: x\r\n\r\n",
    ]
    for request in requests:
        reader, writer = await asyncio.open_connection("127.0.0.1", process.port, ssl=tls, server_hostname="node-1")
        writer.write(request)
        status = int((await reader.readline()).split()[1])
        assert status in {400, 404}
        writer.close()
    assert await lamp.slow(0) == "done"


def test_protocols_that_no_wire_can_carry_are_refused(tls: ssl.SSLContext) -> None:
    def path(self: object, blob: str) -> str: ...
    async def call_back(self: object, back: type) -> str: ...
    async def untyped(self: object, x) -> str: ...  # type: ignore[no-untyped-def]

    for function in (path, call_back, untyped):
        made = type("Odd", (Protocol,), {function.__name__: function})
        with pytest.raises(TypeError, match=rf"Odd\.{function.__name__}"):
            stub(made, Channel("h", "127.0.0.1", 1, tls))


async def test_nodes_hands_out_stubs_like_drivers(wire: Channel) -> None:
    nodes = Nodes("here")
    nodes.add("here", {Lamp: Bulb()})
    nodes.add("node-1", {Lamp: stub(Lamp, wire)})
    for host in nodes.hosts(Lamp):
        assert (await nodes.on(host, Lamp).ensure(Spec(id=host))).id == host
    with pytest.raises(NodeMissing):
        nodes.on("node-2", Lamp)
