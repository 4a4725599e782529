"""Identifiers as OpenStack writes them."""

import os
import re

_DASHED = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z", re.IGNORECASE)
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
_HEX = re.compile(r"[0-9a-f]{32}\Z", re.IGNORECASE)


_fresh: list[bytes] = []
"""Random bytes not yet used, 16 each: asked for many at once, for every request needs some."""
os.register_at_fork(after_in_child=_fresh.clear)


def new_hex() -> str:
    """A random version-4 UUID as 32 lower-case hex digits (identity's form). Of any thread."""
    while True:
        try:
            raw = _fresh.pop()
            break
        except IndexError:
            many = os.urandom(16 * 256)
            _fresh.extend(many[at : at + 16] for at in range(0, len(many), 16))
    digits = raw.hex()
    return f"{digits[:12]}4{digits[13:16]}{_VARIANT[digits[16]]}{digits[17:]}"


def new_id() -> str:
    """A random version-4 UUID with dashes (everybody else's form)."""
    h = new_hex()
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


def is_uuid(text: object) -> bool:
    """True for a UUID with dashes or as 32 hex digits; anything else, of any type, is not one."""
    return isinstance(text, str) and (_DASHED.match(text) is not None or _HEX.match(text) is not None)
