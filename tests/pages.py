"""What the documentation consists of, and the commands in it."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MARK = "<!-- tested on the simulator -->"
_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_TESTED = re.compile(rf"^{MARK}\n```(bash|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def all_pages() -> list[Path]:
    return [ROOT / n for n in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted((ROOT / "docs").rglob("*.md"))


def script_of(page: Path) -> str:
    """The blocks that are marked as tested, in their order, as one script. Of `console` blocks the lines after `$ `."""
    found = []
    for language, block in _TESTED.findall(page.read_text(encoding="utf-8")):
        lines = block.splitlines()
        found += [line.removeprefix("$ ") for line in lines if line.startswith("$ ") or language == "bash"]
    return "\n".join(found) + "\n"


def code_of(text: str) -> Iterator[str]:
    """Lines of code: of fenced blocks for shells, of indented blocks, and code within sentences."""
    for language, block in _FENCE.findall(text):
        lines = block.replace("\\\n", " ").splitlines()
        if language == "console":
            yield from (line for line in lines if line.startswith("$ "))
        elif language in ("", "bash", "sh"):
            yield from lines
    prose = _FENCE.sub("", text)
    for line in prose.splitlines():
        if line.startswith("    "):
            yield line.strip()
    yield from (" ".join(code.split()) for code in re.findall(r"`([^`]+)`", prose))


def pileus_calls(text: str) -> Iterator[list[str]]:
    """Every `pileus …` in the code of a page, as its words: ["db", "backup", "/backup/pileus.db"]."""
    for line in code_of(text):
        code = re.sub(r"(^|\s)#.*", "", line)
        for part in re.split(r"[;|&()<>]+|\$\(", code):
            words = part.removeprefix("$ ").split()
            while words and ("=" in words[0] or words[0] in ("$", "sudo", "!", "exec", "time")):
                words = words[1:]
            if words and words[0].rsplit("/", 1)[-1] == "pileus":
                yield [word.strip("\"',.") for word in words[1:]]
