"""The OpenID Connect provider of the tests: npm's `oidc-provider` in a node process of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx

HERE = Path(__file__).parent / "op"
BUILD = Path(__file__).parents[2] / "build" / "openid-provider"
NODE = Path(__file__).parents[2] / "build" / "node" / "bin"
"""Where `setup/node` puts one on machines that have none."""
PLACES = {**os.environ, "PATH": f"{NODE}{os.pathsep}{os.environ['PATH']}"}


def install() -> Path:
    """A folder with the server and its packages; installed once for each `package.json`."""
    wanted = (HERE / "package.json").read_text(encoding="utf-8")
    if not (BUILD / "package.json").exists() or (BUILD / "package.json").read_text(encoding="utf-8") != wanted:
        BUILD.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=BUILD.parent))
        shutil.copy(HERE / "package.json", fresh)
        npm = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]
        subprocess.run(npm, cwd=fresh, check=True, timeout=240, stdin=subprocess.DEVNULL, env=PLACES)
        shutil.rmtree(BUILD, ignore_errors=True)
        fresh.rename(BUILD)
    shutil.copy(HERE / "op.mjs", BUILD)
    return BUILD


class OpenIdProvider:
    """`start` and `stop`; every start has new keys."""

    def __init__(self, port: int, redirect_uris: list[str]) -> None:
        self.port, self.redirect_uris = port, redirect_uris
        self.issuer = f"http://127.0.0.1:{port}"
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> OpenIdProvider:
        settings = json.dumps({"issuer": self.issuer, "redirect_uris": self.redirect_uris})
        self._process = subprocess.Popen(
            ["node", "op.mjs", str(self.port), settings],
            cwd=install(),
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            env=PLACES,
        )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.strip() == "ready":
                return self
        raise RuntimeError("the OpenID provider did not start")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)
            self._process = None

    def token(self, client: tuple[str, str], **form: str) -> dict[str, Any]:
        answer = httpx.post(f"{self.issuer}/token", data=form, auth=client)
        assert answer.status_code == 200, answer.text
        return answer.json()


class Browser:
    """Walks pages as a person would: fills in what a form asks for, follows where it is sent."""

    def __init__(self, person: str) -> None:
        self.person = person
        self.http = httpx.Client(follow_redirects=False, timeout=120)
        self.trail: list[str] = []

    def open(self, url: str, until: str) -> httpx.Response:
        """The answer at the first URL that begins with `until`, with all cookies brought along."""
        return self._walk(self.http.get(url), url, until)

    def submit(self, response: httpx.Response, until: str, **values: str) -> httpx.Response:
        return self._walk(*self._send_form(response, values), until)

    def _walk(self, response: httpx.Response, url: str, until: str) -> httpx.Response:
        for _ in range(25):
            self.trail.append(url)
            if url.startswith(until):
                return response
            if response.is_redirect:
                url = urljoin(url, response.headers["location"])
                response = self.http.get(url)
            elif "<form" in response.text:
                response, url = self._send_form(response, {"login": self.person, "password": "any"})
            else:
                raise AssertionError(f"lost at {url}: {response.status_code} {response.text[:800]}")
        raise AssertionError(f"walked in circles: {self.trail}")

    def _send_form(self, response: httpx.Response, values: dict[str, str]) -> tuple[httpx.Response, str]:
        page = response.text
        action = re.search(r'<form[^>]*action="([^"]+)"', page)
        assert action is not None, page
        url = urljoin(str(response.url), unescape(action[1]))
        form: dict[str, str] = {}
        for tag in re.findall(r"<input[^>]*>", page):
            name, value = re.search(r'name="([^"]+)"', tag), re.search(r'value="([^"]*)"', tag)
            if name:
                form[name[1]] = unescape(value[1]) if value else ""
        form.update({name: value for name, value in values.items() if name in form})
        return self.http.post(url, data=form), url
