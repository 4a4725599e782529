"""`docs/reference/s3.md` from the code: every operation of S3's API, and whether it works here.

`python tests/s3_operations.py` writes the page; `tests/docs/test_s3_operations.py` fails when it is not current.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reference" / "s3.md"
LIST = Path(__file__).parent / "conformance" / "api-s3.txt"
_HEAD = """# Operations of S3

Generated from the code by `python tests/s3_operations.py`; a test keeps it current. `unset`: the answer is S3's for a bucket on which nobody
has set this, and setting it is refused. `refused`: `NotImplemented` (501), and nothing is done. How to use what works: [howto](../howto/s3.md).
"""


def listed() -> Iterator[tuple[str, str, str]]:
    """(operation, method, path)."""
    for line in LIST.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            method, path, name = line.split()
            yield name, method, path


def route(path: str) -> str:
    """As the S3 dialect writes it: `/bucket?acl`."""
    from pileus.services.objectstore.api.s3.dialect import SUBRESOURCES

    place, _, query = path.partition("?")
    kind = "object" if "{key}" in place else "bucket" if "{bucket}" in place else "service"
    names = {part.partition("=")[0] for part in query.split("&")}
    return next((f"/{kind}?{name}" for name in SUBRESOURCES[kind] if name in names), f"/{kind}")


def status(method: str, path: str) -> str:
    from pileus.services.objectstore.api.s3 import face

    for noun in face.NOUNS:
        found = noun.OPERATIONS.get((method, route(path)))
        if found is not None:
            summary = found[1]
            return "refused" if summary.startswith("Refused") else "unset" if summary.startswith("Says") else "works"
    return "refused"


def page() -> str:
    rows = [(name, method, path, status(method, path)) for name, method, path in listed()]
    counts = Counter(row[3] for row in rows)
    lines = [f"Works: {counts['works']}. Unset: {counts['unset']}. Refused: {counts['refused']}.", ""]
    lines += ["| operation | request | status |", "|---|---|---|"]
    lines += [f"| {name} | `{method} {path}` | {said} |" for name, method, path, said in rows]
    return "\n".join([_HEAD, *lines, ""])


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "src"))
    PAGE.write_text(page(), encoding="utf-8")
    print(f"written: {PAGE}")
