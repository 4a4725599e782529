"""Moments as Swift writes them."""

from datetime import UTC, datetime
from email.utils import formatdate

from pileus.kernel.types import SECOND, Micros


def stamp(at: Micros) -> str:
    """`X-Timestamp`: seconds with five decimals."""
    return f"{at // SECOND:010d}.{at % SECOND // 10:05d}"


def listed(at: Micros) -> str:
    """`last_modified` in listings: no zone, and to ten microseconds, as `stamp` has it."""
    return datetime.fromtimestamp(at // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{at % SECOND // 10 * 10:06d}"


def http(at: Micros) -> str:
    """`Last-Modified`: the whole second that `at` has reached, rounded up."""
    return formatdate(-(-(at // 10) // 100_000), usegmt=True)
