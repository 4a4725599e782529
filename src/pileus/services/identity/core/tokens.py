"""Tokens: a few facts, sealed with Fernet. Nothing of a token is stored."""

import base64
import os
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from msgspec import Struct

from pileus.kernel.types import SECOND, Micros

METHODS = (
    "password", "token", "application_credential", "totp", "oauth1", "mapped", "external", "ec2credential",
    "openid", "saml2", "x509", "kerberos", "oauth2_credential",
)  # fmt: skip
"""Ways to prove who one is; a token names its own by bits, so the order stays."""
Scope = Literal["", "project", "domain", "system"]
_SCOPES: tuple[Scope, ...] = ("", "project", "domain", "system")
_LONGEST = 4096
_WRAPPED = b"wrapped:"
"""What begins so is no token (MessagePack would read a number)."""

Packed = Any
"""An id: bytes where it is 32 or 64 hex digits, else its text (msgspec knows no union of the two)."""


class _Wire(Struct, frozen=True, array_like=True):
    """What is sealed. New fields go to the end, with a default."""

    form: int
    user: Packed
    methods: int
    scope: int
    target: Packed
    issued: int
    expires: int
    audit: bytes
    parent: bytes
    epoch: int
    credential: Packed = b""
    marks: dict[str, Any] = {}


class Marks(Struct, frozen=True, kw_only=True):
    """What a token bears of how it came about; most bear nothing.

    `app_credential_id`, `trust_id`, `access_token_id`  the delegation that it uses (`core.delegations`); one at most.
    `other_epoch`  of a trust's token: the epoch of the party that it does not show.
    `idp_id`, `protocol_id`, `group_ids`  of a federated login: who vouched, and the groups that the mapping gave.
    `thumbprint`  `x5t#S256` of the client certificate that the token is bound to.
    """

    app_credential_id: str = ""
    trust_id: str = ""
    access_token_id: str = ""
    idp_id: str = ""
    protocol_id: str = ""
    group_ids: tuple[str, ...] = ()
    thumbprint: str = ""
    other_epoch: str = ""

    def marks(self) -> dict[str, Any]:
        """Those that are set, to be borne by another struct of this kind."""
        return {name: value for name in Marks.__struct_fields__ if (value := getattr(self, name))}


class Claims(Marks, frozen=True, kw_only=True):
    """What a token says.

    `target_id`      the project or domain of the scope; `all` for the system.
    `issued_at`, `expires_at`  microseconds; the end is on a whole second.
    `audit_id`       names this token; `parent_id` the first one of its chain, empty for a first one.
    `epoch`          that of the user when it was issued.
    """

    user_id: str
    methods: tuple[str, ...]
    scope: Scope
    target_id: str
    issued_at: Micros
    expires_at: Micros
    audit_id: str
    parent_id: str
    epoch: int

    @property
    def audit_ids(self) -> list[str]:
        return [self.audit_id, self.parent_id] if self.parent_id else [self.audit_id]

    @property
    def chain_id(self) -> str:
        return self.parent_id or self.audit_id


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Wire).decode


class Keyring:
    """The keys in memory: the newest seals, all open."""

    def __init__(self) -> None:
        self.newest = 0
        self._fernet: MultiFernet | None = None

    def load(self, keys: Sequence[tuple[int, str]]) -> None:
        """Take `(id, secret)` pairs, the newest first."""
        self.newest = keys[0][0]
        self._fernet = MultiFernet([Fernet(secret) for _, secret in keys])

    @property
    def ready(self) -> bool:
        return self._fernet is not None

    def seal_bytes(self, data: bytes) -> str:
        assert self._fernet is not None, "no key was loaded"
        return self._fernet.encrypt(data).decode().rstrip("=")

    def open_bytes(self, text: str) -> bytes | None:
        """What was sealed; None when no key of ours did it."""
        if self._fernet is None or not 100 < len(text) <= _LONGEST or not text.isascii():
            return None
        try:
            return self._fernet.decrypt(text + "=" * (-len(text) % 4))
        except InvalidToken:
            return None

    def seal(self, claims: Claims) -> str:
        wire = _Wire(
            1,
            _pack(claims.user_id),
            sum(1 << METHODS.index(m) for m in claims.methods),
            _SCOPES.index(claims.scope),
            _pack(claims.target_id),
            claims.issued_at,
            claims.expires_at // SECOND,
            _audit_bytes(claims.audit_id),
            _audit_bytes(claims.parent_id),
            claims.epoch,
            _pack(claims.app_credential_id),
            _pack_marks(claims),
        )
        return self.seal_bytes(_encode(wire))

    def wrap(self, content: bytes) -> str:
        """Something for a client to keep and bring back, which it can neither read nor change."""
        assert self._fernet is not None, "no key was loaded"
        return self._fernet.encrypt(_WRAPPED + content).decode()

    def unwrap(self, wrapped: str) -> bytes | None:
        """What was wrapped; None for what no key of ours made, or what is a token."""
        if self._fernet is None or len(wrapped) > _LONGEST or not wrapped.isascii():
            return None
        try:
            content = self._fernet.decrypt(wrapped)
        except InvalidToken:
            return None
        return content[len(_WRAPPED) :] if content.startswith(_WRAPPED) else None

    def open(self, token: str) -> Claims | None:
        """What the token says; None for one that no key of ours made."""
        data = self.open_bytes(token)
        if data is None:
            return None
        try:
            wire = _decode(data)
        except msgspec.DecodeError:
            return None
        return Claims(
            user_id=_unpack(wire.user),
            methods=tuple(m for i, m in enumerate(METHODS) if wire.methods >> i & 1),
            scope=_SCOPES[wire.scope],
            target_id=_unpack(wire.target),
            issued_at=wire.issued,
            expires_at=wire.expires * SECOND,
            audit_id=_audit_text(wire.audit),
            parent_id=_audit_text(wire.parent),
            epoch=wire.epoch,
            app_credential_id=_unpack(wire.credential),
            **_unpack_marks(wire.marks),
        )


def new_audit_id() -> str:
    return _audit_text(os.urandom(16))


def _audit_text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _audit_bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _pack(id: str) -> Packed:
    if len(id) in (32, 64):
        try:
            raw = bytes.fromhex(id)
        except ValueError:
            return id
        return raw if raw.hex() == id else id
    return id


def _unpack(packed: Packed) -> str:
    return packed.hex() if isinstance(packed, bytes) else str(packed)


def _pack_marks(claims: Claims) -> dict[str, Any]:
    """All but the application credential, which has a place of its own, with ids packed."""
    marks = claims.marks()
    marks.pop("app_credential_id", None)
    return {name: [_pack(id) for id in value] if name == "group_ids" else _pack(value) for name, value in marks.items()}


def _unpack_marks(packed: dict[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(_unpack(id) for id in value) if name == "group_ids" else _unpack(value)
        for name, value in packed.items()
    }
