"""`pileus config show`: every option, what it does, and where its value came from."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from pileus.cli.output import Output, speaks
from pileus.cli.state import State, state_option

config_option = click.option(
    "--config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="TOML file, else the one of the last start, else pileus.toml in the state.",
)


@click.group()
def config() -> None:
    """Look at the settings."""


@config.command()
@state_option
@config_option
@click.option("--all", "everything", is_flag=True, help="Also options that have their defaults, with documentation.")
@click.argument("section", required=False)
@speaks
def show(out: Output, state: State, config: Path | None, everything: bool, section: str | None) -> None:
    """Show what is set, or with --all every option. Secrets are masked."""
    from pileus.cli.wiring import settings_of

    lines = [s for s in settings_of(state, config).show(everything) if section in (None, s.section)]
    if not lines and not everything:
        out.say("nothing is set, every option has its default; see them with --all")
    last = ""
    for line in lines:
        if line.section != last:
            out.say(f"\n[{line.section}]" if last else f"[{line.section}]")
            last = line.section
        if everything:
            out.say(f"# {line.doc} ({line.allowed}; default {_toml(line.default)})")
        set_by = "" if line.source == "default" else f"  # from {line.source}"
        out.say(f"{line.option} = {_toml(line.value)}{set_by}")
    out.result([msgspec.to_builtins(line) for line in lines])


def _toml(value: object) -> str:
    if value is None:
        return '""'
    return msgspec.json.encode(value).decode()
