"""Pages of `docs/reference` made from the code: `configuration.md`, `policies.md`, `sagas.md`.

`python tests/reference.py` (part of `make docs`) writes them; `tests/docs/test_reference.py` fails when one is not current.
"""

from __future__ import annotations

import inspect
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "reference"
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "src"))

CONFIGURATION = """# Configuration

Made by `make docs` from the code's sections; `pileus config show --all` prints the same, with the values of your cloud.
How settings are given: [configure](../howto/configure.md). In `pileus.toml` an option stands under its `[section]`; in the
environment it is `PILEUS_<SECTION>_<OPTION>`, in capitals.
"""
POLICIES = """# Policies

Made by `make docs` from the rules of the code. An operator overrides a rule by its name in `<service>.yaml` in the folder that
`[cloud] policy_dir` names: [configure](../howto/configure.md). The language is that of oslo.policy; `@` and an empty rule allow
everybody, `!` nobody. *Scope* says which tokens are taken at all. *Guards* lists the operations that ask for the rule by themselves; a
rule that guards none is asked inside an operation (for a field, a filter, another project's things), by other rules, or by what
is [not built yet](compatibility.md).
"""
SAGAS = """# Sagas

Made by `make docs` from the code and [`sagas.lock`](../../sagas.lock): work that takes longer than a transaction, step by step, as
`pileus explain saga ID` shows it. How it works: [long work](../explanation/long-work.md). Step names stay for ever: databases hold them.

*world* touches the outside, at least once, idempotent. *transaction* commits exactly once, with its line of the journal. *wait* is durable.
"""


def pages() -> dict[Path, str]:
    """Path -> text of every page."""
    from pileus import app
    from pileus.kernel.config import load

    with tempfile.TemporaryDirectory() as folder:
        cloud = app.Cloud(load(app.SECTIONS), Path(folder))
        cloud.build()
        return {
            FOLDER / "configuration.md": _page(CONFIGURATION, _sections(app.SECTIONS)),
            FOLDER / "policies.md": _page(POLICIES, _policies(cloud.services)),
            FOLDER / "sagas.md": _page(SAGAS, _sagas(cloud.services)),
        }


def _page(head: str, lines: Iterator[str]) -> str:
    return head + "\n" + "\n".join(lines).rstrip("\n") + "\n"


def _sections(sections: dict[str, Any]) -> Iterator[str]:
    from pileus.kernel.config import options

    for name, section in sections.items():
        yield f"## `[{name}]`\n"
        yield f"{inspect.getdoc(section)}\n"
        yield "| option | default | may be | what it does |\n|---|---|---|---|"
        for option in options(section):
            default = "secret" if option.secret else f"`{json.dumps(option.default, default=str)}`"
            yield f"| `{option.name}` | {default} | {_cell(option.allowed)} | {_cell(option.doc)} |"
        yield ""


def _policies(services: dict[str, Any]) -> Iterator[str]:
    for name, service in services.items():
        guarded = defaultdict(list)
        for op in service.face.operations:
            if op.rule or op.asks:
                guarded[op.rule or op.asks].append(f"{op.method} {op.path}{' #' + op.action if op.action else ''}")
        rules = service.face.policy.rules.values()
        yield f"## {name}\n"
        yield f"{len(rules)} rules, overridden by `{name}.yaml`.\n" if rules else "No rules of its own yet.\n"
        if rules:
            yield "| rule | default | scope | what it is for | guards |\n|---|---|---|---|---|"
        for rule in rules:
            told = guarded[rule.name] or [f"{method} {path}" for method, path in rule.operations]
            cells = [
                f"`{rule.name}`",
                f"`{_cell(rule.check)}`" if rule.check else "everybody",
                ", ".join(rule.scopes) or "any",
                _cell(rule.doc),
                "<br>".join(f"`{t}`" for t in sorted(set(told))),
            ]
            yield f"| {' | '.join(cells)} |"
        yield ""


def _sagas(services: dict[str, Any]) -> Iterator[str]:
    kinds = {"World": "world", "Tx": "transaction", "Wait": "wait"}
    for service in services.values():
        for saga, _world in service.sagas:
            yield f"## `{saga.name}`\n"
            summary = (inspect.getdoc(inspect.getmodule(saga.steps[-1].do)) or "").splitlines()[0]
            yield f"{summary} Alarm after {saga.deadline // 60_000_000} minutes.\n"
            yield "| step | kind | undone by |\n|---|---|---|"
            for step in saga.steps:
                undo = getattr(step, "undo", None)
                yield f"| `{step.name}` | {kinds[type(step).__name__]} | {f'`{undo.__name__}`' if undo else 'nothing'} |"
            end = (
                f"`{saga.failed.__name__}`, in the transaction that marks it failed" if saga.failed else "nothing more"
            )
            yield f"\nWhen it fails, after the undoing: {end}.\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
        print(f"written: {path}")
