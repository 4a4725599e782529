"""Numbers as texts from outside have them."""

_LONGEST = 32
"""Digits, zeros before a number included: Python gives up on thousands of them, and no number here has so many."""


def whole_number(text: str, most: int = 2**63 - 1) -> int | None:
    """The number that ASCII digits say, `most` at most; None for any other text. (`isdigit` alone lets `²` pass, which is none.)"""
    if len(text) > _LONGEST or not text.isascii() or not text.isdigit():
        return None
    number = int(text)
    return number if number <= most else None
