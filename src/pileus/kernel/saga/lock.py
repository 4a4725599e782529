"""Names that live in databases: `sagas.lock` lists the sagas and steps that were released. `__main__` writes it."""

import importlib
import pkgutil
from collections.abc import Iterable
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
