"""Whose address counts: behind a trusted proxy the one that it put last, else the connection's."""

import pytest

from pileus.kernel.rest import Entry, EntrySettings


@pytest.mark.parametrize(
    ("trusted", "given", "expected"),
    [
        (False, "9.9.9.9", "10.0.0.1"),
        (True, "9.9.9.9", "9.9.9.9"),
        (True, "6.6.6.6, 9.9.9.9", "9.9.9.9"),
        (True, None, "10.0.0.1"),
    ],
)
def test_the_address(trusted: bool, given: str | None, expected: str) -> None:
    entry = Entry({}, EntrySettings(trust_forwarded=trusted))
    headers = {"x-forwarded-for": given} if given is not None else {}
    assert entry._client({"client": ("10.0.0.1", 1)}, headers) == expected
