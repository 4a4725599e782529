"""`docs/reference/compatibility.md` from the code: every operation of the emulated services, and whether it works here.

`python tests/compatibility.py` writes the page; `tests/docs/test_compatibility.py` fails when it is not current.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reference" / "compatibility.md"
LISTS = Path(__file__).parent / "conformance"
SERVICES = {
    "identity": ("keystone", "Identity", ""),
    "image": ("glance", "Image", ""),
    "placement": ("placement", "Placement", ""),
    "compute": ("nova", "Compute", "/v2.1"),
    "network": ("neutron", "Network", ""),
    "volume": ("cinder", "Volume", ""),
    "objectstore": ("swift", "Objects", ""),
    "orchestration": ("heat", "Orchestration", ""),
    "metric": ("gnocchi", "Metrics", ""),
    "alarm": ("aodh", "Alarms", ""),
}
"""Service -> (emulated, title, prefix that the list leaves out)."""
_PARAMETER = re.compile(r"\{[^}]*\}")


def shape(method: str, path: str, action: str = "") -> tuple[str, str, str]:
    """What is the same for one operation whatever its parameters are called; a query is not part of it."""
    return method, _PARAMETER.sub("{}", path.partition("?")[0]).rstrip("/") or "/", action


def listed(emulated: str) -> Iterator[tuple[str, str, str]]:
    """(method, path, action) of each line of a list."""
    for line in (LISTS / f"api-{emulated}.txt").read_text(encoding="utf-8").splitlines():
        words = line.split()
        if len(words) >= 2 and not line.startswith("#"):
            yield words[0], words[1], words[2].lstrip("#") if len(words) > 2 else ""


def built() -> dict[str, dict[tuple[str, str, str], str]]:
    """Operations of every service that is built: shape -> what it lacks (`absent` for what only says so)."""
    from pileus import app
    from pileus.kernel.config import load

    with tempfile.TemporaryDirectory() as folder:
        cloud = app.Cloud(load(app.SECTIONS), Path(folder))
        cloud.build()
        found: dict[str, dict[tuple[str, str, str], str]] = {}
        for name, service in cloud.services.items():
            there = found.setdefault(name, {})
            for op in service.face.operations:
                key = shape(op.method, op.path, op.action)
                there[key] = op.partly if key not in there else there[key] or op.partly
                if op.method == "GET":
                    there.setdefault(shape("HEAD", op.path), op.partly)
    return found


def status(there: dict[tuple[str, str, str], str], method: str, path: str, action: str, prefix: str) -> tuple[str, str]:
    """(`works` | `partly` | `not yet`, remark)."""
    for candidate in (
        path,
        prefix + path,
        prefix + path.removeprefix("/{api_version}"),
        path.removeprefix("/identity"),
    ):
        lacks = there.get(shape(method, candidate, action))
        if lacks is not None and lacks != "absent":
            return ("partly", lacks) if lacks else ("works", "")
    return "not yet", ""


def page() -> str:
    """The whole page."""
    there = built()
    sections, totals = [], []
    for service, (emulated, title, prefix) in SERVICES.items():
        rows = [(m, p, a, *status(there.get(service, {}), m, p, a, prefix)) for m, p, a in listed(emulated)]
        counts = Counter(row[3] for row in rows)
        totals.append(f"| {title} | {len(rows)} | {counts['works']} | {counts['partly']} | {counts['not yet']} |")
        sections.append(f"## {title}\n\n| operation | status | remark |\n|---|---|---|")
        sections += [f"| `{m} {p}{' #' + a if a else ''}` | {s} | {remark} |" for m, p, a, s, remark in rows]
        sections.append("")
    head = (
        "# Compatibility\n\nGenerated from the code by `python tests/compatibility.py`; a test keeps it current. Every operation of the emulated\n"
        "services' public APIs, and whether Pileus answers it. `not yet` is answered in the service's own error form: 404, or 501 where\n"
        "the operation is known but not built.\n\n| service | operations | works | partly | not yet |\n|---|---:|---:|---:|---:|"
    )
    return "\n".join([head, *totals, "", *sections])


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "src"))
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
    print(f"written: {PAGE}")
