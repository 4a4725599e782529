"""Links within the documentation lead somewhere, and the commands that it names exist."""

import re
from pathlib import Path

import click
import pytest

from pages import ROOT, all_pages, pileus_calls
from pileus.cli.root import pileus

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """What a heading is called in a link to it."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", all_pages(), ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(re.sub(r"`[^`\n]*`", "", page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link} is not there"
        assert ROOT in target.parents, f"{link} is outside of the repository"
        assert not anchor or anchor in anchors(target), f"{link}: no such heading"


def wrong(words: list[str]) -> str:
    """What is wrong with `pileus WORDS`; empty when nothing is."""
    command: click.Command = pileus
    path, options = ["pileus"], []
    for word in words:
        if word.startswith("-"):
            options.append(word.split("=")[0])
        elif isinstance(command, click.Group) and not (word.isupper() or word == "…"):
            found = command.get_command(click.Context(command), word)
            if found is None:
                return f"{' '.join(path)} has no command {word!r}"
            command = found
            path.append(word)
    known = {o for p in command.params for o in (*p.opts, *p.secondary_opts)} | {"--help", "--version"}
    strange = [o for o in options if o not in known and not isinstance(command, click.Group)]
    return f"{' '.join(path)} has no option {strange[0]}" if strange else ""


@pytest.mark.parametrize("page", all_pages(), ids=lambda p: str(p.relative_to(ROOT)))
def test_commands_exist(page: Path) -> None:
    for words in pileus_calls(page.read_text(encoding="utf-8")):
        assert not wrong(words), f"pileus {' '.join(words)}: {wrong(words)}"


def test_a_command_that_is_not_there_is_found_out() -> None:
    calls = list(
        pileus_calls(
            "```bash\n$ PILEUS_X=1 pileus up --detch  # so\n```\nSay `pileus db mend` and\n\n    pileus frob; a | pileus logs -f"
        )
    )
    assert [wrong(words) for words in calls] == [
        "pileus up has no option --detch",
        "pileus has no command 'frob'",
        "",
        "pileus db has no command 'mend'",
    ]
