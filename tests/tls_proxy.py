"""A proxy that ends TLS in front of a cloud and hands on the client's certificate, as an operator's would."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

HEADER = "x-client-cert"


class Ca:
    """A certificate authority in a folder; `issue` returns the path of a file with certificate and key."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.key, self.name = ec.generate_private_key(ec.SECP256R1()), _name("Test CA")
        self.file = place / "ca.pem"
        made = self._builder(self.name, self.key.public_key()).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self.file.write_bytes(made.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM))

    def issue(self, common_name: str, *addresses: str) -> Path:
        key = ec.generate_private_key(ec.SECP256R1())
        made = self._builder(_name(common_name), key.public_key())
        if addresses:
            names = [x509.DNSName(a) for a in addresses]
            made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
        signed = made.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM)
        file = self.place / f"{common_name}.pem"
        file.write_bytes(signed + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return file

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
        )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


@contextmanager
def proxy(ca: Ca, target: str) -> Iterator[str]:
    """In front of `target` (`http://address:port`); the URL `https://localhost:port` comes back."""

    class Handler(BaseHTTPRequestHandler):
        def _pass_on(self) -> None:
            length = int(self.headers.get("content-length", 0))
            given = {k.lower(): v for k, v in self.headers.items() if k.lower() not in (HEADER, "connection")}
            shown = self.connection.getpeercert(binary_form=True)  # type: ignore[attr-defined]
            if shown:
                given[HEADER] = quote(ssl.DER_cert_to_PEM_cert(shown))
            given["x-forwarded-proto"] = "https"
            answer = httpx.request(
                self.command, target + self.path, headers=given, content=self.rfile.read(length), timeout=120
            )
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name not in ("content-length", "transfer-encoding", "connection"):
                    self.send_header(name, value)
            self.send_header("content-length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = do_DELETE = _pass_on  # noqa: N815 - the library's names

        def log_message(self, *words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca.issue("localhost", "localhost"))
    context.load_verify_locations(ca.file)
    context.verify_mode = ssl.CERT_OPTIONAL
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"https://localhost:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
