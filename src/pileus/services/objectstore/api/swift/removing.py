"""Many deletions in one request. Spaces are sent while they last, so that nobody takes the connection for dead."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable

from msgspec import Struct

from pileus.kernel.rest import Answer
from pileus.kernel.types import Fault
from pileus.services.objectstore.api.swift import bulk_reports
from pileus.services.objectstore.api.swift.answers import WORDS
from pileus.services.objectstore.api.swift.call import Call
from pileus.services.objectstore.api.swift.dialect import worded
from pileus.services.objectstore.api.swift.paths import Path

FAILURES_MAX = 1000
PULSE = 10.0
"""Seconds between two spaces."""


def status_line(status: int) -> str:
    titles = {200: "OK", 201: "Created", 204: "No Content"}
    return f"{status} {titles.get(status) or WORDS.get(status, ('Unknown', ''))[0]}"


async def outcome(work: Awaitable[Answer]) -> tuple[int, str]:
    """(status, body) of an answer, however it comes."""
    try:
        answer = await work
    except Answer as refusal:
        answer = refusal
    except Fault as fault:
        answer = worded(fault)
    return answer.status, (answer.raw or b"").decode()


class Tally:
    """How a request for many deletions goes."""

    def __init__(self) -> None:
        self.deleted = self.missing = 0
        self.problems: list[tuple[str, str]] = []
        self.status, self.body = "200 OK", ""

    def stop(self, status: int, body: str) -> None:
        self.status, self.body = status_line(status), body

    def count(self, name: str, status: int) -> bool:
        """Whether to go on."""
        if status // 100 == 2:
            self.deleted += 1
        elif status == 404:
            self.missing += 1
        else:
            self.problems.append((name, status_line(status)))
            if len(self.problems) >= FAILURES_MAX:
                self.stop(400, "Max delete failures exceeded")
                return False
        return True

    def report(self, kind: str) -> bytes:
        if self.problems and self.status == "200 OK":
            self.status = "400 Bad Request"
        elif not (self.deleted or self.missing or self.problems) and self.status == "200 OK":
            self.stop(400, "Invalid bulk delete.")
        facts: dict[str, str | int] = {
            "Number Deleted": self.deleted, "Number Not Found": self.missing, "Response Body": self.body,
            "Response Status": self.status,
        }  # fmt: skip
        if kind == "application/json":
            facts = {
                name: facts[name] for name in ("Response Status", "Response Body", "Number Deleted", "Number Not Found")
            }
        return bulk_reports.rendered(kind, facts, self.problems, "delete")


class Doomed(Struct, frozen=True):
    """What is to go, under the name that the report has for it. `path` None: no name, told with `status`."""

    name: str
    path: Path | None
    status: int = 0
    version: str | None = None
    """That one of it alone."""


async def remove_all(call: Call, paths: AsyncIterator[Doomed]) -> Answer:
    """A report of the deletion of all `paths`."""
    kind = bulk_reports.accepted(call.headers)
    tally = Tally()
    if kind is None:
        tally.stop(406, "")
        return Answer(200, stream=_once(tally.report("text/plain")), media="text/html; charset=UTF-8")
    return Answer(200, stream=await pulsed(_removed(call, paths, tally), lambda: tally.report(kind)), media=kind)


async def _removed(call: Call, paths: AsyncIterator[Doomed], tally: Tally) -> None:
    try:
        async for one in paths:
            status = one.status
            if one.path is not None:
                other = call.caused("DELETE", one.path, {}, None)
                if one.version is not None:
                    other.query.pairs = [("version-id", one.version)]
                status, _ = await outcome(call.perform(other))
            if not tally.count(one.name, status):
                return
    except Answer as refusal:
        body = (refusal.raw or b"").decode()
        if refusal.status == 404:
            tally.missing += 1
        elif refusal.status in (401, 403):
            tally.problems.append((bulk_reports.named("/" + "/".join(call.path[1:])), status_line(refusal.status)))
        elif body == "Not an SLO manifest":
            tally.problems.append((bulk_reports.named("/" + "/".join(call.path[1:])), body))
        else:
            tally.stop(refusal.status, body)
    except Fault as fault:
        told = worded(fault)
        tally.stop(told.status, (told.raw or b"").decode())


async def pulsed(work: Awaitable[None], report: Callable[[], bytes]) -> AsyncIterator[bytes]:
    """What `_beats` yields, once there is something: who waits for the status alone finds short work done."""
    beats = _beats(work, report)
    first = await anext(beats)

    async def whole() -> AsyncIterator[bytes]:
        try:
            yield first
            async for beat in beats:
                yield beat
        finally:
            await beats.aclose()

    return whole()


async def _beats(work: Awaitable[None], report: Callable[[], bytes]) -> AsyncGenerator[bytes]:
    """The report when the work is done; a space now and then until it is. Who goes away stops the work."""
    task = asyncio.ensure_future(work)
    beaten = False
    try:
        while True:
            done, _ = await asyncio.wait([task], timeout=PULSE)
            if done:
                break
            beaten = True
            yield b" "
        await task
        yield (b"\r\n\r\n" if beaten else b"") + report()
    finally:
        task.cancel()


async def _once(raw: bytes) -> AsyncIterator[bytes]:
    yield raw
