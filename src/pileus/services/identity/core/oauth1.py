"""Requests signed as RFC 5849 says: whether a signature is good, and was not shown before. The library does the arithmetic."""

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct
from oauthlib import oauth1
from oauthlib.common import extract_params
from oauthlib.oauth1.rfc5849.utils import parse_authorization_header

from pileus.kernel.db import Tx
from pileus.kernel.types import SECOND, Invalid
from pileus.services.identity.core import refusals
from pileus.services.identity.core.vault import Vault
from pileus.services.identity.db import consumers, oauth_tokens
from pileus.services.identity.db.consumers import ConsumerRow
from pileus.services.identity.db.oauth_tokens import AccessTokenRow, RequestTokenRow

_LATE = 600
"""Seconds that a signature's own time may differ from ours."""
_NOBODY = "0" * 32
"""Stands for consumers and tokens that are not there, so that those take as long."""
_ALPHABET = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")


class Signed(Struct, frozen=True, kw_only=True):
    """A request whose signature is to be judged. `url` is the one that the client wrote."""

    url: str
    headers: Mapping[str, str]
    method: str = "POST"


def read_parameters(headers: Mapping[str, str]) -> dict[str, str]:
    """What stands in the `Authorization` header. Raises `Invalid` for what is not OAuth's."""
    try:
        return dict(parse_authorization_header(headers.get("authorization", "")))
    except ValueError:
        raise refusals.expected("OAuth parameters", "Authorization header") from None


def expect(parameters: Mapping[str, str], *names: str) -> None:
    for name in names:
        if not parameters.get(name):
            raise refusals.expected(name, "request")


def check_request(tx: Tx, vault: Vault, signed: Signed) -> None:
    """A consumer asks for a request token. Raises `Unauthorized`, or `Invalid` where the form is wrong."""
    _check_form(tx, oauth1.RequestTokenEndpoint(_Validator(tx, vault)).create_request_token_response, signed)


def check_exchange(tx: Tx, vault: Vault, signed: Signed) -> None:
    """A consumer changes a request token that was granted for an access token."""
    _check_form(tx, oauth1.AccessTokenEndpoint(_Validator(tx, vault)).create_access_token_response, signed)


def check_use(tx: Tx, vault: Vault, signed: Signed) -> None:
    """A consumer uses an access token."""
    endpoint = oauth1.ResourceEndpoint(_Validator(tx, vault))
    good, _ = endpoint.validate_protected_resource_request(signed.url, signed.method, None, dict(signed.headers))
    if not good:
        raise refusals.unauthorized()


def _check_form(tx: Tx, respond: Callable[..., tuple[Any, str | None, int]], signed: Signed) -> None:
    _, body, _ = respond(signed.url, signed.method, None, dict(signed.headers))
    if not body:
        raise refusals.unauthorized()
    found = dict(extract_params(body) or ())
    if "error" in found:
        raise Invalid(
            f"Validation failed with errors: {found['error']}, detail message is: {found.get('error_description', '')}."
        )


class _Validator(oauth1.RequestValidator):
    """What the library asks about consumers and tokens, answered from the transaction."""

    enforce_ssl = False
    timestamp_lifetime = _LATE
    allowed_signature_methods = (
        oauth1.SIGNATURE_HMAC_SHA1,
        oauth1.SIGNATURE_HMAC_SHA256,
        oauth1.SIGNATURE_HMAC_SHA512,
    )
    dummy_client = dummy_request_token = dummy_access_token = _NOBODY

    def __init__(self, tx: Tx, vault: Vault) -> None:
        super().__init__()
        self.tx, self.vault = tx, vault

    # --- forms ------------------------------------------------------------------------------------------------------

    def check_client_key(self, client_key: str) -> bool:
        return _is_key(client_key)

    def check_request_token(self, request_token: str) -> bool:
        return _is_key(request_token)

    def check_access_token(self, request_token: str) -> bool:
        return _is_key(request_token)

    def check_nonce(self, nonce: str) -> bool:
        return 0 < len(nonce) <= 255 and _ALPHABET.issuperset(nonce)

    def check_verifier(self, verifier: str) -> bool:
        return len(verifier) == 8 and _ALPHABET.issuperset(verifier)

    # --- secrets ----------------------------------------------------------------------------------------------------

    def _secret(self, row: ConsumerRow | RequestTokenRow | AccessTokenRow | None) -> str:
        """For what is not there, one that nothing was signed with."""
        return self.vault.unseal(self.tx, row.sealed, row.key_id, row.id) if row else secrets.token_hex(16)

    def get_client_secret(self, client_key: str, request: Any) -> str:
        return self._secret(consumers.find(self.tx, client_key))

    def get_request_token_secret(self, client_key: str, token: str, request: Any) -> str:
        return self._secret(oauth_tokens.find_request(self.tx, token))

    def get_access_token_secret(self, client_key: str, token: str, request: Any) -> str:
        return self._secret(oauth_tokens.find_access(self.tx, token))

    # --- what there is ----------------------------------------------------------------------------------------------

    def validate_client_key(self, client_key: str, request: Any) -> bool:
        return consumers.find(self.tx, client_key) is not None

    def validate_request_token(self, client_key: str, token: str, request: Any) -> bool:
        row = oauth_tokens.find_request(self.tx, token)
        return row is not None and row.consumer_id == client_key

    def validate_access_token(self, client_key: str, token: str, request: Any) -> bool:
        row = oauth_tokens.find_access(self.tx, token)
        return row is not None and row.consumer_id == client_key

    def validate_verifier(self, client_key: str, token: str, verifier: str, request: Any) -> bool:
        row = oauth_tokens.find_request(self.tx, token)
        return (
            row is not None
            and row.verifier is not None
            and secrets.compare_digest(row.verifier.encode(), verifier.encode("utf-8", "replace"))
        )

    def validate_timestamp_and_nonce(
        self,
        client_key: str,
        timestamp: str,
        nonce: str,
        request: Any,
        request_token: str | None = None,
        access_token: str | None = None,
    ) -> bool:
        """Kept only if all else is good too: whatever is refused is rolled back."""
        consumers.forget_signatures(self.tx, self.tx.now // SECOND - 2 * _LATE)
        token = request_token or access_token or ""
        return consumers.note_signature(self.tx, client_key, token, int(timestamp), nonce)

    # --- realms and redirections are not Keystone's -------------------------------------------------------------------

    def validate_redirect_uri(self, client_key: str, redirect_uri: str, request: Any) -> bool:
        return True

    def validate_requested_realms(self, client_key: str, realms: Any, request: Any) -> bool:
        return True

    def validate_realms(self, client_key: str, token: str, request: Any, uri: Any = None, realms: Any = None) -> bool:
        return True

    def get_default_realms(self, client_key: str, request: Any) -> list[str]:
        return []

    def get_realms(self, token: str, request: Any) -> list[str]:
        return []

    # --- tokens are made by `core.oauth_tokens` ----------------------------------------------------------------------

    def save_request_token(self, token: Any, request: Any) -> None:
        pass

    def save_access_token(self, token: Any, request: Any) -> None:
        pass

    def invalidate_request_token(self, client_key: str, request_token: str, request: Any) -> None:
        pass


def _is_key(text: str) -> bool:
    return len(text) == 32 and _ALPHABET.issuperset(text)
