"""One OpenID Connect provider as it describes itself: endpoints and keys, read again when they may have changed."""

import asyncio
import ssl
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jwt import Token

from pileus.drivers.federation.protocol import TIMEOUT, OidcProvider, Refused, Silent, is_safe

_LARGEST = 1 << 20
"""Bytes of an answer."""
_DISCOVERY_AGE = 3600.0
"""Seconds after which a provider's description is read again."""
KEYS_AGE = 10.0
"""Seconds before which keys are not fetched again, however many tokens name a key that is not among them."""
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
"""Asymmetric ones only: our own secret proves nothing about who signed."""


class Described:
    """What is known of a provider. Everything goes through `fetch`: bounded in time and size, no redirects."""

    def __init__(self, settings: OidcProvider, secret: str) -> None:
        self.settings = settings
        self.secret = secret
        check_url(settings.issuer)
        trusted = ssl.create_default_context(cafile=settings.ca_file) if settings.ca_file else True
        self.http = httpx.AsyncClient(timeout=TIMEOUT, follow_redirects=False, verify=trusted, trust_env=False)
        self._document: Mapping[str, Any] = {}
        self._read_at = -_DISCOVERY_AGE
        self._keys: KeySet | None = None
        self._fetched_at = -KEYS_AGE
        self._lock = asyncio.Lock()

    async def fetch(self, method: str, url: str, **more: Any) -> httpx.Response:
        """The answer, whatever its status. Raises `Silent`."""
        check_url(url)
        try:
            async with asyncio.timeout(TIMEOUT), self.http.stream(method, url, **more) as response:
                content = b""
                async for chunk in response.aiter_bytes():
                    content += chunk
                    if len(content) > _LARGEST:
                        raise Silent(f"{_place(url)} answers with more than {_LARGEST} bytes")
        except (httpx.HTTPError, TimeoutError) as error:
            raise Silent(f"{_place(url)}: {type(error).__name__}") from None
        return httpx.Response(response.status_code, headers=_plain(response.headers), content=content)

    async def document(self) -> Mapping[str, Any]:
        """The provider's description of itself, which must be of this issuer. Raises `Silent`."""
        async with self._lock:
            if time.monotonic() - self._read_at >= _DISCOVERY_AGE:
                issuer = self.settings.issuer
                found = await self.json(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
                if found.get("issuer") != issuer:
                    raise Silent(f"{issuer} describes another issuer: {str(found.get('issuer'))[:200]!r}")
                self._document, self._read_at = found, time.monotonic()
            return self._document

    async def json(self, url: str, **more: Any) -> dict[str, Any]:
        response = await self.fetch("GET", url, **more)
        if response.status_code != 200:
            raise Silent(f"{_place(url)} answers {response.status_code}")
        return decoded(response)

    async def endpoint(self, name: str) -> str:
        """Raises `Silent` for one that the provider does not have."""
        found = (await self.document()).get(name)
        if not isinstance(found, str):
            raise Silent(f"{self.settings.issuer} has no {name}")
        return found

    async def verify(self, token: str) -> Token:
        """A JWT that this provider signed. Raises `Refused`; keys that are not known are fetched once more."""
        tried = self._keys
        if tried is None:
            tried = await self._fetch_keys(None)
        try:
            return _decode(token, tried)
        except (JoseError, ValueError):
            fresh = await self._fetch_keys(tried)
            if fresh is tried:
                raise Refused("the token is not signed by a key of the provider") from None
        try:
            return _decode(token, fresh)
        except (JoseError, ValueError) as error:
            raise Refused(f"the token is not signed by a key of the provider ({type(error).__name__})") from None

    async def _fetch_keys(self, tried: KeySet | None) -> KeySet:
        url = await self.endpoint("jwks_uri")
        async with self._lock:
            if self._keys is not None and (self._keys is not tried or time.monotonic() - self._fetched_at < KEYS_AGE):
                return self._keys
            found = await self.json(url)
            try:
                self._keys = KeySet.import_key_set({"keys": [key for key in found["keys"] if key.get("kty") != "oct"]})
            except (JoseError, KeyError, ValueError, TypeError, AttributeError) as error:
                raise Silent(f"{_place(url)} has no keys: {type(error).__name__}") from None
            self._fetched_at = time.monotonic()
            return self._keys


def check_url(url: str) -> None:
    """Raises `Silent` unless it is of https, or of this machine."""
    if not is_safe(url):
        raise Silent(f"{_place(url)}: providers are asked over https only")


def decoded(response: httpx.Response) -> dict[str, Any]:
    """A JSON object. Raises `Silent`."""
    try:
        return msgspec.json.decode(response.content, type=dict[str, Any])
    except msgspec.DecodeError:
        raise Silent("the provider's answer is no JSON object") from None


def _decode(token: str, keys: KeySet) -> Token:
    return jwt.decode(token, keys, algorithms=list(ALGORITHMS))


def _place(url: str) -> str:
    """A URL as errors may show it: no query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"[:200]


def _plain(headers: httpx.Headers) -> list[tuple[str, str]]:
    """The content was decoded already."""
    return [(k, v) for k, v in headers.items() if k.lower() not in ("content-encoding", "content-length")]
