"""`pileus logs`: the log for people; as it is with `--json`."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from pileus.cli.output import Failure, Output, speaks
from pileus.cli.state import State, state_option

LEVELS = ("debug", "info", "warning", "error", "critical")


@click.command()
@state_option
@click.option("-f", "--follow", is_flag=True, help="Go on with what is written from now on.")
@click.option("-n", "--lines", type=click.IntRange(min=0), default=50, show_default=True, help="How many old lines.")
@click.option("--request", metavar="ID", help="Only lines of this request id (req-…).")
@click.option("--level", type=click.Choice(LEVELS), default="debug", help="Only this level and worse.")
@speaks
def logs(out: Output, state: State, follow: bool, lines: int, request: str | None, level: str) -> None:
    """Show the log. With --json: the lines as they stand, one JSON object each."""
    if not state.log_file.exists():
        raise Failure(f"there is no log at {state.log_file}", "it begins with the first pileus up")
    wanted = LEVELS[LEVELS.index(level) :]
    request = asked_for(request) if request else None
    old = [
        line
        for raw in old_lines(state.log_file)
        if (line := read_line(raw)).get("level", "error") in wanted
        and (not request or line.get("request_id", "").startswith(request))
    ]
    for line in old[len(old) - min(lines, len(old)) :]:
        _print(out, line)
    if follow:
        try:
            for raw in _new_lines(state.log_file):
                line = read_line(raw)
                if line.get("level", "error") in wanted and (
                    not request or line.get("request_id", "").startswith(request)
                ):
                    _print(out, line)
        except KeyboardInterrupt:
            return


_TRANSACTION = re.compile(r"tx([0-9a-f]{21})-[0-9a-f]{10}")
"""A request's id as the object store tells it: the first digits of ours, and the time."""


def asked_for(request: str) -> str:
    """What the `request_id` of a request's log lines begins with: all of it, or what a Swift transaction id tells of it."""
    told = _TRANSACTION.match(request)
    if told is None:
        return request
    digits = told[1]
    return f"req-{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def old_lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", errors="replace") as file:
        yield from file


def _new_lines(path: Path) -> Iterator[str]:
    """Lines written after now, over rotations of the file."""
    file = path.open(encoding="utf-8", errors="replace")
    file.seek(0, os.SEEK_END)
    part = ""
    while True:
        text = file.readline()
        if text:
            part += text
            if part.endswith("\n"):
                yield part
                part = ""
            continue
        if path.exists() and path.stat().st_ino != os.fstat(file.fileno()).st_ino:
            file.close()
            file = path.open(encoding="utf-8", errors="replace")
        else:
            time.sleep(0.2)


def read_line(raw: str) -> dict[str, Any]:
    try:
        line = json.loads(raw)
    except ValueError:
        line = None
    return line if isinstance(line, dict) else {"level": "error", "message": raw.rstrip("\n")}


def _print(out: Output, line: dict[str, Any]) -> None:
    if out.as_json:
        click.echo(json.dumps(line, ensure_ascii=False))
        return
    known = {"time", "level", "logger", "message", "request_id", "error"}
    extra = " ".join(f"{k}={v}" for k, v in line.items() if k not in known)
    tail = f" [{line['request_id']}]" if line.get("request_id") else ""
    stamp = str(line.get("time", "")).replace("T", " ").removesuffix("Z")
    level, logger = str(line.get("level", "")), line.get("logger", "")
    click.echo(f"{stamp} {level:8} {logger}: {line.get('message', '')}{' ' if extra else ''}{extra}{tail}")
    if line.get("error"):
        click.echo("\n".join(f"    {part}" for part in str(line["error"]).splitlines()))
