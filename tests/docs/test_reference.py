"""The generated pages say what the code says."""

from pathlib import Path

import reference


def test_pages_made_from_the_code_are_current() -> None:
    for path, text in reference.pages().items():
        assert path.read_text(encoding="utf-8") == text, "run: make docs"


def test_every_saga_of_the_lock_is_described() -> None:
    described = (reference.FOLDER / "sagas.md").read_text(encoding="utf-8")
    lock = Path(reference.ROOT / "sagas.lock").read_text(encoding="utf-8").splitlines()
    assert lock
    for line in lock:
        name, steps = line.split(": ")
        section = described.split(f"## `{name}`\n")[1].split("\n## ")[0]
        rows = [row.split("`")[1] for row in section.splitlines() if row.startswith("| `")]
        assert rows == steps.split(), name
