"""`pileus explain changes`: the change log, for people, for programs, for auditors."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Mapping
from typing import Any

import click

from pileus.cli.output import Failure, Output, speaks
from pileus.cli.rows import rows
from pileus.cli.state import State, state_option

_SPAN = re.compile(r"(\d+)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_JSON = ("before", "after", "data")
_CLOUD = uuid.UUID("6f1b9a52-7c41-5d0e-9d55-0b0f2b1f7a10")
"""Under which clouds get their ids as observers: names of nothing else."""


@click.command()
@state_option
@click.option(
    "--since", metavar="WHEN", help="A span back from now (30m, 24h, 7d) or a date (2026-11-23, 2026-11-23T12:30)."
)
@click.option("--kind", metavar="KIND", help="Only changes of a noun (user) or of one kind (user.delete).")
@click.option("--resource", metavar="ID", help="Only changes of this thing.")
@click.option("--user", metavar="ID", help="Only what this user did.")
@click.option("--request", metavar="ID", help="Only what this request changed.")
@click.option("-n", "--number", type=click.IntRange(1, 100_000), default=50, show_default=True, help="The newest N.")
@click.option("--cadf", "as_cadf", is_flag=True, help="As CADF audit events, one JSON object a line.")
@speaks
def changes(
    out: Output,
    state: State,
    since: str | None,
    kind: str | None,
    resource: str | None,
    user: str | None,
    request: str | None,
    number: int,
    as_cadf: bool,
) -> None:
    """Who changed what, when and from where; failed logins among it. Reads the database, of a stopped cloud too."""
    asked = {"resource_id": resource, "user_id": user, "request_id": request}
    where = [f"{column} = :{column}" for column, value in asked.items() if value]
    if kind:
        where.append("(kind = :kind OR kind LIKE :below)")
    if since:
        where.append("at >= :since")
    values = {**asked, "kind": kind, "below": f"{kind}.%", "since": _moment(since) if since else 0}
    used = {name: value for name, value in values.items() if any(f":{name}" in part for part in where)}
    found = rows(state, "kernel_events", " AND ".join(where) or "1 = 1", used, "seq DESC", number)
    told = [_read(row) for row in reversed(found)]
    if as_cadf:
        _tell_cadf(out, state, told)
        return
    out.table(
        ["when", "what", "of", "by", "from", "request"],
        [[_at(r["at"]), r["kind"], r["resource_id"], r["user_id"], r["address"], r["request_id"]] for r in told],
    )
    out.result({"changes": told})


def _tell_cadf(out: Output, state: State, told: list[dict[str, Any]]) -> None:
    from pileus.cli.cadf import cadf

    observer = str(uuid.uuid5(_CLOUD, str(state.path.absolute())))
    events = [cadf(row, observer) for row in told]
    if not out.as_json:
        for event in events:
            click.echo(json.dumps(event, ensure_ascii=False))
    out.result({"events": events})


def _read(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with its JSON columns read; they are text on SQLite."""
    read = {name: json.loads(row[name]) if isinstance(row[name], str) else row[name] for name in _JSON}
    return {**{name: value for name, value in row.items() if name != "turn"}, **read}


def _moment(text: str) -> int:
    """Microseconds since 1970. Raises `Failure`."""
    span = _SPAN.fullmatch(text)
    if span:
        return int((time.time() - int(span[1]) * _SECONDS[span[2]]) * 1e6)
    for form in ("%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"):
        try:
            return int(time.mktime(time.strptime(text, form)) * 1e6)
        except ValueError:
            continue
    raise Failure(f"{text!r} is no time", "give a span back from now (30m, 24h, 7d) or a date (2026-11-23T12:30)")


def _at(micros: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(micros / 1e6))
