"""Certificates that clients show, as a proxy in front of us hands them on in a header."""

import base64
import hashlib
import ssl
from urllib.parse import unquote

_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


def read(text: str) -> bytes:
    """The certificate, DER. `text` is PEM (line breaks may have become blanks), the same escaped as in URLs, or base64 of DER
    (with colons around it in RFC 9440's `Client-Cert`). Raises `ValueError`.
    """
    if "%" in text:
        text = unquote(text)
    if _BEGIN in text:
        text = text.partition(_BEGIN)[2].partition(_END)[0]
    return base64.b64decode("".join(text.strip(" :").split()), validate=True)


def thumbprint(certificate: bytes) -> str:
    """`x5t#S256` as OpenStack's middleware computes it: of the PEM text, not of the certificate itself."""
    digest = hashlib.sha256(ssl.DER_cert_to_PEM_cert(certificate).encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).decode()
