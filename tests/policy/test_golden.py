"""The table of who may do what is current, and says what it must."""

import difflib

import table


def test_golden_is_current():
    """When it fails because you meant it: `python tests/policy/table.py`, and look at the difference."""
    old, new = table.GOLDEN.read_text(encoding="utf-8"), table.table()
    difference = difflib.unified_diff(old.splitlines(), new.splitlines(), "golden.txt", "the code", lineterm="", n=0)
    assert old == new, "run `python tests/policy/table.py`:\n" + "\n".join(list(difference)[:40])


def test_no_reader_writes_and_no_tenant_reaches_another():
    """Of all operations whose rule is known."""
    reaches, writes = [], []
    for line in table.GOLDEN.read_text(encoding="utf-8").splitlines():
        words = line.split()
        if len(words) < len(table.CALLERS) + 2 or not set(words[0]) <= {"+", "-"}:
            continue
        cells, operation = dict(zip(table.CALLERS, words, strict=False)), words[len(table.CALLERS) :]
        if operation[0] not in ("POST", "PUT", "PATCH", "DELETE"):
            continue
        if cells["member"][1] == "+":
            reaches.append(" ".join(operation))
        if cells["reader"][0] == "+" and not any(own in operation[1] for own in OWN):
            writes.append(" ".join(operation))
    assert not reaches
    assert not writes


OWN = ("/os-keypairs", "/auth/tokens", "/application_credentials")
"""What belongs to the user, not to the project: a reader may change it."""
