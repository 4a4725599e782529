"""Types of refusals are what faces choose their words by: all of them are told where faces look."""

import re
from pathlib import Path

from pileus.services.objectstore import core
from pileus.services.objectstore.core import faults


def test_every_type_in_use_is_told() -> None:
    used = set()
    for path in Path(next(iter(core.__path__))).rglob("*.py"):
        if path.name != "faults.py":
            used |= set(re.findall(r'type="(\w+)"', path.read_text()))
    told = set(re.findall(r"\b[A-Z]\w*[a-z][A-Z]\w*\b|\bLocked\b|\bOlder\b|\bPrecondition\b", faults.__doc__ or ""))
    assert told == used
