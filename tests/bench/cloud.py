"""How fast the cloud is, as ratios to a hello-JSON app on the same server in the same run.

`make bench`, or `python tests/bench/cloud.py [NAMES]` with any of: start memory show list create boot fleet real.
Needs `wrk` (Debian package wrk). Nothing is asserted: the table is for reading.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from rig import PORTS, SHIFT, Cloud, hello, pss, say, wrk


class Client:
    """One keep-alive connection; a benchmark's client must not be what is measured."""

    def __init__(self, port: int, token: str) -> None:
        self.port, self.token = port, token

    async def call(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        if not hasattr(self, "reader"):
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {self.token}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.writer.write(head.encode() + body)
        raw = await self.reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"content-length: (\d+)", raw, re.IGNORECASE)[1])  # type: ignore[index]
        return int(raw[9:12]), await self.reader.readexactly(length)


async def boot(client: Client, body: bytes, pause: float) -> tuple[float, float]:
    """Seconds of the POST, and until ACTIVE."""
    began = time.perf_counter()
    status, raw = await client.call("POST", "/v2.1/servers", body)
    posted = time.perf_counter() - began
    assert status == 202, raw
    path = f"/v2.1/servers/{json.loads(raw)['server']['id']}"
    while True:
        _, raw = await client.call("GET", path)
        if b'"status":"ACTIVE"' in raw:
            return posted, time.perf_counter() - began
        assert b'"status":"ERROR"' not in raw, raw
        await asyncio.sleep(pause)


