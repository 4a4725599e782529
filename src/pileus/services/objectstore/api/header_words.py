"""What may stand in a header. Forms and archives name metadata too, with any bytes: none may make an object unreadable."""

import re

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def is_header_name(text: str) -> bool:
    """Whether it can be (the end of) a header's name."""
    return _NAME.fullmatch(text) is not None


def fits_header(text: str) -> bool:
    """Whether it can be a header's value: no control character but the tab."""
    return text.isprintable() or _CONTROL.search(text) is None
