"""Checks of addresses in settings; pure."""

from urllib.parse import SplitResult, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

_LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "::1")


def is_unambiguous(url: str) -> bool:
    """Are user, password and host delimited unambiguously? Otherwise an error message could show part of a password."""
    rest = url.partition("://")[2]
    credentials, _, behind = rest.partition("@") if "@" in rest else ("", "", rest)
    if "@" in behind or "/" in credentials or "?" in credentials:
        return False
    try:
        conninfo_to_dict(url)
    except psycopg.Error:
        return False
    return True


def is_secure_address(url: str) -> bool:
    """Is this an https address, or an http address of this machine? A user name could hide another host."""
    parts = _parts_with_host(url)
    if parts is None or "@" in parts.netloc or any(character.isspace() or character == "\\" for character in url):
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK_HOSTS)


def is_web_origin(origin: str) -> bool:
    """Is this only scheme, host and port, as a browser sends an origin?"""
    parts = _parts_with_host(origin)
    if parts is None:
        return False
    bare = parts.path in ("", "/") and not parts.query and not parts.fragment and "@" not in parts.netloc
    return parts.scheme in ("https", "http") and bare and "*" not in origin


def _parts_with_host(url: str) -> SplitResult | None:
    """The parts of an address that names a host and, if any, a valid port."""
    try:
        parts = urlsplit(url)
        # Reading the port checks it.
        host, _ = parts.hostname, parts.port
    except ValueError:
        return None
    return parts if host else None
