"""Clients of all kinds at work on one object store, each on names of its own: what they were promised, and what is open.

Run as a program it is the server: `object_crowd.py FOLDER PORT DATABASE`, its reconcilers always at work.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import json
import logging
import random
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3
import httpx
from botocore.client import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from object_server import running
from pileus.drivers.blob.protocol import BlobError
from pileus.kernel.types import Unavailable

ACCOUNT = "AUTH_p"
QUOTA = 200_000
SIZES = (0, 700, 16_384, 16_385, 60_000, 1_500_000)
SETTINGS: dict[str, Any] = {"grace_seconds": 1, "orphan_minutes": 1, "part_least": 0, "scrub_mib": 100}
Value = Any
"""Of an object: its MD5; None: not there. Of a name with versions: theirs, the newest first, `-` for a delete marker."""
ANYTHING = "anything"
HALF = "a manifest without all of its segments"
PAST = "2020-01-01T00:00:00Z"


class Cut(Exception):
    """No answer came."""


class Away(Exception):
    """The server cannot do it now: 503."""


class Strange(Exception):
    """An answer that no client should get."""


class Link:
    """How a client reaches the server, by both faces."""

    def __init__(self, port: int) -> None:
        self.swift = httpx.Client(
            base_url=f"http://127.0.0.1:{port}/v1/{ACCOUNT}/", headers={"X-Auth-Token": "u:p:member"}, timeout=120
        )
        session = boto3.Session(aws_access_key_id="u.p.member", aws_secret_access_key="secret", region_name="us-east-1")
        self.s3: Any = session.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{port}",
            config=Config(
                retries={"max_attempts": 0}, s3={"addressing_style": "path"}, connect_timeout=120, read_timeout=120
            ),
        )

    def ask(self, method: str, path: str, *allowed: int, **more: Any) -> httpx.Response:
        try:
            answer = self.swift.request(method, path, **more)
        except httpx.TransportError as error:
            raise Cut from error
        if answer.status_code == 503:
            raise Away(f"{method} {path}")
        if answer.status_code not in (allowed or (200, 201, 202, 204)):
            raise Strange(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        return answer

    def amazon(self, operation: str, *allowed: str, **more: Any) -> Any:
        """The answer; the code of a refusal that is allowed."""
        try:
            return getattr(self.s3, operation)(**more)
        except ClientError as error:
            if error.response["Error"]["Code"] in allowed:
                return error.response["Error"]["Code"]
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 503:
                raise Away(operation) from error
            raise Strange(f"{operation} {more}: {error}") from error
        except (HTTPClientError, BotoCoreError) as error:
            raise Cut from error

    def read(self, key: str) -> Value:
        kind, _, path = key.partition(":")
        if kind == "room":
            return self.ask("HEAD", path, 204, 404).status_code == 204
        if kind == "versions":
            return self._versions(path)
        answer = self.ask("GET", path, 200, 404, 409)
        if answer.status_code != 200:
            return None if answer.status_code == 404 else HALF
        found = md5(answer.content)
        etag = answer.headers["etag"].strip('"')
        if found != etag and len(etag) == 32 and "x-static-large-object" not in answer.headers:
            raise Strange(f"{path} has {found}, and not the bytes of its ETag {etag}")
        return found

    def _versions(self, name: str) -> tuple[str, ...]:
        told = self.amazon("list_object_versions", Bucket="versions", Prefix=name)
        rows = [(v["LastModified"], v["VersionId"], "Size" in v) for v in told.get("Versions", [])]
        rows += [(v["LastModified"], v["VersionId"], False) for v in told.get("DeleteMarkers", [])]
        return tuple(
            self._version(name, version, real) for _, version, real in sorted(rows, key=lambda r: r[1], reverse=True)
        )

    def _version(self, name: str, version: str, real: bool) -> str:
        if not real:
            return "-"
        return md5(self.amazon("get_object", Bucket="versions", Key=name, VersionId=version)["Body"].read())


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


class Crowd:
    """`sure` is what answers have promised, `open` what else may be, by names as `Link.read` takes them."""

    def __init__(self, ports: Sequence[int], seed: int, sure: Mapping[str, Value]) -> None:
        self.links = [Link(port) for port in ports]
        self.sure: dict[str, Value] = dict(sure)
        self.open: dict[str, list[Value]] = {}
        self.strange: list[str] = []
        self.answers = 0
        self.away = 0
        self.stop = threading.Event()
        self.dying = threading.Lock()
        """Held while a server is being killed: until what it had begun has ended, nobody looks what became of it."""
        self.threads = [
            threading.Thread(
                target=self._until_cut, args=(work, f"{work.__name__}-{copy}", random.Random(f"{seed}{work}{copy}"))
            )
            for work in WORKS
            for copy in range(2)
        ]

    def start(self) -> None:
        for thread in self.threads:
            thread.start()

    def go_on_until(self, answers: int) -> None:
        """There have been so many answers."""
        end = time.monotonic() + 120
        while self.answers < answers and not self.strange:
            assert time.monotonic() < end, f"{self.answers} answers in two minutes"
            time.sleep(0.01)

    def end(self) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join(250)
            assert not thread.is_alive(), f"{thread.name} is stuck"

    def _until_cut(self, work: Callable[[Worker], None], name: str, chance: random.Random) -> None:
        worker = Worker(self, name, chance)
        while not self.stop.is_set():
            try:
                worker.link = chance.choice(self.links)
                work(worker)
            except Cut:
                if len(self.links) < 2:
                    return
                worker.look()
            except Away:
                self.away += 1
                worker.look()
            except Exception as problem:
                self.strange.append(f"{name}: {problem!r}")
                return


class Worker:
    def __init__(self, crowd: Crowd, name: str, chance: random.Random) -> None:
        self.crowd, self.link, self.name, self.chance = crowd, crowd.links[0], name.strip("_"), chance

    def makes(self, changes: Mapping[str, Value], call: Callable[[], Any]) -> Any:
        """From here to the answer each may be as it was or as it is to be."""
        crowd = self.crowd
        for key, value in changes.items():
            crowd.open.setdefault(key, []).append(value)
        answer = call()
        crowd.answers += 1
        for key, value in changes.items():
            crowd.sure[key] = value
            del crowd.open[key]
        return answer

    def data(self) -> bytes:
        return self.chance.randbytes(16) * (self.chance.choice(SIZES) // 16) + self.chance.randbytes(3)

    def put(self, path: str, data: bytes, **headers: str) -> None:
        said = {key.replace("_", "-"): value for key, value in headers.items()}
        self.makes({f"o:{path}": md5(data)}, lambda: self.link.ask("PUT", path, content=data, headers=said))

    def delete(self, path: str) -> None:
        self.makes({f"o:{path}": None}, lambda: self.link.ask("DELETE", path))

    def look(self) -> None:
        """What became of that which nobody knows of: what it was, or what it was to be."""
        while not self.crowd.stop.is_set():
            self.crowd.stop.wait(0.3)
            with self.crowd.dying:
                pass
            mine = {key: [*values] for key, values in self.crowd.open.items() if self.name in key}
            sure = {key: self.crowd.sure[key] for key in mine if key in self.crowd.sure}
            try:
                self.crowd.strange += wrong_of(self.chance.choice(self.crowd.links), sure, mine)
            except (Away, Cut):
                continue
            self.crowd.sure |= sure
            for key in mine:
                del self.crowd.open[key]
            return

    def check(self, key: str) -> None:
        """Nobody else has these names: while nothing is under way, they are as they were left."""
        found = self.link.read(key)
        if found != self.crowd.sure.get(key):
            raise Strange(f"{key} is {found}, and was left as {self.crowd.sure.get(key)}")


def _plain(w: Worker) -> None:
    name = f"c/{w.name}/{w.chance.randrange(4)}"
    w.put(name, w.data())
    if w.chance.random() < 0.5:
        w.link.ask("POST", name, headers={"X-Object-Meta-Colour": "red"})
        w.check(f"o:{name}")
    if w.chance.random() < 0.3:
        w.delete(name)


def _copies(w: Worker) -> None:
    data = w.data()
    w.put(f"c/{w.name}/from", data)
    for to in (f"c/{w.name}/to", f"c/{w.name}/from", f"silver/{w.name}/to"):
        ask = lambda to=to: w.link.ask("COPY", f"c/{w.name}/from", headers={"Destination": to})  # noqa: E731
        w.makes({f"o:{to}": md5(data)}, ask)
    w.delete(f"c/{w.name}/from")
    w.check(f"o:c/{w.name}/to")


def _static(w: Worker) -> None:
    word = f"{w.name}/{w.chance.randrange(1 << 40):x}"
    parts = {f"silver/{word}/{number}": w.chance.randbytes(size) for number, size in enumerate((40_000, 500))}
    for path, data in parts.items():
        w.put(path, data)
    manifest, whole = json.dumps([{"path": f"/{path}"} for path in parts]), f"c/{w.name}/joined"
    put = lambda: w.link.ask("PUT", f"{whole}?multipart-manifest=put", content=manifest)  # noqa: E731
    w.makes({f"o:{whole}": md5(b"".join(parts.values()))}, put)
    w.check(f"o:{whole}")
    w.crowd.open[f"o:{whole}"] = [HALF]
    gone = dict.fromkeys([f"o:{whole}", *(f"o:{path}" for path in parts)])
    w.makes(gone, lambda: _reported(w, "DELETE", f"{whole}?multipart-manifest=delete"))


def _reported(w: Worker, method: str, path: str, **more: Any) -> None:
    """Ask for what is answered with 200 in any case; the report in it tells how each went."""
    said = {"Accept": "application/json", "Content-Type": "text/plain"}
    told = w.link.ask(method, path, headers=said, **more).json()
    if any(status.startswith("503") for _, status in told["Errors"]) or told["Response Status"].startswith("503"):
        raise Away(path)
    if told["Errors"] or not told["Response Status"].startswith("20"):
        raise Strange(f"{method} {path}: {told}")


def _many(w: Worker) -> None:
    files = {f"c/{w.name}/{number}": w.data() for number in range(6)}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path, data in files.items():
            entry = tarfile.TarInfo(path.partition("/")[2])
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    made = {f"o:{path}": md5(data) for path, data in files.items()}
    w.makes(made, lambda: _reported(w, "PUT", "c?extract-archive=tar", content=packed.getvalue()))
    names = "\n".join(f"/{path}" for path in files)
    w.makes(dict.fromkeys(made), lambda: _reported(w, "POST", "?bulk-delete", content=names))


def _parts(w: Worker) -> None:
    key, amazon = w.name, w.link.amazon
    upload = amazon("create_multipart_upload", Bucket="c", Key=key)["UploadId"]
    datas, chosen = [w.data() for _ in range(3)], []
    for number, data in enumerate(datas, 1):
        for _ in range(w.chance.choice((1, 1, 2))):
            told = amazon("upload_part", Bucket="c", Key=key, UploadId=upload, PartNumber=number, Body=data)
        chosen.append({"PartNumber": number, "ETag": told["ETag"]})
    if w.chance.random() < 0.3:
        amazon("abort_multipart_upload", Bucket="c", Key=key, UploadId=upload)
        w.check(f"o:c/{key}")
        return
    chosen = chosen[: w.chance.choice((2, 3))]
    whole = md5(b"".join(datas[: len(chosen)]))
    done = lambda: amazon(  # noqa: E731
        "complete_multipart_upload", Bucket="c", Key=key, UploadId=upload, MultipartUpload={"Parts": chosen}
    )
    w.makes({f"o:c/{key}": whole}, done)
    done()
    w.check(f"o:c/{key}")


def _versions(w: Worker) -> None:
    key, name, amazon = f"versions:{w.name}", w.name, w.link.amazon
    there = w.crowd.sure.get(key, ())
    data = w.data()
    made = w.makes({key: (md5(data), *there)}, lambda: amazon("put_object", Bucket="versions", Key=name, Body=data))
    if w.chance.random() < 0.6:
        gone = lambda: amazon("delete_object", Bucket="versions", Key=name, VersionId=made["VersionId"])  # noqa: E731
        w.makes({key: there}, gone)
    if len(there) > 5:
        marked = w.makes({key: ("-", *w.crowd.sure[key])}, lambda: amazon("delete_object", Bucket="versions", Key=name))
        assert marked["DeleteMarker"]
        told = amazon("list_object_versions", Bucket="versions", Prefix=name)
        rows = [*told.get("Versions", []), *told.get("DeleteMarkers", [])]
        w.crowd.open[key] = [tuple(w.crowd.sure[key])[n:] for n in range(1, 99)]
        for row in sorted(rows, key=lambda row: row["VersionId"], reverse=True):
            amazon("delete_object", Bucket="versions", Key=name, VersionId=row["VersionId"])
        w.crowd.sure[key] = ()
        del w.crowd.open[key]
        w.check(key)


def _rooms(w: Worker) -> None:
    name = f"{w.name}-{w.chance.randrange(2)}"
    w.makes({f"room:{name}": True}, lambda: w.link.ask("PUT", name))
    w.put(f"{name}/x", w.data())
    w.link.ask("DELETE", name, 409)
    w.delete(f"{name}/x")
    w.makes({f"room:{name}": False}, lambda: w.link.ask("DELETE", name))


def _expiring(w: Worker) -> None:
    path = f"c/{w.name}/{w.chance.randrange(5)}"
    data = w.data()
    w.crowd.open[f"o:{path}"] = [md5(data), *w.crowd.open.get(f"o:{path}", [])[:1]]
    w.link.ask("PUT", path, content=data, headers={"X-Delete-After": "1"})
    w.crowd.answers += 1


def _ruled(w: Worker) -> None:
    """Objects that a lifecycle rule takes at once."""
    key, data = f"{w.name}-{w.chance.randrange(5)}", w.data()
    w.crowd.open[f"o:ruled/{key}"] = [md5(data), *w.crowd.open.get(f"o:ruled/{key}", [])[:1]]
    w.link.amazon("put_object", Bucket="ruled", Key=key, Body=data)
    w.crowd.answers += 1


def _bounded(w: Worker) -> None:
    """As much as a quota lets through."""
    path, data = f"quota/{w.name}/{w.chance.randrange(9)}", w.data()
    before = w.crowd.sure.get(f"o:{path}")
    w.crowd.open[f"o:{path}"] = [before, md5(data)]
    taken = w.link.ask("PUT", path, 201, 413, content=data).status_code == 201
    w.crowd.sure[f"o:{path}"] = md5(data) if taken else before
    del w.crowd.open[f"o:{path}"]
    if not taken and before is not None:
        w.delete(path)


def _stack(w: Worker) -> None:
    """An archive of old: a delete brings back what was overwritten."""
    path, one, two = f"stack/{w.name}", w.data(), w.data()
    w.crowd.open[f"o:{path}"] = [ANYTHING]
    while w.link.ask("DELETE", path, 204, 404).status_code == 204:
        pass  # what a kill left of the last time
    w.crowd.sure[f"o:{path}"] = None
    del w.crowd.open[f"o:{path}"]
    w.put(path, one)
    w.put(path, two)
    w.makes({f"o:{path}": md5(one)}, lambda: w.link.ask("DELETE", path))
    w.check(f"o:{path}")
    w.makes({f"o:{path}": None}, lambda: w.link.ask("DELETE", path))


WORKS: tuple[Callable[[Worker], None], ...] = (
    _plain, _copies, _static, _many, _parts, _versions, _rooms, _expiring, _ruled, _bounded, _stack,
)  # fmt: skip


def furnish(port: int) -> None:
    """The containers that all share."""
    link = Link(port)
    for name in ("c", "archive"):
        link.ask("PUT", name)
    link.ask("PUT", "silver", headers={"X-Storage-Policy": "silver"})
    link.ask("PUT", "stack", headers={"X-Versions-Location": "archive"})
    link.ask("PUT", "quota", headers={"X-Container-Meta-Quota-Bytes": str(QUOTA)})
    for bucket in ("versions", "ruled"):
        link.amazon("create_bucket", Bucket=bucket)
    link.amazon("put_bucket_versioning", Bucket="versions", VersioningConfiguration={"Status": "Enabled"})
    rule = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Date": PAST}}
    link.amazon("put_bucket_lifecycle_configuration", Bucket="ruled", LifecycleConfiguration={"Rules": [rule]})


def wrong(port: int, sure: dict[str, Value], cut: Mapping[str, list[Value]]) -> list[str]:
    """What is not as promised; `sure` becomes what is there."""
    link = Link(port)
    found = wrong_of(link, sure, cut)
    used = int(link.ask("HEAD", "quota").headers["x-container-bytes-used"])
    return found + ([f"the quota is {QUOTA}, in use are {used}"] if used > QUOTA else [])


def wrong_of(link: Link, sure: dict[str, Value], cut: Mapping[str, list[Value]]) -> list[str]:
    found = []
    for key in sorted(sure.keys() | cut.keys()):
        absent: Value = () if key.startswith("versions:") else False if key.startswith("room:") else None
        allowed = [sure.get(key, absent), *cut.get(key, [])]
        if key.startswith(("o:c/expiring", "o:ruled/")):
            allowed.append(None)
        try:
            now = link.read(key)
        except Strange as problem:
            found.append(str(problem))
            continue
        if now not in allowed and ANYTHING not in allowed:
            found.append(f"{key} is {now}, and not one of {allowed}")
        sure[key] = now
    return found


async def serve(folder: str, port: str, url: str) -> None:
    logging.basicConfig(level=logging.WARNING)
    async with running(Path(folder), int(port), url, synchronous="NORMAL", **SETTINGS) as it:
        print("up", flush=True)
        while True:
            for one in it.service.reconcilers:
                if one.name != "objectstore.send":
                    with contextlib.suppress(Unavailable, BlobError):
                        await one._work()
            await asyncio.sleep(0.3)


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))
