"""The kernel's libraries stay within the budgets of ADR 3: lines of code without blanks, comments and docstrings."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KERNEL = ROOT / "src/pileus/kernel"
TABLE = (ROOT / "docs/adr/0003-budgets-of-the-kernel.md").read_text(encoding="utf-8")
BUDGETS = {
    name: int(last.replace(",", ""))
    for name, last in re.findall(r"^\| `(\w+)` \|.*\| ([\d,]+) \|$", TABLE, re.MULTILINE)
}


def code_lines(text: str) -> int:
    told: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            told.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines = enumerate(text.splitlines(), 1)
    return sum(1 for number, line in lines if number not in told and line.strip() and line.strip()[0] != "#")


def test_every_library_has_a_budget() -> None:
    assert {p.parent.name for p in KERNEL.glob("*/__init__.py")} == set(BUDGETS)


@pytest.mark.parametrize("library", BUDGETS)
def test_a_library_keeps_its_budget(library: str) -> None:
    used = sum(code_lines(path.read_text(encoding="utf-8")) for path in (KERNEL / library).rglob("*.py"))
    assert used <= BUDGETS[library], f"{library} has {used} lines: see docs/adr/0003-budgets-of-the-kernel.md"


def test_what_counts() -> None:
    assert (
        code_lines('"""Head."""\n\n# why\nx = 1\n\n\ndef f():\n    """Says\n\n    more."""\n    return """a\nb"""\n')
        == 4
    )
