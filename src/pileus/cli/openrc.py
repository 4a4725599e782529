"""`pileus openrc`: shell lines that log a client in."""

from __future__ import annotations

import click

from pileus.cli.output import Output, speaks
from pileus.cli.state import State, state_option


@click.command()
@state_option
@click.option("--cloud", default="pileus", show_default=True, help="pileus (admin), pileus-demo or pileus-system.")
@speaks
def openrc(out: Output, state: State, cloud: str) -> None:
    """Print shell lines for stock clients: eval "$(pileus openrc)"."""
    from pileus.cli.logins import openrc_text

    text = openrc_text(state, cloud)
    if not out.as_json:
        click.echo(text, nl=False)
    pairs = (line.removeprefix("export ").split("=", 1) for line in text.splitlines() if line.startswith("export "))
    out.result({name: value.strip("'").replace("'\\''", "'") for name, value in pairs})
