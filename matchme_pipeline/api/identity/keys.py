"""The issuer's public keys: fetched and cached with rotation in mind, or one that is configured."""

import threading
from collections.abc import Callable
from time import monotonic

import jwt
import requests
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from matchme_pipeline.api.identity.tokens import ALGORITHM, KeysUnavailableError, TokenRefusedError
from matchme_pipeline.api.rate_limit import RateLimit
from matchme_pipeline.errors import ConfigurationError

# A key that the issuer has retired is refused after this long at the latest.
FRESH_SECONDS = 15.0
# While the issuer is away, what is known of it counts for this long.
STALE_SECONDS = 600.0
# Tokens with invented key ids must not make us ask the issuer for every one of them.
FETCHES_PER_MINUTE = 12
FETCHES_AT_ONCE = 4
FETCH_TIMEOUT_SECONDS = 5.0
SMALLEST_KEY_BITS = 2_048


class JwksKeys:
    """The keys of a JWKS document, fetched again when they grow old and when a token names one that is new."""

    def __init__(self, url: str, now: Callable[[], float] = monotonic) -> None:
        self._url = url
        self._now = now
        self._lock = threading.Lock()
        self._keys: dict[str, RSAPublicKey] = {}
        self._fetched_at = float("-inf")
        self._fetches = RateLimit(FETCHES_PER_MINUTE, FETCHES_AT_ONCE, now)

    def key(self, kid: str | None) -> RSAPublicKey:
        """The key called `kid`. Raises TokenRefusedError where the issuer has no such key, KeysUnavailableError."""
        if kid is None:
            raise TokenRefusedError("the token does not name its key (kid)")
        with self._lock:
            age = self._now() - self._fetched_at
            if (age > FRESH_SECONDS or kid not in self._keys) and self._fetches.take("") == 0:
                self._fetch()
            if self._now() - self._fetched_at > STALE_SECONDS:
                raise KeysUnavailableError("the issuer's keys cannot be fetched")
            if kid not in self._keys:
                raise TokenRefusedError("the token names a key that its issuer does not have")
            return self._keys[kid]

    def _fetch(self) -> None:
        try:
            answer = requests.get(self._url, timeout=FETCH_TIMEOUT_SECONDS, allow_redirects=False)
            answer.raise_for_status()
            keys = _signing_keys(answer.json())
        except (requests.RequestException, ValueError, AttributeError, jwt.PyJWTError):
            return
        if keys:
            self._keys = keys
            self._fetched_at = self._now()


class PemKey:
    """One configured public key, which signs whatever key id a token names."""

    def __init__(self, pem: str) -> None:
        """Raises ConfigurationError for a text that is no RSA public key."""
        try:
            key = load_pem_public_key(pem.replace("\\n", "\n").encode())
        except ValueError:
            key = None
        if not isinstance(key, RSAPublicKey) or key.key_size < SMALLEST_KEY_BITS:
            raise ConfigurationError(
                "MATCHME_CLERK_PUBLIC_KEY is wrong: it is no RSA public key in PEM form of 2,048 bits or more. "
                "Copy it from Clerk's dashboard, API keys, JWT public key."
            )
        self._key = key

    def key(self, kid: str | None) -> RSAPublicKey:
        """The key."""
        del kid
        return self._key


def _signing_keys(document: dict[str, object]) -> dict[str, RSAPublicKey]:
    listed = document.get("keys")
    keys = {}
    for entry in listed if isinstance(listed, list) else []:
        usable = isinstance(entry, dict) and entry.get("kty") == "RSA" and entry.get("use", "sig") == "sig"
        if not usable or entry.get("alg", ALGORITHM) != ALGORITHM or not isinstance(entry.get("kid"), str):
            continue
        key = jwt.PyJWK(entry, ALGORITHM).key
        if isinstance(key, RSAPublicKey) and key.key_size >= SMALLEST_KEY_BITS:
            keys[entry["kid"]] = key
    return keys
