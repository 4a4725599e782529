"""How fast objects are over HTTP (Swift's API), as ratios to a hello app and to the bare disk in the same run.

`make bench`, or `python tests/bench/objects.py [NAMES]` with any of: small large flat slow lists. Needs `wrk`. `flat` writes 50 files of 1 GB
(`BENCH_TRANSFER_MB` for less). The figures without HTTP come from objectstore.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import http.client
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rig import SHIFT, SOURCE, Cloud, cpu_seconds, hello, pss, say, wrk

PORT = 8080 + SHIFT
MIB = 1 << 20
TRANSFER = int(os.environ.get("BENCH_TRANSFER_MB", "1000")) * MIB
AT_ONCE = 50
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "25"))
"""Downloads to be compared."""
PUTS = """
local at = 0
local id = 0
function setup(thread) thread:set("id", id) id = id + 1 end
request = function()
  at = at + 1
  wrk.headers["Content-Length"] = "1024"
  return wrk.format("PUT", wrk.path .. "/n" .. tostring(os.time()) .. "-" .. tostring(at), wrk.headers, string.rep("x", 1024))
end
"""

MANY = 20_000
GETS = """
local at = 0
request = function()
  at = at + 1
  return wrk.format("GET", wrk.path .. "/many" .. tostring(at % {many}), wrk.headers)
