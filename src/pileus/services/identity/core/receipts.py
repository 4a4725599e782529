"""Receipts: sealed word that somebody proved a part of what his rules ask for, to be shown with the rest."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from pileus.kernel.db import Tx
from pileus.kernel.types import SECOND, Micros, Unauthorized
from pileus.services.identity.core import factors, keys
from pileus.services.identity.core.methods.method import Proof
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.db import projects, users
from pileus.services.identity.db.projects import ProjectRow
from pileus.services.identity.db.users import UserRow

_ECHO = 32
"""Characters of a bad receipt that the refusal repeats."""


class Receipt(Struct, frozen=True, array_like=True, tag="receipt"):
    """What is sealed: the tag tells it from a token, which the same keys seal. Times are microseconds.

    `epoch`  of the user: what ends the tokens of a user ends the receipts too.
    """

    user_id: str
    methods: tuple[str, ...]
    issued_at: Micros
    expires_at: Micros
    epoch: int


class Partial(Struct, frozen=True):
    """A login that proved too little: the receipt for it, and the rules that it began to meet."""

    receipt: Receipt
    user: UserRow
    domain: ProjectRow
    required: Sequence[Sequence[str]]


_decode = msgspec.msgpack.Decoder(Receipt).decode
_encode = msgspec.msgpack.Encoder().encode


def issue(tx: Tx, near: Near, missing: factors.Insufficient) -> Partial:
    user = missing.user
    domain = projects.find(tx, user.domain_id)
    if domain is None:
        raise missing
    expires_at = (tx.now // SECOND + near.settings.receipt_lifetime) * SECOND
    receipt = Receipt(user.id, tuple(missing.methods), tx.now, expires_at, user.epoch)
    return Partial(receipt, user, domain, missing.required)


def seal(near: Near, receipt: Receipt) -> str:
    return near.keyring.seal_bytes(_encode(receipt))


async def read(near: Near, text: str) -> Receipt:
    """Raises `Unauthorized` for what no key of ours made."""
    data = await keys.open_bytes(near, text)
    try:
        if data is not None:
            return _decode(data)
    except msgspec.DecodeError:
        pass
    raise _unknown(text)


def confirm(tx: Tx, receipt: Receipt, text: str, user_id: str) -> Proof:
    """What the receipt adds to a login of `user_id` now."""
    user = users.find(tx, receipt.user_id)
    if user is None or user.id != user_id or user.epoch != receipt.epoch or tx.now >= receipt.expires_at:
        raise _unknown(text)
    return Proof(user_id=user.id, methods=receipt.methods)


def _unknown(text: str) -> Unauthorized:
    return Unauthorized(f"Could not find auth receipt: {text[:_ECHO]}.")
