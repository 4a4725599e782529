"""Identifiers as OpenStack writes them."""

import os
import re

_DASHED = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z", re.IGNORECASE)
_HEX = re.compile(r"[0-9a-f]{32}\Z", re.IGNORECASE)


def new_hex() -> str:
    """A random version-4 UUID as 32 lower-case hex digits (identity's form)."""
    raw = bytearray(os.urandom(16))
    raw[6] = (raw[6] & 0x0F) | 0x40
    raw[8] = (raw[8] & 0x3F) | 0x80
    return raw.hex()


def new_id() -> str:
    """A random version-4 UUID with dashes (everybody else's form)."""
    h = new_hex()
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


def is_uuid(text: object) -> bool:
    """True for a UUID with dashes or as 32 hex digits; anything else, of any type, is not one."""
    return isinstance(text, str) and (_DASHED.match(text) is not None or _HEX.match(text) is not None)
