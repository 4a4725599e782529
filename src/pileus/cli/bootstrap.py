"""`pileus bootstrap`: make the first users and the catalog be there again, and set lost passwords."""

from __future__ import annotations

import asyncio

import click

from pileus.cli.output import Failure, Output, speaks
from pileus.cli.state import State, state_option


@click.command()
@state_option
@click.option(
    "--password", metavar="PW", help="New password of admin and demo; else those in clouds.yaml are set again."
)
@speaks
def bootstrap(out: Output, state: State, password: str | None) -> None:
    """Make domain, roles, projects, users and catalog be there, and set the passwords of admin and demo.

    For a cloud whose admin password is lost. The cloud must be stopped.
    """
    from pileus.cli.logins import Logins, logins_of, write_logins
    from pileus.cli.wiring import app, settings_of

    state.create()
    if state.lock() is None:
        raise Failure(f"pileus runs on {state.path}", "stop it first: pileus down")
    logins = logins_of(state, None)
    if password is not None:
        logins = Logins(dict.fromkeys(logins.passwords, password), True)
    asyncio.run(app().bootstrap(settings_of(state, flags=logins.environment), state.path))
    write_logins(state, logins, "http://127.0.0.1:5000/v3")
    out.say(f"users and catalog are there; logins are in {state.clouds_file}")
    out.result({"clouds": str(state.clouds_file), "users": sorted(logins.passwords)})
