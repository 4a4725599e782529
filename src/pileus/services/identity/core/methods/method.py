"""The shape of a login method."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from msgspec import Struct

from pileus.kernel.db import Tx
from pileus.kernel.types import Micros
from pileus.services.identity.core import refusals
from pileus.services.identity.core.asking import Asked
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.core.tokens import Marks


class Attempt(Struct, frozen=True, kw_only=True):
    """One login as it reached us.

    `payload`  the method's own part of `auth.identity`.
    `asked`    the scope wanted.
    `method`, `url`, `headers`, `body`  the request, for methods that verify a signature over it.
    `certificate`  the client's, DER, where the connection or a trusted proxy showed one.
    """

    payload: Mapping[str, Any]
    asked: Asked
    address: str = ""
    method: str = "POST"
    url: str = ""
    headers: Mapping[str, str] = {}
    body: Any = None
    certificate: bytes = b""


class Proof(Marks, frozen=True, kw_only=True):
    """Who somebody proved to be, with the marks that the token will bear.

    `expires_at`, `parent_id`  come from a token that was shown.
    `hash`    the password hash that the secret fitted: it must still stand when the session opens.
    `shown`   the token that was shown, to be looked at in the transaction.
    `code`    the credential and time step of a one-time code, to be used up.
    `writes`  the session must open in a writing transaction: something is used up.
    """

    user_id: str
    methods: tuple[str, ...]
    expires_at: Micros | None = None
    parent_id: str = ""
    hash: str | None = None
    shown: str = ""
    code: tuple[str, int] = ("", 0)
    writes: bool = False


class Method(ABC):
    """One way to prove who one is.

    `name`    in `auth.identity.methods`.   `schema`  of its own part of `auth.identity`.
    """

    name: ClassVar[str]
    schema: ClassVar[Mapping[str, Any]]

    def __init__(self, near: Near) -> None:
        self.near = near

    @abstractmethod
    async def prove(self, attempt: Attempt) -> Proof:
        """The slow part, before any transaction. Raises `refusals.unauthorized()`, whatever was wrong."""

    def confirm(self, tx: Tx, proof: Proof, asked: Asked) -> Proof:
        """In the transaction that opens the session: what the proof rests on still stands."""
        return proof


def join(proofs: Sequence[Proof]) -> Proof:
    """Several proofs of one login as one: all must be of the same user, and the earliest end counts."""
    first = proofs[0]
    if any(p.user_id != first.user_id for p in proofs):
        raise refusals.unauthorized()
    ends = [p.expires_at for p in proofs if p.expires_at is not None]
    marks: dict[str, Any] = {
        name: next((v for p in proofs if (v := getattr(p, name))), "") for name in Marks.__struct_fields__
    }
    return Proof(
        user_id=first.user_id,
        methods=in_order(*(m for p in proofs for m in p.methods)),
        expires_at=min(ends) if ends else None,
        parent_id=next((p.parent_id for p in proofs if p.parent_id), ""),
        hash=next((p.hash for p in proofs if p.hash), None),
        writes=any(p.writes for p in proofs),
        **{name: value for name, value in marks.items() if value},
    )


def in_order(*methods: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(methods))
