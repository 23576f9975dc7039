"""Tokens for development: a key pair of this installation, which a configured Clerk issuer shuts out."""

import ipaddress
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from psycopg.conninfo import conninfo_to_dict

from matchme_pipeline.api.identity.tokens import ALGORITHM
from matchme_pipeline.errors import ConfigurationError
from matchme_pipeline.settings import Settings

ISSUER = "https://matchme.localhost"
PARTY = "http://localhost"
KEY_FILE = "development-key.pem"
LONGEST_HOURS = 24


def is_allowed(settings: Settings) -> bool:
    """Whether development tokens count: no Clerk issuer is configured, and the database is on this machine."""
    return settings.clerk_issuer is None and (settings.database_url is None or _is_local(settings.database_url))


def mint(settings: Settings, user_id: str, hours: int) -> str:
    """A session token of `user_id`, good for `hours`. Raises ConfigurationError where such tokens do not count."""
    if not is_allowed(settings):
        raise ConfigurationError(
            "Development tokens do not count here: MATCHME_CLERK_ISSUER is configured, or the database is not on this "
            "machine. Sign in through Clerk and use its session token."
        )
    now = datetime.now(UTC)
    claims = {
        "iss": ISSUER,
        "azp": PARTY,
        "sub": user_id,
        "iat": now,
        "nbf": now,
        "exp": now + timedelta(hours=min(hours, LONGEST_HOURS)),
    }
    return jwt.encode(claims, _private_key(settings.home), ALGORITHM, headers={"kid": "development"})


def public_pem(settings: Settings) -> str:
    """The public half of the development key, in PEM form; made at the first call."""
    key = _private_key(settings.home).public_key()
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def _private_key(home: Path) -> rsa.RSAPrivateKey:
    path = home / KEY_FILE
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True)
        made = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
        pem = made.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        draft = path.with_suffix(f".{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(pem)
        try:
            # Whoever comes first decides; two processes must not sign with two keys.
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ConfigurationError(f"{path} holds no RSA private key. Remove it; a new one is made.")
    return key


def _is_local(url: str) -> bool:
    host = str(conninfo_to_dict(url).get("host") or "")
    if not host or host.startswith("/") or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(urlsplit(f"//{host}").hostname or host).is_loopback
    except ValueError:
        return False
