"""Tokens for development: a key pair of this installation, which a configured Clerk issuer disables."""

import ipaddress
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import psycopg
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from psycopg.conninfo import conninfo_to_dict

from matchme_pipeline.api.identity.tokens import ALGORITHM
from matchme_pipeline.errors import ConfigurationError
from matchme_pipeline.settings import Settings

ISSUER = "https://matchme.localhost"
PARTY = "http://localhost"
KEY_FILE = "development-key.pem"
MAX_HOURS = 24


def is_allowed(settings: Settings) -> bool:
    """Are development tokens allowed? With the embedded server, and for a local database if the setting allows them.

    A configured Clerk issuer disables them. With another database they need MATCHME_DEVELOPMENT_TOKENS=true, and they
    stay disabled if the database is not certainly on this machine.
    """
    if settings.clerk_issuer is not None:
        return False
    if settings.database_url is None:
        return True
    return settings.development_tokens and is_certainly_local(settings.database_url, os.environ)


def mint(settings: Settings, user_id: str, hours: int) -> str:
    """A session token of `user_id`, valid for `hours`. Raises ConfigurationError if such tokens are not allowed."""
    if not is_allowed(settings):
        raise ConfigurationError(
            "Development tokens do not count here: MATCHME_CLERK_ISSUER is configured, or the database is not the "
            "embedded one. Sign in through Clerk and use its session token; for a database of this machine, set "
            "MATCHME_DEVELOPMENT_TOKENS=true."
        )
    now = datetime.now(UTC)
    claims = {
        "iss": ISSUER,
        "azp": PARTY,
        "sub": user_id,
        "iat": now,
        "nbf": now,
        "exp": now + timedelta(hours=min(hours, MAX_HOURS)),
    }
    return jwt.encode(claims, _private_key(settings.home), ALGORITHM, headers={"kid": "development"})


def public_pem(settings: Settings) -> str:
    """The public half of the development key in PEM form; created at the first call."""
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
            # The first process decides; two processes must not sign with two keys.
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ConfigurationError(f"{path} holds no RSA private key. Remove it; a new one is made.")
    return key


def is_certainly_local(url: str, environment: Mapping[str, str]) -> bool:
    """Is every server that `url` may lead to on this machine? False if that is not certain.

    libpq also takes addresses from a service file and from its own variables.
    """
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        return False
    if any(environment.get(name) for name in ("PGHOST", "PGHOSTADDR", "PGSERVICE", "PGSERVICEFILE")):
        return False
    if parts.get("service") or parts.get("hostaddr"):
        return False
    hosts = [host.strip() for host in str(parts.get("host") or "").split(",")]
    return all(host.startswith("/") or _is_loopback(host) for host in hosts)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
