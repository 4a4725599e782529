"""`pileus explain`: one request, one saga, one option, in full."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import click

from pileus.cli.changes import changes
from pileus.cli.output import Failure, Output, speaks
from pileus.cli.rows import rows
from pileus.cli.state import State, state_option


@click.group()
def explain() -> None:
    """Explain one thing in full."""


explain.add_command(changes)


@explain.command()
@state_option
@click.argument("request_id")
@speaks
def request(out: Output, state: State, request_id: str) -> None:
    """What became of a request (req-…, from the X-Openstack-Request-Id header): log lines, changes, sagas."""
    from pileus.cli.logs import asked_for

    lines = _log(state, request_id)
    known = asked_for(request_id)
    changed = rows(state, "kernel_events", "request_id LIKE :id", {"id": f"{known}%"})
    started = rows(state, "kernel_sagas", "ctx LIKE :id", {"id": f"%{known}%"})
    if not (lines or changed or started):
        raise Failure(f"nothing is known of {request_id}", "the log keeps 64 MB, five times")
    for line in lines:
        out.say(f"{line.get('time', '')} {line.get('level', ''):8} {line.get('message', '')}")
        if line.get("error"):
            out.say(str(line["error"]))
    for change in changed:
        out.say(f"changed: {' '.join(f'{k}={v}' for k, v in change.items() if v)}")
    for saga_row in started:
        out.say(f"saga:    {saga_row['name']} {saga_row['id']} is {saga_row['state']}")
    out.result({"request_id": request_id, "log": lines, "changes": changed, "sagas": started})


@explain.command()
@state_option
@click.argument("request_id")
@speaks
def denied(out: Output, state: State, request_id: str) -> None:
    """Why a request was refused (403), and the command that would grant it. Reads the log, of a stopped cloud too."""
    lines = _log(state, request_id)
    told = next((line for line in lines if line.get("logger") == "pileus.denied"), None)
    if told is None:
        known = f"request {request_id} was not denied" if lines else f"nothing is known of {request_id}"
        raise Failure(known, "the id is in the X-Openstack-Request-Id header; the log keeps 64 MB, five times")
    facts = {k: v for k, v in told.items() if k not in ("level", "logger", "message")}
    if told.get("rule"):
        facts["check"] = _check_of(state, told["service"], told["rule"])
    if told.get("grant"):
        facts["then"] = _after_grant(told)
    words = ("time", "service", "status", "method", "path", "user_name", "user_id", "address", "scope", "roles")
    shown = ("reason", "rule", "check", "missing", "needs_role", "needs_scope", "grant", "then")
    for word in (*words, *shown):
        if facts.get(word) not in (None, "", []):
            value = facts[word]
            lines_of = value if isinstance(value, list) and word == "missing" else [value]
            for n, one in enumerate(lines_of):
                text = ", ".join(one) if isinstance(one, list) else str(one)
                out.say(f"  {word.replace('_', ' ') if not n else 'or':12} {text}")
    if told.get("rule") and not told.get("grant"):
        out.say("  grant        no single role would do: see what is missing")
    out.result(facts)


@explain.command()
@state_option
@click.argument("saga_id")
@speaks
def saga(out: Output, state: State, saga_id: str) -> None:
    """Where a saga stands: its steps, what it waits for, why it failed."""
    found = rows(state, "kernel_sagas", "id = :id", {"id": saga_id})
    if not found:
        raise Failure(f"there is no saga {saga_id}", "pileus doctor lists those that are stuck or late")
    row = found[0]
    steps = rows(state, "kernel_saga_steps", "saga = :seq", {"seq": row["seq"]})
    out.say(f"{row['name']} of {row['key']}: {row['state']}{', undoing' if row['undoing'] else ''}")
    times = {word: _at(row[f"{word}_at"]) for word in ("created", "deadline", "finished")}
    out.say("  " + "   ".join(f"{word} {at}" for word, at in times.items()))
    out.say(f"  asked for  {row['params']}")
    for step in sorted(steps, key=lambda s: s["done_at"]):
        out.say(f"  step       {step['step']}: done {_at(step['done_at'])}, undone {_at(step['undone_at'])}")
    if row["step"]:
        out.say(f"  now at     {row['step']}, attempt {row['attempt']}, next try {_at(row['due_at'])}")
    for word in ("reason", "error"):
        if row[word]:
            out.say(f"  {word:10} {row[word]}")
    out.result({**row, "steps": steps})


@explain.command()
@state_option
@click.argument("name")
@speaks
def option(out: Output, state: State, name: str) -> None:
    """What an option (SECTION.OPTION) does, may be, is, and who set it."""
    from pileus.cli.wiring import settings_of

    known = {f"{s.section}.{s.option}": s for s in settings_of(state).show(everything=True)}
    if name not in known:
        raise Failure(f"there is no option {name!r}", "pileus config show --all lists them")
    shown = known[name]
    out.say(f"[{shown.section}] {shown.option}: {shown.doc}")
    out.say(f"  allowed      {shown.allowed}")
    out.say(f"  default      {json.dumps(shown.default, default=str)}")
    out.say(f"  value        {json.dumps(shown.value, default=str)}  (from {shown.source})")
    out.say(f"  environment  PILEUS_{shown.section.upper().replace('-', '_')}_{shown.option.upper()}")
    out.result({f: getattr(shown, f) for f in shown.__struct_fields__})


@explain.command()
@state_option
@click.argument("name")
@speaks
def rule(out: Output, state: State, name: str) -> None:
    """What a policy rule asks, who it guards what from, and whether an operator changed it."""
    from pileus.cli.wiring import policies_of

    found = [(service, policy) for service, policy in policies_of(state).items() if name in policy.trees]
    if not found:
        raise Failure(f"no service has a rule {name!r}", "the services' pages in docs/reference list theirs")
    service, policy = found[0]
    declared = policy.rules.get(name)
    check = policy.overrides.get(name, declared.check if declared else "")
    told = {
        "rule": name,
        "service": service,
        "check": check,
        "default": declared.check if declared else None,
        "overridden": name in policy.overrides,
        "scopes": list(declared.scopes) if declared else [],
        "doc": declared.doc if declared else "",
        "operations": [" ".join(operation) for operation in declared.operations] if declared else [],
    }
    for word, value in told.items():
        if value not in ("", [], None):
            out.say(f"  {word:11} {', '.join(value) if isinstance(value, list) else value}")
    out.result(told)


def _log(state: State, request_id: str) -> list[dict[str, Any]]:
    """What the log has of a request, oldest first."""
    from pileus.cli.logs import asked_for, old_lines, read_line

    wanted = asked_for(request_id)
    files = sorted(state.logs.glob("pileus.log*"), key=lambda p: p.stat().st_mtime)
    lines = (read_line(raw) for path in files for raw in old_lines(path) if wanted in raw)
    return [line for line in lines if line.get("request_id", "").startswith(wanted)]


def _check_of(state: State, service: str, name: str) -> str:
    """What a rule asks today, in the rule language."""
    from pileus.cli.wiring import policies_of

    policy = policies_of(state).get(service)
    if policy is None or name not in policy.trees:
        return ""
    declared = policy.rules.get(name)
    return str(policy.overrides.get(name, declared.check if declared else ""))


def _after_grant(told: Mapping[str, Any]) -> str:
    kind, _, id = str(told["needs_scope"]).partition(" ")
    if told.get("delegated"):
        return f"make a new {told['delegated']}: one that is there keeps the roles that it was made with"
    if told.get("same_scope"):
        return "nothing: the token that was refused has the role at once"
    scope = {"project": f"--os-project-id {id}", "domain": f"--os-domain-id {id}", "system": "--os-system-scope all"}
    return f"ask with a token of that scope: {scope[kind]}"


def _at(micros: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(micros / 1e6)) if micros else "-"
