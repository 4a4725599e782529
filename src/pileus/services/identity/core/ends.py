"""Ends that bodies give to credentials and trusts."""

from pileus.kernel.db import Tx
from pileus.kernel.types import Micros, parse
from pileus.services.identity.core import refusals


def read_end(tx: Tx, text: str | None) -> Micros | None:
    """Raises `Invalid` for what is no time, or past."""
    if text is None:
        return None
    try:
        at = parse(text)
    except (ValueError, OverflowError):
        raise refusals.bad_time() from None
    if at <= tx.now:
        raise refusals.past_time()
    return at
