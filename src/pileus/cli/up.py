"""`pileus up`: the whole cloud, in this process or behind the terminal."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pileus.cli.output import Failure, Output, speaks
from pileus.cli.state import State, state_option

if TYPE_CHECKING:
    from pileus.cli.logins import Logins

FLAGS = {"PILEUS_CLOUD_HOST": "--host", "PILEUS_CLOUD_SIMULATE": "--simulate"}
"""Settings that have a flag."""


@click.command()
@state_option
@click.option("--detach", is_flag=True, help="Return when every listener answers; the cloud goes on in the background.")
@click.option(
    "--config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="TOML file, else pileus.toml in the state.",
)
@click.option("--host", metavar="ADDR", help="Address to listen on; 127.0.0.1 unless told otherwise.")
@click.option("--simulate", type=click.IntRange(min=1), metavar="N", help="N simulated hypervisors, no real machines.")
@click.option("--password", metavar="PW", help="Password of admin and demo at the first start, instead of random ones.")
@click.option("--wait", type=click.FloatRange(min=1), default=60.0, show_default=True, help="Seconds --detach waits.")
@speaks
def up(
    out: Output,
    state: State,
    detach: bool,
    config: Path | None,
    host: str | None,
    simulate: int | None,
    password: str | None,
    wait: float,
) -> None:
    """Start the cloud.

    Logins are written to clouds.yaml and openrc in the state directory; random passwords are printed once, at the first
    start. Running virtual machines are not disturbed by stopping and starting.
    """
    given = zip(FLAGS, (host, str(simulate) if simulate else None), strict=True)
    flags = {variable: value for variable, value in given if value}
    state.create()
    if detach:
        _detached(out, state, config, flags, password, wait)
    else:
        _foreground(out, state, config, flags, password)


def _foreground(out: Output, state: State, config: Path | None, flags: dict[str, str], password: str | None) -> None:
    from pileus.cli.journal import open_journal
    from pileus.cli.logins import logins_of, write_logins
    from pileus.cli.serving import run_here
    from pileus.cli.wiring import app, remember_start, settings_of

    if state.lock() is None:
        raise Failure(f"already running on {state.path} (pid {state.holder()})", "pileus status; pileus down")
    detached = bool(os.environ.pop("PILEUS_DETACHED", ""))
    if detached:  # the parent says it here: arguments and environment can be read by others
        password = sys.stdin.readline().rstrip("\n") or None
    open_journal(state.log_file, terminal=not detached and sys.stderr.isatty())
    settings_of(state, config, flags)  # a mistake is told before anything is written
    logins = logins_of(state, password)
    settings = settings_of(state, config, {**flags, **logins.environment})
    remember_start(state, config, flags)
    state.keep_rows_private()

    def told(facts: dict[str, Any]) -> None:
        write_logins(state, logins, auth_url(facts))
        if not detached:
            tell(out, state, facts, logins.passwords if logins.new else {})

    # Kept before they are used: a process killed in between finds the same passwords at its next start.
    if logins.new:
        write_logins(state, logins, "http://127.0.0.1:5000/v3")
    run_here(app().serve, settings, state, told)


def _detached(
    out: Output, state: State, config: Path | None, flags: dict[str, str], password: str | None, wait: float
) -> None:
    running = state.holder()
    if running is not None:
        out.say(f"already running on {state.path} (pid {running})")
    with out.working("starting"):
        facts, logins = start_or_find(state, config, flags, password, wait)
    tell(out, state, facts, logins.passwords if logins.new else {})


def start_or_find(
    state: State, config: Path | None, flags: dict[str, str], password: str | None, wait: float = 60.0
) -> tuple[dict[str, Any], Logins]:
    """Facts and logins of the cloud that runs on `state`; starts it behind the terminal when there is none."""
    from pileus.cli.logins import Logins, logins_of
    from pileus.cli.serving import start_detached, wait_ready

    if state.holder() is not None:
        return wait_ready(state, None, wait), logins_of(state)
    first = not state.clouds_file.exists()
    arguments = ["--config", str(config.absolute())] if config else []
    arguments += [word for variable, value in flags.items() for word in (FLAGS[variable], value)]
    facts = wait_ready(state, start_detached(state, arguments, password), wait)
    return facts, Logins(logins_of(state).passwords, first)


def auth_url(facts: dict[str, Any]) -> str:
    return str(facts.get("listeners", {}).get("identity", "http://127.0.0.1:5000")).rstrip("/") + "/v3"


def tell(out: Output, state: State, facts: dict[str, Any], passwords: dict[str, str]) -> None:
    """Where it answers, with which passwords, how to log in."""
    drivers = facts.get("drivers", {})
    out.say(f"pileus is up (pid {facts['pid']}, ready after {facts['ready_after']} s), state {state.path}")
    for family, chosen in drivers.items():
        out.say(f"  {family:12} {chosen}")
    for name, url in facts.get("listeners", {}).items():
        out.say(f"  {name:12} {url}")
    for note in facts.get("notes", []):
        out.say(f"  note: {note}")
    if passwords:
        out.say("passwords, shown this once:")
        for user, word in passwords.items():
            out.say(f"  {user:12} {word}")
    out.say(f"log in:  export OS_CLIENT_CONFIG_FILE={state.clouds_file} OS_CLOUD=pileus")
    out.say("stop:    pileus down")
    out.result({**facts, "state": str(state.path), "clouds": str(state.clouds_file), "passwords": passwords})
