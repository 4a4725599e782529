"""`X-If-Delete-At` on a DELETE: only what expires at just that moment is to go."""

from decimal import Decimal

from pileus.kernel.db import Tx
from pileus.kernel.types import SECOND, Micros
from pileus.services.objectstore.api.swift.answers import told
from pileus.services.objectstore.api.swift.call import Call
from pileus.services.objectstore.core import objects
from pileus.services.objectstore.db.containers import ContainerRow


def check_expiry(tx: Tx, call: Call, row: ContainerRow, version: Micros | None = None) -> None:
    """`version` None: the current object. Raises 400, 404, 412."""
    text = call.headers.get("x-if-delete-at")
    if text is None:
        return
    try:
        at = Decimal(text.strip()) * SECOND
    except ArithmeticError:
        raise _bad() from None
    if not at.is_finite():
        raise _bad()
    found = objects.find_version(tx, row, call.path.name, version)
    if found is None:
        raise told(404)
    if found.delete_at != at:
        raise told(412, "X-If-Delete-At and X-Delete-At do not match")


def _bad() -> Exception:
    return told(400, "Bad X-If-Delete-At header value")
