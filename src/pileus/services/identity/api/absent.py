"""What Keystone has and Pileus does not yet: answered with 501, and listed as such in the compatibility page."""

from pileus.kernel.rest import Operation, absent

_PATHS = """
"""
"""Each line a path and its methods."""


def _read(text: str) -> list[Operation]:
    lines = [line.split() for line in text.strip().splitlines()]
    return [absent(method, path) for path, *methods in lines for method in methods]


ABSENT = _read(_PATHS)
