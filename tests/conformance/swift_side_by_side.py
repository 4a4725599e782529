"""The same requests to two Swifts, side by side: `python tests/conformance/swift_side_by_side.py REAL OURS [part …]`.

With `record` for OURS the answers of the real one are written to `swift_answers.json`, which
`tests/unit/objectstore/test_swift_recorded.py` holds ours against where there is no real one.

REAL and OURS are URLs of object stores that take tokens of the form `user:project:role,role` (ours: `tests/object_server.py`;
a real Swift: `docs/howto/objects.md` tells how). Prints what differs: status, names of headers, values that do not tell the time,
and bodies. Ends with 1 when anything does. Each request is a line of `swift_requests.yaml`.
"""

import asyncio
import json
import re
import sys
from pathlib import Path
from typing import Any

import httpx
import yaml

from conformance.swift_bodies import archive, form, signed

REQUESTS = Path(__file__).with_name("swift_requests.yaml")
ANSWERS = Path(__file__).with_name("swift_answers.json")
SILENT = {
    "date", "x-trans-id", "x-openstack-request-id", "connection", "transfer-encoding", "x-timestamp", "x-put-timestamp",
    "last-modified", "x-copied-from-last-modified", "server", "keep-alive", "x-account-project-domain-id",
}  # fmt: skip
"""Headers whose values differ by nature; those of time must be there in both or in none. Tokens as the recorded one was given know of no domains."""
UNSAID = SILENT - {
    "x-timestamp",
    "last-modified",
    "x-trans-id",
    "x-openstack-request-id",
    "x-copied-from-last-modified",
}
_TIMES = [
    (re.compile(r"http://127\.0\.0\.1:\d+"), "HOST"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}"), "TIME"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"), "DAY"),
    (re.compile(r"\b\d{10}\.\d{5}\b"), "STAMP"),
    (re.compile(r"boundary=[0-9a-f]{32}|--[0-9a-f]{32}"), "BOUNDARY"),
    (re.compile(r"\b[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} [\d:]{8} GMT"), "DATE"),
]


def blurred(text: str) -> str:
    for pattern, word in _TIMES:
        text = pattern.sub(word, text)
    return text


class Side:
    """One of the two: remembers version ids, which differ."""

    def __init__(self, url: str) -> None:
        self.client = httpx.AsyncClient(base_url=url, timeout=20)
        self.kept: dict[str, str] = {}

    async def ask(self, step: dict[str, Any], default: str) -> dict[str, Any]:
        path = re.sub(r"<(\w+)>", lambda found: self.kept.get(found[1], "1.00000"), step["path"])
        headers = {str(k): str(v).encode() for k, v in step.get("headers", {}).items()}
        token = step.get("token", default)
        if token:
            headers["x-auth-token"] = token.encode()
        body = step.get("body", b"")
        if "sign" in step:
            path = signed(path, step["method"], step["sign"])
        if "form" in step:
            headers.setdefault("content-type", b"multipart/form-data; boundary=----x")
            body = form(path, step["form"])
        if "tar" in step:
            body = archive(step["tar"])
        content = body.encode() if isinstance(body, str) else body
        request = self.client.build_request(step["method"], path, headers=headers, content=content or None)
        if not content and step["method"] in ("PUT", "POST") and "content-length" not in request.headers:
            request.headers["content-length"] = "0"
        answer = await self.client.send(request)
        if "keep" in step:
            self.kept[step["keep"]] = answer.headers.get("x-object-version-id", "")
        return {
            "status": str(answer.status_code),
            "headers": {k: v for k, v in answer.headers.items() if k not in UNSAID},
            "body": blurred(answer.text),
        }


def differences(real: dict[str, Any], ours: dict[str, Any], spared: set[str]) -> list[str]:
    found = []
    if real["status"] != ours["status"] and "status" not in spared:
        found.append(f"status {real['status']} | {ours['status']}")
    for name in sorted(set(real["headers"]) | set(ours["headers"])):
        left, right = real["headers"].get(name), ours["headers"].get(name)
        if name.startswith("x-account-") and name.endswith(("-bytes-used", "-object-count")):
            continue  # the real one counts later
        if name in spared or (name in SILENT and left is not None and right is not None):
            continue
        if _plain(name, left) != _plain(name, right):
            found.append(f"{name}: {left!r} | {right!r}")
    if real["body"] != ours["body"] and "body" not in spared:
        found.append(f"body:\n      {real['body'][:600]!r}\n      {ours['body'][:600]!r}")
    return found


def _plain(name: str, value: str | None) -> object:
    if value is None:
        return None
    words = blurred(value)
    return (
        sorted(w.strip() for w in words.split(","))
        if name in ("allow", "vary", "access-control-expose-headers", "access-control-allow-methods")
        else words
    )


def parts() -> list[dict[str, Any]]:
    """Requests that belong together, with the account and the token that they are made with."""
    return list(yaml.safe_load(REQUESTS.read_text(encoding="utf-8")))


async def record(url: str) -> int:
    """Keep what the real one says."""
    side, found = Side(url), {}
    for part in parts():
        found[part["part"]] = [recorded(await side.ask(step, part["token"])) for step in steps(part)]
    lines = ",\n".join(
        f"{json.dumps(name)}: [\n" + ",\n".join(json.dumps(one, sort_keys=True) for one in said) + "\n]"
        for name, said in found.items()
    )
    ANSWERS.write_text("{\n" + lines + "\n}\n", encoding="utf-8")
    return 0


def recorded(said: dict[str, Any]) -> dict[str, Any]:
    """Without what is another at every run."""
    return said | {
        "headers": {name: "" if name in SILENT else blurred(value) for name, value in said["headers"].items()}
    }


def spared(part: dict[str, Any], step: dict[str, Any]) -> set[str]:
    """Names of headers, `status` and `body`, in which the two are known to differ."""
    return set(step.get("spare", "").split()) | set(part.get("spare", "").split())


async def main(real: str, ours: str, only: list[str]) -> int:
    if ours == "record":
        return await record(real)
    sides = Side(real), Side(ours)
    count = wrong = 0
    for part in parts():
        if only and part["part"] not in only:
            continue
        for step in steps(part):
            count += 1
            left, right = await asyncio.gather(*(side.ask(step, part["token"]) for side in sides))
            found = differences(left, right, spared(part, step))
            if found:
                wrong += 1
                print(f"{part['part']}: {step['method']} {step['path']} {step.get('headers', '')}")
                print("".join(f"    {line}\n" for line in found), end="")
    print(f"{count} requests, {wrong} differ")
    return 1 if wrong else 0


def steps(part: dict[str, Any]) -> list[dict[str, Any]]:
    """Lines `METHOD path [header: value | …] [< body] [~ what may differ]` or mappings, below the part's account."""
    found = []
    for line in part["requests"]:
        step = dict(line) if isinstance(line, dict) else _read(line)
        if not step["path"].startswith("/"):
            step["path"] = f"/v1/{part['account']}" + (f"/{step['path']}" if step["path"] not in ("", ".") else "")
            step["path"] = step["path"].replace("/?", "?")
        found.append(step)
    return found


def _read(line: str) -> dict[str, Any]:
    line, _, spare = line.partition(" ~ ")
    head, _, body = line.partition(" < ")
    method, path, *rest = head.split(" ", 2)
    headers = (
        dict(one.split(": ", 1) if ": " in one else (one.rstrip(":"), "") for one in rest[0].split(" | "))
        if rest
        else {}
    )
    return {"method": method, "path": path, "headers": headers, "body": body, "spare": spare}


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3:])))
