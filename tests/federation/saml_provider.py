"""The SAML identity provider of the tests: pysaml2 behind a small server of this process."""

from __future__ import annotations

import base64
import datetime
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT, BINDING_PAOS, BINDING_SOAP
from saml2.authn_context import PASSWORD
from saml2.config import IdPConfig
from saml2.metadata import entity_descriptor
from saml2.profile import ecp
from saml2.saml import NAMEID_FORMAT_UNSPECIFIED, NameID
from saml2.server import Server
from saml2.xmldsig import DIGEST_SHA256, SIG_RSA_SHA256

PEOPLE = {
    "alice": {"mail": ["alice@example.org"], "displayName": ["Alice"], "eduPersonAffiliation": ["staff", "admins"]},
    "bob": {"mail": ["bob@example.org"], "displayName": ["Bob"], "eduPersonAffiliation": ["guests"]},
}


def make_key(place: Path, name: str) -> tuple[Path, Path]:
    """A key and a certificate that it signed itself."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    form, nothing = serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    key_file, certificate_file = place / f"{name}.key", place / f"{name}.crt"
    key_file.write_bytes(key.private_bytes(encoding, form, nothing))
    certificate_file.write_bytes(certificate.public_bytes(encoding))
    return key_file, certificate_file


class SamlProvider:
    """`person` is whoever sits at the browser. `spoil` may change a response before it goes out."""

    def __init__(self, place: Path, name: str = "idp") -> None:
        self.place, self.name, self.person = place, name, "alice"
        self.key, self.certificate = make_key(place, name)
        self.spoil: Callable[[str], str] = str
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self.entity_id = f"{self.url}/metadata"
        self.metadata = place / f"{name}.xml"
        self.metadata.write_text(str(entity_descriptor(self._config([]))), encoding="utf-8")
        self.server: Any = None

    def trust(self, metadata: str) -> None:
        """Takes a service provider's metadata, and begins."""
        file = self.place / f"{self.name}-sp.xml"
        file.write_text(metadata, encoding="utf-8")
        self.server = Server(config=self._config([str(file)]))
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def stop(self) -> None:
        if self.server is not None:
            self._http.shutdown()
        self._http.server_close()

    def _config(self, local: list[str]) -> IdPConfig:
        places = [(f"{self.url}/sso", BINDING_HTTP_REDIRECT), (f"{self.url}/ecp", BINDING_SOAP)]
        return IdPConfig().load(
            {
                "entityid": self.entity_id,
                "key_file": str(self.key),
                "cert_file": str(self.certificate),
                "metadata": {"local": local} if local else {},
                "service": {"idp": {"endpoints": {"single_sign_on_service": places}, "sign_response": False}},
            }
        )

    def respond(self, person: str, request_id: str, destination: str, sp: str, **more: Any) -> Any:
        return self.server.create_authn_response(
            identity=PEOPLE[person],
            in_response_to=request_id,
            destination=destination,
            sp_entity_id=sp,
            name_id=NameID(format=NAMEID_FORMAT_UNSPECIFIED, text=person),
            authn={"class_ref": PASSWORD, "authn_auth": self.entity_id},
            **{"sign_assertion": True, "sign_alg": SIG_RSA_SHA256, "digest_alg": DIGEST_SHA256, **more},
        )

    def sso(self, query: str) -> str:
        """The page that a browser sees: a form back to the service provider."""
        asked = parse_qs(query)
        request = self.server.parse_authn_request(asked["SAMLRequest"][0], BINDING_HTTP_REDIRECT).message
        where = self.server.response_args(request, [BINDING_HTTP_POST])["destination"]
        response = self.spoil(str(self.respond(self.person, request.id, where, request.issuer.text)))
        encoded = base64.b64encode(response.encode()).decode()
        return (
            f'<form action="{where}" method="post"><input name="SAMLResponse" value="{encoded}">'
            f'<input name="RelayState" value="{asked["RelayState"][0]}"></form>'
        )

    def enhanced(self, body: bytes, authorization: str) -> str | None:
        """An envelope for an enhanced client that knows somebody's password: the name backwards."""
        person, _, password = base64.b64decode(authorization.partition(" ")[2]).decode().partition(":")
        if person not in PEOPLE or password != person[::-1]:
            return None
        request = self.server.parse_authn_request(body, BINDING_SOAP).message
        where = self.server.response_args(request, [BINDING_PAOS])["destination"]
        response = self.respond(person, request.id, where, request.issuer.text)
        soap = "http://schemas.xmlsoap.org/soap/envelope/"
        content = self.spoil(str(response)).partition("?>")[2]
        return (
            f'<s:Envelope xmlns:s="{soap}"><s:Header><e:Response xmlns:e="{ecp.NAMESPACE}" s:mustUnderstand="1" '
            f's:actor="http://schemas.xmlsoap.org/soap/actor/next" AssertionConsumerServiceURL="{where}"/></s:Header>'
            f"<s:Body>{content}</s:Body></s:Envelope>"
        )

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        me = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._send(200, me.sso(urlsplit(self.path).query), "text/html")

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                answer = me.enhanced(body, self.headers.get("authorization", ""))
                self._send(200 if answer else 401, answer or "no", "text/xml")

            def _send(self, status: int, text: str, media: str) -> None:
                self.send_response(status)
                self.send_header("content-type", media)
                self.send_header("content-length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: Any) -> None: ...

        return Handler
