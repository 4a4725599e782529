"""`docs/reference/cli.md`, made from the commands themselves: `python -m pileus.cli.reference PATH`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

HEAD = """# The command line

Made by `make docs` from the commands themselves; `pileus COMMAND --help` says the same. Every command takes `--json` and
then answers with one JSON document (`logs`: one a line). Exit codes: 0 done; 1 refused or failed, with the reason on stderr;
2 wrong usage; 3 (`status`) not running.
"""


def page() -> str:
    from pileus.cli.root import pileus

    return HEAD + "".join(_sections(pileus, click.Context(pileus, info_name="pileus")))


def _sections(group: click.Group, above: click.Context) -> Iterator[str]:
    for name in group.list_commands(above):
        command = group.get_command(above, name)
        assert command is not None
        ctx = click.Context(command, info_name=name, parent=above)
        if isinstance(command, click.Group):
            yield from _sections(command, ctx)
        else:
            yield _section(command, ctx)


def _section(command: click.Command, ctx: click.Context) -> str:
    usage = " ".join([ctx.command_path, *command.collect_usage_pieces(ctx)])
    lines = [f"\n## {ctx.command_path}\n", f"`{usage}`\n", *_paragraphs(command.help or "")]
    rows = [r for p in command.get_params(ctx) if (r := p.get_help_record(ctx)) is not None and p.name != "help"]
    if rows:
        lines += ["| option | |", "|---|---|"]
        lines += [
            f"| `{left.replace('|', '¦')}` | {' '.join(right.split()).replace('|', '¦')} |" for left, right in rows
        ]
    return "\n".join(lines) + "\n"


def _paragraphs(text: str) -> list[str]:
    return [" ".join(p.split()) + "\n" for p in text.split("\n\n") if p.strip()]


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
