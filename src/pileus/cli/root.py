"""The command tree. Every command lives in a file of its own and is imported when it is asked for."""

from __future__ import annotations

import importlib
import sys

import click

from pileus import __version__
from pileus.cli.output import Failure

COMMANDS = {
    "up": "pileus.cli.up:up",
    "down": "pileus.cli.down:down",
    "status": "pileus.cli.status:status",
    "quickstart": "pileus.cli.quickstart:quickstart",
    "openrc": "pileus.cli.openrc:openrc",
    "logs": "pileus.cli.logs:logs",
    "doctor": "pileus.cli.doctor:doctor",
    "explain": "pileus.cli.explain:explain",
    "config": "pileus.cli.config:config",
    "db": "pileus.cli.db:db",
    "image": "pileus.cli.image:image",
    "bootstrap": "pileus.cli.bootstrap:bootstrap",
}
"""Command to `module:object`, in the order in which a newcomer meets them. No module here imports a service, SQL or a
server at its top: `pileus --help` takes a tenth of a second."""


class LazyGroup(click.Group):
    """A group whose commands are imported on demand."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        found = getattr(importlib.import_module(module), name)
        assert isinstance(found, click.Command)
        return found


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", prog_name="pileus")
def pileus() -> None:
    """A whole OpenStack-compatible cloud in one process.

    Begin with `pileus quickstart`, or with `pileus up --detach` and `pileus openrc`.
    """


def main() -> None:
    try:
        code = pileus(prog_name="pileus", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.Abort:
        click.echo("interrupted", err=True)
        sys.exit(130)
    except Failure as failure:
        failure.show()
        sys.exit(failure.code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
