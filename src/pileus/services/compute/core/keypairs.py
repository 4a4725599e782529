"""Key pairs of users."""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.x509 import load_pem_x509_certificate

from pileus.kernel.db import Page, Tx
from pileus.kernel.events import record
from pileus.kernel.types import Conflict, Ctx, Forbidden, Invalid, Listing, NotFound
from pileus.services.compute.core.neighbours import Neighbours
from pileus.services.compute.db import keypairs
from pileus.services.compute.db.keypairs import KeypairRow


def generate() -> tuple[str, str]:
    """A new ed25519 pair as (private key in OpenSSH form, public key line). The private one is kept nowhere."""
    key = ed25519.Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return private.decode(), public.decode() + " Generated-by-Pileus"


def fingerprint(public_key: str, kind: str) -> str:
    """MD5 of an ssh key as colon-separated hex, SHA-1 of a certificate. Raises `Invalid` for what is neither."""
    try:
        if kind == "x509":
            return _colons(
                hashlib.sha1(  # noqa: S324 - Nova's fingerprint of certificates
                    load_pem_x509_certificate(public_key.encode()).public_bytes(serialization.Encoding.DER)
                ).hexdigest()
            )
        words = public_key.split()
        serialization.load_ssh_public_key(" ".join(words[:2]).encode())
        return _colons(hashlib.md5(base64.b64decode(words[1], validate=True)).hexdigest())  # noqa: S324 - Nova's fingerprint
    except (ValueError, IndexError, binascii.Error, UnicodeError, TypeError, UnsupportedAlgorithm) as problem:
        raise Invalid(f"Keypair data is invalid: failed to generate fingerprint ({problem})") from None


def _colons(digest: str) -> str:
    return ":".join(digest[i : i + 2] for i in range(0, len(digest), 2))


def find(tx: Tx, user_id: str, name: str) -> KeypairRow:
    row = keypairs.find(tx, user_id, name)
    if row is None:
        raise NotFound(f"Keypair {name} not found for user {user_id}", type="KeypairNotFound")
    return row


def page(tx: Tx, asked: Listing, user_id: str) -> Page[KeypairRow]:
    return keypairs.listing(tx, asked.also("user_id", "eq", user_id))


def create(tx: Tx, near: Neighbours, ctx: Ctx, user_id: str, want: Mapping[str, Any], public_key: str) -> KeypairRow:
    """Raises `Conflict` for a taken name, `Forbidden` past the quota."""
    name, kind = want["name"], want.get("type", "ssh")
    limit = near.quotas.limits(tx, ctx.project_id)["key_pairs"]
    if 0 <= limit <= keypairs.count(tx, user_id):
        raise Forbidden("Quota exceeded, too many key pairs.")
    if keypairs.find(tx, user_id, name) is not None:
        raise Conflict(f"Key pair '{name}' already exists.", type="KeyPairExists")
    printed = fingerprint(public_key, kind)
    keypairs.insert_keypair(
        tx,
        {
            "user_id": user_id,
            "name": name,
            "type": kind,
            "fingerprint": printed,
            "public_key": public_key,
            "created_at": tx.now,
        },
    )
    row = find(tx, user_id, name)
    record(tx, ctx, "keypair.create", "keypair", name, after={"fingerprint": printed, "user_id": user_id})
    return row


def delete(tx: Tx, ctx: Ctx, row: KeypairRow) -> None:
    keypairs.remove(tx, row.id)
    record(
        tx, ctx, "keypair.delete", "keypair", row.name, before={"fingerprint": row.fingerprint, "user_id": row.user_id}
    )