end
"""


def small(cloud: Cloud, base: float) -> None:
    """The client's own CPU is on the same two cores: rates per second of the server's CPU tell more."""
    root = f"/v1/AUTH_{cloud.project}/bench"
    pid = cloud.process.pid
    found = wrk(PORT, root, cloud.token, clients=16, seconds=6, script=PUTS)
    say("PUT 1 KB, durable, 16 clients", f"{found:,.0f}/s", ">= 1,500/s")
    found = wrk(PORT, root, cloud.token, clients=16, seconds=6, script=PUTS, pid=pid)
    say("  per second of CPU", f"{found:,.0f}/s", "-")
    call(cloud, "PUT", f"{root}/one", b"x" * 1024)
    found = wrk(PORT, f"{root}/one", cloud.token, pid=pid)
    say("GET 1 KB, per second of CPU", f"{found:,.0f}/s", ">= 0.25 of hello", f"{found / base:.3f}")
    for number in range(MANY):
        call(cloud, "PUT", f"{root}/many{number}", b"x" * 1024)
    found = wrk(PORT, root, cloud.token, seconds=2, script=GETS.format(many=MANY), pid=pid)
    say(f"GET 1 KB of {MANY:,} objects, each for the first time", f"{found:,.0f}/s", "-", f"{found / base:.3f}")


def large(cloud: Cloud, base: float) -> None:
    """Each round asks both servers in turn, so that whatever else the machine does disturbs both alike."""
    root = f"/v1/AUTH_{cloud.project}/bench"
    block = os.urandom(MIB)
    size = 100 * MIB
    disk, put = Meter(os.getpid()), Meter(cloud.process.pid)
    for _ in range(6):
        disk.take(lambda: to_disk(cloud.state, block, size))
        put.take(lambda: call(cloud, "PUT", f"{root}/large", stream(block, size), size))
    ratio = f"{disk.seconds / put.seconds:.2f}"
    say("PUT 100 MB", f"{size / MIB / put.seconds:,.0f} MB/s", ">= 0.5 of write+fsync+MD5", ratio)
    with streaming(size) as pid:
        ours, plain = Meter(cloud.process.pid), Meter(pid)
        for _ in range(ROUNDS):
            plain.take(lambda: drained(SHIFT + 8098, "/", "", size))
            ours.take(lambda: drained(PORT, f"{root}/large", cloud.token, size))
    say(
        "GET 100 MB",
        f"{size / MIB / ours.seconds:,.0f} MB/s",
        ">= 0.8 of plain streaming",
        f"{plain.seconds / ours.seconds:.2f}",
    )
    by_cpu = f"{size / MIB / ours.cpu:,.0f} MB/s"
    say("  per second of the server's CPU", by_cpu, ">= 0.8 of plain streaming", f"{plain.cpu / ours.cpu:.2f}")


class Meter:
    """What the same thing costs a process, time after time."""

    def __init__(self, pid: int) -> None:
        self._pid, self._seconds, self._cpu = pid, [0.0] * 0, 0.0

    def take(self, work: Callable[[], object]) -> None:
        cpu, begun = cpu_seconds(self._pid), time.perf_counter()
        work()
        self._seconds.append(time.perf_counter() - begun)
        self._cpu += cpu_seconds(self._pid) - cpu

    @property
    def seconds(self) -> float:
        """The median; the first is left out, it warms caches."""
        return statistics.median(self._seconds[1:])

    @property
    def cpu(self) -> float:
        """The mean: the system counts in hundredths of a second."""
        return self._cpu / len(self._seconds)


def drained(port: int, path: str, token: str, size: int) -> None:
    """GET it into one buffer: the cheapest client there is, lest it be the client that is measured."""
    buffer = bytearray(MIB)
    with socket.create_connection(("127.0.0.1", port)) as connection:
        head = f"GET {path} HTTP/1.1\r\nHost: bench\r\nX-Auth-Token: {token}\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode())
        total = 0
        while got := connection.recv_into(buffer):
            total += got
    if not size < total < size + 10_000:
        raise SystemExit(f"GET {path}: {total} bytes instead of {size} and a head")


STREAM = """
import asyncio, sys, uvloop
sys.path[:0] = {path!r}
from pileus.kernel.rest import Listeners
from os import urandom
async def app(scope, receive, send):
    await send({{"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"{size}")]}})
    for _ in range({size} >> 20):
        await send({{"type": "http.response.body", "body": urandom(1) * (1 << 20), "more_body": True}})
    await send({{"type": "http.response.body", "body": b""}})
async def main():
    listeners = Listeners(app, [("127.0.0.1", {port})]); listeners.bind(); await listeners.start(); await asyncio.Event().wait()
uvloop.run(main())
"""


@contextlib.contextmanager
def streaming(size: int) -> Iterator[int]:
    """The same bytes made up by an app that does nothing else, on the same server; its process id."""
    process = subprocess.Popen([sys.executable, "-c", STREAM.format(path=[SOURCE], size=size, port=SHIFT + 8098)])
    try:
        for _ in range(400):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", SHIFT + 8098)) == 0:
                    break
            time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def flat(cloud: Cloud, base: float) -> None:
    """Memory while many large bodies come and go at once."""
    root = f"/v1/AUTH_{cloud.project}/bench"
    block = os.urandom(MIB)
    before = pss(cloud.process.pid)
    highest = [before]
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.2):
            highest[0] = max(highest[0], pss(cloud.process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    at_once(lambda n: call(cloud, "PUT", f"{root}/flat{n}", stream(block, TRANSFER), TRANSFER))
    up = highest[0]
    highest[0] = pss(cloud.process.pid)
    at_once(lambda n: call(cloud, "GET", f"{root}/flat{n}"))
    over.set()
    watcher.join()
    told = f"{before:.0f} -> {up:.0f} / {highest[0]:.0f} MB"
    say(f"memory: {AT_ONCE} x {TRANSFER // MIB} MB in / out", told, "flat")


def slow(cloud: Cloud, base: float) -> None:
    """Memory while many read one large object, each 1 MB a second, for a while; then each as fast as it can."""
    path = f"/v1/AUTH_{cloud.project}/bench/slow"
    call(cloud, "PUT", path, stream(os.urandom(MIB), 300 * MIB), 300 * MIB)
    before = pss(cloud.process.pid)
    for what, rate in (("at 1 MB/s", MIB), ("at full speed", 0)):
        highest = before
        readers = [threading.Thread(target=sip, args=(path, cloud.token, rate, 10)) for _ in range(AT_ONCE)]
        for reader in readers:
            reader.start()
        while any(reader.is_alive() for reader in readers):
            highest = max(highest, pss(cloud.process.pid))
            time.sleep(0.2)
        say(f"memory: {AT_ONCE} readers {what}", f"{before:.0f} -> {highest:.0f} MB", "flat")


def sip(path: str, token: str, rate: int, seconds: float) -> None:
    """Read for so long, `rate` bytes a second (0: all that come), then go away in the middle."""
    buffer = bytearray(1 << 16)
    begun, taken = time.monotonic(), 0
    with socket.create_connection(("127.0.0.1", PORT)) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\nX-Auth-Token: {token}\r\n\r\n".encode())
        while (got := connection.recv_into(buffer)) and time.monotonic() - begun < seconds:
            taken += got
            if rate:
                time.sleep(max(0.0, begun + taken / rate - time.monotonic()))


def lists(cloud: Cloud, base: float) -> None:
    """A container of a million names, filled while the cloud is down."""
    container = f"/v1/AUTH_{cloud.project}/bench"
    cloud.stop(keep=True)
    asyncio.run(filled(cloud))
    again = Cloud(state=cloud.state)
    cloud.process, cloud.token = again.process, again.token
    pages = (
        ("page of 10,000 among 1,000,000 names", "format=json&marker=d250/", "<= 60 ms"),
        ("the same as text", "marker=d250/", "-"),
        ("delimiter: 500 subdirs", "format=json&delimiter=/", "<= 10 ms"),
    )
    for what, query, aim in pages:
        took = best(lambda query=query: call(cloud, "GET", f"{container}?{query}"))
        say(what, f"{took * 1000:.1f} ms", aim)


async def filled(cloud: Cloud) -> None:
    """Rows as PUTs would have made them, but for the counters."""
    sys.path.insert(0, SOURCE)
    from pileus.kernel.db import Database, Tx
    from pileus.services.objectstore.db import containers, objects
    from pileus.services.objectstore.db.objects import ObjectRow

    def some(tx: Tx, names: list[str]) -> None:
        room = containers.find(tx, f"AUTH_{cloud.project}", "bench")
        assert room is not None
        for name in names:
            objects.put(tx, ObjectRow(room.id, name, tx.now, False, "", 1, 1, "0" * 32, "", "text/plain", 0, tx.now, 0))

    db = Database(f"sqlite:///{cloud.state}/pileus.db")
    await db.start()
    for start in range(0, 1_000_000, 20_000):
        await db.write(some, [f"d{n % 500:03}/o{n:07}" for n in range(start, start + 20_000)])
    await db.close()


def at_once(work: Callable[[int], object]) -> None:
    threads = [threading.Thread(target=work, args=(n,)) for n in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def best(call: Callable[[], object]) -> float:
    times = []
    for _ in range(3):
        begun = time.perf_counter()
        call()
        times.append(time.perf_counter() - begun)
    return min(times)


def to_disk(place: Path, block: bytes, size: int) -> None:
    digest = hashlib.md5(usedforsecurity=False)
    with tempfile.TemporaryFile(dir=place, buffering=0) as file:
        for _ in range(size // len(block)):
            file.write(block)
            digest.update(block)
        os.fsync(file.fileno())


def stream(block: bytes, size: int) -> Iterator[bytes]:
    for _ in range(size // len(block)):
        yield block


def call(cloud: Cloud, method: str, path: str, body: object = None, size: int | None = None) -> None:
    headers = {"X-Auth-Token": cloud.token, **({"Content-Length": str(size)} if size is not None else {})}
    fetch(PORT, method, path, body, headers)


def fetch(port: int, method: str, path: str, body: object = None, headers: dict[str, str] | None = None) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    connection.request(method, path, body, headers or {})  # type: ignore[arg-type]
    answer = connection.getresponse()
    if answer.status >= 300:
        raise SystemExit(f"{method} {path}: {answer.status} {answer.read()[:200]!r}")
    while answer.read(MIB):
        pass
    connection.close()


def main() -> None:
    chosen = sys.argv[1:] or ["small", "large", "flat", "lists"]
    base = hello(by_cpu=True)
    say("hello, per second of CPU", f"{base:,.0f}/s", "-")
    cloud = Cloud()
    try:
        call(cloud, "PUT", f"/v1/AUTH_{cloud.project}/bench")
        for name in chosen:
            globals()[name](cloud, base)
    finally:
        cloud.stop()


if __name__ == "__main__":
    main()
