"""What benchmarks share: a cloud in a process of its own, hello on the same server, `wrk`, a table."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

SOURCE = str(Path(__file__).resolve().parents[3] / "src")
SHIFT = int(os.environ.get("BENCH_SHIFT", "30000"))
PASSWORD = "bench-secret"
HELLO_PORT = SHIFT + 8099
rows: list[tuple[str, str, str, str]] = []


def say(name: str, figure: str, aim: str, ratio: str = "") -> None:
    rows.append((name, figure, ratio, aim))
    print(f"{name:58} {figure:>26} {ratio:>8}   aim {aim}", flush=True)


def request(
    method: str, port: int, path: str, body: Any = None, token: str = "", headers: dict[str, str] | None = None
) -> tuple[Any, Any]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
    made = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, method=method)
    made.add_header("Content-Type", "application/octet-stream" if isinstance(body, bytes) else "application/json")
    for name, value in {**({"X-Auth-Token": token} if token else {}), **(headers or {})}.items():
        made.add_header(name, value)
    with urllib.request.urlopen(made, timeout=60) as answer:
        raw = answer.read()
        return answer.headers, json.loads(raw) if raw else None


def token_of(port: int) -> tuple[str, str]:
    """(token, project id) of admin."""
    user = {"name": "admin", "domain": {"id": "default"}, "password": PASSWORD}
    scope = {"project": {"name": "admin", "domain": {"id": "default"}}}
    body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}}
    headers, answer = request("POST", port, "/v3/auth/tokens", body)
    return headers["X-Subject-Token"], answer["token"]["project"]["id"]


class Cloud:
    """`pileus up` as a process of its own, on an empty state directory or the one that another left (`stop(keep=True)`)."""

    def __init__(self, simulate: int = 1, state: Path | None = None, **environ: str) -> None:
        self.state = state or Path(tempfile.mkdtemp(prefix="pileus-bench-"))
        self.environ = {
            **os.environ, "PYTHONPATH": SOURCE, "PILEUS_PORTS_SHIFT": str(SHIFT), "PILEUS_PORTS_IDENTITY_ADMIN": "0",
            "PILEUS_COMPUTE_INSTANCES": "-1", "PILEUS_COMPUTE_CORES": "-1", "PILEUS_COMPUTE_RAM": "-1", "PILEUS_NETWORK_QUOTA_PORT": "-1", **environ,
        }  # fmt: skip
        command = [sys.executable, "-m", "pileus", "up", "--state", str(self.state), "--password", PASSWORD]
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            [*command, *(["--simulate", str(simulate)] if simulate else [])],
            env=self.environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        self.token, self.project = self._first_token()
        self.ready = time.perf_counter() - self.began

    def _first_token(self) -> tuple[str, str]:
        while True:
            try:
                return token_of(5000 + SHIFT)
            except OSError:
                if self.process.poll() is not None:
                    raise SystemExit(
                        f"the cloud did not start: {(self.process.stderr.read() if self.process.stderr else b'').decode()}"
                    ) from None
                time.sleep(0.005)

    def call(self, service: str, method: str, path: str, body: Any = None, **headers: str) -> Any:
        return request(method, PORTS[service] + SHIFT, path, body, self.token, headers)[1]

    def image(self) -> str:
        made = self.call(
            "image", "POST", "/v2/images", {"name": "bench", "disk_format": "raw", "container_format": "bare"}
        )
        self.call("image", "PUT", f"/v2/images/{made['id']}/file", os.urandom(65536))
        return str(made["id"])

    def network(self) -> str:
        net = self.call("network", "POST", "/v2.0/networks", {"network": {"name": "bench"}})["network"]["id"]
        self.call(
            "network",
            "POST",
            "/v2.0/subnets",
            {"subnet": {"network_id": net, "cidr": "10.0.0.0/8", "ip_version": 4, "enable_dhcp": False}},
        )
        return str(net)

    def stop(self, keep: bool = False) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)
        if keep:
            return
        shutil.rmtree(self.state, ignore_errors=True)


PORTS = {"compute": 8774, "network": 9696, "image": 9292, "identity": 5000}


def wrk(
    port: int,
    path: str,
    token: str = "",
    clients: int = 8,
    seconds: int = 4,
    script: str = "",
    headers: tuple[str, ...] = (),
    pid: int = 0,
) -> float:
    """Requests per second; answers other than 2xx are an error of the benchmark.

    With `pid`: per second of that process's CPU time, which others on the machine disturb less.
    """
    before = cpu_seconds(pid) if pid else 0.0
    command = ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", f"http://127.0.0.1:{port}{path}"]
    for header in (f"X-Auth-Token: {token}", *headers):
        command[1:1] = ["-H", header]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as lua:
        if script:
            lua.write(script)
            lua.flush()
            command[1:1] = ["-s", lua.name]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in out:
        raise SystemExit(f"{path}: {out}")
    if pid:
        return int(_found(r"(\d+) requests in", out)) / (cpu_seconds(pid) - before)
    return float(_found(r"Requests/sec:\s+([0-9.]+)", out))


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found is not None, text
    return found[1]


def cpu_seconds(pid: int) -> float:
    """User and system time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


_HELLO = """
import asyncio, sys
sys.path[:0] = {path!r}
from pileus.kernel.rest import Listeners
async def hello(scope, receive, send):
    await send({{"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json"), (b"content-length", b"17")]}})
    await send({{"type": "http.response.body", "body": b'{{"hello":"world"}}'}})
async def main():
    listeners = Listeners(hello, [("127.0.0.1", {port})]); listeners.bind(); await listeners.start(); await asyncio.Event().wait()
import uvloop; uvloop.run(main())
"""


def hello(by_cpu: bool = False) -> float:
    """Requests per second of the smallest app there is, on the cloud's own server; `by_cpu`: as `wrk` with `pid`."""
    process = subprocess.Popen([sys.executable, "-c", _HELLO.format(path=[SOURCE], port=HELLO_PORT)])
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", HELLO_PORT)) == 0:
                    break
            time.sleep(0.05)
        return wrk(HELLO_PORT, "/", pid=process.pid if by_cpu else 0)
    finally:
        process.terminate()
        process.wait()


def pss(pid: int) -> float:
    """Proportional set size in MiB."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)[1]) / 1024  # type: ignore[index]
