"""A cloud that is killed while it works, and those who keep it busy."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import httpx

from cloud_runs import CloudRun

KILLS = int(os.environ.get("PILEUS_TEST_KILLS", "5"))
SEED = int(os.environ.get("PILEUS_TEST_SEED", "0")) or random.randrange(1 << 30)
BASE = "http://127.0.0.1:{PILEUS_PORTS_ALL}"


class Mortal:
    """A cloud as a process in the foreground, that can be killed and started again."""

    def __init__(self, state: Path) -> None:
        self.run = CloudRun(
            state, PILEUS_NODE_BOOT_SECONDS="0.05", PILEUS_IMAGE_ORPHAN_MINUTES="0"
        )  # fmt: skip
        self.url = BASE.format(**self.run.environ)
        self.process: Any = None
        self.token = ""

    def up(self) -> None:
        self.process = self.run.start("up", "--simulate", "3", "--password", "secret")
        end = time.monotonic() + 180
        while True:
            assert self.process.poll() is None, self.process.communicate()
            try:
                self.token = self._login()
                return
            except httpx.TransportError:
                assert time.monotonic() < end, self.run.log()
                time.sleep(0.05)

    def _login(self) -> str:
        who = {"user": {"name": "admin", "domain": {"id": "default"}, "password": "secret"}}
        scope = {"project": {"name": "admin", "domain": {"id": "default"}}}
        body = {"auth": {"identity": {"methods": ["password"], "password": who}, "scope": scope}}
        answer = httpx.post(f"{self.url}/identity/v3/auth/tokens", json=body, timeout=120)
        assert answer.status_code == 201, answer.text
        return answer.headers["x-subject-token"]

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"X-Auth-Token": self.token}, timeout=120)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


class Busy:
    """Threads, one for each work, that go on until the cloud dies. `strange`: what should not have been answered."""

    def __init__(self, mortal: Mortal, works: Iterable[Callable[[httpx.Client], None]]) -> None:
        self.mortal = mortal
        self.strange: list[str] = []
        self.threads = [threading.Thread(target=self._until_dead, args=(work,)) for work in works]

    def start(self) -> None:
        for thread in self.threads:
            thread.start()

    def end(self) -> None:
        for thread in self.threads:
            thread.join(240)
            assert not thread.is_alive(), "somebody waits for a dead cloud"

    def _until_dead(self, work: Callable[[httpx.Client], None]) -> None:
        with self.mortal.client() as client:
            while True:
                try:
                    work(client)
                except httpx.TransportError:
                    return
                except AssertionError as problem:
                    self.strange.append(str(problem))
                    return
