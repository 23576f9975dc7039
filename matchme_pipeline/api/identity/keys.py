"""The issuer's public keys: fetched and cached with key rotation, or a configured key."""

import json
import logging
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from time import monotonic

import jwt
import requests
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from matchme_pipeline.api.identity.tokens import ALGORITHM, KeysUnavailableError, TokenRefusedError
from matchme_pipeline.api.rate_limit import RateLimit
from matchme_pipeline.errors import ConfigurationError

# Older keys are fetched again beside the requests; after a longer time without contact, before a request is answered. A
# key that the issuer has retired is refused after that time at the latest, as long as the issuer answers.
FRESH_SECONDS = 10.0
OLD_SECONDS = 20.0
# How long cached keys are valid while the issuer does not answer.
STALE_SECONDS = 600.0
# Tokens with invented key ids must not cause a request to the issuer each.
FETCHES_PER_MINUTE = 12
FETCHES_AT_ONCE = 4
# Limits of a fetch: its total duration and its size.
FETCH_SECONDS = 3.0
MAX_DOCUMENT_BYTES = 262_144
MIN_KEY_BITS = 2_048
_log = logging.getLogger(__name__)


class JwksKeys:
    """The keys of a JWKS document, fetched again when they are old or a token names an unknown key.

    A slow or unreachable issuer does not delay tokens with a known key: old keys are fetched beside the requests.
    """

    def __init__(self, url: str, now: Callable[[], float] = monotonic) -> None:
        self._url = url
        self._now = now
        self._fetching = threading.Lock()
        self._keys: dict[str, RSAPublicKey] = {}
        self._fetched_at = self._asked_at = float("-inf")
        self._fetches = RateLimit(FETCHES_PER_MINUTE, FETCHES_AT_ONCE, now)

    def key(self, kid: str | None) -> RSAPublicKey:
        """The key with the id `kid`. Raises TokenRefusedError if the issuer has no such key, KeysUnavailableError."""
        if kid is None:
            raise TokenRefusedError("the token does not name its key (kid)")
        age, silence = self._now() - self._fetched_at, self._now() - self._asked_at
        if kid not in self._keys or silence > OLD_SECONDS:
            self._fetch_here(kid, wait=age > STALE_SECONDS)
        elif age > FRESH_SECONDS:
            self._fetch_in_background()
        if self._now() - self._fetched_at > STALE_SECONDS:
            raise KeysUnavailableError("the issuer's keys cannot be fetched")
        found = self._keys.get(kid)
        if found is None:
            raise TokenRefusedError("the token names a key that its issuer does not have")
        return found

    def _fetch_here(self, kid: str, *, wait: bool) -> None:
        """Fetch before answering; if another thread is fetching, `wait` for it. Raises KeysUnavailableError."""
        if not self._fetching.acquire(timeout=FETCH_SECONDS if wait else 0):
            if kid in self._keys:
                return
            raise KeysUnavailableError("the issuer's keys are being fetched")
        try:
            if kid not in self._keys or self._now() - self._asked_at > OLD_SECONDS:
                self._fetch()
        finally:
            self._fetching.release()

    def _fetch_in_background(self) -> None:
        if not self._fetching.acquire(blocking=False):
            return

        def fetch() -> None:
            try:
                self._fetch()
            finally:
                self._fetching.release()

        try:
            threading.Thread(target=fetch, name="issuer keys", daemon=True).start()
        except RuntimeError:
            self._fetching.release()

    def _fetch(self) -> None:
        if self._fetches.take("") > 0:
            return
        self._asked_at = self._now()
        try:
            keys = _signing_keys(_document(self._url))
        except (requests.RequestException, ValueError, RecursionError) as error:
            _log.warning("the issuer's keys could not be fetched: %s", type(error).__name__)
            return
        if keys:
            self._keys = keys
            self._fetched_at = self._now()


class PemKey:
    """One configured public key, used for every key id."""

    def __init__(self, pem: str) -> None:
        """Raises ConfigurationError for a text that is not an RSA public key."""
        try:
            key = load_pem_public_key(pem.replace("\\n", "\n").encode())
        except ValueError:
            key = None
        if not isinstance(key, RSAPublicKey) or key.key_size < MIN_KEY_BITS:
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
        try:
            key = jwt.PyJWK(entry, ALGORITHM).key
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
            # An unreadable one does not invalidate the others.
            continue
        if isinstance(key, RSAPublicKey) and key.key_size >= MIN_KEY_BITS:
            keys[entry["kid"]] = key
    return keys


def _document(url: str) -> dict[str, object]:
    """The JWKS document at `url`. Raises ValueError if it does not arrive completely within FETCH_SECONDS.

    Timeouts of HTTP clients restart with every byte. This function limits the whole fetch; the thread that reads a slow
    body is abandoned.
    """
    outcome: SimpleQueue[bytes | Exception] = SimpleQueue()
    threading.Thread(target=_read_into, args=(url, outcome), name="issuer keys' body", daemon=True).start()
    try:
        body = outcome.get(timeout=FETCH_SECONDS)
    except Empty:
        raise ValueError("too slow") from None
    if isinstance(body, Exception):
        raise ValueError(str(type(body).__name__)) from body
    document = json.loads(body)
    if not isinstance(document, dict):
        raise ValueError("no JWKS document")
    return document


def _read_into(url: str, outcome: "SimpleQueue[bytes | Exception]") -> None:
    started = monotonic()
    try:
        with requests.get(url, timeout=FETCH_SECONDS, allow_redirects=False, stream=True) as answer:
            if answer.status_code != 200:
                raise ValueError(f"status {answer.status_code}")
            body = bytearray()
            # Byte by byte: a larger read would wait until it is complete.
            for piece in answer.iter_content(1):
                body += piece
                if len(body) > MAX_DOCUMENT_BYTES or monotonic() - started > FETCH_SECONDS:
                    raise ValueError("too large, or too slow")
        outcome.put(bytes(body))
    except Exception as error:
        outcome.put(error)
