"""Archive upload: every file of a tar becomes an object. Names are names: no path of this machine is ever made of them."""

from collections.abc import AsyncIterator, Mapping

from pileus.kernel.rest import Answer
from pileus.kernel.types import Fault
from pileus.services.objectstore.api.swift import bulk_reports
from pileus.services.objectstore.api.swift.answers import told
from pileus.services.objectstore.api.swift.call import Call
from pileus.services.objectstore.api.swift.dialect import worded
from pileus.services.objectstore.api.swift.paths import CONTAINER_MAX, OBJECT_MAX, Path
from pileus.services.objectstore.api.swift.removing import outcome, pulsed, status_line
from pileus.services.objectstore.api.swift.tar import FORMATS, BadArchive, Entry, entries, unpacked

FAILURES_MAX = 1000
CONTAINERS_MAX = 10_000
_ATTRIBUTES = ("SCHILY.xattr.user.", "LIBARCHIVE.xattr.user.")


def concerns(call: Call) -> bool:
    return call.method == "PUT" and call.query.has("extract-archive")


async def extract(call: Call) -> Answer:
    """A report. Raises 400."""
    kind = call.query.one("extract-archive") or ""
    if kind not in FORMATS:
        raise told(400, "Unsupported archive format")
    media = bulk_reports.accepted(call.headers)
    work = _Extraction(call, media or "text/plain")
    if media is None:
        work.stop(406, "")
        return Answer(200, raw=work.report(), media="text/html; charset=UTF-8")
    if "content-length" not in call.headers and "transfer-encoding" not in call.headers:
        work.stop(411, "")
        return Answer(200, raw=work.report(), media=media)
    return Answer(200, stream=await pulsed(work.run(unpacked(kind, call.stream())), work.report), media=media)


class _Extraction:
    def __init__(self, call: Call, media: str) -> None:
        self._call, self._media = call, media
        self._made = 0
        self._problems: list[tuple[str, str]] = []
        self._containers: dict[str, bool] = {}
        self._status, self._body = "", ""
        self._passed = {
            name: value
            for name, value in call.headers.items()
            if name.startswith("x-object-meta-") or name in ("x-delete-at", "x-delete-after")
        }

    def stop(self, status: int, body: str) -> None:
        self._status, self._body = status_line(status), body

    def report(self) -> bytes:
        if not self._status:
            if self._problems:
                self.stop(400, "")
            elif self._made:
                self.stop(201, "")
            else:
                self.stop(400, "Invalid Tar File: No Valid Files")
        facts: dict[str, str | int] = {
            "Number Files Created": self._made, "Response Body": self._body, "Response Status": self._status,
        }  # fmt: skip
        if self._media == "application/json":
            facts = {name: facts[name] for name in ("Response Status", "Response Body", "Number Files Created")}
        return bulk_reports.rendered(self._media, facts, self._problems, "extract")

    async def run(self, chunks: AsyncIterator[bytes]) -> None:
        try:
            async for entry in entries(chunks):
                await self._take(entry)
                if self._status:
                    return
        except BadArchive as error:
            self.stop(400, f"Invalid Tar File: {error}")
        except Answer as refusal:
            self.stop(refusal.status, (refusal.raw or b"").decode())
        except Fault as fault:
            self.stop(worded(fault).status, "")

    async def _take(self, entry: Entry) -> None:
        """One file, or what speaks against it."""
        call = self._call
        name = _plain(entry.name)
        try:
            name.encode()
        except UnicodeEncodeError:
            return self._fail(name.encode("utf-8", "replace").decode(), 412)
        whole = "/".join(filter(None, (call.path.container, call.path.name, name)))
        container, _, rest = whole.partition("/")
        if not rest:
            return None
        if len(container.encode()) > CONTAINER_MAX or len(rest.encode()) > OBJECT_MAX or "\0" in whole:
            return self._fail(whole, 400)
        if not await self._contained(container):
            return None if self._status else self._fail(whole, 403)
        path = Path(call.path.account, container, rest)
        headers = self._passed | _headers(entry.more) | {"content-length": str(entry.size)}
        status, _ = await outcome(call.perform(call.caused("PUT", path, headers, entry.body)))
        if status // 100 == 2:
            self._made += 1
            return None
        if status == 401:
            return self.stop(401, "")
        return self._fail(whole, status)

    async def _contained(self, container: str) -> bool:
        """Whether there is such a container; made when missing."""
        if container not in self._containers:
            path = Path(self._call.path.account, container)
            if len(self._containers) >= CONTAINERS_MAX:
                self.stop(400, f"More than {CONTAINERS_MAX} containers to create from tar.")
                return False
            status, _ = await outcome(self._call.perform(self._call.caused("PUT", path, {}, None)))
            self._containers[container] = status // 100 == 2
            if status == 401:
                self.stop(401, "")
            elif status // 100 != 2:
                self._problems.append((str(path), status_line(status)))
        return self._containers[container]

    def _fail(self, name: str, status: int) -> None:
        self._problems.append((bulk_reports.named(name), status_line(status)))
        if len(self._problems) >= FAILURES_MAX:
            self.stop(400, f"Max failed extractions exceeded: {FAILURES_MAX}")


def _plain(name: str) -> str:
    """Without what leads nowhere at its beginning."""
    while name.startswith(("/", "./")):
        name = name.removeprefix("./").lstrip("/")
    return name


def _headers(more: Mapping[str, str]) -> dict[str, str]:
    """Attributes of a file that say its media type or metadata."""
    found = {}
    for name, value in more.items():
        for prefix in _ATTRIBUTES:
            own, text = name.removeprefix(prefix), value.encode("utf-8", "replace").decode("latin-1")
            if name == f"{prefix}mime_type":
                found["content-type"] = text
            elif name.startswith(f"{prefix}meta."):
                found[f"x-object-meta-{own.removeprefix('meta.').lower()}"] = text
    return found
