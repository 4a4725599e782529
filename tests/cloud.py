"""A whole cloud in a thread of the test process: simulated drivers, its own state and ports."""

from __future__ import annotations

import asyncio
import itertools
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from cloud_runs import held

PASSWORD = "secret"
_own: list[int] = []
"""The shifts that this process holds."""


def free_shift() -> int:
    """A value for `[ports] shift` at which the cloud's ports are free, and that no other process that tests will take.

    Multiples of 97: no two of them lead to the same port. All stay below those of `cloud_runs.free_ports`.
    """
    others = (shift for shift in range(1067, 12600, 97) if shift not in _own and held(f"shift-{shift}"))
    for shift in itertools.chain(tuple(_own), others):
        if shift not in _own:
            _own.append(shift)
        if all(_free(port + shift) for port in (5000, 8080, 8774, 8775, 8778, 8999, 9292, 9696)):
            return shift
    raise RuntimeError("no free ports; tests of how many processes run here?")


def _free(port: int) -> bool:
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


class LiveCloud:
    """`start` returns when every listener answers. `url` is the one port under which all services stand by path."""

    def __init__(
        self, state: Path, database: str = "", settings: Mapping[str, str] | None = None, simulate: int = 3
    ) -> None:
        self.state, self.shift = state, free_shift()
        self.environ = {
            "PILEUS_PORTS_SHIFT": str(self.shift), "PILEUS_PORTS_IDENTITY_ADMIN": "0", "PILEUS_CLOUD_SIMULATE": str(simulate),
            "PILEUS_CLOUD_SYNCHRONOUS": "OFF", "PILEUS_IDENTITY_ADMIN_PASSWORD": PASSWORD, "PILEUS_IDENTITY_DEMO_PASSWORD": PASSWORD,
            **({"PILEUS_CLOUD_DATABASE": database} if database else {}), **(settings or {}),
        }  # fmt: skip
        self.port = 8999 + self.shift
        self.url = f"http://127.0.0.1:{self.port}"
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._problem: BaseException | None = None
        self.cloud: Any = None

    def start(self) -> LiveCloud:
        self.state.mkdir(parents=True, exist_ok=True)
        self._thread = threading.Thread(target=self._run, name="cloud", daemon=True)
        self._thread.start()
        if not self._ready.wait(180):
            raise RuntimeError("the cloud did not start in three minutes")
        if self._problem is not None:
            raise self._problem
        return self

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as problem:
            self._problem = problem
            self._ready.set()

    async def _serve(self) -> None:
        from pileus import app
        from pileus.kernel.config import load

        self.cloud = app.Cloud(load(app.SECTIONS, None, self.environ), self.state)
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        try:
            await self.cloud.start()
            self._ready.set()
            await self._stop.wait()
        finally:
            await self.cloud.close()

    def call(self, make: Callable[[], Any]) -> Any:
        """Run a coroutine function on the cloud's own loop and wait for its result."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(make(), self._loop).result(180)

    def stop(self) -> None:
        if self._loop is not None and self._thread is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(180)
            assert not self._thread.is_alive(), "the cloud did not stop in three minutes"

    def start_again(self) -> LiveCloud:
        """With the settings as they stand now."""
        self._ready.clear()
        return self.start()

    def client(self, user: str = "admin", project: str = "", **scope: Any) -> httpx.Client:
        """A client of `url` with a token of `user`, by default scoped to the project of the same name."""
        target = scope or {"project": {"name": project or user, "domain": {"id": "default"}}}
        token = self.token(user, target)
        return httpx.Client(base_url=self.url, headers={"X-Auth-Token": token}, timeout=120)

    def token(self, user: str, scope: Mapping[str, Any] | None = None, password: str = PASSWORD) -> str:
        identity = {
            "methods": ["password"],
            "password": {"user": {"name": user, "domain": {"id": "default"}, "password": password}},
        }
        body: dict[str, Any] = {"auth": {"identity": identity}}
        if scope:
            body["auth"]["scope"] = scope
        answer = httpx.post(f"{self.url}/identity/v3/auth/tokens", json=body, timeout=120)
        assert answer.status_code == 201, answer.text
        return str(answer.headers["x-subject-token"])
