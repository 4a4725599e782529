"""The built-in certificate authority: agents and control planes know one another by it.

Two authorities make one cloud, so that a node that was broken into cannot speak to other nodes as the control plane:
agents trust clients of `control`, the control plane's own listener trusts clients of `nodes`.
"""

import hashlib
import os
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_LIFE = timedelta(days=3650)
LEAF_LIFE = timedelta(days=365)
# Clocks of hosts differ.
EARLY = timedelta(days=1)


@dataclass(frozen=True)
class Leaf:
    """Files of a certificate and its key."""

    certificate: Path
    key: Path

    def usable(self, names: list[str], authority: bytes) -> bool:
        """Present, for these names, from this authority (PEM), and with more than a third of its life left."""
        if not self.certificate.exists() or not self.key.exists():
            return False
        try:
            found = x509.load_pem_x509_certificate(self.certificate.read_bytes())
            found.verify_directly_issued_by(x509.load_pem_x509_certificate(authority))
            san = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except Exception:
            return False
        left = found.not_valid_after_utc - datetime.now(UTC)
        return set(san) == set(_alternatives(names)) and left > LEAF_LIFE / 3


class Authority:
    """A key and its certificate in a directory, made when they are not there: `NAME.pem` and `NAME.key`."""

    def __init__(self, place: Path, name: str) -> None:
        self.name = name
        self.certificate = place / f"{name}.pem"
        place.mkdir(parents=True, exist_ok=True)
        key_file = place / f"{name}.key"
        if not self.certificate.exists() or not key_file.exists():
            key = ec.generate_private_key(ec.SECP256R1())
            _write(key_file, _pem(key), secret=True)
            _write(self.certificate, _self_signed(key, f"Pileus {name}").public_bytes(serialization.Encoding.PEM))
        loaded = serialization.load_pem_private_key(key_file.read_bytes(), None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        self._key = loaded
        self._issuer = x509.load_pem_x509_certificate(self.certificate.read_bytes())

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate in hex: what a joining node compares before it trusts."""
        return fingerprint(self.certificate.read_bytes())

    def issue(self, place: Path, name: str, names: list[str]) -> Leaf:
        """`NAME.pem` and `NAME.key` in `place`, for host names or addresses `names`; made anew when no longer usable."""
        leaf = Leaf(place / f"{name}.pem", place / f"{name}.key")
        if not leaf.usable(names, self.certificate.read_bytes()):
            place.mkdir(parents=True, exist_ok=True)
            key, request = request_for(names)
            certificate = self.sign(request, names)
            _write(leaf.key, key, secret=True)
            _write(leaf.certificate, certificate)
        return leaf

    def sign(self, request: bytes, names: list[str]) -> bytes:
        """A certificate (PEM) for a request (PEM), for `names` only, whatever the request says. Raises `ValueError`."""
        asked = x509.load_pem_x509_csr(request)
        if not asked.is_signature_valid:
            raise ValueError("the request is not signed by its own key")
        now = datetime.now(UTC)
        usages = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        made = (
            x509.CertificateBuilder()
            .subject_name(_subject(names[0]))
            .issuer_name(self._issuer.subject)
            .public_key(asked.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - EARLY)
            .not_valid_after(min(now + LEAF_LIFE, self._issuer.not_valid_after_utc))
            .add_extension(x509.SubjectAlternativeName(_alternatives(names)), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(usages, critical=False)
            .add_extension(issuer_id, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.PEM)


def request_for(names: list[str]) -> tuple[bytes, bytes]:
    """A new key and a request for a certificate, both PEM: a node makes them, its key never travels."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder().subject_name(_subject(names[0]))
    request = builder.add_extension(x509.SubjectAlternativeName(_alternatives(names)), critical=False)
    return _pem(key), request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def fingerprint(certificate: bytes) -> str:
    """SHA-256 of a PEM certificate, in hex."""
    der = x509.load_pem_x509_certificate(certificate).public_bytes(serialization.Encoding.DER)
    return hashlib.sha256(der).hexdigest()


def server_context(leaf: Leaf, trusted: Path) -> ssl.SSLContext:
    """For a listener: who connects must have a certificate of the authority `trusted`."""
    return _context(ssl.PROTOCOL_TLS_SERVER, leaf, trusted)


def client_context(leaf: Leaf, trusted: Path) -> ssl.SSLContext:
    """For a caller: who answers must have a certificate of the authority `trusted` for the name we call."""
    return _context(ssl.PROTOCOL_TLS_CLIENT, leaf, trusted)


def _context(side: int, leaf: Leaf, trusted: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(side)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(trusted)
    context.load_cert_chain(leaf.certificate, leaf.key)
    return context


def _self_signed(key: ec.EllipticCurvePrivateKey, name: str) -> x509.Certificate:
    now = datetime.now(UTC)
    usage = x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    return (
        x509.CertificateBuilder()
        .subject_name(_subject(name))
        .issuer_name(_subject(name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLY)
        .not_valid_after(now + AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])


def _alternatives(names: list[str]) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = []
    for name in names:
        try:
            found.append(x509.IPAddress(ip_address(name)))
        except ValueError:
            found.append(x509.DNSName(name))
    return found


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)


def _write(path: Path, data: bytes, *, secret: bool = False) -> None:
    """Whole or not at all."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600 if secret else 0o644)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)
