"""Moments as Swift writes them."""

from datetime import UTC, datetime
from email.utils import formatdate
from functools import lru_cache

from pileus.kernel.types import SECOND, Micros


def stamp(at: Micros) -> str:
    """`X-Timestamp`: seconds with five decimals."""
    return f"{at // SECOND:010d}.{at % SECOND // 10:05d}"


def listed(at: Micros) -> str:
    """`last_modified` in listings: no zone, and to ten microseconds, as `stamp` has it."""
    second, rest = divmod(at, SECOND)
    return f"{_second(second)}.{rest // 10 * 10:06d}"


@lru_cache(maxsize=4096)
def _second(second: int) -> str:
    """A page has 10,000 of them, often few different ones; `strftime` costs four times as much."""
    return datetime.fromtimestamp(second, UTC).isoformat()[:19]


def http(at: Micros) -> str:
    """`Last-Modified`: the whole second that `at` has reached, rounded up."""
    return _date(-(-(at // 10) // 100_000))


@lru_cache(maxsize=4096)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)
