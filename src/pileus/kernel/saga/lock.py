"""Names that live in databases: `sagas.lock` lists the sagas and steps that were released.

    python -m pileus.kernel.saga.lock pileus.services sagas.lock

writes the file anew from every `Saga` found in the `sagas` rooms of that package, and refuses when a released saga
would lose, rename or reorder steps that sagas in flight may stand at (`--force` for what was never released).
"""

import importlib
import pkgutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pileus.kernel.saga.steps import Saga


def lock_lines(sagas: Iterable[Saga[Any, Any]]) -> list[str]:
    """One line a saga, sorted: `name: step step step`."""
    return sorted(f"{saga.name}: {' '.join(step.name for step in saga.steps)}" for saga in sagas)


def broken(released: Iterable[str], now: Iterable[str]) -> list[str]:
    """What the lines of `now` break of those `released`, a sentence each. New steps may stand anywhere."""
    sentences = []
    present = dict(line.split(": ", 1) for line in now)
    for line in released:
        name, _, old = line.partition(": ")
        if name not in present:
            sentences.append(f"saga {name} is gone: those in flight would be stuck")
            continue
        new = present[name].split()
        kept = [step for step in new if step in old.split()]
        if kept != old.split():
            sentences.append(f"saga {name}: released steps {old.split()} must stay, in this order; now {new}")
    return sentences


def found_in(package: str) -> list[Saga[Any, Any]]:
    """Every saga at the top of a module of a `sagas` room below `package`."""
    top = importlib.import_module(package)
    names = [module.name for module in pkgutil.walk_packages(top.__path__, package + ".")]
    rooms = [importlib.import_module(name) for name in names if ".sagas" in name]
    sagas = {id(thing): thing for room in rooms for thing in vars(room).values() if isinstance(thing, Saga)}
    return list(sagas.values())


def main(arguments: list[str]) -> int:
    force = "--force" in arguments
    package, path = [argument for argument in arguments if argument != "--force"]
    file = Path(path)
    lines = lock_lines(found_in(package))
    wrong = broken(file.read_text().splitlines() if file.exists() else [], lines)
    for sentence in wrong:
        print(sentence, file=sys.stderr)
    if wrong and not force:
        return 1
    file.write_text("".join(line + "\n" for line in lines))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