def boots(cloud: Cloud, number: int, clients: int, networked: bool) -> tuple[list[float], list[float], float]:
    """(POST seconds, ACTIVE seconds, boots per second)."""
    image = cloud.image()
    networks: Any = [{"uuid": cloud.network()}] if networked else None
    server = {"name": "bench", "flavorRef": "42", "imageRef": image, **({"networks": networks} if networks else {})}
    body = json.dumps({"server": server}).encode()

    async def run() -> list[tuple[float, float]]:
        async def one(client: Client, n: int) -> list[tuple[float, float]]:
            return [await boot(client, body, 0.002 if clients == 1 else 0.2) for _ in range(n)]

        pool = [Client(PORTS["compute"] + SHIFT, cloud.token) for _ in range(clients)]
        await one(pool[0], 2)
        return [pair for part in await asyncio.gather(*(one(c, number // clients) for c in pool)) for pair in part]

    began = time.perf_counter()
    pairs = asyncio.run(run())
    return [p for p, _ in pairs], [a for _, a in pairs], len(pairs) / (time.perf_counter() - began)


def real() -> None:
    """(h): guests of libvirt and QEMU. The first boot brings the image to the host; the second is measured."""
    cloud = Cloud(
        simulate=0,
        PILEUS_NODE_CLOUD="bench",
        PILEUS_NODE_EXTERNAL='["172.27.4.1/24"]',
        PILEUS_NODE_HYPERVISOR="libvirt",
    )
    try:
        guest = cloud.state / "guest.qcow2"
        subprocess.run(
            [sys.executable, "-m", "pileus", "image", "build", str(guest)],
            env=cloud.environ,
            check=True,
            capture_output=True,
        )
        made = cloud.call(
            "image", "POST", "/v2/images", {"name": "guest", "disk_format": "qcow2", "container_format": "bare"}
        )
        cloud.call("image", "PUT", f"/v2/images/{made['id']}/file", guest.read_bytes())
        outside = {
            "name": "public",
            "router:external": True,
            "provider:network_type": "flat",
            "provider:physical_network": "public",
        }
        public = cloud.call("network", "POST", "/v2.0/networks", {"network": outside})["network"]["id"]
        subnet = {
            "network_id": public,
            "cidr": "172.27.4.0/24",
            "ip_version": 4,
            "gateway_ip": "172.27.4.1",
            "enable_dhcp": False,
        }
        cloud.call("network", "POST", "/v2.0/subnets", {"subnet": subnet})
        net = cloud.call("network", "POST", "/v2.0/networks", {"network": {"name": "inside"}})["network"]["id"]
        inside = cloud.call(
            "network", "POST", "/v2.0/subnets", {"subnet": {"network_id": net, "cidr": "10.9.0.0/24", "ip_version": 4}}
        )["subnet"]["id"]
        router = cloud.call(
            "network",
            "POST",
            "/v2.0/routers",
            {"router": {"name": "r", "external_gateway_info": {"network_id": public}}},
        )["router"]["id"]
        cloud.call("network", "PUT", f"/v2.0/routers/{router}/add_router_interface", {"subnet_id": inside})
        group = cloud.call("network", "GET", "/v2.0/security-groups?name=default")["security_groups"][0]["id"]
        rule = {
            "security_group_id": group,
            "direction": "ingress",
            "protocol": "tcp",
            "port_range_min": 22,
            "port_range_max": 22,
        }
        cloud.call("network", "POST", "/v2.0/security-group-rules", {"security_group_rule": rule})
        for measured in (False, True):
            _real_boot(cloud, made["id"], net, public, measured)
    finally:
        cloud.process.send_signal(signal.SIGTERM)
        cloud.process.wait(10)
        subprocess.run(
            [sys.executable, "-m", "pileus", "down", "--purge", "--state", str(cloud.state)],
            env=cloud.environ,
            check=True,
            capture_output=True,
        )


def _real_boot(cloud: Cloud, image: str, net: str, public: str, measured: bool) -> None:
    server = {"name": "bench", "flavorRef": "84", "imageRef": image, "networks": [{"uuid": net}]}
    began = time.perf_counter()
    server_id = cloud.call("compute", "POST", "/v2.1/servers", {"server": server})["server"]["id"]
    while not _qemu_of(server_id):
        time.sleep(0.005)
    running = time.perf_counter() - began
    while cloud.call("compute", "GET", f"/v2.1/servers/{server_id}")["server"]["status"] == "BUILD":
        time.sleep(0.02)
    active = time.perf_counter() - began
    port = cloud.call("network", "GET", f"/v2.0/ports?device_id={server_id}")["ports"][0]["id"]
    floating = {"floating_network_id": public, "port_id": port}
    address = cloud.call("network", "POST", "/v2.0/floatingips", {"floatingip": floating})["floatingip"][
        "floating_ip_address"
    ]
    while not _ssh_answers(address) and time.perf_counter() - began < 120:
        time.sleep(0.1)
    if measured:
        say("(h) real boot, cached image: POST to QEMU running", f"{running:.2f} s", "<= 1 s")
        say("(h) real boot, cached image: POST to ACTIVE", f"{active:.2f} s", "-")
        say("(h) real boot, cached image: POST to ssh answers", f"{time.perf_counter() - began:.1f} s", "-")


def _qemu_of(server_id: str) -> bool:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes()
        except OSError:
            continue
        if b"qemu-system" in line and server_id.encode() in line:
            return True
    return False


def _ssh_answers(address: str) -> bool:
    try:
        with socket.create_connection((address, 22), timeout=1) as connection:
            connection.settimeout(2)
            return connection.recv(3) == b"SSH"
    except OSError:
        return False


def main(wanted: list[str]) -> None:
    everything = not wanted

    def on(name: str) -> bool:
        return everything or name in wanted

    base = hello()
    say("hello-JSON on the same server", f"{base:,.0f}/s", "-", "1.00")
    if on("start"):
        times = []
        for _ in range(3):
            cloud = Cloud()
            times.append(cloud.ready)
            cloud.stop()
        say("(a) empty state directory to first token, best of 3", f"{min(times):.2f} s", "<= 1.0 s")
    cloud = Cloud()
    if on("memory"):
        time.sleep(2)
        say("(b) idle memory (PSS)", f"{pss(cloud.process.pid):.0f} MiB", "<= 150 MB")
    if on("show") or on("list"):
        image = cloud.image()
        net = cloud.network()
        for _ in range(100):
            made = cloud.call(
                "compute",
                "POST",
                "/v2.1/servers",
                {"server": {"name": "b", "flavorRef": "42", "imageRef": image, "networks": [{"uuid": net}]}},
            )
        time.sleep(1.5)
        rate = wrk(PORTS["compute"] + SHIFT, f"/v2.1/servers/{made['server']['id']}", cloud.token)
        say("(c) token check + show one server", f"{rate:,.0f}/s", ">= 0.25", f"{rate / base:.2f}")
        rate = wrk(PORTS["compute"] + SHIFT, "/v2.1/servers/detail?limit=100", cloud.token)
        say("(d) list 100 servers with details", f"{rate:,.0f}/s", ">= 0.05", f"{rate / base:.3f}")
    if on("create"):
        net = cloud.network()
        post = 'wrk.method="POST"; wrk.headers["Content-Type"]="application/json"; wrk.body=[[%s]]'
        script = post % json.dumps({"port": {"network_id": net}})
        rate = wrk(PORTS["network"] + SHIFT, "/v2.0/ports", cloud.token, 16, 4, script)
        say("(e) create a port, durable, 16 clients", f"{rate:,.0f}/s", ">= 1,000/s", f"{rate / base:.3f}")
        script = post % json.dumps({"name": "b", "disk_format": "raw", "container_format": "bare"})
        rate = wrk(PORTS["image"] + SHIFT, "/v2/images", cloud.token, 16, 4, script)
        say("(e) create an image row, durable, 16 clients", f"{rate:,.0f}/s", ">= 1,000/s", f"{rate / base:.3f}")
    cloud.stop()
    if on("boot"):
        cloud = Cloud(simulate=20)
        posts, actives, _ = boots(cloud, 60, 1, True)
        say("(f) simulated boot alone, POST to ACTIVE, p50", f"{statistics.median(actives) * 1000:.1f} ms", "<= 50 ms")
        _, _, rate = boots(cloud, 600, 50, True)
        say("(f) simulated boots, 50 clients", f"{rate:,.0f}/s", ">= 200/s")
        cloud.stop()
    if on("fleet"):
        cloud = Cloud(simulate=10000)
        say("(g) start with 10,000 simulated hypervisors", f"{cloud.ready:.2f} s", "-")
        posts, actives, _ = boots(cloud, 60, 1, True)
        say("(g) the same boot with 10,000 hosts, POST p50", f"{statistics.median(posts) * 1000:.1f} ms", "<= 20 ms")
        say("(g) the same boot with 10,000 hosts, ACTIVE p50", f"{statistics.median(actives) * 1000:.1f} ms", "-")
        _, _, rate = boots(cloud, 600, 50, True)
        say("(g) boots with 10,000 hosts, 50 clients", f"{rate:,.0f}/s", "-")
        say("(g) memory with 10,000 hosts (PSS)", f"{pss(cloud.process.pid):.0f} MiB", "-")
        cloud.stop()
    if on("real"):
        if (
            os.geteuid() == 0
            and shutil.which("virsh")
            and subprocess.run(["virsh", "list"], capture_output=True, check=False).returncode == 0
        ):
            real()
        else:
            say("(h) real boot", "not measured", "needs root and a running libvirtd")


if __name__ == "__main__":
    main(sys.argv[1:])
