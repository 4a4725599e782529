"""The process: lives, answers, has room, does not complain."""

from __future__ import annotations

import json
import shutil
import stat
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from urllib.parse import urlsplit

from pileus.cli.checks.findings import Finding, Patient, ok, problem, warning
from pileus.cli.status import ask_all, memory_mb

GIB = 1 << 30


def process(patient: Patient) -> list[Finding]:
    if patient.pid is None:
        return [warning("process", f"not running on {patient.state.path}", "pileus up --detach")]
    if not patient.facts:
        advice = f"wait; if it stays so, see {patient.state.log_file}"
        return [warning("process", f"pid {patient.pid} is starting or stopping", advice)]
    return [ok("process", f"pid {patient.pid}, {memory_mb(patient.pid):.0f} MB")]


def listeners(patient: Patient) -> list[Finding]:
    if not patient.facts:
        return []
    silent = [a for a in ask_all(patient.facts.get("listeners", {})) if not a.status]
    if not silent:
        return [ok("listeners", f"all {len(patient.facts.get('listeners', {}))} answer")]
    return [
        problem(
            "listeners", f"{a.name} at {a.url}: {a.problem}", f"pileus logs --level warning; {patient.state.log_file}"
        )
        for a in silent
    ]


def health(patient: Patient) -> list[Finding]:
    """What the process itself thinks: reconcilers, sagas, alarms."""
    url = next(iter(patient.facts.get("listeners", {}).values()), "")
    if not url:
        return []
    parts = urlsplit(url)
    try:
        text, code = _get(f"{parts.scheme}://{parts.netloc}/healthcheck")
    except OSError:
        return []  # `listeners` says so
    if code == 200:
        return [ok("health", "the process says OK")]
    return [problem("health", line, "pileus logs --level warning") for line in text.splitlines() if line]


def reconcilers(patient: Patient) -> list[Finding]:
    """Failures in a row, from `/metrics`: `pileus_reconciler_failing{name="…"} N`."""
    url = next(iter(patient.facts.get("listeners", {}).values()), "")
    if not url:
        return []
    parts = urlsplit(url)
    try:
        text, _code = _get(f"{parts.scheme}://{parts.netloc}/metrics")
    except OSError:
        return []
    seen = [line.rpartition(" ") for line in text.splitlines() if line.startswith("pileus_reconciler_failing{")]
    failing = [(name.partition('name="')[2].rstrip('"}'), value) for name, _, value in seen if float(value) > 0]
    if failing:
        return [
            problem("reconcilers", f"{name} failed {value} times in a row", f"pileus logs --level error: {name}")
            for name, value in failing
        ]
    return [ok("reconcilers", f"{len(seen)} run")] if seen else []


def complaints(patient: Patient) -> list[Finding]:
    """Errors in the log of the last hour."""
    since, count, last = time.time() - 3600, 0, ""
    try:
        with patient.state.log_file.open("rb") as file:
            file.seek(max(0, patient.state.log_file.stat().st_size - 8_000_000))
            for raw in file:
                if b'"level": "error"' not in raw and b'"level": "critical"' not in raw:
                    continue
                line = json.loads(raw)
                if datetime.fromisoformat(line["time"]).replace(tzinfo=UTC).timestamp() >= since:
                    count, last = count + 1, line["message"]
    except (OSError, ValueError, KeyError):
        return []
    if not count:
        return [ok("log", "no error in the last hour")]
    return [warning("log", f"{count} errors in the last hour, the last: {last}", "pileus logs --level error")]


def disk(patient: Patient) -> list[Finding]:
    path = patient.state.path
    while not path.exists():
        path = path.parent
    usage = shutil.disk_usage(path)
    said = f"{usage.free / GIB:.1f} GiB free of {usage.total / GIB:.1f} at {path}"
    advice = "make room, or move the state: pileus down, copy it, pileus up --state ELSEWHERE"
    if usage.free < GIB:
        return [problem("disk", said, advice)]
    return [warning("disk", said, advice) if usage.free < 5 * GIB else ok("disk", said)]


def secrets(patient: Patient) -> list[Finding]:
    """Files with passwords that others may read."""
    open_files = [
        path
        for path in (patient.state.clouds_file, patient.state.openrc_file)
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    if not open_files:
        return [ok("secrets", "logins are readable by their owner only")]
    return [problem("secrets", f"{path} can be read by others", f"chmod 600 {path}") for path in open_files]


def _get(url: str) -> tuple[str, int]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as answer:
            return answer.read(10_000_000).decode(errors="replace"), answer.status
    except urllib.error.HTTPError as error:
        return error.read().decode(errors="replace"), error.code
