"""Microversions: pairs that compare as numbers, `2.10` after `2.9`."""

import re
from functools import lru_cache
from typing import NamedTuple

_FORM = re.compile(r"([1-9][0-9]*)\.(0|[1-9][0-9]*)\Z")


class Version(NamedTuple):
    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


@lru_cache(maxsize=1024)
def version(text: str) -> Version:
    """`"2.96"` as a `Version`. Raises `ValueError` for any other form."""
    found = _FORM.match(text)
    if found is None:
        raise ValueError(f"{text!r} is not of the form MAJOR.MINOR")
    return Version(int(found[1]), int(found[2]))
